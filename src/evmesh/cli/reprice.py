"""`evmesh reprice`: what the charges of a time would have cost under another tariff.

Every CDR that the node holds and that began within the time is priced anew: under the tariffs given, whatever their
validity and whatever tariff its periods name, or under its own. Before is what each CDR claims, after what its
total_cost would be. Charges that we bill and charges that we pay are summed apart, and so are currencies.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import bill as paper
from evmesh.cli import documents, output
from evmesh.cli.days import moment
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure
from evmesh.cli.price import Json, Release, tariffs_of
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    from evmesh.cli.repricing import Repriced
    from evmesh.config import Settings
    from evmesh.pricing.taxes import Amount
    from evmesh.store.database import Store


def add_to(app: typer.Typer) -> None:
    app.command(
        "reprice",
        help="What the charges of a time would have cost under another tariff: totals, and the largest differences.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C volt reprice --from 2026-05-01 --to 2026-06-01 --tariff new.json\n"
            "  evmesh -C driver reprice --from 2026-05-01 --to 2026-06-01 --theirs --json\n"
            "It counts when a charge began; --to is not included. Without --tariff each CDR's own tariffs count.\n"
            "With several tariffs each charge takes the one that was valid when it began."
        ),
    )(reprice)


def reprice(
    context: typer.Context,
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="From this day, or moment, on.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Until before this day, or moment.")],
    tariff: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="The tariff to price by; may be repeated.", show_default="the CDR's own"),
    ] = None,
    ours: Annotated[bool, typer.Option("--ours", help="Only what we bill.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Only what partners bill us.")] = False,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Whose days they are.")] = "Etc/UTC",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="How a contract reads what OCPI leaves open: TOML or JSON.")
    ] = None,
    largest: Annotated[int, typer.Option(min=0, metavar="N", help="So many differences are listed.")] = 10,
    release: Release = None,
    json: Json = False,
) -> None:
    if ours and theirs:
        raise typer.BadParameter("--ours and --theirs exclude each other")
    since, until = moment(begin, "--from", timezone), moment(end, "--to", timezone)
    if until <= since:
        raise typer.BadParameter("the time ends before it begins", param_hint="--to")
    files = tariffs_of(tariff, release) if tariff else None
    rules = documents.read_policy(policy)

    async def work(settings: Settings, store: Store) -> Repriced:
        from evmesh.cli.repricing import Pricer, Repriced, charges
        from evmesh.store import objects, partners
        from evmesh.store.schema import OURS

        pricer = Pricer(files, rules)
        names = {p.id: p.name for p in await store.read(lambda tx: partners.all_partners(tx, removed=True))}
        counts = await store.read(objects.counts)
        sides = ([False] if not theirs else []) + ([True] if not ours else [])
        held = sum(n for (kind, partner), n in counts.items() if kind == "cdrs" and (partner != OURS) in sides)
        repriced = Repriced(largest)
        with progress("repricing", held) as advance:
            async for charge in charges(store, sides, names, since, until):
                advance(1)
                if charge is not None:
                    repriced.add(charge, *pricer.price(charge))
        return repriced

    repriced = with_store(context, work)
    ids = None if files is None else [str(each.document.get("id")) for each in files]
    if json:
        output.as_json({"from": since, "to": until, "tariffs": ids, **repriced.document()})
    else:
        _show(repriced, since, until, ids)
    if repriced.seen and not repriced.sums:
        raise Failure(f"none of {repriced.seen} charges could be priced")


def _show(repriced: Repriced, since: datetime, until: datetime, ids: list[str] | None) -> None:
    under = "their own tariffs" if ids is None else f"tariff {', '.join(ids)}"
    print(f"Charges that began from {since:%Y-%m-%d %H:%M} until before {until:%Y-%m-%d %H:%M} UTC, under {under}:")
    if not repriced.seen:
        print("there are none")
        return
    print()
    rows = []
    for (whose, currency), each in sorted(repriced.sums.items()):
        for side in ("net", "gross"):
            before, after = getattr(each.before, side), getattr(each.after, side)
            if before is not None or after is not None:
                taxes = "before taxes" if side == "net" else "after taxes"
                rows.append([whose, each.count, currency, taxes, *_money(before, after, currency)])
    if rows:
        output.table(["whose", "charges", "currency", "", "before", "after", "change"], rows)
        print()
    if repriced.unpriced:
        reasons = ", ".join(f"{code} {count}" for code, count in repriced.unpriced.most_common())
        print(f"Not among them, for want of a price: {repriced.unpriced.total()} ({reasons})\n")
    largest = repriced.largest
    if largest:
        output.table(
            ["CDR", "partner", "began (UTC)", "currency", "before", "after", "change"],
            [
                [
                    charge.cdr.get("id"), charge.partner, f"{charge.began:%Y-%m-%d %H:%M}", charge.currency,
                    *_money(*_side(before, after), charge.currency),
                ]
                for charge, before, after in largest
            ],
            title="The largest differences, before taxes",
        )  # fmt: skip


def _side(before: Amount, after: Amount) -> tuple[Fraction | None, Fraction | None]:
    return (before.net, after.net) if before.net is not None and after.net is not None else (before.gross, after.gross)


def _money(before: Fraction | None, after: Fraction | None, currency: str) -> list[str]:
    change = None if before is None or after is None else after - before
    shown = [paper.money(each, currency, "en") for each in (before, after, change)]
    share = f" ({paper.figure(change / before * 100, 'en', most=1)} %)" if change and before else ""
    return [shown[0], shown[1], ("+" if change and change > 0 else "") + shown[2] + share]
