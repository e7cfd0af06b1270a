"""The French national register of charge points (IRVE, static schema 2.x) as Locations, and its sessions.

A row is a charge point (an EVSE) and repeats what it knows of its station (a Location). Rows of a station need not
stand together, so all rows are read before the first Location comes out. Charge points are in the order of their ids:
a register that only changed its order gives the same documents, and an import of it nothing to send.

| OCPI                      | from                                                                                  |
|---------------------------|---------------------------------------------------------------------------------------|
| id, EVSE.uid              | id_station_itinerance, id_pdc_itinerance; else a digest of operator and local id      |
| address, city, postal_code| adresse_station taken apart by `french_addresses`; consolidated_* where the row has them|
| country                   | FRA, overseas too: the register is France's, and so are the eMI3 ids there            |
| coordinates               | coordonneesXY, `[longitude, latitude]`, or consolidated_longitude and _latitude       |
| time_zone                 | code_insee_commune (971… overseas), else where the coordinates lie                    |
| operator, owner           | nom_operateur, nom_amenageur                                                          |
| suboperator               | nom_enseigne, the brand on the charger, where it is another name                      |
| help_phone                | telephone_operateur, as +33…                                                          |
| parking_type              | implantation_station: Voirie is ON_STREET, each Parking a PARKING_LOT; a Station dédiée|
|                           | may be anything                                                                       |
| opening_times             | horaires, read by `opening_hours`                                                     |
| parking_places            | accessibilite_pmr, where no reservation is taken                                      |
| EVSE.status               | UNKNOWN; PLANNED while date_mise_en_service lies ahead                                |
| EVSE.capabilities         | reservation: RESERVABLE; paiement_cb: CREDIT_CARD_PAYABLE and DEBIT_CARD_PAYABLE, since|
|                           | a carte bancaire is both                                                              |
| EVSE.parking_restrictions | DISABLED, CUSTOMERS, MOTORCYCLES from accessibilite_pmr, implantation_station,        |
|                           | station_deux_roues                                                                    |
| connectors                | prise_type_*, cable_t2_attache and puissance_nominale: see `irve_charge_points`       |
| last_updated              | date_maj, its midnight UTC; a Location has its newest charge point's                  |

`POLICIES` names every rule that decides for a value. Not said, as OCPI has no place for it or the register no clear
meaning: mail addresses, SIREN, meter numbers and grid connection, restriction_gabarit and observations (free text),
tarification and gratuit (nobody could make a Tariff of them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from evmesh.opendata import french_addresses, opening_hours
from evmesh.opendata.conversion import (
    Converted,
    Document,
    Findings,
    Place,
    box,
    business,
    coordinates,
    cut,
    number,
    place,
    text,
)
from evmesh.opendata.french_addresses import Address
from evmesh.opendata.irve_charge_points import evse, parking
from evmesh.opendata.irve_rows import POLICIES, Row, Station, grouped
from evmesh.opendata.irve_sessions import SESSION_POLICIES, ReplayedSession, UnreadableSession, sessions

__all__ = [
    "POLICIES",
    "SESSION_POLICIES",
    "ReplayedSession",
    "UnreadableSession",
    "locations",
    "sessions",
]

PARIS = "Europe/Paris"
OVERSEAS = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "975": "America/Miquelon",
    "976": "Indian/Mayotte",
    "977": "America/St_Barthelemy",
    "978": "America/Marigot",
    "986": "Pacific/Wallis",
    "987": "Pacific/Tahiti",
    "988": "Pacific/Noumea",
}
"""Time zones by the first three digits of INSEE and postal codes; all other codes are in Paris's."""

TERRITORIES = (
    box("41.2", "51.3", "-5.6", "9.8", PARIS),
    box("15.7", "16.6", "-61.9", "-60.9", OVERSEAS["971"]),
    box("14.3", "15.0", "-61.3", "-60.7", OVERSEAS["972"]),
    box("2.0", "6.0", "-54.7", "-51.5", OVERSEAS["973"]),
    box("-21.5", "-20.8", "55.1", "55.9", OVERSEAS["974"]),
    box("46.7", "47.2", "-56.5", "-56.1", OVERSEAS["975"]),
    box("-13.1", "-12.6", "44.9", "45.4", OVERSEAS["976"]),
    box("17.8", "18.0", "-63.0", "-62.7", OVERSEAS["977"]),
    box("18.0", "18.2", "-63.2", "-62.9", OVERSEAS["978"]),
    box("-14.4", "-13.2", "-178.3", "-176.1", OVERSEAS["986"]),
    box("-28.0", "-7.8", "-155.0", "-134.0", OVERSEAS["987"]),
    box("-23.0", "-19.0", "163.0", "168.5", OVERSEAS["988"]),
)

PARKING_TYPES = {
    "voirie": "ON_STREET",
    "parking public": "PARKING_LOT",
    "parking privé à usage public": "PARKING_LOT",
    "parking privé réservé à la clientèle": "PARKING_LOT",
}

STATION_FIELDS = (
    "nom_amenageur", "nom_operateur", "telephone_operateur", "nom_enseigne", "nom_station", "implantation_station",
    "adresse_station", "code_insee_commune", "coordonneesXY", "condition_acces", "horaires",
)  # fmt: skip

OLD_ADDRESS_LENGTH = 45
FORM_FILLERS = ("123456789", "0123456789", "1234567890")
"""Not numbers that anybody answers; nor is one of zeros, such as 1 00 00 00 00."""


def locations(rows: Iterable[Any], *, country_code: str, party_id: str, now: datetime) -> Iterator[Converted]:
    """The register as Locations of a party, in canonical words that 2.2.1 and 2.3.0 can both say.

    `rows` are the decoded JSON objects, numbers exact or as text; `now`, aware, stands in for dates that are missing
    or lie ahead. Every row is in one Converted. One that cannot be used costs only itself: it is a finding of its
    station, or comes alone, first, without a document.
    """
    stations, strays = grouped(rows)
    yield from strays
    addresses = [_address(station.newest()) for station in stations]
    communes = french_addresses.communes(
        (address, station.newest().text("code_insee_commune"))
        for station, address in zip(stations, addresses, strict=True)
    )
    for station, address in zip(stations, addresses, strict=True):
        document = _location(station, address, communes, now)
        if document is not None:
            document = {"country_code": country_code, "party_id": party_id, **document}
        yield Converted(document, station.findings.found, station.row_numbers())


def _address(row: Row) -> Address:
    address = french_addresses.taken_apart(row.text("adresse_station"), row.text("code_insee_commune"))
    if commune := row.text("consolidated_commune"):
        return Address(address.street, commune, row.text("consolidated_code_postal") or address.postal_code, 1)
    return address


def _location(station: Station, address: Address, communes: Mapping[str, str], now: datetime) -> Document | None:
    row, findings = station.newest(), station.findings
    _report_disagreements(station, row)
    where = _place(row, findings)
    evses, parkings = _charge_points(station, now)
    if not evses:
        findings.say("no_charge_point_left", row.at(), f"no charge point of {station.id} can be said")
    if where is None or not evses:
        return None
    address = _with_city(address, row, communes, findings)
    document: Document = {"id": station.id, "publish": True}
    if name := cut(row.text("nom_station"), 255, "/name", findings):
        document["name"] = name
    document["address"] = _street(address.street, row, where, findings)
    document["city"] = cut(address.city, 45, "/city", findings)
    if address.postal_code:
        document["postal_code"] = cut(address.postal_code, 10, "/postal_code", findings)
    else:
        findings.say("postal_code_unknown", row.at("adresse_station"), "no postal code")
    document |= {"country": "FRA", "coordinates": coordinates(where)}
    if parking_type := PARKING_TYPES.get(row.text("implantation_station").casefold()):
        document["parking_type"] = parking_type
    document["evses"] = evses
    if parkings:
        document["parking_places"] = parkings
    document |= _companies(row, findings)
    document["time_zone"] = _time_zone(row, address, where, findings)
    if times := opening_hours.read(row.text("horaires"), row.at("horaires"), findings):
        document["opening_times"] = times
    if phone := _help_phone(row, findings):
        document["help_phone"] = phone
    if row.text("condition_acces").casefold() == "accès réservé":
        findings.say("access_reserved", row.at("condition_acces"), "access is reserved, and nothing says for whom")
    document["last_updated"] = max(each["last_updated"] for each in evses)
    return document


def _report_disagreements(station: Station, row: Row) -> None:
    """Rows that say something else about their station than the newest, and an announced count that is not so."""
    for name in STATION_FIELDS:
        value = row.values.get(name)
        other = next((each for each in station.rows if each.values.get(name) != value), None)
        if other is not None:
            message = f"{other.values.get(name)!r}, but row {row.number} says {value!r}"
            station.findings.say("station_fields_disagree", other.at(name), message)
    announced = number(row.values.get("nbre_pdc"))
    if announced is not None and announced != len(station.rows):
        message = f"{announced} charge points announced, {len(station.rows)} found"
        station.findings.say("count_disagrees", row.at("nbre_pdc"), message)


def _place(row: Row, findings: Findings) -> Place | None:
    latitude = number(row.values.get("consolidated_latitude"))
    longitude = number(row.values.get("consolidated_longitude"))
    if latitude is None or longitude is None:
        pair = row.values.get("coordonneesXY")
        parts = pair if isinstance(pair, list) else text(pair).strip("[]() ").split(",")
        longitude, latitude = (number(parts[0]), number(parts[1])) if len(parts) == 2 else (None, None)
    return place(latitude, longitude, TERRITORIES, row.at("coordonneesXY"), findings)


def _charge_points(station: Station, now: datetime) -> tuple[list[Document], list[Document]]:
    """The charge points that can be said, and the parking places beside them."""
    evses: list[Document] = []
    parkings: list[Document] = []
    for row in station.rows:
        document = evse(row, f"/evses/{len(evses)}", station.findings, now)
        if document is None:
            continue
        if beside := parking(row, station.findings):
            document["parking"] = [{"parking_id": beside["id"]}]
            parkings.append(beside)
        evses.append(document)
    return evses, parkings


def _with_city(address: Address, row: Row, communes: Mapping[str, str], findings: Findings) -> Address:
    """The address with a city, whatever it takes: rules 5 to 7 of `french_addresses`."""
    insee = row.text("code_insee_commune")
    if address.source == 1:
        return address
    if address.postal_code and insee and not french_addresses.same_department(address.postal_code, insee):
        message = f"commune {insee}, but {address.postal_code} in the address"
        findings.say("commune_disagrees", row.at("code_insee_commune"), message)
    if address.city:
        findings.say("city_from_address", "/city", f"{address.city!r} from {row.text('adresse_station')!r}")
        return address
    if city := communes.get(insee):
        findings.say("city_of_commune", "/city", f"{city!r} is what other addresses call {insee}")
        return address._replace(city=city, source=5)
    name = row.text("nom_station")
    if city := french_addresses.city_in_name(name, (row.text("nom_operateur"), row.text("nom_enseigne"))):
        findings.say("city_from_name", "/city", f"{city!r} from {name!r}")
        return address._replace(city=city, source=6)
    findings.say("city_unknown", "/city", f"nothing names the city of commune {insee or 'unknown'}")
    return address._replace(city=insee or "-", source=7)


def _street(street: str, row: Row, where: Place, findings: Findings) -> str:
    if not street:
        street = row.text("nom_station") or f"{where.latitude}, {where.longitude}"
        findings.say("address_unknown", "/address", "no address")
    if len(street) > OLD_ADDRESS_LENGTH:
        findings.say("address_over_45", "/address", f"{len(street)} characters")
    return cut(street, 255, "/address", findings)


def _companies(row: Row, findings: Findings) -> Document:
    operator, owner, brand = row.text("nom_operateur"), row.text("nom_amenageur"), row.text("nom_enseigne")
    companies: Document = {}
    if operator:
        companies["operator"] = business(operator, "/operator/name", findings)
    # Some write the station's name where the brand belongs.
    if brand and brand.casefold() not in (operator.casefold(), row.text("nom_station").casefold()):
        companies["suboperator"] = business(brand, "/suboperator/name", findings)
    if owner:
        companies["owner"] = business(owner, "/owner/name", findings)
    return companies


def _time_zone(row: Row, address: Address, where: Place, findings: Findings) -> str:
    code = row.text("code_insee_commune") or address.postal_code
    by_place = where.territory.time_zone if where.territory else None
    if not code:
        if by_place is None:
            findings.say("time_zone_assumed", "/time_zone", "neither a commune nor coordinates in France")
        return by_place or PARIS
    by_code = OVERSEAS.get(code[:3], PARIS)
    if by_place not in (by_code, None):
        message = f"they are in the zone {by_place}, commune {code} is in {by_code}"
        findings.say("coordinates_elsewhere", "/coordinates", message)
    return by_code


def _help_phone(row: Row, findings: Findings) -> str:
    """The number as digits after its country's; "" when it is none. [mod_locations_location_object]"""
    said = row.text("telephone_operateur")
    if not said:
        return ""
    digits = "".join(character for character in said if character in "0123456789")
    if said.removeprefix("tel:").lstrip().startswith("+"):
        phone = f"+{digits}"
    elif digits.startswith("00"):
        phone = f"+{digits[2:]}"
    elif len(digits) == 10 and digits.startswith("0"):
        phone = f"+33{digits[1:]}"
    else:
        phone = digits
    subscriber = phone.removeprefix("+33")
    placeholder = subscriber in FORM_FILLERS or not subscriber[1:].strip("0")
    if placeholder or not 3 <= len(subscriber) <= 15:
        findings.say("phone_unusable", row.at("telephone_operateur"), f"{said!r} reaches nobody")
        return ""
    return phone
