"""`evmesh ledger`: what stands between us and partners: charged, billed, paid, and what is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from evmesh.cli import output
from evmesh.cli.days import day
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.billing.balance import Balance, Open
    from evmesh.billing.ledger import Entry
    from evmesh.config import Settings
    from evmesh.ports import Partner
    from evmesh.store.database import Store
    from evmesh.store.ledger import Posted
    from evmesh.store.transaction import Tx

T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="PARTNER", help="The partner, as we call it.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
SIDES = {"receivable": "they owe us", "payable": "we owe them"}


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="The book of what stands between us and partners: CDRs, invoices, payments.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    for name, function, text, examples in (
        ("balances", show_balances, "Show what was charged, billed and paid, and what is open, by age.",
         ["evmesh -C volt ledger balances", "evmesh -C volt ledger balances --partner driver --json"]),
        ("statement", statement, "List what was posted for a partner, with what is open after each entry.",
         ["evmesh -C volt ledger statement driver --since 2026-05-01"]),
        ("net", net, "Set what a partner owes us against what we owe it.", ["evmesh -C volt ledger net driver"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
        family.command(name, help=text, epilog=epilog)(function)
    app.add_typer(family, name="ledger")


def show_balances(
    context: typer.Context,
    partner: Annotated[str | None, typer.Option(metavar="NAME", help="Of one partner.", show_default=False)] = None,
    on: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="Ages are counted to this day.", show_default="today")
    ] = None,
    json: Json = False,
) -> None:
    import msgspec

    today = datetime.now(UTC).date() if on is None else day(on)

    def ask(tx: Tx) -> list[tuple[str, Balance]]:
        from evmesh.billing.balance import balances
        from evmesh.ocpi.wire import decode
        from evmesh.store import ledger
        from evmesh.store.uncharged import sessions_without_cdr

        found = []
        for each in _partners(tx, partner):
            entries = (posted.entry for posted in ledger.not_gathered(tx, each.id))
            sessions = map(decode, sessions_without_cdr(tx, each.id))
            found += [(each.name, balance) for balance in balances(entries, today, sessions)]
        return found

    found = _read(context, ask)
    if json:
        output.as_json([{"partner": name, **msgspec.to_builtins(balance)} for name, balance in found])
        return
    heads = ["partner", "", "", "sessions without CDR", "charged", "not billed", "CDRs", "billed", "paid", "open"]
    output.table(
        [*heads, "≤ 30 days", "≤ 60", "≤ 90", "older"],
        [
            (
                name, balance.currency, SIDES[balance.side], _expected(balance), balance.charged,
                balance.not_billed, balance.cdrs, balance.billed, balance.paid, balance.open, *balance.by_age.values(),
            )
            for name, balance in found
        ],
    )  # fmt: skip


def _expected(balance: Balance) -> str:
    expected = balance.expected
    return f"{expected.sessions} ({expected.cost:f})" if expected.sessions else ""


def statement(
    context: typer.Context,
    partner: Name,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="In one currency.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="From this day on.", show_default=False)] = None,
    json: Json = False,
) -> None:
    import msgspec

    begin = None if since is None else day(since, "--since")
    code = None if currency is None else currency.upper()

    def ask(tx: Tx) -> list[Posted]:
        from evmesh.store import ledger

        return [posted for each in _partners(tx, partner) for posted in ledger.entries(tx, each.id, code)]

    posted = _read(context, ask)
    rows = [row for row in _rows(posted) if begin is None or row["date"] >= begin]
    if json:
        output.as_json(msgspec.to_builtins(rows))
        return
    output.table(
        ["date", "what", "number", "", "amount", "open"],
        [(row["date"], row["what"], row["number"], row["currency"], row["amount"], row["open"]) for row in rows],
    )
    print(f"{len(rows)} entries")


def _rows(posted: list[Posted]) -> list[dict[str, Any]]:
    """An amount above 0 is one that the partner owes us; `open` is what is billed and not paid, after the entry."""
    from fractions import Fraction

    from evmesh.billing import ledger
    from evmesh.billing.money import decimal

    opened: dict[str, Fraction] = {}
    rows = []
    for each in posted:
        entry = each.entry
        amount = Fraction(ledger.owed(entry)) * (1 if entry.side == "receivable" else -1)
        left = opened[entry.currency] = opened.get(entry.currency, Fraction(0)) + amount * (entry.kind != "cdr")
        rows.append(
            {
                "date": each.at.date() if entry.day is None else entry.day,
                "what": _what(entry, taken_back=each.reversed_by is not None and each.reversed_by < each.id),
                "number": entry.subject,
                "reference": entry.reference,
                "currency": entry.currency,
                "amount": decimal(amount),
                "open": decimal(left),
                "postings": {posting.account: posting.amount for posting in entry.postings},
            }
        )
    return rows


def _what(entry: Entry, *, taken_back: bool) -> str:
    whose = "our" if entry.side == "receivable" else "their"
    words = {"cdr": f"{whose} CDR", "invoice": f"{whose} invoice", "payment": "payment"}[entry.kind]
    return f"{words}, taken back" if taken_back else words


def net(context: typer.Context, partner: Name, json: Json = False) -> None:
    import msgspec

    from evmesh.billing.balance import netted, unpaid

    def ask(tx: Tx) -> list[Open]:
        from evmesh.store import ledger

        mine = (ledger.not_gathered(tx, each.id) for each in _partners(tx, partner))
        return unpaid(posted.entry for entries in mine for posted in entries)

    found = _read(context, ask)
    sums = netted(found)
    if json:
        output.as_json(msgspec.to_builtins({"open": found, "net": sums}))
        return
    output.table(
        ["invoice", "of", "", "", "open"],
        [(each.number, each.day, SIDES[each.side], each.currency, each.amount) for each in found],
    )
    for each in sums:
        whose = f"{partner} pays us" if each.net > 0 else f"we pay {partner}"
        print(
            f"{each.currency}: {each.owed_to_us:f} owed to us less {each.owed_by_us:f} owed by us: "
            + (f"{whose} {abs(each.net):f}" if each.net else "nothing is left to pay")
        )
    if not sums:
        print(f"nothing is open with {partner}")


def _partners(tx: Tx, name: str | None) -> list[Partner]:
    """All that ever were, or those of that name: one that came back is another to the book."""
    from evmesh.store import partners

    found = [each for each in partners.all_partners(tx, removed=True) if name in (None, each.name)]
    if name is not None and not found:
        raise Failure(f"there is no partner {name}")
    return found


def _read(context: typer.Context, ask: Callable[[Tx], T]) -> T:
    async def work(settings: Settings, store: Store) -> T:
        return await store.read(ask)

    return with_store(context, work)
