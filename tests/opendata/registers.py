"""Rows as the registers hold them, and the strict checks that every converted Location has to pass."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.opendata import irve, nobil
from evmesh.opendata.conversion import Converted
from tests.shared import SHARED

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RELEASES = ("2.2.1", "2.3.0")

FRENCH_ROW = {
    "nom_amenageur": "Ville de Lyon",
    "siren_amenageur": "216901231",
    "nom_operateur": "Recharge SA",
    "telephone_operateur": "tel:+33-4-72-10-30-30",
    "nom_enseigne": "Réseau Lumière",
    "id_station_itinerance": "FRABCP69001",
    "id_station_local": None,
    "nom_station": "Place Bellecour",
    "implantation_station": "Voirie",
    "adresse_station": "3 place Bellecour 69002 Lyon",
    "code_insee_commune": "69382",
    "coordonneesXY": "[4.832, 45.757814]",
    "nbre_pdc": "1",
    "id_pdc_itinerance": "FRABCE690011",
    "id_pdc_local": None,
    "puissance_nominale": "22.0",
    "prise_type_ef": "False",
    "prise_type_2": "True",
    "prise_type_combo_ccs": "False",
    "prise_type_chademo": "False",
    "prise_type_autre": "False",
    "gratuit": None,
    "paiement_acte": "True",
    "paiement_cb": "False",
    "reservation": "False",
    "condition_acces": "Accès libre",
    "horaires": "24/7",
    "accessibilite_pmr": "Accessibilité inconnue",
    "station_deux_roues": "False",
    "date_mise_en_service": "2024-03-01",
    "date_maj": "2025-06-30",
    "cable_t2_attache": "False",
}
"""A row about which there is nothing to find: the tests change what they are about."""


def french_row(**changes: Any) -> dict[str, Any]:
    return FRENCH_ROW | changes


def french(*rows: Any) -> list[Converted]:
    """The rows' Locations; each has passed the strict checks."""
    return checked(irve.locations(rows, country_code="FR", party_id="ABC", now=NOW))


def attribute(code: int | str, value: Any = "", words: str = "") -> dict[str, Any]:
    return {"attrtypeid": "", "attrname": "", "attrvalid": str(code), "trans": words, "attrval": value}


def attributes(codes: dict[int, Any]) -> dict[str, Any]:
    return {str(kind): code if isinstance(code, dict) else attribute(code) for kind, code in codes.items()}


def nordic_station(
    station: dict[int, Any] | None = None, connectors: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A station about which there is nothing to find, with the changes that a test is about."""
    plain = {
        "id": 3108,
        "name": "Sjukhusvägen 4",
        "Street": "Sjukhusvägen",
        "House_number": "4",
        "Zipcode": "75237",
        "City": "UPPSALA",
        "Municipality": "UPPSALA",
        "Description_of_location": "Parkeringshuset plan 1",
        "Owned_by": "Landstinget i Uppsala",
        "Number_charging_points": 1,
        "Position": "(59.85178,17.64124)",
        "Contact_info": "018-611 50 00",
        "Updated": "2017-10-04 10:09:17",
        "Station_status": 1,
        "Land_code": "SWE",
        "International_id": "SWE_03108",
    }
    conn = {"1": attributes({4: 32, 5: 11, 25: 2})} if connectors is None else connectors
    plain["Number_charging_points"] = len(conn)
    return {
        "csmd": plain | fields,
        "attr": {"st": attributes({2: 1, 7: 2, 21: 2, 24: 1} | (station or {})), "conn": conn},
    }


def nordic(*stations: Any) -> list[Converted]:
    payload = {"apiver": "3", "chargerstations": list(stations)}
    return checked(nobil.locations(payload, country_code="SE", party_id="ABC", now=NOW))


def codes(converted: Converted) -> list[str]:
    return sorted(finding.code for finding in converted.findings)


def only(results: list[Converted]) -> Converted:
    assert len(results) == 1, [codes(result) for result in results]
    return results[0]


def document(results: list[Converted]) -> dict[str, Any]:
    found = only(results).document
    assert found is not None, codes(results[0])
    return found


def evse(results: list[Converted]) -> dict[str, Any]:
    found: dict[str, Any] = document(results)["evses"][0]
    return found


def connectors(results: list[Converted]) -> dict[str, dict[str, Any]]:
    return {connector["id"]: connector for connector in evse(results)["connectors"]}


def checked(results: Iterable[Converted]) -> list[Converted]:
    """The results, once each document is known to be right in both releases and each finding to point somewhere."""
    kept = list(results)
    for converted in kept:
        fatal = any(finding.fatal for finding in converted.findings)
        assert fatal == (converted.document is None), codes(converted)
        for finding in converted.findings:
            if not finding.pointer.startswith("/rows/") and converted.document is not None:
                place(converted.document, finding.pointer)
        if converted.document is not None:
            for release in RELEASES:
                assert errors(converted.document, release) == []
            assert_ids_differ(converted.document)
    return kept


def errors(location: dict[str, Any], release: str) -> list[str]:
    return [str(found) for found in wire.check("Location", location, release) if found.severity == "error"]


def place(location: dict[str, Any], pointer: str) -> Any:
    """What the pointer points at; its parent when the document leaves the last step out. KeyError for nowhere."""
    at: Any = location
    steps = pointer.split("/")[1:]
    for index, step in enumerate(steps):
        if isinstance(at, dict) and step not in at and index == len(steps) - 1:
            return at
        at = at[int(step)] if isinstance(at, list) else at[step]
    return at


def assert_ids_differ(location: dict[str, Any]) -> None:
    uids = [each["uid"].casefold() for each in location["evses"]]
    assert len(uids) == len(set(uids))
    for each in location["evses"]:
        ids = [connector["id"].casefold() for connector in each["connectors"]]
        assert len(ids) == len(set(ids))


@cache
def independent_validator(release: str) -> Any:
    """The validator beside the specification's facts, which shares no code with ours: document -> errors."""
    path = SHARED / "spec" / "tools" / "validator.py"
    if not path.is_file():
        pytest.skip("needs the reference material, a folder `shared` beside the checkout; it is not there")
    specification = importlib.util.spec_from_file_location("reference_validator", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    facts = json.loads((SHARED / "spec" / f"ocpi-{release}.json").read_text(encoding="utf-8"))

    def broken(location: dict[str, Any]) -> list[Any]:
        return [found for found in module.validate(facts, "Location", location) if found[0] == "error"]

    return broken
