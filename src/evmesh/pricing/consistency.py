"""Whether a CDR agrees with itself, apart from its price.

| what | held against |
|---|---|
| total_energy, total_parking_time | the sums of the periods |
| total_time | end minus start; the sum of the periods is accepted when a reservation came first |
| part costs | total_cost, price limits apart |
| a credit | its reference, a negative total and parts of their own sign |
| id | 36 characters, 39 for a credit |
| `#NA` in the place | only a reservation that was never used |
| signed meter values (OCMF) | total_energy |
| hours of a period | its length |

Printed figures agree when they are within their last printed digit. [mod_cdrs_cdr_object]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.base.findings import Finding, Severity, pointer
from evmesh.pricing.bill import FIELDS
from evmesh.pricing.exact import NotANumber, decimal_text, number, printed_decimals, usable
from evmesh.pricing.plan import embedded_tariffs
from evmesh.pricing.records import Record
from evmesh.pricing.timeline import Timeline, exact_seconds
from evmesh.pricing.volumes import HOUR, HOUR_MICROSECONDS, microseconds, microseconds_meant

Document = Mapping[str, Any]

NOT_AVAILABLE = "#NA"
# More than any charger gives: megawatt charging of lorries stays below.
_MOST_POWER = 4000
_CENT = Fraction(1, 100)
_LONGEST_ID = 36
# A hundredth of an hour, in microseconds.
_LITTLE = 36_000_000


def contradictions(cdr: Document, timeline: Timeline) -> list[Finding]:
    """What in the canonical CDR contradicts something else in it."""
    return [*_totals(cdr, timeline), *_parts(cdr), *_credit(cdr), *_place(cdr, timeline), *_plausible(cdr, timeline)]


def unremarkable(cdr: Document, record: Record) -> bool:
    """Whether `contradictions` surely has no error or warning about a CDR, told from its plain record.

    For the many: with whole numbers, and without finding out what to say. A no is not yet a contradiction.
    """
    energy, parked = Decimal(0), 0
    periods = record.charging_periods
    ends = [period.start_date_time for period in periods[1:]] + [record.end_date_time]
    for period, end in zip(periods, ends, strict=True):
        length = microseconds(end - period.start_date_time)
        volumes = {each.type: each.volume for each in period.dimensions}
        used, stood = (
            microseconds_meant(volumes[kind], length) if kind in volumes else 0 for kind in ("TIME", "PARKING_TIME")
        )
        kwh = volumes.get("ENERGY", Decimal(0))
        if used is None or stood is None or used + stood > length + _LITTLE:
            return False
        if abs(kwh) * HOUR_MICROSECONDS > _MOST_POWER * (used or length):
            return False
        energy += kwh
        parked += stood
    place = cdr.get("cdr_location")
    length = microseconds(record.end_date_time - record.start_date_time)
    return (
        not cdr.get("credit")
        and not cdr.get("credit_reference_id")
        and not cdr.get("signed_data")
        and len(str(cdr.get("id", ""))) <= _LONGEST_ID
        and (place is None or (type(place) is dict and NOT_AVAILABLE not in place.values()))
        and _near(cdr.get("total_energy"), energy)
        and _near(cdr.get("total_time"), length, HOUR_MICROSECONDS)
        and _near(cdr.get("total_parking_time"), parked, HOUR_MICROSECONDS)
        and _adds_up(cdr)
    )


def _near(printed: Any, total: Decimal | int, unit: int = 1) -> bool:
    """Whether a printed figure is within its last digit of a total in units so much smaller."""
    if printed is None:
        return True
    if not usable(printed):
        return False
    off = abs(printed * unit - total)
    return bool(not off or off * 10 ** max(2, printed_decimals(printed)) < unit)


def _adds_up(cdr: Document) -> bool:
    prices = [price for field in ("total_cost", *FIELDS) if (price := cdr.get(field)) is not None]
    if cdr.get("total_cost") is None or not all(type(price) is dict for price in prices):
        return False
    whole, *parts = (price.get("before_taxes") for price in prices)
    if not usable(whole) or not all(map(usable, parts)):
        return False
    return bool(whole >= 0 and (not parts or abs(sum(parts) - whole) * 100 <= 1))


def _say(severity: Severity, code: str, at: str, message: str) -> Finding:
    return Finding(severity, code, at, message)


def _totals(cdr: Document, timeline: Timeline) -> Iterator[Finding]:
    length = exact_seconds(timeline.end - timeline.start) / HOUR
    periods = sum((period.seconds for period in timeline.periods), Fraction(0)) / HOUR
    charging = sum((period.seconds for period in timeline.periods if not period.reservation), Fraction(0)) / HOUR
    for name, sums in (
        ("total_energy", (timeline.total("ENERGY"),)),
        ("total_time", (length, periods, charging)),
        ("total_parking_time", (timeline.total("PARKING_TIME") / HOUR,)),
    ):
        printed = cdr.get(name)
        if printed is None:
            continue
        try:
            said = number(printed)
        except NotANumber as reason:
            yield _say("error", "not_a_number", "/" + name, f"{name}: {reason}")
            continue
        digit = Fraction(1, 10 ** max(2, printed_decimals(printed)))
        if all(abs(said - total) >= digit for total in sums):
            text = f"{name} is {printed}, the periods give {decimal_text(round(sums[0], 4))}"
            yield _say("warning", f"{name}_differs", "/" + name, text)


def _parts(cdr: Document) -> Iterator[Finding]:
    """The part costs make up the total; a price limit may stand between."""
    parts = [net for field in FIELDS if (net := _before_taxes(cdr.get(field))) is not None]
    whole = _before_taxes(cdr.get("total_cost"))
    if not parts or whole is None:
        return
    if cdr.get("credit"):
        whole = abs(whole)
        parts = [abs(part) for part in parts]
    tariffs = [tariff for tariff in embedded_tariffs(cdr) if isinstance(tariff, Mapping)]
    limits = any(tariff.get(name) for tariff in tariffs for name in ("min_price", "max_price"))
    if abs(sum(parts) - whole) > _CENT and not limits:
        text = f"the part costs add up to {decimal_text(Fraction(sum(parts)))}, total_cost is {decimal_text(whole)}"
        yield _say("warning", "parts_do_not_add_up", "/total_cost", text)


def _credit(cdr: Document) -> Iterator[Finding]:
    credit, reference, whole = cdr.get("credit"), cdr.get("credit_reference_id"), _before_taxes(cdr.get("total_cost"))
    longest = _LONGEST_ID + 3 if credit else _LONGEST_ID
    if len(str(cdr.get("id", ""))) > longest:
        yield _say("error", "id_too_long", "/id", f"an id has at most {longest} characters here")
    if not credit:
        if reference:
            text = "only a credit CDR refers to the CDR that it credits"
            yield _say("warning", "reference_without_credit", "/credit_reference_id", text)
        if whole is not None and whole < 0:
            yield _say("warning", "negative_total", "/total_cost", "a negative total without being a credit CDR")
        return
    if not reference:
        yield _say("error", "credit_without_reference", "/credit_reference_id", "which CDR is credited?")
    if whole is not None and whole > 0:
        yield _say("error", "credit_not_negative", "/total_cost", "the total of a credit CDR is negative")
    for field in FIELDS:
        part = _before_taxes(cdr.get(field))
        if part is not None and part < 0 and (whole or 0) < 0:
            text = "only total_cost changes its sign in a credit CDR; the parts keep theirs"
            yield _say("warning", "credit_parts_negative", "/" + field, text)
            return


def _place(cdr: Document, timeline: Timeline) -> Iterator[Finding]:
    place = cdr.get("cdr_location")
    if isinstance(place, Mapping) and not timeline.reservation_only:
        for name in ("evse_uid", "evse_id", "connector_id"):
            if place.get(name) == NOT_AVAILABLE:
                text = "only a reservation that was never used may lack its EVSE"
                yield _say("warning", "place_not_available", pointer("cdr_location", name), text)
    if cdr.get("home_charging_compensation"):
        text = "home charging: the driver is refunded, this is not a bill to the driver"
        yield _say("info", "home_charging", "/home_charging_compensation", text)


def _plausible(cdr: Document, timeline: Timeline) -> Iterator[Finding]:
    for name, moment in (("start_date_time", timeline.start), ("end_date_time", timeline.end)):
        if moment.year <= 1970:
            yield _say("warning", "date_of_1970", "/" + name, "1970 stands for an unknown time, by agreement only")
    for period in timeline.periods:
        hours = period.volumes.get("TIME", Fraction(0)) + period.volumes.get("PARKING_TIME", Fraction(0))
        if hours > period.seconds + 36:
            text = f"{decimal_text(round(hours / HOUR, 4))} hours in a period of {decimal_text(period.seconds / HOUR)}"
            yield _say("warning", "time_exceeds_period", period.pointer, text)
        power = period.mean_power
        if power is not None and abs(power) > _MOST_POWER:
            text = f"a mean power of {decimal_text(round(power, 1))} kW is not plausible"
            yield _say("warning", "implausible_power", period.pointer, text)
    metered = _signed_energy(cdr.get("signed_data"))
    said = cdr.get("total_energy")
    if metered is not None and isinstance(said, Decimal | int) and abs(number(said) - metered) >= _CENT:
        text = f"the signed meter values give {decimal_text(metered)} kWh, total_energy is {said}"
        yield _say("warning", "signed_energy_differs", "/signed_data", text)


def _signed_energy(signed: Any) -> Fraction | None:
    """The energy between the first and last signed OCMF reading; None when it cannot be told."""
    if not isinstance(signed, Mapping) or str(signed.get("encoding_method", "")).upper() != "OCMF":
        return None
    registers: list[Fraction] = []
    values = signed.get("signed_values")
    for value in values if isinstance(values, list) else []:
        parts = str(value.get("plain_data", "")).split("|") if isinstance(value, Mapping) else []
        body = next((part for part in parts if part.startswith("{")), None)
        if body is None:
            continue
        try:
            record = msgspec.json.decode(body, type=_Ocmf)
            registers += [number(reading.RV) / (1000 if reading.RU == "Wh" else 1) for reading in record.RD]
        except (msgspec.DecodeError, NotANumber):
            return None
    return registers[-1] - registers[0] if len(registers) > 1 else None


class _OcmfReading(msgspec.Struct):
    RV: Decimal
    RU: str = "kWh"


class _Ocmf(msgspec.Struct):
    RD: list[_OcmfReading]


def _before_taxes(price: Any) -> Fraction | None:
    if not isinstance(price, Mapping) or price.get("before_taxes") is None:
        return None
    try:
        return number(price["before_taxes"])
    except NotANumber:
        return None
