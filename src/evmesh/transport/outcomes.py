"""What follows from the end of a try to tell a partner something. Pure: no clock, no network, no database.

    what came back                               a PATCH        a POST that creates        a PUT, a DELETE
                                                                (a CDR)
    HTTP 2xx and OCPI 1xxx                       delivered      delivered                  delivered
    HTTP 404 to a DELETE                                                                   delivered: it is gone
    refused: 2xxx, HTTP 3xx and 4xx but these:   the whole      again some times, then     again some times, then
                                                 object, now    refused; doubtful when     refused
                                                                an earlier one may have
                                                                arrived
    HTTP 401, 403, 408, 429, 502, 503, 504       again, and the partner is left alone for a while
    other 5xx, 3xxx, an answer that is no OCPI   again
    nobody answered, or policy forbids           again, and the partner is left alone for a while
    the module is not offered any more           refused

*Again* is later and later: 1, 2, 4 s and so on up to an hour, or when the partner says. A wait for the whole partner is
of the same kind and counts its failures, not the object's: what hundreds of tries would find out, one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evmesh.ports import Forbidden, Nonsense, NoSuchEndpoint, PartnerError, Reply
from evmesh.transport.client import NotConnected

FIRST_WAIT = 1.0
LONGEST_WAIT = 3600.0
REFUSALS = 5
"""Refused so many times, an object waits for its next change: a partner may be mending itself, but not for ever."""

AWAY = frozenset({401, 403, 408, 429, 502, 503, 504})
"""What concerns the connection to the partner, not the object."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try. `creates`: repeating it may make a second one, so an earlier one that `may_have_arrived` matters.
    `deletes`: what is not there is what was wanted."""

    patch: bool = False
    creates: bool = False
    deletes: bool = False
    may_have_arrived: bool = False
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    pass


@dataclass(frozen=True, slots=True)
class Forgone:
    """There was nothing to tell."""


@dataclass(frozen=True, slots=True)
class SendWhole:
    """The PATCH was refused: see what the partner has, and PUT the whole object."""

    error: str


@dataclass(frozen=True, slots=True)
class Again:
    """Try later; `partner_away` when nothing at all can be told it just now. `wait` is the partner's own wish."""

    error: str
    partner_away: bool = False
    may_have_arrived: bool = False
    refused: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """No further try of the object as it is; somebody should look."""

    state: Literal["doubtful", "refused"]
    error: str


Outcome = Delivered | Forgone | SendWhole | Again | Settled


def after(result: Reply | PartnerError, attempt: Attempt, wait: float | None = None) -> Outcome:
    """The row of the table. `wait` are the seconds that the answer asked for."""
    if isinstance(result, PartnerError):
        return _after_error(result, wait)
    if result.ok or (attempt.deletes and result.http_status == 404):
        return Delivered()
    error = said(result)
    status = result.http_status
    if status in AWAY:
        return Again(error, partner_away=True, may_have_arrived=status == 504, wait=wait)
    theirs = result.status_code is not None and result.status_code >= 3000
    if status >= 500 or (theirs and status < 300):
        return Again(error, may_have_arrived=True, wait=wait)
    if attempt.patch:
        return SendWhole(error)
    if attempt.creates and attempt.may_have_arrived:
        return Settled("doubtful", f"an earlier try may have arrived, and its repetition was refused: {error}")
    if attempt.refusals + 1 >= REFUSALS:
        return Settled("refused", error)
    return Again(error, refused=True, wait=wait)


def _after_error(error: PartnerError, wait: float | None) -> Outcome:
    wait = error.retry_after if wait is None else wait
    match error:
        case NoSuchEndpoint():
            return Settled("refused", str(error))
        case Nonsense():
            return Again(str(error), may_have_arrived=True, wait=wait)
        case NotConnected() | Forbidden():
            return Again(str(error), partner_away=True, wait=wait)
    return Again(str(error), partner_away=True, may_have_arrived=True, wait=wait)


def backoff(failures: int, wait: float | None = None) -> float:
    """Seconds until the next try after so many failures, at least as long as the partner wished, an hour at most."""
    seconds = FIRST_WAIT * 2.0 ** min(max(failures, 1) - 1, 20)
    return min(LONGEST_WAIT, max(seconds, wait or 0.0))


def said(reply: Reply) -> str:
    """A reply that is no success, as one line."""
    code = "" if reply.status_code is None else f" with {reply.status_code}"
    message = f": {reply.message}" if reply.message else ""
    return f"HTTP {reply.http_status}{code}{message}"
