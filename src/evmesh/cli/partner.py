"""`evmesh partner`: the platforms that we are connected with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node

Name = Annotated[str, typer.Argument(metavar="NAME", help="The partner's name.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Connect with other platforms: invite one, or accept an invitation.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    for name, function, text, examples in (
        ("invite", invite, "Make an invitation: a versions URL and a token for the other platform to register with.",
         ["evmesh -C volt partner invite driver", "evmesh -C volt partner invite old-peer --as CPO:SE:VLT"]),
        ("connect", connect, "Register with the platform that invited us.",
         ["evmesh -C driver partner connect http://127.0.0.1:8100/ocpi/versions --token TOKEN --name volt"]),
        ("list", list_partners, "All partners.", ["evmesh -C volt partner list"]),
        ("show", show, "One partner: its parties, its modules, how the connection does.",
         ["evmesh -C volt partner show driver --json"]),
        ("update", update, "Tell a partner our present parties and URL, and read its present offer.",
         ["evmesh -C volt partner update driver", "evmesh -C volt partner update driver --release 2.3.0"]),
        ("rotate", rotate, "Exchange the tokens of a connection for fresh ones.",
         ["evmesh -C volt partner rotate driver"]),
        ("remove", remove, "End a connection: the tokens die, what was charged stays.",
         ["evmesh -C volt partner remove driver"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
        family.command(name, help=text, epilog=epilog)(function)
    app.add_typer(family, name="partner")


def invite(
    context: typer.Context,
    name: Name,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="ROLE[:CC:PID]", help="Which of our parties a 2.1.1 partner sees.", show_default="the first"
        ),
    ] = None,
    json: Json = False,
) -> None:
    role, party = _as(as_)

    async def work(node: Node) -> Any:
        from evmesh.roaming import partners

        return await partners.invite(node, name, as_role=role, as_party=party)

    invitation = with_node(context, work)
    if json:
        output.as_json({"versions_url": invitation.versions_url, "token": invitation.token})
    else:
        print(f"Give this to {name}; the token is shown only now:")
        print(f"  versions URL  {invitation.versions_url}\n  token         {invitation.token}")


def _as(text: str | None) -> tuple[str | None, tuple[str, str] | None]:
    if text is None:
        return None, None
    parts = text.upper().split(":")
    if parts[0] not in ("CPO", "EMSP") or len(parts) not in (1, 3):
        raise typer.BadParameter("--as is written CPO, EMSP, or ROLE:CC:PID such as CPO:SE:VLT")
    return parts[0], (parts[1], parts[2]) if len(parts) == 3 else None


def connect(
    context: typer.Context,
    versions_url: Annotated[str, typer.Argument(metavar="VERSIONS_URL", help="From the invitation.")],
    token: Annotated[str, typer.Option(help="From the invitation.")],
    name: Annotated[str | None, typer.Option(help="What we call the partner.", show_default="its own name")] = None,
    release: Annotated[
        str | None, typer.Option(help="The release to speak.", show_default="the highest that both know")
    ] = None,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="ROLE[:CC:PID]", help="Which of our parties a 2.1.1 partner sees.", show_default="the first"
        ),
    ] = None,
    json: Json = False,
) -> None:
    from evmesh.ocpi.releases import RELEASES

    if release is not None and release not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {release!r}")
    role, party = _as(as_)

    async def work(node: Node) -> Partner:
        from evmesh.roaming import partners

        return await partners.connect(
            node, versions_url, token, name=name, release=release, as_role=role, as_party=party
        )

    partner = with_node(context, work)
    if json:
        output.as_json(described(partner))
    else:
        parties = ", ".join(_parties(partner))
        print(f"Registered with {partner.name} ({parties}) on OCPI {partner.release}.")


def described(partner: Partner) -> dict[str, Any]:
    """A partner for machines: everything but the tokens."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(partner)
    return document


def _parties(partner: Partner) -> list[str]:
    return [f"{r.get('role', '?')} {r.get('country_code')}*{r.get('party_id')}" for r in partner.roles]


def list_partners(context: typer.Context, json: Json = False) -> None:
    async def work(node: Node) -> list[Partner]:
        from evmesh.roaming import partners

        return await partners.listing(node)

    found = with_node(context, work)
    if json:
        output.as_json([described(partner) for partner in found])
        return
    rows = [(p.name, p.status, p.release, ", ".join(_parties(p)), p.versions_url) for p in found]
    output.table(["name", "status", "release", "parties", "versions URL"], rows)


def show(context: typer.Context, name: Name, json: Json = False) -> None:
    async def work(node: Node) -> tuple[Partner, dict[str, Any]]:
        from evmesh.roaming import partners

        partner = await partners.show(node, name)
        return partner, await partners.connection(node, partner)

    partner, connection = with_node(context, work)
    if json:
        output.as_json({**described(partner), "connection": connection})
        return
    facts = [
        ("status", partner.status), ("release", partner.release), ("parties", ", ".join(_parties(partner))),
        ("versions URL", partner.versions_url), *connection.items(),
    ]  # fmt: skip
    output.table([partner.name, ""], facts)
    output.table(
        ["module", "interface", "URL"], [(e["identifier"], e.get("role"), e["url"]) for e in partner.endpoints]
    )


def update(
    context: typer.Context,
    name: Name,
    release: Annotated[
        str | None, typer.Option(help="The release to speak from now on.", show_default="the highest that both know")
    ] = None,
    json: Json = False,
) -> None:
    async def work(node: Node) -> Partner:
        from evmesh.roaming import partners

        return await partners.update(node, name, release=release)

    _renewed(with_node(context, work), "Updated", json)


def rotate(context: typer.Context, name: Name, json: Json = False) -> None:
    async def work(node: Node) -> Partner:
        from evmesh.roaming import partners

        return await partners.rotate(node, name)

    _renewed(with_node(context, work), "Fresh tokens are in use", json)


def _renewed(partner: Partner, what: str, json: bool) -> None:
    if json:
        output.as_json(described(partner))
    else:
        print(f"{what}: {partner.name} ({', '.join(_parties(partner))}) on OCPI {partner.release}.")


def remove(
    context: typer.Context,
    name: Name,
    quietly: Annotated[bool, typer.Option("--quietly", help="Without telling the partner.")] = False,
    json: Json = False,
) -> None:
    async def work(node: Node) -> bool:
        from evmesh.roaming import partners

        return await partners.remove(node, name, quietly=quietly)

    told = with_node(context, work)
    if json:
        output.as_json({"name": name, "removed": True, "told": told})
    elif told or quietly:
        print(f"{name} is removed.")
    else:
        raise Failure(f"{name} is removed here, but could not be told")
