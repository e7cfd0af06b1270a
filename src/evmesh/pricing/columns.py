"""Charges as columns: what the batch engine reckons with.

| column | per | unit |
|---|---|---|
| start, end | charge | milliseconds UTC |
| first | charge, and one more | index of its first period: periods first[i] up to first[i + 1] |
| odd | charge | not for this engine |
| period_start | period | milliseconds UTC |
| energy | period | micro-kWh (10⁻⁶ kWh) |
| time, parking | period | milliseconds, as the clock meant them |
| low_power, high_power, low_current, high_current | period | 10⁻⁶ kW or A; `NOTHING` where not reported |

Power that is not reported while energy is (so that a mean can be told) is `RECKONED`, not `NOTHING`.

Needs numpy: the extra `analytics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from evmesh.pricing.plan import Plan
from evmesh.pricing.records import Record
from evmesh.pricing.volumes import seconds_meant

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NOTHING = np.iinfo(np.int64).min
RECKONED = NOTHING + 1
MICRO = 10**6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Columns:
    """Charges as arrays; see the table above."""

    start: Ints
    end: Ints
    first: Ints
    odd: Flags
    period_start: Ints
    energy: Ints
    time: Ints
    parking: Ints
    low_power: Ints
    high_power: Ints
    low_current: Ints
    high_current: Ints


def columns_of(records: Sequence[Record], plan: Plan) -> Columns:
    """Records as columns. Whoever has columns already, from Parquet for instance, does not come this way."""
    charges: list[tuple[int, int, int, bool]] = []
    periods: list[tuple[int, ...]] = []
    for record in records:
        first = len(periods)
        try:
            found = _rows(record, plan)
        except (_Odd, ArithmeticError, TypeError, ValueError):
            periods.append((0, 0, 0, 0, NOTHING, NOTHING, NOTHING, NOTHING))
            charges.append((0, 0, first, True))
            continue
        periods += found
        charges.append((ms(record.start_date_time), ms(record.end_date_time), first, False))
    start, end, firsts, odd = (list(column) for column in zip(*charges, strict=True))
    table = np.array(periods, dtype=np.int64).T
    return Columns(
        np.array(start, dtype=np.int64),
        np.array(end, dtype=np.int64),
        np.array([*firsts, len(periods)], dtype=np.int64),
        np.array(odd, dtype=np.bool_),
        *(np.ascontiguousarray(column) for column in table),
    )


class _Odd(Exception):
    """Not for columns."""


def ms(moment: datetime) -> int:
    """Milliseconds since 1970, UTC."""
    if moment.tzinfo is None:
        raise _Odd
    whole, rest = divmod(moment - EPOCH, MILLISECOND)
    if rest:
        raise _Odd
    return whole


def _rows(record: Record, plan: Plan) -> list[tuple[int, ...]]:
    """The periods of a record as rows of integers; _Odd where that loses anything."""
    periods = record.charging_periods
    ends = [period.start_date_time for period in periods[1:]] + [record.end_date_time]
    named = {period.tariff_id.casefold() for period in periods if period.tariff_id is not None}
    bare = any(period.tariff_id is None for period in periods)
    if not periods or record.currency != plan.currency or named - {plan.id.casefold()} or (named and bare):
        raise _Odd
    if ms(record.end_date_time) < ms(record.start_date_time) or (named and not plan.valid_at(record.start_date_time)):
        raise _Odd
    rows: list[tuple[int, ...]] = []
    for period, end in zip(periods, ends, strict=True):
        length = ms(end) - ms(period.start_date_time)
        volumes: dict[str, Decimal] = {}
        for each in period.dimensions:
            if each.type in volumes or each.type in _NOT_IN_COLUMNS or not abs(each.volume) <= MICRO * MICRO:
                raise _Odd
            volumes[each.type] = each.volume
        if length < 0 or any(volumes.get(kind, 0) < 0 for kind in ("ENERGY", "TIME", "PARKING_TIME")):
            raise _Odd
        low_w, high_w = _band(volumes, "POWER")
        if low_w == NOTHING and "ENERGY" in volumes:
            low_w = high_w = RECKONED
        low_a, high_a = _band(volumes, "CURRENT")
        rows.append(
            (
                ms(period.start_date_time),
                _micro(volumes.get("ENERGY", Decimal(0))),
                _milliseconds(volumes.get("TIME"), length),
                _milliseconds(volumes.get("PARKING_TIME"), length),
                low_w,
                high_w,
                low_a,
                high_a,
            )
        )
    return rows


_NOT_IN_COLUMNS = frozenset({"RESERVATION_TIME", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME", "POWER", "CURRENT"})


def _micro(value: Decimal) -> int:
    scaled = Fraction(value) * MICRO
    if scaled.denominator != 1:
        raise _Odd
    return int(scaled)


def _milliseconds(printed: Decimal | None, length: int) -> int:
    if printed is None:
        return 0
    found = seconds_meant(printed, Fraction(length, 1000)) * 1000
    if found.denominator != 1:
        raise _Odd
    return int(found)


def _band(volumes: dict[str, Decimal], kind: str) -> tuple[int, int]:
    low, high = volumes.get("MIN_" + kind), volumes.get("MAX_" + kind)
    low, high = (high if low is None else low), (low if high is None else high)
    if low is None or high is None:
        return NOTHING, NOTHING
    return _micro(low), _micro(high)
