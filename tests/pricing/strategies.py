"""Random tariffs and CDRs, drawn so that bounds are met, crossed and just missed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.pricing.documents import at, cdr, component, element, period, tariff

Document = dict[str, Any]

ZONES = ["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/UTC"]
STARTS = [
    at("2026-01-12 08:00"),
    at("2026-01-16 21:59"),
    at("2026-03-28 23:30"),
    at("2026-10-24 22:30"),
    at("2026-12-31 22:00"),
]
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

prices = st.sampled_from(["0", "0.25", "0.3333", "1", "2.5", "6", "0.01"])
rates = st.sampled_from([None, None, 0, 10, 21, "5.2"])
times = st.sampled_from(["00:00", "06:00", "12:00", "17:00", "22:00", "23:59"])


@st.composite
def components(draw: st.DrawFn, kinds: tuple[str, ...] = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")) -> Document:
    return component(
        draw(st.sampled_from(kinds)),
        draw(prices),
        vat=draw(rates),
        step_size=draw(st.sampled_from([0, 1, 1, 60, 300, 900, 1000])),
    )


@st.composite
def restrictions(draw: st.DrawFn) -> Document:
    found: Document = {}
    if draw(st.booleans()):
        found |= {name: draw(times) for name in draw(st.sets(st.sampled_from(["start_time", "end_time"])))}
    for name, values in (
        ("day_of_week", st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True)),
        ("start_date", st.sampled_from(["2026-01-12", "2026-03-29", "2026-10-25", "2027-01-01"])),
        ("end_date", st.sampled_from(["2026-01-13", "2026-03-29", "2026-10-26"])),
        ("min_kwh", st.sampled_from([Decimal(0), Decimal(5), Decimal("7.5")])),
        ("max_kwh", st.sampled_from([Decimal(5), Decimal("7.5"), Decimal(20)])),
        ("min_duration", st.sampled_from([0, 1800, 3600])),
        ("max_duration", st.sampled_from([1800, 3600, 7200])),
        ("min_power", st.sampled_from([Decimal(11), Decimal(22)])),
        ("max_power", st.sampled_from([Decimal(11), Decimal(22)])),
        ("min_current", st.sampled_from([Decimal(16), Decimal(32)])),
        ("max_current", st.sampled_from([Decimal(16), Decimal(32)])),
    ):
        if draw(st.integers(0, 7)) == 0:
            found[name] = draw(values)
    return found


@st.composite
def elements(draw: st.DrawFn) -> Document:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        reserved = draw(st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"]))
        parts = draw(st.lists(components(kinds=("TIME", "FLAT")), min_size=1, max_size=2))
        return element(*parts, reservation=reserved)
    parts = draw(st.lists(components(), min_size=1, max_size=3))
    return element(*parts, **(draw(restrictions()) if kind < 6 else {}))


@st.composite
def limits(draw: st.DrawFn) -> Document:
    net = draw(st.integers(0, 12))
    found: Document = {"before_taxes": Decimal(net)}
    if draw(st.booleans()):
        found["after_taxes"] = Decimal(net) + draw(st.integers(0, 3))
    return found


@st.composite
def tariffs(draw: st.DrawFn) -> Document:
    made = tariff(*draw(st.lists(elements(), min_size=1, max_size=5)))
    made["tax_included"] = draw(st.sampled_from(["NO", "NO", "NO", "YES", "N/A"]))
    for name in ("min_price", "max_price"):
        if draw(st.integers(0, 4)) == 0:
            made[name] = draw(limits())
    if draw(st.integers(0, 9)) == 0:
        made["start_date_time"] = "2026-02-01T00:00:00Z"
    return made


@st.composite
def charges(draw: st.DrawFn) -> Document:
    """Mostly plain sessions, with everything that can be odd now and then."""
    moment = draw(st.sampled_from(STARTS)) + timedelta(seconds=draw(st.sampled_from([0, 0, 1, 59, 1800, 5400])))
    start = moment
    periods: list[Document] = []
    named = draw(st.integers(0, 5)) == 0
    for number in range(draw(st.integers(1, 4))):
        length = draw(st.sampled_from([0, 60, 300, 1111, 1800, 3600, 7200]))
        volumes = draw(used(length, first=number == 0))
        periods.append(period(f"{moment:%Y-%m-%dT%H:%M:%SZ}", "t1" if named else None, **volumes))
        moment += timedelta(seconds=length)
    made = cdr(*periods, end=f"{moment:%Y-%m-%dT%H:%M:%SZ}", start_date_time=f"{start:%Y-%m-%dT%H:%M:%SZ}")
    if draw(st.integers(0, 19)) == 0:
        made["charging_periods"].reverse()
    return made


@st.composite
def used(draw: st.DrawFn, length: int, first: bool) -> Document:
    hours = draw(st.sampled_from([f"{length / 3600:.4f}", f"{length / 3600:.3f}", f"{length / 7200:.4f}", "0", "0.5"]))
    kind = draw(st.integers(0, 11))
    if kind == 0 and first:
        return {"RESERVATION_TIME": hours}
    volumes: Document = {}
    if kind < 9:
        volumes["ENERGY"] = draw(st.sampled_from(["0", "2.5", "5", "7.333", "0.0005", "12.1"] + ["-1.5"] * (kind == 1)))
        volumes["TIME"] = hours
    else:
        volumes["PARKING_TIME"] = hours
    for name in ("MIN_POWER", "MAX_POWER", "MIN_CURRENT", "MAX_CURRENT"):
        if draw(st.integers(0, 3)) == 0:
            volumes[name] = draw(st.sampled_from(["10.9", "11", "16", "22", "32", "50"]))
    return volumes
