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


async def test_what_is_taken_back_frees_what_it_gathered_and_can_be_posted_anew(store: Store) -> None:
    bill = rules.invoice("payable", "I1", "SEK", Fraction(4), net=Fraction(4), tax=Fraction(1))

    def run(tx: Tx) -> None:
        cdr, invoice = ledger.post(tx, 1, charge("C1")), ledger.post(tx, 1, bill)
        assert cdr is not None
        assert invoice is not None
        ledger.gather(tx, [cdr], invoice)
        assert ledger.gathered(tx, invoice) == {cdr}
        there = ledger.find(tx, 1, "payable", "invoice", "I1")
        assert there is not None
        ledger.reverse(tx, there)
        assert ledger.find(tx, 1, "payable", "invoice", "I1") is None
        assert ledger.balances(tx, 1) == {"SEK": {"cdrs_payable": Decimal(-4), "costs": Decimal(4)}}
        again = ledger.post(tx, 1, bill)
        assert again is not None
        ledger.gather(tx, [cdr], again)

    await store.write(run)
    assert await not_gathered(store) == []


async def test_each_payment_closes_what_is_still_open(store: Store) -> None:
    def run(tx: Tx) -> list[Decimal]:
        bill = rules.invoice("payable", "I1", "SEK", Fraction(4), net=Fraction(4), tax=Fraction(1))
        ledger.post(tx, 1, bill)
        there = ledger.find(tx, 1, "payable", "invoice", "I1")
        assert there is not None
        ledger.post(tx, 1, rules.payment("payable", "I1/1", "I1", "SEK", Fraction(2)))
        return [ledger.pay(tx, there), ledger.pay(tx, there)]

    assert await store.write(run) == [3, 0]
    assert (await store.read(lambda tx: ledger.balances(tx, 1)))["SEK"]["bank"] == -5
