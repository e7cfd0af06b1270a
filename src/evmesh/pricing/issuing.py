"""From a session to its CDR: priced, with its tariff inside, and checked before anybody sees it.

A CDR cannot be changed once it is out: it can only be credited and written anew. So what is issued here has been priced
again from its own text, agrees with itself, and carries no period whose price changed half-way. [mod_cdrs_cdr_object]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.base.findings import Finding
from evmesh.ocpi.types import timestamp
from evmesh.pricing.bill import Bill, plain
from evmesh.pricing.consistency import contradictions
from evmesh.pricing.exact import rounded
from evmesh.pricing.generation import PLACES, CannotBePriced, costs_of
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.price import price
from evmesh.pricing.timeline import Timeline, exact_seconds, read_timeline
from evmesh.pricing.volumes import HOUR

Document = dict[str, Any]

# What a session hands on to its CDR as it is.
_FROM_SESSION = (
    "country_code", "party_id", "cdr_token", "auth_method", "authorization_reference", "meter_id", "currency",
    "booking_id",
)  # fmt: skip
# Fine in a partner's CDR, not in one of ours.
_NOT_OURS = frozenset({"period_spans_price_change", "tariff_prices_time_but_cdr_has_none", "periods_outside_session"})


class UnfitToIssue(ValueError):
    """The CDR would contradict itself; `findings` say where."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(finding) for finding in findings))


class Issued(msgspec.Struct, frozen=True):
    """A CDR fit to be sent, and the bill behind its figures."""

    cdr: Document
    bill: Bill


def issue_cdr(
    session: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]],
    cdr_location: Mapping[str, Any],
    zone: str,
    *,
    id: str,
    issued_at: datetime,
    policy: PricingPolicy = STANDARD,
    signed_data: Mapping[str, Any] | None = None,
    remark: str | None = None,
) -> Issued:
    """The canonical CDR of a finished canonical Session that has its charging_periods (see `charging_periods`).

    `tariffs` are embedded as they were at the start. CannotBePriced and UnfitToIssue say what is in the way.
    """
    cdr: Document = {name: session[name] for name in _FROM_SESSION if session.get(name) is not None}
    cdr |= {
        "id": id,
        "start_date_time": session["start_date_time"],
        "end_date_time": session["end_date_time"],
        "cdr_location": dict(cdr_location),
        "tariffs": [dict(tariff) for tariff in tariffs],
        "charging_periods": list(session.get("charging_periods") or []),
        "last_updated": timestamp(issued_at),
    }
    if session.get("id") is not None:
        cdr["session_id"] = session["id"]
    if signed_data is not None:
        cdr["signed_data"] = dict(signed_data)
    if remark is not None:
        cdr["remark"] = remark
    timeline, findings = read_timeline(cdr, policy)
    if timeline is None:
        raise CannotBePriced(findings)
    cdr |= _totals(timeline)
    bill = price(cdr, None, zone, policy)
    cdr |= costs_of(bill)
    unfit = [finding for finding in bill.findings if finding.severity == "error" or finding.code in _NOT_OURS]
    unfit += [finding for finding in contradictions(cdr, timeline) if finding.severity != "info"]
    if unfit:
        raise UnfitToIssue(unfit)
    return Issued(cdr, bill)


def credit_cdr(cdr: Mapping[str, Any], *, id: str, issued_at: datetime) -> Document:
    """The credit of a canonical CDR: an id of its own, the reference, the negative total, and all else as it was.

    ValueError for a credit of a credit. [mod_cdrs_credit_cdrs]
    """
    if cdr.get("credit"):
        raise ValueError("a credit CDR cannot be credited")
    total = cdr["total_cost"]
    negative = {
        **total,
        "before_taxes": -total["before_taxes"],
        "taxes": [{**tax, "amount": -tax["amount"]} for tax in total.get("taxes") or []],
    }
    return {
        **cdr,
        "id": id,
        "credit": True,
        "credit_reference_id": cdr["id"],
        "total_cost": negative,
        "last_updated": timestamp(issued_at),
    }


def _totals(timeline: Timeline) -> Document:
    hours = exact_seconds(timeline.end - timeline.start) / HOUR
    totals: Document = {
        "total_energy": _printed(timeline.total("ENERGY")),
        "total_time": _printed(hours),
    }
    parked = timeline.total("PARKING_TIME")
    if parked:
        totals["total_parking_time"] = _printed(parked / HOUR)
    return totals


def _printed(value: Fraction) -> Any:
    return plain(rounded(value, PLACES))
