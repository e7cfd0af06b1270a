"""What a charge costs: the reference engine.

It follows thirteen steps, one file each where a step has rules of its own, all of it in exact rationals:

0. Numbers are read exactly, times as UTC, the zone from the caller (the Location's), the CDR, or its country.
1. `timeline`: periods in order, each with the state in which it began. A period is never split.
2. `selection`: the tariff of each period.
3. The state at its start: energy and seconds so far, local time, power and current.
4. `lookup`: the price component of each dimension.
5. `restrictions`: whether an element counts in that state.
6. `volumes`: hours as the clock meant them.
7. FLAT once for the session, once for the reservation.
8. Reservations: used, expired, booked.
9. `step_size`: whole steps, once for the session.
10. `taxes`: before and after.
11. `limits`: min_price and max_price, with a line of their own.
12. Rounding on the way out only (`bill`), unless the policy rounds on the way (`coins`).
13. `bill`: lines, totals, findings, policy, engine, and a hash of what went in.

A charge that cannot be priced gets a bill without a total and a fatal finding that names the place; a doubt gets a
finding and the figure that the rule gives. Nothing is free because it was not understood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.base.findings import Finding, Severity, fatal, pointer
from evmesh.pricing.bill import Bill, Line
from evmesh.pricing.coins import rounding_lines
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.limits import limit_lines
from evmesh.pricing.lookup import SESSION, Match, find, looked_at, preferences
from evmesh.pricing.plan import Component, Element, Plan, embedded_tariffs, read_plan
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.restrictions import oddities, reason
from evmesh.pricing.selection import NO_TARIFF, UNKNOWN_TARIFF, assign
from evmesh.pricing.spans import span
from evmesh.pricing.step_size import Use, surpluses
from evmesh.pricing.taxes import UNKNOWN, Amount, shares, total, with_taxes
from evmesh.pricing.timeline import (
    RESERVATION_DIMENSIONS,
    SESSION_DIMENSIONS,
    Period,
    State,
    Timeline,
    exact_seconds,
    read_timeline,
)
from evmesh.pricing.volumes import HOUR
from evmesh.pricing.zones import whose_clock

Document = Mapping[str, Any]

_FIELD = {
    "ENERGY": "total_energy_cost",
    "TIME": "total_time_cost",
    "PARKING_TIME": "total_parking_cost",
    **dict.fromkeys(RESERVATION_DIMENSIONS, "total_reservation_cost"),
}

FINISH = ("round_each", "round_each_places", "tax_on", "price_limits")
"""The fields of a policy that change no price, only what is made of the priced lines."""

_ODDITY = {
    "power_from_energy_and_time": "no power was reported: the mean of energy by time was held against the limit",
    "power_not_reported": "the tariff limits power and none was reported: the element does not count",
    "current_not_reported": "the tariff limits current and none was reported: the element does not count",
    "period_spans_power_band": "the power crossed a limit within the period: the element does not count",
    "period_spans_current_band": "the current crossed a limit within the period: the element does not count",
}


def price(
    cdr: Document,
    tariffs: Sequence[Document] | None = None,
    zone: str | None = None,
    policy: PricingPolicy = STANDARD,
    *,
    taxes_known: bool = True,
) -> Bill:
    """The bill of a canonical CDR under canonical Tariffs (its own, when None are given).

    `zone` is the Location's time zone; without one the CDR's country is asked. `taxes_known` is False for documents of
    2.1.1, whose prices say nothing of taxes: amounts after taxes are then unknown. A session in progress is priced
    alike, with its present end. Never raises on odd documents: look at `bill.findings` and `bill.total`.
    """
    given = list(tariffs) if tariffs is not None else embedded_tariffs(cdr)
    timeline, findings = read_timeline(cdr, policy)
    plans: list[Plan] = []
    for index, tariff in enumerate(given):
        plan, odd = read_plan(tariff, place=pointer("tariffs", index), taxes_known=taxes_known)
        findings += odd
        if plan is not None:
            plans.append(plan)
    inputs = fingerprint(cdr, given, zone, policy, taxes_known)
    if timeline is None or fatal(findings):
        return _refused(timeline, findings, zone, policy, inputs)
    return price_timeline(timeline, plans, zone, policy, inputs=inputs, findings=findings)


def price_timeline(
    timeline: Timeline,
    plans: Sequence[Plan],
    zone: str | None,
    policy: PricingPolicy = STANDARD,
    *,
    inputs: str = "",
    findings: Sequence[Finding] = (),
) -> Bill:
    """The same of what was read already: for those who price many charges by the same plans."""
    known = list(findings)
    clock, odd = whose_clock(zone, timeline.zone_name, timeline.country, needed=any(plan.local for plan in plans))
    known += odd
    chosen, odd = assign(timeline, plans, policy)
    known += odd
    _currencies(timeline, [plans[index] for index in sorted(set(chosen)) if index >= 0], known)
    if clock is None or fatal(known) or set(chosen) == {UNKNOWN_TARIFF}:
        return _refused(timeline, known, zone, policy, inputs)
    pricer = _Pricer(timeline, plans, clock[1], policy, known)
    lines = pricer.lines(chosen)
    unknown = UNKNOWN_TARIFF in chosen
    return Bill(
        currency=timeline.currency,
        total=UNKNOWN if unknown and not lines else total([line.amount for line in lines]),
        lines=tuple(lines),
        findings=tuple(known),
        unpriced=tuple(sorted(pricer.unpriced)),
        zone=clock[0],
        policy=policy,
        inputs=inputs,
        total_energy=timeline.total("ENERGY"),
        total_time=exact_seconds(timeline.end - timeline.start),
        total_parking_time=timeline.total("PARKING_TIME"),
    )


def refinished(bill: Bill, timeline: Timeline, plans: Sequence[Plan], policy: PricingPolicy) -> Amount:
    """What a bill comes to under a policy that is another only in `FINISH`: its prices stay, nothing is looked up."""
    priced = [line for line in bill.lines if line.kind == "price"]
    chosen, _ = assign(timeline, plans, policy)
    lines, _ = _finished(priced, timeline, plans, chosen, policy)
    return total([line.amount for line in lines]) if bill.priced else UNKNOWN


def fingerprint(*inputs: Any) -> str:
    """A hash of everything that a price depends on; the same for the same inputs, in any order of fields."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(inputs, order="deterministic")).hexdigest()


def _refused(
    timeline: Timeline | None, findings: list[Finding], zone: str | None, policy: PricingPolicy, inputs: str
) -> Bill:
    """A bill without figures."""
    return Bill(
        currency=timeline.currency if timeline else "",
        total=UNKNOWN,
        lines=(),
        findings=tuple(findings),
        unpriced=(),
        zone=zone,
        policy=policy,
        inputs=inputs,
        total_energy=timeline.total("ENERGY") if timeline else Fraction(0),
        total_time=exact_seconds(timeline.end - timeline.start) if timeline else Fraction(0),
        total_parking_time=timeline.total("PARKING_TIME") if timeline else Fraction(0),
    )


def _currencies(timeline: Timeline, plans: Sequence[Plan], findings: list[Finding]) -> None:
    if minor_unit(timeline.currency) is None:
        text = f"there is no currency {timeline.currency}"
        findings.append(Finding("error", "unknown_currency", "/currency", text))
    for plan in plans:
        if plan.currency != timeline.currency:
            text = f"the tariff is in {plan.currency}, the charge in {timeline.currency}"
            findings.append(Finding("error", "currency_mismatch", plan.place + "/currency", text, fatal=True))


def _finished(
    lines: list[Line], timeline: Timeline, plans: Sequence[Plan], chosen: Sequence[int], policy: PricingPolicy
) -> tuple[list[Line], list[Finding]]:
    """Priced lines with those of rounding on the way and of price limits, which hold for a charge, not for a
    reservation that stands alone."""
    lines = lines + rounding_lines(lines, policy)
    free = policy.no_charge_without_energy and timeline.total("ENERGY") == 0
    if timeline.reservation_only or free or policy.price_limits == "ignore":
        return lines, []
    limits, odd = limit_lines(lines, plans, chosen, policy)
    return lines + limits, odd


class _Piece(msgspec.Struct, frozen=True):
    """Something that was used and the price that it met."""

    period: Period
    plan: int
    element: Element
    component: Component
    dimension: str
    field: str
    volume: Fraction
    state: State

    @property
    def unit(self) -> int:
        """Seconds become hours on the bill."""
        return 1 if self.dimension in ("ENERGY", "FLAT") else HOUR


class _Pricer:
    """Prices one charge: gathers pieces, rounds them up to steps, makes lines of them."""

    def __init__(
        self, timeline: Timeline, plans: Sequence[Plan], zone: tzinfo, policy: PricingPolicy, findings: list[Finding]
    ) -> None:
        self.timeline = timeline
        self.plans = plans
        self.zone = zone
        self.policy = policy
        self.findings = findings
        self.told = {(finding.code, finding.pointer) for finding in findings}
        self.unpriced: dict[str, Fraction] = {}
        self.gaps: dict[str, str] = {}
        self.pieces: list[_Piece] = []
        self.expiry_reported = timeline.total("RESERVATION_EXPIRES") > 0
        self.lone = timeline.reservation_only

    def say(self, severity: Severity, code: str, at: str, message: str) -> None:
        """Adds a finding, once for each place."""
        if (code, at) not in self.told:
            self.told.add((code, at))
            self.findings.append(Finding(severity, code, at, message))

    def lines(self, chosen: Sequence[int]) -> list[Line]:
        for period, plan in zip(self.timeline.periods, chosen, strict=True):
            self.use(period, plan)
        self.flats(chosen)
        self.pieces.sort(key=lambda piece: (piece.period.start, piece.period.index))
        self.without_energy()
        self.remarks(chosen)
        lines, odd = _finished(self.priced_lines(), self.timeline, self.plans, chosen, self.policy)
        self.findings += odd
        return lines

    def use(self, period: Period, plan: int) -> None:
        """Prices the volumes of a period."""
        opening = period.opening(self.zone)
        for dimension in (*SESSION_DIMENSIONS, *RESERVATION_DIMENSIONS):
            volume = period.volumes.get(dimension, Fraction(0))
            if not volume or plan == UNKNOWN_TARIFF:
                continue
            kinds = self.kinds(dimension)
            match = None if plan == NO_TARIFF else self.match(plan, _priced_as(dimension), opening, kinds, period)
            if match is None or (dimension == "ENERGY" and volume < 0 and self.policy.negative_energy == "free"):
                self.unpriced[dimension] = self.unpriced.get(dimension, Fraction(0)) + volume
                if match is None and plan >= 0 and looked_at(self.plans[plan], _priced_as(dimension), None, kinds):
                    self.gaps.setdefault(dimension, period.pointer)
                continue
            if dimension in SESSION_DIMENSIONS:
                spanning = span(self.plans[plan], period, dimension, match, self.zone, self.policy)
                if spanning is not None:
                    self.say("warning", "period_spans_price_change", period.pointer, spanning)
            self.pieces.append(_Piece(period, plan, *match, dimension, _FIELD[dimension], volume, opening))

    def kinds(self, dimension: str) -> Sequence[str]:
        """Which kinds of element may price it, best first."""
        if dimension in SESSION_DIMENSIONS:
            return SESSION
        return preferences(
            dimension,
            booked=self.timeline.booked,
            lone=self.lone,
            cancelled=self.policy.lone_reservation == "cancelled",
            expiry_reported=self.expiry_reported,
        )

    def match(self, plan: int, dimension: str, state: State, kinds: Sequence[str], period: Period) -> Match | None:
        found = find(self.plans[plan], dimension, state, self.policy, kinds)
        for element in looked_at(self.plans[plan], dimension, found, kinds):
            for oddity in oddities(element.restrictions, state, self.policy):
                self.say("warning", oddity, period.pointer, _ODDITY[oddity])
        return found

    def flats(self, chosen: Sequence[int]) -> None:
        """FLAT once for the session, once for the reservation, once for overtime."""
        session = [pair for pair in zip(self.timeline.periods, chosen, strict=True) if not pair[0].reservation]
        if not self.lone and self.policy.flat != "none":
            found = list(self.flat_matches(session, SESSION))
            if self.policy.flat == "each":
                found = list({(piece.plan, piece.element.index): piece for piece in reversed(found)}.values())[::-1]
            else:
                found = found[:1] if self.policy.flat == "first" else found[-1:]
            self.pieces += found
        if self.policy.reservation_flat == "own":
            reserved = [pair for pair in zip(self.timeline.periods, chosen, strict=True) if pair[0].reservation]
            for scope in ("FLAT", "RESERVATION_OVERTIME"):
                late = scope == "RESERVATION_OVERTIME"
                pairs = [pair for pair in session if pair[0].volumes.get(scope)] if late else reserved
                self.pieces += list(self.flat_matches(pairs, self.kinds(scope), "total_reservation_cost"))[:1]

    def flat_matches(
        self, pairs: Sequence[tuple[Period, int]], kinds: Sequence[str], field: str = "total_fixed_cost"
    ) -> Sequence[_Piece]:
        found = []
        for period, plan in pairs:
            if plan >= 0:
                opening = period.opening(self.zone)
                match = self.match(plan, "FLAT", opening, kinds, period)
                if match is not None:
                    found.append(_Piece(period, plan, *match, "FLAT", field, Fraction(1), opening))
        return found

    def without_energy(self) -> None:
        """A charge that gave no energy costs nothing where the contract says so; a reservation still does."""
        if self.lone or self.timeline.total("ENERGY") != 0:
            return
        self.say("info", "no_energy", "/total_energy", "no energy was delivered")
        if self.policy.no_charge_without_energy:
            self.pieces = [piece for piece in self.pieces if piece.field == "total_reservation_cost"]

    def remarks(self, chosen: Sequence[int]) -> None:
        """What a reader should know and no figure shows."""
        for dimension in sorted(self.unpriced):
            period = next(each for each in self.timeline.periods if each.volumes.get(dimension))
            self.say("info", "unpriced_dimension", period.pointer, f"{dimension} met no price in some period: free")
        for dimension, at in self.gaps.items():
            self.say("info", "price_gap", at, f"the tariff has a price for {dimension}, but none that holds here: free")
        if any(period.volumes.get("ENERGY", 0) < 0 for period in self.timeline.periods):
            self.say("info", "negative_energy", "/charging_periods", "energy flowed back into the grid")
        for index in sorted({piece.plan for piece in self.pieces}):
            mode, at = self.plans[index].tax, self.plans[index].place
            bare = any(piece.component.vat is None for piece in self.pieces if piece.plan == index)
            if mode in ("NO", "YES") and bare and not self.policy.taxes:
                text = "a component names no vat: no tax is known for it"
                self.say("info", "tax_not_stated", at, text)
        self.time_missing(chosen)

    def time_missing(self, chosen: Sequence[int]) -> None:
        """The tariff wants hours that the CDR does not give; they are never invented."""
        periods = self.timeline.periods
        if self.lone or any("TIME" in period.volumes for period in periods):
            return
        parked = self.timeline.total("PARKING_TIME")
        length = sum((period.seconds for period in periods if not period.reservation), Fraction(0))
        prices_time = any(
            element.restrictions.kind == "" and element.component("TIME") is not None
            for index in set(chosen)
            if index >= 0
            for element in self.plans[index].elements
        )
        if prices_time and parked < length:
            text = "the tariff prices time and no period reports TIME: it is not charged"
            self.say("warning", "tariff_prices_time_but_cdr_has_none", "/charging_periods", text)

    def priced_lines(self) -> list[Line]:
        """The pieces with their steps, prices and taxes."""
        metered = [piece for piece in self.pieces if piece.dimension != "FLAT"]
        uses = [Use(piece.dimension, piece.volume, piece.component) for piece in metered]
        added = dict(zip(map(id, metered), surpluses(uses, self.unpriced, self.policy), strict=True))
        return [self.line(piece, added.get(id(piece), Fraction(0))) for piece in self.pieces]

    def line(self, piece: _Piece, surplus: Fraction) -> Line:
        plan, component = self.plans[piece.plan], piece.component
        cost = (piece.volume + surplus) / piece.unit * component.price
        amount = with_taxes(cost, component, plan.tax, self.policy)
        return Line(
            kind="price",
            amount=amount,
            taxes=shares(amount, component, plan.tax, self.policy),
            field=piece.field,
            dimension=piece.dimension,
            period=piece.period.index,
            tariff=piece.plan,
            tariff_id=plan.id or None,
            element=component.element,
            component=component.index,
            reason=reason(piece.element.restrictions, piece.state, self.policy),
            volume=piece.volume / piece.unit,
            surplus=surplus / piece.unit,
            step_size=None if piece.dimension == "FLAT" else component.step_size,
            price=component.price,
            vat=component.vat if plan.tax in ("NO", "YES") else None,
        )


def _priced_as(dimension: str) -> str:
    """The tariff dimension that prices a CDR dimension."""
    return "TIME" if dimension in RESERVATION_DIMENSIONS else dimension
