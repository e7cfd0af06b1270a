"""What stands between us and a partner, read from its entries."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from evmesh.billing import ledger
from evmesh.billing.balance import Expected, Net, Open, balances, netted, unpaid
from evmesh.billing.ledger import Entry

TODAY = date(2026, 6, 30)


def invoice(number: str, net: int, days: int, side: ledger.Side = "receivable") -> Entry:
    day = TODAY - timedelta(days)
    return ledger.invoice(side, number, "SEK", Fraction(net), net=Fraction(net), tax=Fraction(0), day=day)


def test_what_is_not_billed_and_what_is_open_by_age() -> None:
    entries = [
        ledger.cdr("receivable", "C1", "SEK", Fraction("1.0005")),
        ledger.cdr("receivable", "C2", "EUR", Fraction(3)),
        *(invoice(f"I{days}", days, days) for days in (30, 31, 90, 91)),
        ledger.payment("receivable", "P1", "I31", "SEK", Fraction(30)),
    ]
    euros, crowns = balances(entries, TODAY)
    assert [euros.charged, euros.not_billed, euros.open] == [3, 3, 0]
    assert (euros.currency, euros.cdrs, crowns.currency, crowns.cdrs) == ("EUR", 1, "SEK", 1)
    assert [crowns.charged, crowns.not_billed] == [Decimal("243.0005"), Decimal("1.0005")]
    assert [crowns.billed, crowns.paid, crowns.open] == [242, 30, 212]
    assert crowns.by_age == {"up_to_30_days": 30, "up_to_60_days": 1, "up_to_90_days": 90, "older": 91}


def test_sessions_that_no_cdr_has_followed_are_to_be_expected() -> None:
    def session(status: str, cost: object = None, currency: str = "SEK") -> dict[str, object]:
        return {"status": status, "currency": currency, "total_cost": {"before_taxes": cost}}

    sessions = [
        session("COMPLETED", 4), session("COMPLETED", Decimal("0.5")), session("COMPLETED"), session("ACTIVE", 9),
        session("COMPLETED", 7, "EUR"),
    ]  # fmt: skip
    euros, crowns = balances([ledger.cdr("payable", "C1", "SEK", Fraction(1))], TODAY, sessions)
    assert (euros.side, euros.expected) == ("payable", Expected(1, Decimal(7)))
    assert crowns.expected == Expected(3, Decimal("4.5"))
    assert [euros.charged, crowns.charged] == [0, 1]


def test_what_is_paid_is_not_open_and_what_was_paid_too_much_is() -> None:
    paid = [invoice("I1", 5, 9), ledger.payment("receivable", "I1/1", "I1", "SEK", Fraction(5))]
    assert unpaid(paid) == []
    too_much = ledger.payment("receivable", "I1/2", "I1", "SEK", Fraction(2))
    assert unpaid([*paid, too_much]) == [Open("I1", "SEK", "receivable", TODAY - timedelta(9), Decimal(-2))]
    assert unpaid([too_much]) == [Open("I1", "SEK", "receivable", None, Decimal(-2))], "its invoice was taken back"


def test_both_sides_are_set_against_each_other_in_each_currency() -> None:
    found = unpaid([invoice("I1", 5, 9), invoice("THEIRS", 12, 3, "payable"), invoice("I2", -1, 1)])
    assert [each.number for each in found] == ["I1", "THEIRS", "I2"]
    assert netted(found) == [Net("SEK", Decimal(4), Decimal(12), Decimal(-8))]
    assert netted([]) == []
