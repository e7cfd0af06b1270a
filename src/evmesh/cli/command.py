"""`evmesh command`: ask a partner's station for something, as an eMSP, and wait for what came of it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.roaming.node import Node
    from evmesh.store.commands import Command

Partner = Annotated[str, typer.Option("--partner", metavar="NAME", help="The CPO, as we call it.")]
Location = Annotated[str, typer.Option("--location", metavar="ID", help="The Location's id.")]
Evse = Annotated[str | None, typer.Option("--evse", metavar="UID", help="The EVSE's uid.", show_default=False)]
Connector = Annotated[str | None, typer.Option("--connector", metavar="ID", help="The Connector.", show_default=False)]
Token = Annotated[str, typer.Option("--token", metavar="UID", help="A token of ours, by its uid.")]
TokenType = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Its type, where the uid alone is not enough.", show_default=False),
]
Reference = Annotated[
    str | None, typer.Option("--reference", help="Our authorization_reference, to find it again.", show_default=False)
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, metavar="SECONDS", help="How long to wait.", show_default="as the CPO says"),
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Send a command to a partner's station and wait for its result; the node must be running.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    for name, function, text, example in (
        ("start-session", start_session, "Start charging with a token of ours.",
         "--partner volt --location L001 --evse E00101 --token 04A20000000001"),
        ("stop-session", stop_session, "Stop a session of ours.", "--partner volt --session 6d1f…"),
        ("unlock-connector", unlock_connector, "Unlock a connector.",
         "--partner volt --location L001 --evse E00101 --connector 1"),
        ("reserve-now", reserve_now, "Reserve an EVSE from now on.",
         "--partner volt --location L001 --token 04A20000000001 --minutes 30"),
        ("cancel-reservation", cancel_reservation, "Give a reservation back.", "--partner volt --reservation 4711"),
    ):  # fmt: skip
        family.command(name, help=text, epilog=f"\b\nExample:\n  evmesh -C driver command {name} {example}")(function)
    app.add_typer(family, name="command")


def start_session(
    context: typer.Context,
    partner: Partner,
    location: Location,
    token: Token,
    evse: Evse = None,
    connector: Connector = None,
    type: TokenType = None,
    reference: Reference = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    places = {
        "location_id": location,
        "evse_uid": evse,
        "connector_id": connector,
        "authorization_reference": reference,
    }
    _send(context, partner, "START_SESSION", places, token=(token, type), timeout=timeout, json=json)


def stop_session(
    context: typer.Context,
    partner: Partner,
    session: Annotated[str, typer.Option("--session", metavar="ID", help="The Session's id.")],
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    _send(context, partner, "STOP_SESSION", {"session_id": session}, timeout=timeout, json=json)


def unlock_connector(
    context: typer.Context,
    partner: Partner,
    location: Location,
    evse: Annotated[str, typer.Option("--evse", metavar="UID", help="The EVSE's uid.")],
    connector: Annotated[str, typer.Option("--connector", metavar="ID", help="The Connector.")],
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    place = {"location_id": location, "evse_uid": evse, "connector_id": connector}
    _send(context, partner, "UNLOCK_CONNECTOR", place, timeout=timeout, json=json)


def reserve_now(
    context: typer.Context,
    partner: Partner,
    location: Location,
    token: Token,
    evse: Evse = None,
    type: TokenType = None,
    minutes: Annotated[int, typer.Option(min=1, help="For how long.")] = 30,
    reservation: Annotated[
        str | None,
        typer.Option(
            "--reservation", metavar="ID", help="Our id of it; the same again replaces.", show_default="a new one"
        ),
    ] = None,
    reference: Reference = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    from evmesh.base.clock import utc_now
    from evmesh.ocpi.types import timestamp

    wanted = {
        "location_id": location,
        "evse_uid": evse,
        # A number, since 2.1.1 knows no other reservation ids.
        "reservation_id": reservation or str(secrets.randbelow(2**31)),
        "expiry_date": timestamp(utc_now() + timedelta(minutes=minutes)),
        "authorization_reference": reference,
    }
    _send(context, partner, "RESERVE_NOW", wanted, token=(token, type), timeout=timeout, json=json)


def cancel_reservation(
    context: typer.Context,
    partner: Partner,
    reservation: Annotated[str, typer.Option("--reservation", metavar="ID", help="Our id of it.")],
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    _send(context, partner, "CANCEL_RESERVATION", {"reservation_id": reservation}, timeout=timeout, json=json)


def _send(
    context: typer.Context,
    partner: str,
    command: str,
    document: dict[str, Any],
    *,
    token: tuple[str, str | None] | None = None,
    timeout: float | None,
    json: bool,
) -> None:
    async def work(node: Node) -> Command:
        from evmesh.roaming import partners
        from evmesh.roaming.commands import sender

        request = {name: value for name, value in document.items() if value is not None}
        if token is not None:
            request["token"] = await _token(node, *token)
        try:
            ticket = await sender.send(node, await partners.show(node, partner), command, request, timeout)
        except sender.CannotSend as error:
            raise Failure(str(error)) from None
        return await sender.result(node, ticket)

    _tell(with_node(context, work), partner, json)


async def _token(node: Node, uid: str, type: str | None) -> dict[str, Any]:
    """Our token of that uid, canonical."""
    from evmesh.ocpi.wire import decode
    from evmesh.store import objects

    found = await node.store.read(lambda tx: objects.find(tx, "tokens", uid))
    ours = [decode(held.document) for held in found if held.partner_id == 0]
    ours = [each for each in ours if type is None or each["type"] == type.upper()]
    if not ours:
        raise Failure(f"we have no token {uid}" + (f" of the type {type.upper()}" if type else ""))
    if len(ours) > 1:
        raise Failure(f"several tokens have the uid {uid}: say the type, {', '.join(each['type'] for each in ours)}")
    document: dict[str, Any] = ours[0]
    return document


def _tell(command: Command, partner: str, json: bool) -> None:
    # That the CPO accepted it, and then nothing more came, is no outcome.
    said = command.result or (command.response if command.state == "refused" else None) or {}
    outcome = said.get("result", "TIMEOUT" if command.state == "timed_out" else command.state.upper())
    accepted = command.result is not None and outcome == "ACCEPTED"
    if json:
        output.as_json(
            {"id": command.id, "partner": partner, "command": command.command, "state": command.state,
             "response": command.response, "result": command.result,
             "reservation_id": command.request.get("reservation_id")}
        )  # fmt: skip
    else:
        texts = " ".join(f"«{each['text']}»" for each in said.get("message") or ())
        what = f"{command.command} at {partner}: {outcome} {texts}".rstrip()
        if command.command == "RESERVE_NOW" and accepted:
            what += f", reservation {command.request['reservation_id']}"
        print(what)
    raise typer.Exit(0 if accepted else 1)
