"""Double entry: whatever is posted, the books balance, and what is owed can be read from them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.billing import ledger
from evmesh.billing.ledger import DoesNotBalance, Entry, Posting, Side, balances, still_open

amounts = st.decimals(-(10**9), 10**9, places=12).map(Fraction)
sides = st.sampled_from(["payable", "receivable"])
entries = st.one_of(
    st.builds(ledger.cdr, sides, st.just("C1"), st.just("SEK"), amounts),
    st.builds(
        lambda side, gathered, net, tax, rounding: ledger.invoice(
            side, "I1", "SEK", gathered, net=net, tax=tax, rounding=rounding
        ),
        sides, amounts, amounts, amounts, amounts,
    ),
    st.builds(ledger.payment, sides, st.just("P1"), st.just("I1"), st.just("SEK"), amounts),
)  # fmt: skip


@given(st.lists(entries, max_size=30))
def test_the_books_always_balance(posted: list[Entry]) -> None:
    assert sum(Fraction(amount) for amount in balances(posted).values()) == 0


@given(sides, amounts)
def test_a_credit_takes_back_all_of_a_cdr(side: Side, net: Fraction) -> None:
    charge = ledger.cdr(side, "C1", "SEK", net)
    credit = ledger.cdr(side, "CR1", "SEK", -net, takes_back="C1")

    assert balances([charge, credit]) == {}


@given(sides, st.lists(amounts, min_size=1, max_size=10), amounts, amounts)
def test_an_invoice_leaves_no_cdr_open_and_a_payment_no_invoice(
    side: Side, charges: list[Fraction], cents: Fraction, tax: Fraction
) -> None:
    gathered = sum(charges, Fraction(0))
    posted = [ledger.cdr(side, f"C{index}", "SEK", net) for index, net in enumerate(charges)]
    billed = ledger.invoice(side, "I1", "SEK", gathered, net=gathered + cents, tax=tax)
    paid = ledger.payment(side, "P1", "I1", "SEK", Fraction(still_open(billed, [])))

    left = balances([*posted, billed, paid])
    assert {account for account in left if account.startswith(("cdrs", "invoices"))} == set()
    assert Fraction(left.get("rounding", Decimal(0))) == (-cents if side == "receivable" else cents)
    assert still_open(billed, [paid]) == 0


def test_what_is_owed_reads_like_a_book() -> None:
    charge = ledger.cdr("payable", "C1", "SEK", Fraction("10.005"))
    billed = ledger.invoice("payable", "I1", "SEK", Fraction("10.005"), net=Fraction("10.01"), tax=Fraction("2.50"))
    half = ledger.payment("payable", "P1", "I1", "SEK", Fraction(6))

    assert balances([charge]) == {"cdrs_payable": Decimal("-10.005"), "costs": Decimal("10.005")}
    assert balances([charge, billed]) == {
        "costs": Decimal("10.005"),
        "invoices_payable": Decimal("-12.51"),
        "rounding": Decimal("0.005"),
        "vat_paid": Decimal("2.5"),
    }
    assert still_open(billed, [half]) == Decimal("6.51")


def test_an_entry_that_does_not_balance_cannot_be() -> None:
    with pytest.raises(DoesNotBalance, match=r"0\.01 SEK too much"):
        Entry("payable", "cdr", "C1", "SEK", (Posting("costs", Decimal("1.01")), Posting("cdrs_payable", Decimal(-1))))
