"""What follows from the end of a try, for everything that can come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ports import Forbidden, Nonsense, NoSuchEndpoint, PartnerError, Reply, Unreachable
from evmesh.transport.client import NotConnected
from evmesh.transport.outcomes import (
    LONGEST_WAIT,
    REFUSALS,
    Again,
    Attempt,
    Delivered,
    SendWhole,
    Settled,
    after,
    backoff,
)

PUT, PATCH, POST, DELETE = Attempt(), Attempt(patch=True), Attempt(creates=True), Attempt(deletes=True)
SECOND_POST = Attempt(creates=True, may_have_arrived=True)

replies = st.builds(Reply, st.integers(200, 599), st.none() | st.integers(1000, 4999), st.none() | st.text(max_size=20))
errors = st.sampled_from([Unreachable, NotConnected, Nonsense, Forbidden, NoSuchEndpoint]).flatmap(
    lambda kind: st.builds(kind, st.just("x"), st.none() | st.floats(0, 1e6))
)
attempts = st.builds(
    Attempt,
    patch=st.booleans(),
    creates=st.booleans(),
    deletes=st.booleans(),
    may_have_arrived=st.booleans(),
    refusals=st.integers(0, 10),
)


@given(replies, attempts)
def test_delivered_is_only_what_both_statuses_say_or_what_is_gone_already(reply: Reply, attempt: Attempt) -> None:
    gone = attempt.deletes and reply.http_status == 404
    assert (after(reply, attempt) == Delivered()) == (reply.ok or gone)


@given(replies | errors, attempts)
def test_the_whole_object_follows_a_patch_and_nothing_else(result: Reply | PartnerError, attempt: Attempt) -> None:
    if isinstance(after(result, attempt), SendWhole):
        assert attempt.patch


@given(replies | errors, attempts)
def test_doubt_needs_a_reason(result: Reply | PartnerError, attempt: Attempt) -> None:
    outcome = after(result, attempt)
    if isinstance(outcome, Settled) and outcome.state == "doubtful":
        assert attempt.creates
        assert attempt.may_have_arrived


@given(errors, attempts)
def test_a_partner_that_is_not_reached_refuses_nothing(error: PartnerError, attempt: Attempt) -> None:
    outcome = after(error, attempt)
    if isinstance(error, NoSuchEndpoint):
        assert outcome == Settled("refused", "x")
    else:
        assert isinstance(outcome, Again)
        assert not outcome.refused
        assert outcome.wait == error.retry_after
        assert outcome.may_have_arrived == (not isinstance(error, NotConnected | Forbidden))


@pytest.mark.parametrize("status", [401, 403, 408, 429, 502, 503, 504])
def test_what_concerns_the_connection_leaves_the_partner_alone(status: int) -> None:
    outcome = after(Reply(status, 2000), PATCH, wait=30.0)
    assert isinstance(outcome, Again)
    assert (outcome.partner_away, outcome.wait) == (True, 30.0)


@pytest.mark.parametrize("reply", [Reply(500, None), Reply(200, 3000), Reply(200, 3001), Reply(500, 1000)])
@pytest.mark.parametrize("attempt", [PUT, PATCH, SECOND_POST])
def test_their_failure_is_neither_a_refusal_nor_an_absence(reply: Reply, attempt: Attempt) -> None:
    outcome = after(reply, attempt)
    assert isinstance(outcome, Again)
    assert (outcome.partner_away, outcome.refused, outcome.may_have_arrived) == (False, False, True)


REFUSED = [Reply(200, 2001, "no"), Reply(404, 2000), Reply(404, None), Reply(422, None), Reply(301, None)]


@pytest.mark.parametrize("reply", REFUSED)
def test_what_is_refused_some_times_is_left_until_it_changes(reply: Reply) -> None:
    outcome = after(reply, PUT)
    assert isinstance(outcome, Again)
    assert outcome.refused
    assert isinstance(after(reply, Attempt(refusals=REFUSALS - 2)), Again)
    assert isinstance(last := after(reply, Attempt(refusals=REFUSALS - 1)), Settled)
    assert last.state == "refused"
    assert str(reply.http_status) in last.error


@pytest.mark.parametrize("reply", REFUSED)
def test_a_cdr_whose_repetition_is_refused_is_doubtful_at_once(reply: Reply) -> None:
    assert isinstance(after(reply, POST), Again)
    assert isinstance(doubtful := after(reply, SECOND_POST), Settled)
    assert doubtful.state == "doubtful"


def test_waits_double_from_a_second_to_an_hour() -> None:
    assert [backoff(failures) for failures in range(5)] == [1, 1, 2, 4, 8]
    assert backoff(100) == LONGEST_WAIT


@given(st.integers(0, 10**6), st.none() | st.floats(0, 1e9))
def test_a_wait_that_was_asked_for_is_kept_up_to_an_hour(failures: int, wait: float | None) -> None:
    seconds = backoff(failures, wait)
    assert 1 <= seconds <= LONGEST_WAIT
    assert seconds >= min(wait or 0, LONGEST_WAIT)
