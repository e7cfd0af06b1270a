"""`evmesh retract`: one of our own objects is no more."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.roaming.node import Node
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx


class Kind(StrEnum):
    """What can be taken back; Sessions and CDRs cannot."""

    locations = "locations"
    tariffs = "tariffs"
    tokens = "tokens"


def add_to(app: typer.Typer) -> None:
    app.command(
        "retract",
        help="Take back a Location, a tariff or a token of ours, and tell the partners that may have it.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C volt retract tariffs NIGHT-2025\n"
            "  evmesh -C driver retract tokens 012345678\n"
            "A partner is told as OCPI can say it: a tariff is deleted, a Location loses its EVSEs, a token is no\n"
            "longer valid. What was charged goes on being billed. The same id can be imported again."
        ),
    )(retract)


def retract(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or CC*PID*ID. A token's is its uid.")],
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    async def work(node: Node) -> tuple[Held, list[str]]:
        return await node.store.write(lambda tx: _retract(tx, node, kind.value, id))

    held, told = with_node(context, work)
    name = f"{held.owner}*{held.id}"
    if json:
        output.as_json({"kind": kind, "id": name, "told": told})
    else:
        whom = f"told to {', '.join(told)}" if told else "no partner has it"
        print(f"{name} is no longer among our {kind}: {whom}")


def _retract(tx: Tx, node: Node, kind: str, id: str) -> tuple[Held, list[str]]:
    from evmesh.cli.listing import split
    from evmesh.roaming import publish
    from evmesh.store import deliveries, objects, partners
    from evmesh.store.schema import OURS

    owner, rest = split(id)
    found = [each for each in objects.find(tx, kind, rest) if each.partner_id == OURS and owner in (None, each.owner)]
    if not found:
        raise Failure(f"none of our {kind} is called {id}")
    if len(found) > 1:
        raise Failure(f"several of our {kind} have that id: {', '.join(f'{each.owner}*{each.id}' for each in found)}")
    publish.retract(tx, node, found[0])
    concerned = deliveries.concerned(tx, found[0].seq)
    return found[0], [each.name for each in partners.all_partners(tx) if each.id in concerned]
