"""The batch engine: millions of charges under one tariff, as columns.

The rules are those of the reference engine, written as a few operations on whole arrays of integers: which component
each period meets, the volumes summed per charge, the last step, prices and taxes over one common scale. All of it is
exact; a charge that does not fit into that (reservations, energy that flows back, missing power, a sum that is too
large for 64 bits, …) is marked `odd` and left to the other engines, which `price_records` does by itself.

Needs numpy: the extra `analytics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from evmesh.pricing.columns import EPOCH, MICRO, MILLISECOND, NOTHING, RECKONED, Columns, Flags, Ints, columns_of
from evmesh.pricing.compiled import Compiled
from evmesh.pricing.plan import DAY, Component, Plan, Restrictions
from evmesh.pricing.plan_code import plain_policy
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.records import Record, Totals
from evmesh.pricing.taxes import factor
from evmesh.pricing.volumes import HOUR
from evmesh.pricing.zones import time_zone

_HOUR_MS = HOUR * 1000
_DAY_MS = 24 * _HOUR_MS
_LARGEST_SCALE = 10**14
_LARGEST_AMOUNT = 4e18
_FAR = 10**18


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """`net / scale` and `gross / scale` of each charge that is not `odd`; None where no charge's is known."""

    net: Ints | None
    gross: Ints | None
    scale: int
    odd: Flags

    def rounded(self, amounts: Ints, places: int = 4) -> Ints:
        """Whole numbers of 10^-places, halves away from zero."""
        sign = np.where(amounts < 0, np.int64(-1), np.int64(1))
        whole, rest = np.divmod(np.abs(amounts), np.int64(self.scale))
        unit = np.int64(10**places)
        found: Ints = sign * (whole * unit + (2 * rest * unit + self.scale) // (2 * self.scale))
        return found


def price_columns(plan: Plan, zone: str | None, columns: Columns, policy: PricingPolicy = STANDARD) -> BatchTotals:
    """The totals of all charges that are plain enough. UnknownZone when there is no such zone."""
    return _Batch(plan, zone, columns, policy).totals()


def price_records(engine: Compiled, records: Sequence[Record]) -> list[Totals]:
    """The totals of records by the batch engine, the odd ones by the others."""
    if not records:
        return []
    found = price_columns(engine.plan, engine.zone, columns_of(records, engine.plan), engine.policy)
    totals: list[Totals] = []
    for number, record in enumerate(records):
        if found.odd[number]:
            totals.append(engine.totals(record))
        else:
            net = None if found.net is None else int(found.net[number])
            gross = None if found.gross is None else int(found.gross[number])
            totals.append(Totals(net, gross, found.scale))
    return totals


Side = list[int] | None


class _Batch:
    """One run: conditions on all periods, then sums per charge."""

    def __init__(self, plan: Plan, zone: str | None, columns: Columns, policy: PricingPolicy) -> None:
        self.plan = plan
        self.zone = zone
        self.columns = columns
        self.policy = policy
        self.opens = columns.first[:-1]
        self.odd = columns.odd.copy()
        self.made: dict[str, Any] = {}
        elements = [element for element in plan.elements if element.restrictions.kind == ""]
        self.candidates: dict[str, list[tuple[Restrictions, Component]]] = {
            dimension: [
                (element.restrictions, component)
                for element in elements
                if (component := element.component(dimension)) is not None
            ]
            for dimension in ("PARKING_TIME", "TIME", "ENERGY", "FLAT")
        }

    def totals(self) -> BatchTotals:
        used = [restrictions for each in self.candidates.values() for restrictions, _ in each]
        weights = self.weights()
        figures = [part for each in weights.values() for side in each for part in side if part is not None]
        for limit in (self.plan.minimum, self.plan.maximum):
            if limit is not None:
                figures += [part for part in (limit.net, limit.gross) if part is not None]
        scale = lcm(*(figure.denominator for figure in figures))
        fits = scale <= _LARGEST_SCALE and all(abs(figure * scale) < _LARGEST_AMOUNT for figure in figures)
        unzoned = self.zone is None and any(each.local for each in used)
        sides = self.known_sides(weights)
        if not plain_policy(self.policy) or not fits or unzoned or sides is None:
            return BatchTotals(None, None, 1, np.ones_like(self.odd))
        self.leave_odd(used)
        net, gross = self.sums(weights, scale, sides)
        net, gross = self.limited(net, gross, scale)
        return BatchTotals(net, gross, scale, self.odd)

    def leave_odd(self, used: list[Restrictions]) -> None:
        """What the columns can hold and this engine cannot price."""
        columns, plan = self.columns, self.plan
        strange = np.zeros(len(columns.period_start), dtype=np.bool_)
        strange[1:] = columns.period_start[1:] < columns.period_start[:-1]
        strange[self.opens] = False
        for column in (columns.energy, columns.time, columns.parking):
            strange |= (column < 0) | (column > MICRO * MICRO)
        if any(each.min_power is not None or each.max_power is not None for each in used):
            strange |= columns.low_power == RECKONED
        self.odd |= np.logical_or.reduceat(strange, self.opens)
        if plan.valid_from is not None:
            self.odd |= columns.start < _ceiling_ms(plan.valid_from)
        if plan.valid_until is not None:
            self.odd |= columns.start >= _ceiling_ms(plan.valid_until)

    def weights(self) -> dict[str, tuple[list[Fraction | None], list[Fraction | None]]]:
        """What a unit of each component's volume costs before and after taxes."""
        found = {}
        for dimension, each in self.candidates.items():
            pairs = [self.weight(component, _UNITS[dimension]) for _, component in each]
            found[dimension] = ([net for net, _ in pairs], [gross for _, gross in pairs])
        return found

    def weight(self, component: Component, unit: int) -> tuple[Fraction | None, Fraction | None]:
        rate = factor(component, self.plan.tax, self.policy)
        cost = component.price / unit
        if self.plan.tax == "YES":
            return (None if rate is None else cost / rate), cost
        return cost, (None if rate is None else cost * rate)

    def known_sides(
        self, weights: dict[str, tuple[list[Fraction | None], list[Fraction | None]]]
    ) -> tuple[bool, bool] | None:
        """Whether the amounts before and after taxes are known; None when that differs among the components."""
        found = []
        for side in (0, 1):
            known = {weight is not None for each in weights.values() for weight in each[side]}
            if len(known) > 1:
                return None
            found.append(known != {False})
        return found[0], found[1]

    def sums(
        self,
        weights: dict[str, tuple[list[Fraction | None], list[Fraction | None]]],
        scale: int,
        sides: tuple[bool, bool],
    ) -> tuple[Ints | None, Ints | None]:
        count = len(self.opens)
        totals = [np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)]
        anything = np.zeros(count, dtype=np.bool_)
        largest = np.zeros(count)
        parked: Flags | None = None
        for dimension in self.candidates:
            if not self.candidates[dimension]:
                continue
            chosen, volumes, last, surplus = self.used(dimension, parked)
            anything |= last >= 0
            if dimension == "PARKING_TIME":
                parked = last >= 0
            for side in (0, 1):
                if not sides[side]:
                    continue
                # The last entry is for index -1: nothing chosen, nothing to pay.
                table = np.array([int((each or 0) * scale) for each in weights[dimension][side]] + [0], dtype=np.int64)
                bare = np.abs(table.astype(np.float64))
                if chosen is not None and volumes is not None:
                    largest += np.add.reduceat(bare[chosen] * volumes, self.opens)
                    totals[side] += np.add.reduceat(table[chosen] * volumes, self.opens)
                largest += bare[last] * surplus
                totals[side] += table[last] * surplus
        self.odd |= largest > _LARGEST_AMOUNT
        if False in sides:
            self.odd |= ~anything
        return (totals[0] if sides[0] else None), (totals[1] if sides[1] else None)

    def used(self, dimension: str, parked: Flags | None) -> tuple[Ints | None, Ints | None, Ints, Ints]:
        """Per period the component and the volume; per charge the last component and what is billed beyond."""
        columns = self.columns
        if dimension == "FLAT":
            chosen = self.chosen(dimension, None)
            return None, None, self.at_edge(chosen, first=True), np.ones(len(self.opens), dtype=np.int64)
        volumes = {"ENERGY": columns.energy, "TIME": columns.time, "PARKING_TIME": columns.parking}[dimension]
        chosen = self.chosen(dimension, volumes)
        priced = np.where(chosen >= 0, volumes, 0)
        last = self.at_edge(chosen, first=False)
        total = np.add.reduceat(priced, self.opens)
        sizes = [component.step_size * 1000 for _, component in self.candidates[dimension]]
        step = np.array([*sizes, 0], dtype=np.int64)[last]
        surplus = np.where(step > 0, -total % np.maximum(step, 1), 0)
        if dimension == "TIME" and parked is not None:
            surplus[parked] = 0
        return chosen, priced, last, surplus

    def at_edge(self, chosen: Ints, *, first: bool) -> Ints:
        """The component of the first or last period of each charge that has one, -1 where none has."""
        places = np.arange(len(chosen), dtype=np.int64)
        if first:
            edge = np.minimum.reduceat(np.where(chosen >= 0, places, len(chosen)), self.opens)
            return np.append(chosen, -1)[edge]
        edge = np.maximum.reduceat(np.where(chosen >= 0, places, -1), self.opens)
        return np.append(chosen, -1)[edge]

    def chosen(self, dimension: str, volumes: Ints | None) -> Ints:
        """For each period the first candidate whose restrictions hold, -1 where none does or nothing was used."""
        count = len(self.columns.period_start)
        open_ = np.ones(count, dtype=np.bool_) if volumes is None else volumes > 0
        found = np.full(count, -1, dtype=np.int64)
        for number, (restrictions, _) in enumerate(self.candidates[dimension]):
            holds = self.holds(restrictions)
            if holds is None:
                found[open_] = number
                break
            hits = holds & open_
            found[hits] = number
            open_ &= ~hits
        return found

    def holds(self, each: Restrictions) -> Flags | None:
        """Where an element's restrictions hold; None when they always do."""
        conditions = [*self.clock(each), *self.figures(each)]
        if not conditions:
            return None
        held = conditions[0]
        for condition in conditions[1:]:
            held = held & condition
        return held

    def clock(self, each: Restrictions) -> Iterator[Flags]:
        start, end = each.start_time, each.end_time
        if (start, end) != (None, None) and start != end:
            start, end = start or 0, end or DAY
            minute = self.minute()
            inside = (minute >= start) & (minute < end) if start < end else (minute >= start) | (minute < end)
            yield inside
        if each.start_date is not None:
            yield self.day() >= _day_number(each.start_date)
        if each.end_date is not None:
            yield self.day() < _day_number(each.end_date)
        if each.days:
            table = np.array([day in each.days for day in range(7)])
            # Day 0 was a Thursday.
            yield table[(self.day() + 3) % 7]

    def figures(self, each: Restrictions) -> Iterator[Flags]:
        columns = self.columns
        for least, most, name in (
            (each.min_kwh, each.max_kwh, "energy"),
            (each.min_duration, each.max_duration, "seconds"),
        ):
            if least is not None:
                yield self.so_far(name) >= _scaled(least, name)
            if most is not None:
                yield self.so_far(name) < _scaled(most, name)
        for limit, column, above in (
            (each.min_power, columns.low_power, True),
            (each.max_power, columns.high_power, False),
            (each.min_current, columns.low_current, True),
            (each.max_current, columns.high_current, False),
        ):
            if limit is not None:
                bound = _scaled(limit, "energy")
                yield (column != NOTHING) & (column >= bound if above else column < bound)

    def so_far(self, name: str) -> Ints:
        """What had flowed or passed in the charge when each period began."""
        if name not in self.made:
            columns = self.columns
            counts = np.diff(columns.first)
            if name == "energy":
                before = np.cumsum(columns.energy) - columns.energy
                self.made[name] = before - np.repeat(before[self.opens], counts)
            else:
                begun = np.repeat(columns.period_start[self.opens], counts)
                self.made[name] = columns.period_start - begun
        found: Ints = self.made[name]
        return found

    def local(self) -> Ints:
        """Milliseconds of the local clock, as if it were UTC."""
        if "local" not in self.made:
            assert self.zone is not None
            plain = self.columns.period_start[~np.repeat(self.odd, np.diff(self.columns.first))]
            jumps, offsets = _offsets(self.zone, plain)
            begun = self.columns.period_start
            self.made["local"] = begun + offsets[np.searchsorted(jumps, begun, "right")]
        found: Ints = self.made["local"]
        return found

    def minute(self) -> Ints:
        if "minute" not in self.made:
            self.made["minute"] = self.local() // 60_000 % DAY
        found: Ints = self.made["minute"]
        return found

    def day(self) -> Ints:
        if "day" not in self.made:
            self.made["day"] = self.local() // _DAY_MS
        found: Ints = self.made["day"]
        return found

    def limited(self, net: Ints | None, gross: Ints | None, scale: int) -> tuple[Ints | None, Ints | None]:
        """Limits that name both amounts; where another one would change something, the charge is odd."""
        least, most = self.plan.minimum, self.plan.maximum
        if least is None and most is None:
            return net, gross
        if net is None or gross is None:
            self.odd[:] = True
            return net, gross
        for limit, pick in ((least, np.maximum), (most, np.minimum)):
            if limit is None:
                continue
            if limit.net is not None and limit.gross is not None:
                net = pick(net, int(limit.net * scale))
                gross = pick(gross, int(limit.gross * scale))
            elif limit.net is not None:
                self.odd |= pick(net, int(limit.net * scale)) != net
            elif limit.gross is not None:
                self.odd |= pick(gross, int(limit.gross * scale)) != gross
        return net, np.where((net >= 0) & (gross < net), net, gross)


_UNITS = {"FLAT": 1, "ENERGY": MICRO, "TIME": _HOUR_MS, "PARKING_TIME": _HOUR_MS}


def _scaled(limit: Fraction | int, name: str) -> int:
    """The least whole number that is not below the limit: whole numbers compare with it as with the limit."""
    found = -(-Fraction(limit) * (MICRO if name == "energy" else 1000) // 1)
    return max(-_FAR, min(_FAR, int(found)))


def _ceiling_ms(moment: datetime) -> int:
    return -((EPOCH - moment) // MILLISECOND)


def _day_number(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()


def _offsets(zone: str, moments: Ints) -> tuple[Ints, Ints]:
    """When the zone's offset changes within the moments, and the offsets before, between and after."""
    clock = time_zone(zone)
    if not len(moments):
        moments = np.zeros(1, dtype=np.int64)
    low, high = int(moments.min()) - _DAY_MS, int(moments.max()) + _DAY_MS
    jumps: list[int] = []
    offsets = [_offset_ms(low, clock)]
    for day in range(low, high, _DAY_MS):
        after = _offset_ms(day + _DAY_MS, clock)
        if after != offsets[-1]:
            jumps.append(_jump(day, day + _DAY_MS, clock))
            offsets.append(after)
    return np.array(jumps, dtype=np.int64), np.array(offsets, dtype=np.int64)


def _jump(low: int, high: int, clock: tzinfo) -> int:
    """The first millisecond of the later offset."""
    before = _offset_ms(low, clock)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_ms(middle, clock) == before:
            low = middle
        else:
            high = middle
    return high


def _offset_ms(moment: int, clock: tzinfo) -> int:
    offset = (EPOCH + moment * MILLISECOND).astimezone(clock).utcoffset()
    assert offset is not None
    return offset // MILLISECOND
