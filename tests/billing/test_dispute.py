"""Disputes: the table of steps, deadlines, and the reason taken from the report."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from evmesh.billing.dispute import AWAITED, ENDS, TRANSITIONS, Dispute, Event, NotPossible, State, moved, opened

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
REPORT = {"verdict": "differs", "claimed": {"before_taxes": "7"}, "expected": {"before_taxes": "4.005"}, "habits": []}


def new() -> Dispute:
    return opened(partner_id=1, seq=2, cdr="DE*CPO*C1", currency="SEK", report=REPORT, at=NOON, answer_within=MONTH)


def test_every_state_can_be_reached_and_left_unless_it_is_an_end() -> None:
    states = set(get_args(State))
    assert set(TRANSITIONS.values()) | {"open"} == states
    assert {before for before, _ in TRANSITIONS} == states - set(ENDS) == set(AWAITED)
    assert {event for _, event in TRANSITIONS} == set(get_args(Event))


def test_what_is_at_stake_is_exact() -> None:
    assert (new().amount, new().reason) == (Decimal("2.995"), "price_differs")


def test_a_step_is_written_down_and_sets_a_new_deadline() -> None:
    later = NOON + timedelta(days=20)
    sent = moved(new(), "send", later, answer_within=MONTH, note="by mail")

    assert (sent.state, sent.deadline, sent.age(later)) == ("sent", later + MONTH, timedelta(days=20))
    assert [(step.event, step.note) for step in sent.history] == [("open", ""), ("send", "by mail")]
    assert not sent.overdue(later + MONTH)
    assert sent.overdue(later + MONTH + timedelta(seconds=1))


def test_an_end_is_an_end() -> None:
    over = moved(new(), "write_off", NOON, answer_within=MONTH)

    assert over.ended
    assert not over.overdue(NOON + 2 * MONTH)
    with pytest.raises(NotPossible, match="is written off: it has ended"):
        moved(over, "send", NOON, answer_within=MONTH)
