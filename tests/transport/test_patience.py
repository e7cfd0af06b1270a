"""A partner that is away is left alone, longer and longer, until it shows itself."""

from datetime import UTC, datetime, timedelta

import pytest

from evmesh.transport.patience import Patience

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
P = 7


class Clock:
    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment

    def at(self, seconds: float) -> None:
        self.moment = NOON + timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(clock, lambda seconds: seconds)


def seconds(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - NOON).total_seconds()


def test_each_failure_after_a_wait_doubles_the_next(patience: Patience, clock: Clock) -> None:
    ends = []
    for _ in range(4):
        ends.append(seconds(patience.failed(P)))
        clock.at(ends[-1])
        assert patience.away(clock()) == set()
    assert ends == [1, 3, 7, 15]


def test_failures_that_were_under_way_together_count_once(patience: Patience, clock: Clock) -> None:
    patience.failed(P)
    clock.at(0.5)
    assert seconds(patience.failed(P)) == 1.5
    clock.at(1.5)
    assert seconds(patience.failed(P)) == 3.5


def test_others_are_not_concerned(patience: Patience, clock: Clock) -> None:
    patience.failed(P)
    assert patience.away(clock()) == {P}
    assert seconds(patience.next(clock())) == 1


def test_an_answer_ends_it_and_is_news_once(patience: Patience, clock: Clock) -> None:
    patience.failed(P)
    assert patience.answered(P)
    assert not patience.answered(P)
    assert (patience.away(clock()), patience.next(clock())) == (set(), None)
    assert seconds(patience.failed(P)) == 1


def test_a_call_of_the_partner_brings_the_next_try_forward(patience: Patience, clock: Clock) -> None:
    for failure in range(10):
        patience.failed(P)
        clock.at(2 ** (failure + 1) - 1)
    until = seconds(patience.failed(P))
    began = seconds(clock())
    assert patience.heard_from(P)
    assert patience.away(clock()) == {P}
    assert seconds(patience.next(clock())) == began + 60
    assert until == began + 1024
    assert not patience.heard_from(P)
    assert not patience.heard_from(99)


def test_a_partner_that_calls_and_never_answers_is_not_hammered(patience: Patience, clock: Clock) -> None:
    """It calls before each of our tries; we still wait longer each time, a minute in the end."""
    began, waits = 0.0, []
    for _ in range(12):
        patience.failed(P)
        patience.heard_from(P)
        ends = seconds(patience.next(clock()))
        waits.append(round(ends - began, 3))
        clock.at(ends)
        began = ends
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits[-1] == 60


def test_a_wait_that_it_asked_for_is_kept_whatever_it_does(patience: Patience, clock: Clock) -> None:
    patience.failed(P, 300)
    assert not patience.heard_from(P)
    assert seconds(patience.next(clock())) == 300
    clock.at(300)
    patience.failed(P)
    assert patience.heard_from(P)
