"""`evmesh cdrs dispute`: what becomes of a partner's CDR that is not right."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.cdrs import FAMILY, Cdr, Json, Of, cdr_named, known_partners, partner_of
from evmesh.cli.families import family
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.billing.dispute import Dispute, Event
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node
    from evmesh.store.transaction import Tx

Note = Annotated[str, typer.Option(help="A few words for the history.", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="DISPUTE", min=1, help="Its number.")]


def add_to(app: typer.Typer) -> None:
    below = family(
        family(app, *FAMILY), "dispute", "Disputes about CDRs: open → sent → accepted → credited → rebilled."
    )
    for name, function, text, examples in (
        ("open", open_, "Open a dispute about a CDR; what the check found is the evidence.",
         ["open SE*VLT*CDR-17 --note 'night tariff'"]),
        ("send", step("send"), "The partner has been told.", ["send 1"]),
        ("accept", step("accept"), "The partner agrees and will credit the CDR.", ["accept 1"]),
        ("reject", step("reject"), "The partner does not agree.", ["reject 1"]),
        ("escalate", step("escalate"), "Somebody above must settle it.", ["escalate 1"]),
        ("write-off", step("write_off"), "We give in and pay.", ["write-off 1"]),
        ("list", list_disputes, "List disputes, the nearest deadline first.",
         ["list", "list --partner volt --json"]),
        ("show", show, "Print a dispute with its history and evidence.", ["show 1"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  evmesh -C driver cdrs dispute {line}" for line in examples)
        below.command(name, help=text, epilog=epilog)(function)


def open_(
    context: typer.Context,
    cdr: Cdr,
    reason: Annotated[str | None, typer.Option(help="A word of ours.", show_default="what the check found")] = None,
    note: Note = "",
    json: Json = False,
) -> None:
    async def work(node: Node) -> Dispute:
        from evmesh.roaming.cdrs import disputes

        def run(tx: Tx) -> Dispute:
            return disputes.open_dispute(tx, node, cdr_named(tx, cdr, theirs=True), reason=reason, note=note)

        return await node.store.write(run)

    _tell(with_node(context, work), json)


def step(event: Event) -> Any:
    """The command that says that this happened."""

    def happened(context: typer.Context, number: Number, note: Note = "", json: Json = False) -> None:
        async def work(node: Node) -> Dispute:
            from evmesh.roaming.cdrs import disputes

            return await node.store.write(lambda tx: disputes.step(tx, node, number, event, note=note))

        _tell(with_node(context, work), json)

    return happened


def list_disputes(
    context: typer.Context,
    partner: Of = None,
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    json: Json = False,
) -> None:
    async def work(node: Node) -> tuple[list[Dispute], dict[int, Partner], datetime]:
        from evmesh.store import disputes

        known = await node.store.read(known_partners)
        mine = partner_of(known, partner)
        found = await node.store.read(lambda tx: disputes.listing(tx, partner_id=mine, ended=every))
        return found, known, node.clock()

    found, known, now = with_node(context, work)
    if json:
        output.as_json([_document(each) | {"partner": known[each.partner_id].name, "overdue": each.overdue(now)}
                        for each in found])  # fmt: skip
        return
    from evmesh.billing.dispute import AWAITED

    rows = [
        (
            each.id, known[each.partner_id].name, each.cdr, each.state.replace("_", " "), each.reason, each.amount,
            each.currency, each.age(now).days, f"{each.deadline:%Y-%m-%d}" + (" (over)" if each.overdue(now) else ""),
            AWAITED.get(each.state, ""),
        )
        for each in found
    ]  # fmt: skip
    output.table(
        ["dispute", "partner", "CDR", "state", "reason", "amount", "currency", "days", "deadline", "waits for"], rows
    )
    print(f"{len(rows)} disputes")


def show(context: typer.Context, number: Number) -> None:
    async def work(node: Node) -> Dispute:
        from evmesh.store import disputes

        found = await node.store.read(lambda tx: disputes.get(tx, number))
        if found is None:
            raise Failure(f"there is no dispute {number}")
        return found

    output.as_json(_document(with_node(context, work)))


def _tell(dispute: Dispute, json: bool) -> None:
    from evmesh.billing.dispute import AWAITED

    if json:
        output.as_json(_document(dispute))
        return
    waits = AWAITED.get(dispute.state)
    rest = f", waits for {waits} until {dispute.deadline:%Y-%m-%d}" if waits else ""
    print(f"dispute {dispute.id} about {dispute.cdr}: {dispute.state.replace('_', ' ')}{rest}")


def _document(dispute: Dispute) -> dict[str, Any]:
    import msgspec

    from evmesh.ocpi.types import timestamp

    shown: dict[str, Any] = msgspec.structs.asdict(dispute)
    return shown | {
        "amount": dispute.amount,
        "opened_at": timestamp(dispute.opened_at),
        "deadline": timestamp(dispute.deadline),
        "history": [msgspec.to_builtins(step) for step in dispute.history],
    }
