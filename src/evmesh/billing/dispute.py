"""A dispute about a CDR: what it is about, where it stands, what comes next.

    state       what happens      next
    open        send              sent
    open        write_off         written_off
    sent        accept            accepted
    sent        reject            rejected
    sent        escalate          escalated      no answer came in time
    accepted    escalate          escalated      no credit came in time
    rejected    escalate          escalated
    rejected    write_off         written_off
    escalated   accept            accepted
    escalated   write_off         written_off
    any above   credit            credited       the partner took the CDR back, whatever it said before
    credited    rebill            rebilled       it billed the session anew

`credit` and `rebill` happen by themselves when such a CDR comes. People say them where none can come: 2.1.1 has no
credit CDRs, and a credit note may do instead. OCPI has no message for all the others, so people say them. What is
written off is paid; `rebilled` and `written_off` are the ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from evmesh.billing.errors import BillingError
from evmesh.ocpi.types import timestamp

State = Literal["open", "sent", "accepted", "rejected", "escalated", "credited", "rebilled", "written_off"]
Event = Literal["send", "accept", "reject", "escalate", "write_off", "credit", "rebill"]

TRANSITIONS: dict[tuple[State, Event], State] = {
    ("open", "send"): "sent",
    ("open", "write_off"): "written_off",
    ("sent", "accept"): "accepted",
    ("sent", "reject"): "rejected",
    ("sent", "escalate"): "escalated",
    ("accepted", "escalate"): "escalated",
    ("rejected", "escalate"): "escalated",
    ("rejected", "write_off"): "written_off",
    ("escalated", "accept"): "accepted",
    ("escalated", "write_off"): "written_off",
    ("open", "credit"): "credited",
    ("sent", "credit"): "credited",
    ("accepted", "credit"): "credited",
    ("rejected", "credit"): "credited",
    ("escalated", "credit"): "credited",
    ("credited", "rebill"): "rebilled",
}
ENDS: tuple[State, ...] = ("rebilled", "written_off")
AWAITED: dict[State, str] = {
    "open": "to be sent",
    "sent": "an answer",
    "accepted": "a credit",
    "rejected": "our decision",
    "escalated": "a settlement",
    "credited": "a new CDR",
}
"""What a dispute waits for in each state that is no end."""


class NotPossible(BillingError):
    """A dispute in this state knows no such step."""


class Step(msgspec.Struct, frozen=True):
    """Something that happened to a dispute."""

    at: str
    event: str
    state: str
    note: str = ""


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` and `cdr` (its key) are the CDR's. Amounts are before taxes and exact. `evidence` is the report of the
    check. `credit_seq` and `new_seq` are the CDRs that settled it."""

    id: int = 0
    partner_id: int
    seq: int
    cdr: str
    state: State
    reason: str
    currency: str
    claimed: Decimal | None
    expected: Decimal | None
    opened_at: datetime
    deadline: datetime
    credit_seq: int | None = None
    new_seq: int | None = None
    evidence: Mapping[str, Any]
    history: tuple[Step, ...]

    @property
    def amount(self) -> Decimal | None:
        """What is at stake: the claim less what we expected."""
        return None if self.claimed is None or self.expected is None else self.claimed - self.expected

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    def age(self, now: datetime) -> timedelta:
        return now - self.opened_at

    def overdue(self, now: datetime) -> bool:
        """Whether what it waits for should have come by now."""
        return not self.ended and now > self.deadline


def opened(
    *,
    partner_id: int,
    seq: int,
    cdr: str,
    currency: str,
    report: Mapping[str, Any],
    at: datetime,
    answer_within: timedelta,
    reason: str | None = None,
    note: str = "",
) -> Dispute:
    """A new dispute; without a reason it is what the check found. NotPossible when that is nothing."""
    reason = reason or reason_of(report)
    if reason is None:
        raise NotPossible(f"the check found nothing wrong with the CDR {cdr}: say the reason yourself (--reason)")
    return Dispute(
        partner_id=partner_id,
        seq=seq,
        cdr=cdr,
        state="open",
        reason=reason,
        currency=currency,
        claimed=_net(report.get("claimed")),
        expected=_net(report.get("expected")),
        opened_at=at,
        deadline=at + answer_within,
        evidence=report,
        history=(Step(timestamp(at), "open", "open", note),),
    )


def moved(
    dispute: Dispute,
    event: Event,
    at: datetime,
    *,
    answer_within: timedelta,
    note: str = "",
    credit_seq: int | None = None,
    new_seq: int | None = None,
) -> Dispute:
    """The dispute after a step; NotPossible when the table above has none. Each step sets a new deadline."""
    state = TRANSITIONS.get((dispute.state, event))
    if state is None:
        possible = [each.replace("_", "-") for (before, each) in TRANSITIONS if before == dispute.state]
        what = f"only {', '.join(possible)} is possible" if possible else "it has ended"
        raise NotPossible(f"dispute {dispute.id} is {dispute.state.replace('_', ' ')}: {what}")
    return msgspec.structs.replace(
        dispute,
        state=state,
        deadline=at + answer_within,
        credit_seq=dispute.credit_seq if credit_seq is None else credit_seq,
        new_seq=dispute.new_seq if new_seq is None else new_seq,
        history=(*dispute.history, Step(timestamp(at), event, state, note)),
    )


def reason_of(report: Mapping[str, Any]) -> str | None:
    """Why, in one word for machines: the habit, the worst finding, or the verdict; None where nothing is wrong."""
    for habit in report.get("habits") or ():
        return str(habit["code"])
    if report.get("verdict") in ("agrees", "within_tolerance"):
        for level in (report.get("levels") or {}).values():
            for finding in level.get("findings") or ():
                if finding["severity"] == "error":
                    return str(finding["code"])
        return None
    return "price_differs" if report.get("verdict") == "differs" else str(report.get("verdict"))


def _net(amount: Any) -> Decimal | None:
    text = amount.get("before_taxes") if isinstance(amount, Mapping) else None
    return None if text is None else Decimal(text)
