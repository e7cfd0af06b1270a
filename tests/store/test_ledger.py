"""The book in the database: posted once, exact to the last digit, gathered once."""

from decimal import Decimal
from fractions import Fraction

import pytest

from evmesh.billing import ledger as rules
from evmesh.store import ledger
from evmesh.store.database import Store
from evmesh.store.transaction import Tx

PRECISE = Fraction("1234567.000000000000000000000000000001")


def charge(subject: str, net: Fraction | int = 4, currency: str = "SEK") -> rules.Entry:
    return rules.cdr("payable", subject, currency, Fraction(net))


async def not_gathered(store: Store) -> list[ledger.Posted]:
    return await store.read(lambda tx: list(ledger.not_gathered(tx, 1, kind="payable cdr")))


async def test_the_same_thing_is_posted_once(store: Store) -> None:
    first = await store.write(lambda tx: ledger.post(tx, 1, charge("C1")))
    again = await store.write(lambda tx: ledger.post(tx, 1, charge("C1", 5)))
    other = await store.write(lambda tx: ledger.post(tx, 2, charge("C1", 6)))

    assert first is not None
    assert (again, other is None) == (None, False)
    assert await store.read(lambda tx: ledger.balances(tx, 1)) == {
        "SEK": {"cdrs_payable": Decimal(-4), "costs": Decimal(4)}
    }


async def test_no_digit_is_lost_and_currencies_stay_apart(store: Store) -> None:
    def run(tx: Tx) -> None:
        ledger.post(tx, 1, charge("C1", PRECISE))
        ledger.post(tx, 1, charge("C2", PRECISE))
        ledger.post(tx, 1, charge("C3", 1, "EUR"))

    await store.write(run)

    found = await store.read(lambda tx: ledger.balances(tx, 1))
    assert Fraction(found["SEK"]["costs"]) == 2 * PRECISE
    assert found["EUR"]["costs"] == 1


async def test_an_invoice_gathers_and_nothing_is_gathered_twice(store: Store) -> None:
    def run(tx: Tx) -> list[int]:
        for subject in ("C1", "C2", "C3"):
            ledger.post(tx, 1, charge(subject))
        ids = [posted.id for posted in ledger.not_gathered(tx, 1)][:2]
        entry = rules.invoice("payable", "I1", "SEK", Fraction(8), net=Fraction(8), tax=Fraction(2))
        invoice_id = ledger.post(tx, 1, entry)
        assert invoice_id is not None
        ledger.gather(tx, ids, invoice_id)
        return ids

    ids = await store.write(run)

    left = await not_gathered(store)
    assert [posted.entry.subject for posted in left] == ["C3"]
    with pytest.raises(ledger.BilledAlready, match="1 of 2 CDRs stand on an invoice already"):
        await store.write(lambda tx: ledger.gather(tx, [ids[0], left[0].id], 99))
    left = await not_gathered(store)
    assert [posted.entry.subject for posted in left] == ["C3"]


async def test_an_entry_comes_back_as_it_was_posted(store: Store) -> None:
    entry = rules.cdr("receivable", "CR1", "SEK", Fraction(-4), takes_back="C1")
    await store.write(lambda tx: ledger.post(tx, 1, entry))

    found = await store.read(lambda tx: ledger.find(tx, 1, "receivable", "cdr", "CR1"))

    assert found is not None
    assert found.entry == entry
    assert await store.read(lambda tx: ledger.find(tx, 1, "payable", "cdr", "CR1")) is None
