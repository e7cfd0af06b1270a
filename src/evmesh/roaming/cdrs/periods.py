"""What the meter said of a charge, as charging periods: the same for the Session while it runs and for its CDR.

Stations are machines: readings come late, twice, from before the start, with a register that falls. None of that may
cost a kWh that was delivered, or add one:

1. A charge begins with an empty register, at its start; what is read at that very moment only tells the power.
2. A reading from before the start counts at the start, one from after the end at the end.
3. The register never falls: a lower reading than an earlier one counts as that one.
4. Of several readings in the same millisecond the last counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from evmesh.ocpi.types import timestamp
from evmesh.ports import Document, MeterValue
from evmesh.pricing.bill import plain
from evmesh.pricing.generation import CannotBePriced, Reading, charging_periods
from evmesh.store.charges import Charge

Kept = Sequence[tuple[datetime, Document]]
"""Readings as the store keeps them."""

DIGITS = Decimal("0.0001")


def to_keep(value: MeterValue) -> Document:
    """A meter value as the store keeps it. ValueError when a figure is none."""
    figures = (value.energy_kwh, value.power_kw, value.current_a, value.state_of_charge)
    if any(figure is not None and not figure.is_finite() for figure in figures):
        raise ValueError("a meter value that is no number")
    kept: Document = {"energy_kwh": value.energy_kwh, "power_kw": value.power_kw, "charging": value.charging}
    if value.current_a is not None:
        kept["current_a"] = value.current_a
    if value.state_of_charge is not None:
        kept["state_of_charge"] = value.state_of_charge
    return kept


def periods_of(charge: Charge, readings: Kept) -> list[Document]:
    """The charging periods up to the charge's end, or up to its last reading while it has none."""
    tariff = charge.tariffs[0] if charge.tariffs else None
    reserved_from = charge.reserved_from if tariff is not None and prices_reservations(tariff) else None
    if only_reserved(charge, readings):
        if reserved_from is None or charge.end is None:
            return []
        try:
            return charging_periods([], tariff, charge.zone, until=charge.end, reserved_from=reserved_from)
        except CannotBePriced:
            return []
    points = sound(charge, readings)
    until = points[-1].moment if charge.end is None else max(_whole(charge.end), points[-1].moment)
    try:
        periods = charging_periods(points, tariff, charge.zone, until=until, reserved_from=reserved_from)
    except CannotBePriced:
        # Nobody can say where the price of such a tariff changes; what was used is told all the same.
        periods = charging_periods(points, None, charge.zone, until=until)
    if charge.end is not None and not any(_charges(period) for period in periods):
        # A charge that took no time still has its energy, and a CDR at least one period.
        periods.append(_instant(until, energy_of(charge, readings), tariff))
    return periods


def energy_of(charge: Charge, readings: Kept) -> Decimal:
    """The kWh so far, at the digits in which periods are told."""
    register = max((Decimal(value["energy_kwh"]) for _, value in readings), default=Decimal(0))
    return plain(max(register, Decimal(0)).quantize(DIGITS, ROUND_HALF_UP))


def only_reserved(charge: Charge, readings: Kept) -> bool:
    """Whether the place was held for a driver who has not plugged in: what was charged has at least one reading."""
    return charge.reserved_from is not None and charge.state != "ACTIVE" and not readings


def prices_reservations(tariff: Document) -> bool:
    return any((element.get("restrictions") or {}).get("reservation") for element in tariff.get("elements") or ())


def sound(charge: Charge, readings: Kept) -> list[Reading]:
    """The readings by the rules above; the first is the start of the charge."""
    start = _whole(charge.start)
    points = [Reading(start, Decimal(0))]
    register = Decimal(0)
    for at, value in readings:
        register = max(register, Decimal(value["energy_kwh"]))
        point = _reading(max(_whole(at), start), register, value)
        if point.moment == points[-1].moment:
            if len(points) > 1:
                points[-1] = point
            continue
        if len(points) == 1:
            points[0] = msgspec.structs.replace(points[0], power_kw=point.power_kw, current_a=point.current_a)
        points.append(point)
    return points


def _reading(moment: datetime, register: Decimal, value: dict[str, Any]) -> Reading:
    current = value.get("current_a")
    return Reading(
        moment,
        register,
        "charging" if value["charging"] else "parking",
        Decimal(value["power_kw"]),
        None if current is None else Decimal(current),
    )


def _whole(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _instant(moment: datetime, energy_kwh: Decimal, tariff: Document | None) -> Document:
    dimensions = [{"type": "ENERGY", "volume": plain(energy_kwh)}, {"type": "TIME", "volume": 0}]
    period: Document = {"start_date_time": timestamp(moment), "dimensions": dimensions}
    return period | ({"tariff_id": tariff["id"]} if tariff is not None else {})


def _charges(period: Document) -> bool:
    return any(each["type"] in ("ENERGY", "TIME", "PARKING_TIME") for each in period["dimensions"])
