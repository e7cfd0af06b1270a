"""The Nordic register of charging stations (NOBIL, API version 3) as Locations.

`{"chargerstations": [{"csmd": …, "attr": {"st": …, "conn": …}}, …]}`: a station has plain fields (`csmd`), coded
attributes (`st`) and coded attributes per connector (`conn`, numbered). An attribute is `{"attrtypeid", "attrvalid",
"trans", "attrval"}`: its type, the code of its value, that in words, and free values such as times.

| attribute of a station | says                                                                                      |
|------------------------|-------------------------------------------------------------------------------------------|
| 2 availability         | 1 public; 2 visitors: parking_restrictions CUSTOMERS; 3 employees, 4 by appointment,      |
|                        | 5 residents: not said, no value of 2.2.1 does                                             |
| 3 location             | 1 street ON_STREET, 2 car park (indoors) PARKING_GARAGE; facilities: 3 AIRPORT, 4 MALL,   |
|                        | 7 FUEL_STATION; 5 transport hub and 6 hotel or restaurant may be several things           |
| 7 parking fee          | 1 yes: not said, OCPI tells fees for parking while charging in tariffs only               |
| 21 real-time           | 1 yes: the connectors' attributes 8 to 10 are live                                        |
| 24 open                | 1 always; 2: times in attrval, which serve the whole week                                 |

| attribute of a connector | says                                                                                    |
|--------------------------|-----------------------------------------------------------------------------------------|
| 1 accessibility          | 4 RFID_READER                                                                           |
| 4 connector              | the plug or plugs: `nobil_connectors`                                                   |
| 5 charging capacity      | what it gives: `nobil_connectors`                                                       |
| 8 status, 9 error        | 8: 0 AVAILABLE, 1 CHARGING, 2 RESERVED; 9: 1 OUTOFORDER whatever 8 says                 |
| 10 sensor                | 0 AVAILABLE, 1 CHARGING where 8 is missing                                              |
| 16 time stamp            | of the status; older than STATUS_LASTS it is UNKNOWN                                    |
| 18 reservable            | 1 RESERVABLE                                                                            |
| 19 payment               | 2, 21, 25 bank card: CREDIT_CARD_PAYABLE, DEBIT_CARD_PAYABLE; 20, 21, 25 charging card: |
|                          | RFID_READER                                                                             |
| 25 fixed cable           | 1 CABLE, 2 SOCKET                                                                       |
| 27, 28, 29               | EVSE uid, EVSE ID, connector id, where the operator reports over OCPI                   |

Connectors of one EVSE uid are one EVSE; without a uid each is its own, as the register counts charging points.
Attributes 6, 17, 20, 22, 23, 26 (time limit, vehicles, mode, funding, manufacturer, energy carrier), User_comment and
Image are not said; hydrogen and gas are no plugs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from evmesh.ocpi.types import parse_timestamp, timestamp
from evmesh.opendata import opening_hours
from evmesh.opendata.conversion import (
    Box,
    Converted,
    Document,
    Findings,
    Place,
    box,
    business,
    changed_at,
    coordinates,
    cut,
    derived_id,
    emi3,
    number,
    place,
    row_pointer,
    sayable_id,
    text,
)
from evmesh.opendata.nobil_connectors import add_connectors
from evmesh.opendata.nobil_stations import POLICIES, Attributes, Station, attributes_of

__all__ = ["POLICIES", "locations"]


class Country(NamedTuple):
    """Its ISO code, the language of directions, how phone numbers begin from abroad and at home."""

    code: str
    language: str
    calls: str
    trunk: str
    territory: Box


COUNTRIES = {
    "SWE": Country("SWE", "sv", "+46", "0", box("55.0", "69.2", "10.5", "24.3", "Europe/Stockholm")),
    "NOR": Country("NOR", "no", "+47", "", box("57.8", "81.0", "4.0", "34.0", "Europe/Oslo")),
    "FIN": Country("FIN", "fi", "+358", "0", box("59.5", "70.2", "19.0", "31.7", "Europe/Helsinki")),
    "DAN": Country("DNK", "da", "+45", "", box("54.4", "57.9", "7.9", "15.3", "Europe/Copenhagen")),
    "DNK": Country("DNK", "da", "+45", "", box("54.4", "57.9", "7.9", "15.3", "Europe/Copenhagen")),
    "ISL": Country("ISL", "is", "+354", "", box("63.0", "66.7", "-24.7", "-13.2", "Atlantic/Reykjavik")),
}
"""By Land_code; the register writes Denmark in its own way."""

STATUSES = {"0": "AVAILABLE", "1": "CHARGING", "2": "RESERVED"}
STATUS_LASTS = timedelta(hours=1)
PARKING_TYPES = {"1": "ON_STREET", "2": "PARKING_GARAGE"}
FACILITIES = {"3": "AIRPORT", "4": "MALL", "7": "FUEL_STATION"}
BANK_CARD = ("2", "21", "25")
CHARGING_CARD = ("20", "21", "25")
IN_USE = "1"

_POSITION = re.compile(r"\(?\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)?", re.ASCII)
_PHONE = re.compile(r"(?<![\w@.])\+?\d(?:[\s()/-]{0,2}\d){5,14}(?![\w@])", re.ASCII)


def locations(payload: Any, *, country_code: str, party_id: str, now: datetime) -> Iterator[Converted]:
    """An answer of the register as Locations of a party, in canonical words that 2.2.1 and 2.3.0 can both say.

    `payload` is the decoded JSON. `now`, aware, tells which statuses are live and stands in for missing dates. Every
    station is one Converted, with the number of the station as its row; one that cannot be said has no document.
    """
    stations = payload.get("chargerstations") if isinstance(payload, dict) else payload
    if not isinstance(stations, list):
        findings = Findings(POLICIES)
        findings.say("no_stations", "", "no list of stations under `chargerstations`")
        yield Converted(None, findings.found, ())
        return
    seen: set[str] = set()
    for row_number, raw in enumerate(stations, 1):
        findings = Findings(POLICIES)
        document = _converted(row_number, raw, seen, now, findings)
        if document is not None:
            document = {"country_code": country_code, "party_id": party_id, **document}
        yield Converted(document, findings.found, (row_number,))


def _converted(row_number: int, raw: Any, seen: set[str], now: datetime, findings: Findings) -> Document | None:
    fields = raw.get("csmd") if isinstance(raw, dict) else None
    if not isinstance(fields, dict):
        findings.say("not_a_row", row_pointer(row_number), "no station with fields under `csmd`")
        return None
    coded = raw.get("attr") if isinstance(raw.get("attr"), dict) else {}
    connectors = coded.get("conn")
    # Numbered from 1; an empty or gapless set may come as a list.
    if isinstance(connectors, list):
        connectors = {str(index): each for index, each in enumerate(connectors, 1)}
    numbered = (
        {str(key): attributes_of(each) for key, each in connectors.items()} if isinstance(connectors, dict) else {}
    )
    station = Station(row_number, fields, attributes_of(coded.get("st")), numbered, findings)
    for name, value in fields.items():
        if isinstance(value, list | dict):
            findings.say("wrong_type", station.at("csmd", name), f"a {type(value).__name__} is no value here")
    station_id = _identifier(station)
    if not station_id:
        findings.say("station_without_id", station.at("csmd"), "neither International_id nor id")
    elif station_id.casefold() in seen:
        findings.say("duplicate_station", station.at("csmd", "id"), f"{station_id} came before")
    else:
        seen.add(station_id.casefold())
        return _location(station, station_id, now)
    return None


def _identifier(station: Station) -> str:
    identifier, plain_id = station.text("International_id"), station.text("id")
    if sayable_id(identifier):
        return identifier
    if not (identifier or plain_id):
        return ""
    station.findings.say("id_derived", station.at("csmd", "International_id"), f"{identifier!r} cannot be the id")
    return derived_id("nobil", identifier or station.text("Land_code"), plain_id)


def _location(station: Station, station_id: str, now: datetime) -> Document | None:
    findings = station.findings
    country = COUNTRIES.get(station.text("Land_code").upper())
    if country is None:
        findings.say("country_unknown", station.at("csmd", "Land_code"), f"{station.text('Land_code')!r}")
        return None
    where = _place(station, country)
    updated = changed_at(station.text("Updated"), now, station.at("csmd", "Updated"), findings)
    evses = _evses(station, station_id, updated, now)
    if not evses:
        findings.say("no_charge_point_left", station.at("attr", "conn"), f"no charge point of {station_id} can be said")
    if where is None or not evses:
        return None
    document: Document = {"id": station_id, "publish": True}
    if name := cut(station.text("name"), 255, "/name", findings):
        document["name"] = name
    document["address"] = _street(station, where)
    document["city"] = _city(station)
    if postal_code := cut(station.text("Zipcode"), 10, "/postal_code", findings):
        document["postal_code"] = postal_code
    document |= {"country": country.code, "coordinates": coordinates(where)}
    location_code = station.attributes.code(3)
    if location_code in PARKING_TYPES:
        document["parking_type"] = PARKING_TYPES[location_code]
    document["evses"] = evses
    if directions := cut(station.text("Description_of_location"), 512, "/directions/0/text", findings):
        document["directions"] = [{"language": country.language, "text": directions}]
    for name, role in (("Operator", "operator"), ("Owned_by", "owner")):
        if company := station.text(name):
            document[role] = business(company, f"/{role}/name", findings)
    if location_code in FACILITIES:
        document["facilities"] = [FACILITIES[location_code]]
    document["time_zone"] = country.territory.time_zone
    if times := _opening_times(station):
        document["opening_times"] = times
    if phone := _help_phone(station, country):
        document["help_phone"] = phone
    if station.attributes.code(7) == "1":
        findings.say("parking_fee_unsaid", station.at("attr", "st", "7"), "parking costs a fee")
    document["last_updated"] = max(evse["last_updated"] for evse in evses)
    return document


def _place(station: Station, country: Country) -> Place | None:
    match = _POSITION.fullmatch(station.text("Position"))
    latitude, longitude = (number(match[1]), number(match[2])) if match else (None, None)
    return place(latitude, longitude, (country.territory,), station.at("csmd", "Position"), station.findings)


def _street(station: Station, where: Place) -> str:
    street = f"{station.text('Street')} {station.text('House_number')}".strip()
    if not station.text("Street"):
        street = station.text("name") or f"{where.latitude}, {where.longitude}"
        station.findings.say("address_unknown", "/address", "no street")
    return cut(street, 255, "/address", station.findings)


def _city(station: Station) -> str:
    city = station.text("City")
    if not city:
        city = station.text("Municipality") or "-"
        station.findings.say("city_unknown", "/city", f"no city; {city!r} in its place")
    return cut(city, 45, "/city", station.findings)


def _opening_times(station: Station) -> Document | None:
    always = station.attributes.code(24) == "1"
    return opening_hours.read(
        "24/7" if always else station.attributes.value(24), station.at("attr", "st", "24"), station.findings
    )


def _help_phone(station: Station, country: Country) -> str:
    """The first phone number of the free text, as it is dialled from abroad; "" when there is none."""
    found = _PHONE.findall(station.text("Contact_info"))
    if not found:
        return ""
    if len(found) > 1:
        station.findings.say("several_phones", "/help_phone", f"the first of {', '.join(found)}")
    digits = "".join(character for character in found[0] if character in "0123456789")
    if found[0].startswith("+") or (digits.startswith(country.calls[1:]) and len(digits) > 9):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return country.calls + digits.removeprefix(country.trunk)


def _evses(station: Station, station_id: str, updated: datetime, now: datetime) -> list[Document]:
    """The charge points that can be said, connectors with one EVSE uid put together."""
    announced = number(station.fields.get("Number_charging_points"))
    if announced is not None and announced != len(station.connectors):
        message = f"{announced} charging points announced, {len(station.connectors)} found"
        station.findings.say("count_disagrees", station.at("csmd", "Number_charging_points"), message)
    groups: dict[str, dict[str, Attributes]] = {}
    for key, attributes in station.connectors.items():
        groups.setdefault(_uid(attributes, f"{station_id}-{key}"), {})[key] = attributes
    evses: list[Document] = []
    for uid, members in groups.items():
        evse = _evse(station, uid, members, f"/evses/{len(evses)}", updated, now)
        if evse is not None:
            evses.append(evse)
    return evses


def _uid(attributes: Attributes, else_uid: str) -> str:
    reported = attributes.value(27)
    if sayable_id(reported):
        return reported
    return else_uid if sayable_id(else_uid) else derived_id(else_uid)


def _evse(
    station: Station, uid: str, members: Mapping[str, Attributes], here: str, updated: datetime, now: datetime
) -> Document | None:
    connectors: list[Document] = []
    for key, attributes in members.items():
        add_connectors(station, key, attributes, here, connectors)
    if not connectors:
        return None
    document: Document = {"uid": uid}
    evse_id = next((each.value(28) for each in members.values() if each.value(28)), "")
    if emi3(evse_id):
        document["evse_id"] = evse_id
    elif evse_id:
        station.findings.say("evse_id_form", f"{here}/uid", f"{evse_id!r} is no EVSE ID")
    document["status"], since = _status(station, members, here, now)
    if capabilities := _capabilities(members):
        document["capabilities"] = capabilities
    last_updated = timestamp(max(updated, since) if since else updated)
    document["connectors"] = [connector | {"last_updated": last_updated} for connector in connectors]
    availability = station.attributes.code(2)
    if availability == "2":
        document["parking_restrictions"] = ["CUSTOMERS"]
    elif availability in ("3", "4", "5") and here == "/evses/0":
        words = text(station.attributes.by_type["2"].get("trans"))
        station.findings.say("access_reserved", station.at("attr", "st", "2"), f"for {words or availability}")
    document["last_updated"] = last_updated
    return document


def _status(
    station: Station, members: Mapping[str, Attributes], here: str, now: datetime
) -> tuple[str, datetime | None]:
    """The status that the connectors report and when it was so; UNKNOWN when none is live."""
    if station.text("Station_status") not in (IN_USE, ""):
        message = f"the station's status is {station.text('Station_status')}"
        station.findings.say("station_status_odd", f"{here}/status", message)
        return "UNKNOWN", None
    if station.attributes.code(21) != "1":
        return "UNKNOWN", None
    live: dict[str, datetime] = {}
    for attributes in members.values():
        status = "OUTOFORDER" if attributes.code(9) == "1" else STATUSES.get(attributes.code(8) or attributes.code(10))
        if status is None:
            continue
        since = _moment(attributes.value(16))
        if since is None or not now - STATUS_LASTS <= since <= now:
            station.findings.say("stale_status", f"{here}/status", f"{status} at {attributes.value(16) or 'some time'}")
            continue
        live[status] = max(since, live.get(status, since))
    # One plug in use occupies the EVSE; one broken plug does not break it.
    for status in ("CHARGING", "RESERVED", "AVAILABLE", "OUTOFORDER"):
        if status in live:
            return status, live[status]
    return "UNKNOWN", None


def _moment(value: str) -> datetime | None:
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def _capabilities(members: Mapping[str, Attributes]) -> list[str]:
    capabilities = []
    payments = {each.code(19) for each in members.values()}
    if any(each.code(18) == "1" for each in members.values()):
        capabilities.append("RESERVABLE")
    if payments & set(BANK_CARD):
        capabilities += ["CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE"]
    if payments & set(CHARGING_CARD) or any(each.code(1) == "4" for each in members.values()):
        capabilities.append("RFID_READER")
    return capabilities
