"""Is the price of this CDR right?

The CDR is priced anew and held against what it claims. The verdict is one of

- **agrees**: our figures, rounded to the digits of the claim, are the claim;
- **within_tolerance**: they are not, but the difference is smaller than anybody argues about;
- **explained**: a known habit gives exactly the claim (the rounding of each period, step_size per period, the wrong
  zone, …): no dispute, a conversation;
- **differs**: none of these;
- **cannot_be_priced**: something is missing or broken; the findings say what.

A habit is looked for one by one, then in pairs of a reading and a rounding. Both amounts, before and after taxes, must
come out right wherever both are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding, fatal, pointer
from evmesh.pricing.bill import FIELDS, Bill, amount_document, finding_document
from evmesh.pricing.consistency import contradictions
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.exact import NotANumber, Rounding, decimal_text, number, printed_decimals, rounded
from evmesh.pricing.habits import READINGS, ROUNDINGS, Habit
from evmesh.pricing.plan import Plan, embedded_tariffs, read_plan
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.price import FINISH, price, price_timeline, refinished
from evmesh.pricing.relevance import matters, zone_matters
from evmesh.pricing.taxes import NOTHING, UNKNOWN, Amount
from evmesh.pricing.timeline import Timeline, read_timeline
from evmesh.pricing.zones import time_zone, zone_of_country

Document = Mapping[str, Any]
Verdict = Literal["agrees", "within_tolerance", "explained", "differs", "cannot_be_priced"]


# Where a start fee may stand.
_WITH_FEES = frozenset({"total_fixed_cost", "total_parking_cost", "total_reservation_cost"})


class Claim(msgspec.Struct, frozen=True):
    """What a CDR says that it costs, and in how many digits."""

    amount: Amount
    digits: int


class Check(msgspec.Struct, frozen=True):
    """A verdict with its grounds. `difference` is the claim minus our amount."""

    verdict: Verdict
    claim: Claim | None
    bill: Bill
    difference: Amount | None
    habits: tuple[Habit, ...]
    findings: tuple[Finding, ...]

    def document(self) -> dict[str, Any]:
        """The check as plain JSON."""
        return {
            "verdict": self.verdict,
            "claimed": None if self.claim is None else amount_document(self.claim.amount),
            "difference": None if self.difference is None else amount_document(self.difference),
            "habits": [{"code": habit.code, "text": habit.text} for habit in self.habits],
            "findings": [finding_document(finding) for finding in self.findings],
            "bill": self.bill.document(),
        }


def check(
    cdr: Document,
    tariffs: Sequence[Document] | None = None,
    zone: str | None = None,
    policy: PricingPolicy = STANDARD,
    *,
    tolerance: Decimal | None = None,
    taxes_known: bool = True,
    search: bool = True,
) -> Check:
    """Holds a canonical CDR against its own price; the arguments are those of `price()`.

    `tolerance` is an amount of money, half of the currency's smallest coin when None. A credit CDR is right when its
    total is the exact negative. Without `search` no habit is looked for, which takes some milliseconds where prices
    differ.
    """
    bill = price(cdr, tariffs, zone, policy, taxes_known=taxes_known)
    timeline, _ = read_timeline(cdr, policy)
    findings = list(bill.findings)
    if timeline is not None:
        findings += contradictions(cdr, timeline)
    claim = _claimed(cdr, "total_cost", findings)
    broken = fatal(bill.findings) or any(finding.code == "unknown_tariff" for finding in bill.findings)
    if claim is None or timeline is None or broken or not bill.priced:
        return Check("cannot_be_priced", claim, bill, None, (), tuple(findings))
    ours = -bill.total if cdr.get("credit") else bill.total
    difference = claim.amount - ours
    if difference == UNKNOWN:
        text = "the claim names one side of the taxes and only the other one is known: nothing to compare"
        findings.append(Finding("info", "not_comparable", "/total_cost", text))
        return Check("cannot_be_priced", claim, bill, None, (), tuple(findings))
    if _same(ours, claim):
        findings += _parts(cdr, bill)
        return Check("agrees", claim, bill, difference, (), tuple(findings))
    if tolerance is None:
        tolerance = Decimal(5).scaleb(-(minor_unit(bill.currency) or 0) - 1)
    if _largest(difference) <= Fraction(tolerance):
        return Check("within_tolerance", claim, bill, difference, (), tuple(findings))
    found = Check("differs", claim, bill, difference, (), tuple(findings))
    return explained(found, cdr, tariffs, zone, policy, taxes_known=taxes_known) if search else found


def explained(
    found: Check,
    cdr: Document,
    tariffs: Sequence[Document] | None = None,
    zone: str | None = None,
    policy: PricingPolicy = STANDARD,
    *,
    taxes_known: bool = True,
) -> Check:
    """What `check()` found without searching, with the habits that give the claim where it differs."""
    timeline, _ = read_timeline(cdr, policy)
    if found.verdict != "differs" or found.claim is None or timeline is None:
        return found
    given = list(tariffs) if tariffs is not None else embedded_tariffs(cdr)
    habits = _Search(cdr, timeline, given, zone, policy, taxes_known, found.claim, found.bill).found()
    return msgspec.structs.replace(found, verdict="explained", habits=habits) if habits else found


class _Search:
    """Looks for the habits that give a claim."""

    def __init__(
        self,
        cdr: Document,
        timeline: Timeline,
        tariffs: Sequence[Document],
        zone: str | None,
        policy: PricingPolicy,
        taxes_known: bool,
        claim: Claim,
        bill: Bill,
    ) -> None:
        self.cdr = cdr
        plans = [
            read_plan(tariff, place=pointer("tariffs", index), taxes_known=taxes_known)[0]
            for index, tariff in enumerate(tariffs)
        ]
        self.plans: list[Plan] = [plan for plan in plans if plan is not None]
        self.policy = policy
        self.claim = claim
        self.zone = zone or bill.zone
        self.bills: dict[tuple[PricingPolicy, str | None], Bill] = {(_unfinished(policy), self.zone): bill}
        self.totals: dict[tuple[PricingPolicy, str | None], Amount | None] = {}
        self.timeline = timeline

    def found(self) -> tuple[Habit, ...]:
        readings = [reading for reading in READINGS if self.may_matter(reading)]
        for habit in (*(ROUNDINGS if self.in_reach(self.policy, self.zone) else ()), *readings):
            if self.gives_claim(habit):
                return (habit,)
        for reading in readings:
            policy, zone = reading.policy(self.policy), self.zone_of(reading)
            if self.matters(reading) and (reading.swapped or self.in_reach(policy, zone)):
                for rounding in ROUNDINGS:
                    if self.gives_claim(reading, rounding):
                        return (reading, rounding)
        return ()

    def may_matter(self, reading: Habit) -> bool:
        """Told from the tariffs and the charge alone: pricing by each reading would take much longer."""
        if reading.zone != "as_given":
            return zone_matters(self.plans)
        if not reading.changes:
            return True
        return any(matters(field, self.plans, self.timeline) for field, _ in reading.changes)

    def matters(self, reading: Habit) -> bool:
        """Whether the reading changes anything for this charge, so that a pair is worth a try."""
        if reading.swapped or reading.gross != "own":
            return True
        zone = self.zone_of(reading)
        if reading.zone != "as_given" and zone is None:
            return False
        return self.total(reading.policy(self.policy), zone) != self.total(self.policy, self.zone)

    def zone_of(self, reading: Habit) -> str | None:
        return self.zone if reading.zone == "as_given" else self.other_zone(reading.zone)

    def in_reach(self, policy: PricingPolicy, zone: str | None) -> bool:
        """Whether the claim is so near that rounding could give it: no line moves by more than a coin, and the total
        by no more than its last digit."""
        total = self.total(policy, zone)
        if total is None or total.net is None or self.claim.amount.net is None:
            return True
        lines = len(self.bills[_unfinished(policy), zone].lines)
        reach = Fraction(lines, 10**policy.round_each_places) + Fraction(2, 10**self.claim.digits)
        return abs(total.net - self.claim.amount.net) <= reach

    def gives_claim(self, *habits: Habit) -> bool:
        policy, zone = self.policy, self.zone
        for habit in habits:
            policy = habit.policy(policy)
        for name in {habit.zone for habit in habits} - {"as_given"}:
            zone = self.other_zone(name)
            if zone is None:
                return False
        total = self.total(policy, zone)
        if total is None or total.net is None:
            return False
        return self.comes_out(total, habits)

    def comes_out(self, total: Amount, habits: Sequence[Habit]) -> bool:
        digits = self.claim.digits
        rounding: Rounding = "half_up"
        for habit in habits:
            rounding = habit.rounding if habit.rounding != "half_up" else rounding
        net, gross = total.net, total.gross
        for habit in habits:
            if habit.swapped:
                if gross is None or self.claim.amount.gross not in (None, self.claim.amount.net):
                    return False
                net = gross
            if net is not None and gross is not None and habit.gross == "on_rounded_net" and net:
                gross = Fraction(rounded(net, digits, rounding)) * gross / net
            elif habit.gross == "same_as_net":
                gross = net
        return _same(Amount(net, gross), self.claim, rounding)

    def total(self, policy: PricingPolicy, zone: str | None) -> Amount | None:
        key = (policy, zone)
        if key not in self.totals:
            self.totals[key] = self.totalled(policy, zone)
        return self.totals[key]

    def totalled(self, policy: PricingPolicy, zone: str | None) -> Amount | None:
        """Charges are priced once for all ways to round."""
        timeline = self.timeline if _read_alike(policy, self.policy) else read_timeline(self.cdr, policy)[0]
        if timeline is None:
            return None
        key = (_unfinished(policy), zone)
        if key not in self.bills:
            self.bills[key] = price_timeline(timeline, self.plans, zone, policy)
        found = refinished(self.bills[key], timeline, self.plans, policy)
        if found == UNKNOWN:
            return None
        return -found if self.cdr.get("credit") else found

    def other_zone(self, name: str) -> str | None:
        """The zone of a habit, None where it would be the same."""
        if name == "utc":
            found: str | None = "Etc/UTC"
        elif name == "country":
            place = self.cdr.get("cdr_location")
            found = zone_of_country(str(place.get("country", ""))) if isinstance(place, Mapping) else None
        else:
            found = self.standard_time()
        return None if found == self.zone else found

    def standard_time(self) -> str | None:
        """The zone that keeps winter time all year."""
        if self.zone is None:
            return None
        start = self.timeline.start.astimezone(time_zone(self.zone))
        saving, offset = start.dst(), start.utcoffset()
        if not saving or offset is None or (offset - saving) % timedelta(hours=1):
            return None
        hours = (offset - saving) // timedelta(hours=1)
        # POSIX counts west of Greenwich.
        return f"Etc/GMT{-hours:+d}"


def _read_alike(one: PricingPolicy, other: PricingPolicy) -> bool:
    """Whether a charge is read as the same timeline."""
    fields = ("hours", "missing_time", "duration_from")
    return all(getattr(one, field) == getattr(other, field) for field in fields)


def _unfinished(policy: PricingPolicy) -> PricingPolicy:
    """The policy as far as it decides prices."""
    return policy.changed(**{field: getattr(STANDARD, field) for field in FINISH})


def _claimed(cdr: Document, field: str, findings: list[Finding]) -> Claim | None:
    price_ = cdr.get(field)
    if not isinstance(price_, Mapping) or price_.get("before_taxes") is None:
        if field == "total_cost":
            findings.append(Finding("error", "no_claim", "/total_cost", "the CDR names no total", fatal=True))
        return None
    given = price_.get("taxes")
    taxes = [tax.get("amount") for tax in (given if isinstance(given, list) else []) if isinstance(tax, Mapping)]
    try:
        net = number(price_["before_taxes"])
        gross = sum((number(tax) for tax in taxes), net) if taxes else None
    except NotANumber as reason:
        findings.append(Finding("error", "not_a_number", "/" + field, f"{field}: {reason}", fatal=True))
        return None
    printed = max(printed_decimals(figure) for figure in (price_["before_taxes"], *taxes))
    digits = max(printed, minor_unit(str(cdr.get("currency"))) or 0)
    return Claim(Amount(net, gross), min(digits, 9))


def _same(ours: Amount, claim: Claim, rounding: Rounding = "half_up") -> bool:
    """Whether our amount, rounded to the digits of the claim, is the claim; unknown on one side is no difference."""
    pairs = ((ours.net, claim.amount.net), (ours.gross, claim.amount.gross))
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    return bool(known) and all(rounded(one, claim.digits, rounding) == other for one, other in known)


def _largest(difference: Amount) -> Fraction:
    return max(abs(part) for part in (difference.net, difference.gross) if part is not None)


def _parts(cdr: Document, bill: Bill) -> Iterator[Finding]:
    """The part costs of a CDR whose total agrees. Fees may stand with the fixed part or with what they are for."""
    ours = bill.subtotals
    differs: dict[str, tuple[Claim, Amount]] = {}
    for field in FIELDS:
        claim = _claimed(cdr, field, [])
        own = ours.get(field, NOTHING)
        if claim is not None:
            own = -own if cdr.get("credit") and (claim.amount.net or 0) < 0 else own
            if own.net is not None and not _same(own, claim):
                differs[field] = claim, own
    moved = sum((claim.amount.net or 0) - (own.net or 0) for claim, own in differs.values())
    if "total_fixed_cost" in differs and not moved and not differs.keys() - _WITH_FEES:
        return
    for field, (claim, own) in differs.items():
        text = f"{field} is {_digits(claim.amount.net)}, priced {_digits(own.net)}"
        yield Finding("warning", "part_cost_differs", "/" + field, text)


def _digits(figure: Fraction | None) -> str:
    return "unknown" if figure is None else decimal_text(figure)
