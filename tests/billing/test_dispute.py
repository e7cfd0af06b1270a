"""Disputes: the table of steps, deadlines, and the reason taken from the report."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from evmesh.billing.dispute import (
    AWAITED,
    ENDS,
    TRANSITIONS,
    Dispute,
    Event,
    NotPossible,
    State,
    moved,
    opened,
    reason_of,
)

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


EVENTS = some.lists(some.tuples(some.sampled_from(get_args(Event)), some.integers(0, 40)), max_size=12)


@given(EVENTS)
def test_whatever_is_said_happened_the_table_is_kept(events: list[tuple[Event, int]]) -> None:
    """Every step is in the table or refused; the history tells all of them; what ended stays as it is."""
    dispute, now = new(), NOON
    for event, days in events:
        now += timedelta(days=days)
        before = dispute
        try:
            dispute = moved(before, event, now, answer_within=MONTH)
        except NotPossible:
            assert (before.state, event) not in TRANSITIONS
            continue
        assert dispute.state == TRANSITIONS[before.state, event]
        assert not before.ended
        assert dispute.history[:-1] == before.history
        assert (dispute.history[-1].event, dispute.history[-1].state) == (event, dispute.state)
        assert dispute.deadline == now + MONTH
        assert (dispute.amount, dispute.evidence, dispute.opened_at) == (before.amount, before.evidence, NOON)
    assert dispute.ended == (dispute.state in ENDS)
    assert dispute.overdue(now) == (not dispute.ended and now > dispute.deadline)


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"verdict": "differs"}, "price_differs"),
        ({"verdict": "cannot_be_priced"}, "cannot_be_priced"),
        ({"verdict": "explained", "habits": [{"code": "rounded_up"}]}, "rounded_up"),
        ({"verdict": "agrees"}, None),
        ({"verdict": "agrees", "levels": {"plausible": {"findings": [
            {"severity": "warning", "code": "late"}, {"severity": "error", "code": "session_billed_twice"},
        ]}}}, "session_billed_twice"),
    ],
)  # fmt: skip
def test_the_reason_is_what_the_check_found_unless_we_say_it(report: dict[str, object], reason: str | None) -> None:
    assert reason_of(report) == reason
    facts = {"partner_id": 1, "seq": 2, "cdr": "C", "currency": "SEK", "report": report, "at": NOON}
    assert opened(**facts, answer_within=MONTH, reason="ours").reason == "ours"  # type: ignore[arg-type]
    if reason is None:
        with pytest.raises(NotPossible, match="nothing wrong with the CDR C: say the reason"):
            opened(**facts, answer_within=MONTH)  # type: ignore[arg-type]
