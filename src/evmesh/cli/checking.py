"""`evmesh cdrs check`: whether what partners charge us is right."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import typer

from evmesh.cli import output
from evmesh.cli.cdrs import Json, Of, Since, Until, Which, known_partners, moment, partner_of
from evmesh.cli.families import family
from evmesh.cli.node import with_node
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx

AT_ONCE = 200


def add_to(app: typer.Typer) -> None:
    family(app, "cdrs", "What partners charge us.").command(
        "check",
        help="Judge the CDRs of partners anew.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver cdrs check\n"
            "  evmesh -C driver cdrs check --partner volt --from 2026-05-01 --to 2026-06-01"
        ),
    )(check_all)


def check_all(
    context: typer.Context, partner: Of = None, since: Since = None, until: Until = None, json: Json = False
) -> None:
    first, last = moment(since, "--from"), moment(until, "--to")

    async def work(node: Node) -> Counter[str]:
        from evmesh.store import objects

        known = await node.store.read(known_partners)
        mine = partner_of(known, partner)
        found: Counter[str] = Counter()
        counts = await node.store.read(objects.counts)
        total = sum(n for (kind, of), n in counts.items() if kind == "cdrs" and of and mine in (None, of))
        after = 0
        with progress("CDRs", total) as done:
            while True:
                page: list[Held] = await node.store.read(
                    partial(objects.listing, kind="cdrs", theirs=True, partner_id=mine, after_seq=after, limit=AT_ONCE)
                )
                if not page:
                    return found
                after = page[-1].seq
                found.update(await node.store.write(partial(_judge, node=node, page=page, known=known, since=first,
                                                            until=last)))  # fmt: skip
                done(len(page))

    found = with_node(context, work)
    if json:
        output.as_json({"checked": found.total(), "verdicts": dict(found)})
    elif found:
        output.table(["verdict", "CDRs"], [(each.replace("_", " "), found[each]) for each in Which if found[each]])
    else:
        print("there are no such CDRs")


def _judge(
    tx: Tx,
    *,
    node: Node,
    page: list[Held],
    known: dict[int, Partner],
    since: datetime | None,
    until: datetime | None,
) -> list[str]:
    from evmesh.ocpi.types import parse_timestamp
    from evmesh.ocpi.wire import decode
    from evmesh.roaming.cdrs import check

    verdicts = []
    for held in page:
        began = parse_timestamp(decode(held.document)["start_date_time"])
        if (since is None or began >= since) and (until is None or began < until):
            verdicts.append(check.again(tx, node, known[held.partner_id], held).verdict)
    return verdicts
