"""Whose clock: the time zone in which a tariff's hours, days and weekdays are meant.

Tariffs speak of local time at the charger, so a price needs the Location's zone. The instant is converted, never the
wall clock computed with: a night with 23 or 25 hours needs no rule of its own. [mod_tariffs_tariff_restrictions_class]

Zones come from the `tzdata` package, not from the machine, so that the same charge costs the same everywhere.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, tzinfo
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from evmesh.base.findings import Finding

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")

# Countries with one zone (islands and enclaves without chargers apart), by ISO 3166 alpha-3 as Locations carry it.
_ONE_ZONE = {
    "ALA": "Europe/Mariehamn", "ALB": "Europe/Tirane", "AND": "Europe/Andorra", "ARE": "Asia/Dubai",
    "ARM": "Asia/Yerevan", "AUT": "Europe/Vienna", "AZE": "Asia/Baku", "BEL": "Europe/Brussels", "BGD": "Asia/Dhaka",
    "BGR": "Europe/Sofia", "BHR": "Asia/Bahrain", "BIH": "Europe/Sarajevo", "BLR": "Europe/Minsk",
    "CHE": "Europe/Zurich", "COL": "America/Bogota", "CRI": "America/Costa_Rica", "CYP": "Asia/Nicosia",
    "CZE": "Europe/Prague", "DEU": "Europe/Berlin", "DNK": "Europe/Copenhagen", "DOM": "America/Santo_Domingo",
    "EGY": "Africa/Cairo", "EST": "Europe/Tallinn", "FIN": "Europe/Helsinki", "FRA": "Europe/Paris",
    "FRO": "Atlantic/Faroe", "GBR": "Europe/London", "GEO": "Asia/Tbilisi", "GGY": "Europe/Guernsey",
    "GIB": "Europe/Gibraltar", "GRC": "Europe/Athens", "HKG": "Asia/Hong_Kong", "HRV": "Europe/Zagreb",
    "HUN": "Europe/Budapest", "IMN": "Europe/Isle_of_Man", "IND": "Asia/Kolkata", "IRL": "Europe/Dublin",
    "ISL": "Atlantic/Reykjavik", "ISR": "Asia/Jerusalem", "ITA": "Europe/Rome", "JEY": "Europe/Jersey",
    "JOR": "Asia/Amman", "JPN": "Asia/Tokyo", "KEN": "Africa/Nairobi", "KOR": "Asia/Seoul", "KWT": "Asia/Kuwait",
    "LIE": "Europe/Vaduz", "LKA": "Asia/Colombo", "LTU": "Europe/Vilnius", "LUX": "Europe/Luxembourg",
    "LVA": "Europe/Riga", "MAR": "Africa/Casablanca", "MCO": "Europe/Monaco", "MDA": "Europe/Chisinau",
    "MKD": "Europe/Skopje", "MLT": "Europe/Malta", "MNE": "Europe/Podgorica", "MUS": "Indian/Mauritius",
    "NAM": "Africa/Windhoek", "NLD": "Europe/Amsterdam", "NOR": "Europe/Oslo", "NPL": "Asia/Kathmandu",
    "OMN": "Asia/Muscat", "PAK": "Asia/Karachi", "PAN": "America/Panama", "PER": "America/Lima", "PHL": "Asia/Manila",
    "POL": "Europe/Warsaw", "PRY": "America/Asuncion", "QAT": "Asia/Qatar", "ROU": "Europe/Bucharest",
    "RWA": "Africa/Kigali", "SAU": "Asia/Riyadh", "SGP": "Asia/Singapore", "SMR": "Europe/San_Marino",
    "SRB": "Europe/Belgrade", "SVK": "Europe/Bratislava", "SVN": "Europe/Ljubljana", "SWE": "Europe/Stockholm",
    "THA": "Asia/Bangkok", "TUN": "Africa/Tunis", "TUR": "Europe/Istanbul", "TWN": "Asia/Taipei",
    "UKR": "Europe/Kyiv", "URY": "America/Montevideo", "VNM": "Asia/Ho_Chi_Minh", "ZAF": "Africa/Johannesburg",
}  # fmt: skip


class UnknownZone(ValueError):
    """No such time zone; the text names the nearest one."""


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. UnknownZone when there is none."""
    if _NAME.fullmatch(name):
        file = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        if file.is_file():
            with file.open("rb") as data:
                try:
                    return ZoneInfo.from_file(data, key=name)
                except ValueError:
                    pass
    near = difflib.get_close_matches(name, _names(), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownZone(f"there is no time zone {name!r}{hint}")


def whose_clock(
    given: str | None, of_place: str | None, country: str, *, needed: bool
) -> tuple[tuple[str | None, tzinfo] | None, list[Finding]]:
    """The zone's name and clock: the one that was given, the place's own, or its country's. None after a refusal.

    Where nothing looks at the clock (not `needed`) none has to be known, and UTC stands in.
    """
    name = given or of_place
    if not name and not needed:
        return (None, UTC), []
    findings: list[Finding] = []
    if not name:
        name = zone_of_country(country)
        if name is None:
            text = "the tariff depends on local time and the time zone is not known"
            return None, [Finding("error", "zone_unknown", "/cdr_location", text, fatal=True)]
        text = f"no time zone was given: {name} taken from the country {country}"
        findings.append(Finding("warning", "zone_from_country", "/cdr_location/country", text))
    try:
        return (name, time_zone(name)), findings
    except UnknownZone as refusal:
        return None, [Finding("error", "unknown_zone", "/cdr_location/time_zone", str(refusal), fatal=True)]


def zone_of_country(country: str) -> str | None:
    """The only zone of a country (ISO 3166 alpha-3), None where there are several or we do not know."""
    return _ONE_ZONE.get(country.upper())


@cache
def _names() -> tuple[str, ...]:
    return tuple(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
