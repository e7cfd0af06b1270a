"""The French register as Locations: what each field becomes, and what each policy does about odd rows."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.opendata import irve
from evmesh.opendata.conversion import Converted
from tests.opendata.registers import (
    FRENCH_ROW,
    RELEASES,
    checked,
    codes,
    connectors,
    document,
    evse,
    french,
    french_row,
    independent_validator,
    only,
)

CCS = {"prise_type_2": "False", "prise_type_combo_ccs": "True", "cable_t2_attache": None, "puissance_nominale": "150"}
NOWHERE = {"code_insee_commune": None, "adresse_station": "Rue du Port"}


def test_a_row_becomes_a_location() -> None:
    converted = only(french(FRENCH_ROW))
    assert converted.document == {
        "country_code": "FR",
        "party_id": "ABC",
        "id": "FRABCP69001",
        "publish": True,
        "name": "Place Bellecour",
        "address": "3 place Bellecour",
        "city": "Lyon",
        "postal_code": "69002",
        "country": "FRA",
        "coordinates": {"latitude": "45.757814", "longitude": "4.83200"},
        "parking_type": "ON_STREET",
        "evses": [
            {
                "uid": "FRABCE690011",
                "evse_id": "FRABCE690011",
                "status": "UNKNOWN",
                "connectors": [
                    {
                        "id": "T2",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 32,
                        "max_electric_power": 22000,
                        "last_updated": "2025-06-30T00:00:00Z",
                    }
                ],
                "last_updated": "2025-06-30T00:00:00Z",
            }
        ],
        "operator": {"name": "Recharge SA"},
        "suboperator": {"name": "Réseau Lumière"},
        "owner": {"name": "Ville de Lyon"},
        "time_zone": "Europe/Paris",
        "opening_times": {"twentyfourseven": True},
        "help_phone": "+33472103030",
        "last_updated": "2025-06-30T00:00:00Z",
    }
    assert codes(converted) == ["city_from_address"]
    assert converted.rows == (1,)


def test_rows_of_a_station_need_not_stand_together() -> None:
    rows = [
        french_row(id_pdc_itinerance="FRABCE690012", nbre_pdc="2"),
        french_row(id_station_itinerance="FRABCP2", id_pdc_itinerance="FRABCE2"),
        french_row(id_pdc_itinerance="FRABCE690011", nbre_pdc="2", date_maj="2025-07-01"),
    ]
    first, second = french(*rows)
    assert first.rows == (1, 3)
    assert second.rows == (2,)
    assert first.document is not None
    assert [each["uid"] for each in first.document["evses"]] == ["FRABCE690011", "FRABCE690012"]
    assert first.document["last_updated"] == "2025-07-01T00:00:00Z"


def test_the_order_of_the_rows_of_a_station_changes_nothing() -> None:
    rows = [french_row(id_pdc_itinerance=f"FRABCE{n}", nbre_pdc="5", date_maj=f"2025-06-0{n}") for n in range(1, 6)]
    assert document(french(*rows)) == document(french(*reversed(rows)))


def test_ids_are_told_apart_without_case_and_separators() -> None:
    rows = [french_row(nbre_pdc="2"), french_row(id_station_itinerance="fr*abc*p69001", id_pdc_itinerance="FRABCE9")]
    assert len(document(french(*rows))["evses"]) == 2


def test_plugs() -> None:
    found = connectors(
        french(
            french_row(
                prise_type_ef="True", prise_type_combo_ccs="True", prise_type_chademo="True",
                puissance_nominale="50.0", cable_t2_attache="True",
            )
        )
    )  # fmt: skip
    assert {name: (each["standard"], each["format"], each["power_type"]) for name, each in found.items()} == {
        "EF": ("DOMESTIC_E", "SOCKET", "AC_1_PHASE"),
        "T2": ("IEC_62196_T2", "CABLE", "AC_3_PHASE"),
        "CCS": ("IEC_62196_T2_COMBO", "CABLE", "DC"),
        "CHADEMO": ("CHADEMO", "CABLE", "DC"),
    }
    assert found["CCS"]["max_electric_power"] == found["CHADEMO"]["max_electric_power"] == 50_000
    assert found["EF"]["max_electric_power"] == 3_680
    # 50 kW is not Type 2's: the usual 32 A, and no claim about power.
    assert found["T2"]["max_amperage"] == 32
    assert "max_electric_power" not in found["T2"]


@pytest.mark.parametrize(
    ("said", "power_type", "amperes", "watts"),
    [
        ("7.4", "AC_1_PHASE", 32, 7_400),
        (Decimal("7.36"), "AC_1_PHASE", 32, 7_360),
        ("2.299999952316284", "AC_1_PHASE", 10, 2_300),
        (22, "AC_3_PHASE", 32, 22_000),
        ("22,08", "AC_3_PHASE", 32, 22_080),
        ("22000", "AC_3_PHASE", 32, 22_000),
    ],
)
def test_power_in_kilowatts_becomes_watts(said: Any, power_type: str, amperes: int, watts: int) -> None:
    found = connectors(french(french_row(puissance_nominale=said)))["T2"]
    assert (found["power_type"], found["max_amperage"], found["max_electric_power"]) == (power_type, amperes, watts)


@pytest.mark.parametrize(
    ("insee", "coordinates", "time_zone"),
    [
        ("75112", "[2.38, 48.84]", "Europe/Paris"),
        ("2A004", "[8.73, 41.92]", "Europe/Paris"),
        ("97105", "[-61.73, 16.0]", "America/Guadeloupe"),
        ("97209", "[-61.07, 14.6]", "America/Martinique"),
        ("97302", "[-52.33, 4.93]", "America/Cayenne"),
        ("97411", "[55.45, -20.88]", "Indian/Reunion"),
        ("97608", "[45.23, -12.78]", "Indian/Mayotte"),
        (None, "[45.23, -12.78]", "Indian/Mayotte"),
    ],
)
def test_overseas_departments_have_their_own_time(insee: str | None, coordinates: str, time_zone: str) -> None:
    found = document(french(french_row(code_insee_commune=insee, coordonneesXY=coordinates, adresse_station="Rue A")))
    assert found["time_zone"] == time_zone
    assert found["country"] == "FRA"


def test_coordinates_come_in_several_forms() -> None:
    expected = {"latitude": "45.757814", "longitude": "4.83200"}
    for pair in ("[4.832, 45.757814]", "4.832,45.757814", [Decimal("4.832"), Decimal("45.757814")]):
        assert document(french(french_row(coordonneesXY=pair)))["coordinates"] == expected
    consolidated = french_row(consolidated_longitude="4.832", consolidated_latitude="45.757814", coordonneesXY=None)
    assert document(french(consolidated))["coordinates"] == expected


def test_coordinates_keep_at_most_seven_decimals_that_the_field_has_room_for() -> None:
    found = document(french(french_row(code_insee_commune="97411", coordonneesXY="[55.123456789, -20.987654321]")))
    assert found["coordinates"] == {"latitude": "-20.987654", "longitude": "55.1234568"}


def test_the_consolidated_file_knows_the_city() -> None:
    row = french_row(adresse_station="3 place Bellecour", consolidated_commune="Lyon", consolidated_code_postal="69002")
    converted = only(french(row))
    assert converted.document is not None
    assert (converted.document["city"], converted.document["postal_code"]) == ("Lyon", "69002")
    assert codes(converted) == []


def test_what_can_be_paid_and_reserved() -> None:
    assert evse(french(french_row(reservation="True", paiement_cb="true")))["capabilities"] == [
        "RESERVABLE",
        "CREDIT_CARD_PAYABLE",
        "DEBIT_CARD_PAYABLE",
    ]
    assert "capabilities" not in evse(french(french_row(reservation=False, paiement_cb=None)))


def test_who_may_park() -> None:
    row = french_row(implantation_station="Parking privé réservé à la clientèle", accessibilite_pmr="Réservé PMR")
    assert evse(french(row))["parking_restrictions"] == ["DISABLED", "CUSTOMERS"]
    row = french_row(station_deux_roues="True", puissance_nominale="3.0")
    assert evse(french(row))["parking_restrictions"] == ["MOTORCYCLES"]


@pytest.mark.parametrize(
    ("said", "vehicles", "restricted"),
    [
        ("Réservé PMR", ["DISABLED"], True),
        ("Accessible mais non réservé PMR", ["PERSONAL_VEHICLE", "DISABLED"], False),
    ],
)
def test_accessible_places(said: str, vehicles: list[str], restricted: bool) -> None:
    found = document(french(french_row(accessibilite_pmr=said)))
    assert found["parking_places"] == [
        {
            "id": "FRABCE690011",
            "vehicle_types": vehicles,
            "restricted_to_type": restricted,
            "reservation_required": False,
        }
    ]
    assert found["evses"][0]["parking"] == [{"parking_id": "FRABCE690011"}]


def test_a_charge_point_that_opens_later_is_planned() -> None:
    assert evse(french(french_row(date_mise_en_service="2026-01-02")))["status"] == "PLANNED"
    assert evse(french(french_row(date_mise_en_service="2026-01-01")))["status"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("said", "phone"),
    [
        ("tel:+33-1-76-31-06-84", "+33176310684"),
        ("01 76 31 06 84", "+33176310684"),
        ("0033176310684", "+33176310684"),
        ("+352 26 32 45 67", "+35226324567"),
        ("3900", "3900"),
    ],
)
def test_phone_numbers_are_dialled_from_anywhere(said: str, phone: str) -> None:
    assert document(french(french_row(telephone_operateur=said)))["help_phone"] == phone


def test_the_brand_is_said_where_it_is_another_name() -> None:
    for brand in ("Recharge SA", "RECHARGE SA", "Place Bellecour", None):
        assert "suboperator" not in document(french(french_row(nom_enseigne=brand)))


ODD_ROWS: dict[str, list[Any]] = {
    "not_a_row": ["a line"],
    "row_without_id": [french_row(id_pdc_itinerance="")],
    "wrong_type": [french_row(nom_station={"fr": "Bellecour"})],
    "text_cut": [french_row(nom_operateur="x" * 101)],
    "id_derived": [french_row(id_pdc_itinerance="Non concerné", id_pdc_local="borne 1")],
    "evse_id_form": [french_row(id_pdc_itinerance="borne-1")],
    "duplicate_charge_point": [FRENCH_ROW, FRENCH_ROW],
    "station_fields_disagree": [FRENCH_ROW, french_row(id_pdc_itinerance="FRABCE2", nom_station="Bellecour")],
    "count_disagrees": [french_row(nbre_pdc="4")],
    "coordinates_unusable": [french_row(coordonneesXY="[0.0, 0.0]")],
    "coordinates_swapped": [french_row(coordonneesXY="[45.757814, 4.832]")],
    "coordinates_elsewhere": [french_row(coordonneesXY="[13.4, 52.5]")],
    "time_zone_assumed": [french_row(**NOWHERE, coordonneesXY="[13.4, 52.5]")],
    "city_from_address": [FRENCH_ROW],
    "city_of_commune": [
        FRENCH_ROW,
        french_row(id_station_itinerance="FRABCP2", id_pdc_itinerance="FRABCE2", adresse_station="Rue du Port"),
    ],
    "city_from_name": [french_row(adresse_station="Rue du Port", nom_station="Supermarché - Lyon")],
    "city_unknown": [french_row(adresse_station="Rue du Port")],
    "commune_disagrees": [french_row(code_insee_commune="36210")],
    "postal_code_unknown": [french_row(adresse_station="Rue du Port")],
    "address_unknown": [french_row(adresse_station=None)],
    "address_over_45": [french_row(adresse_station="Centre commercial " * 3 + "69002 Lyon")],
    "hours_absent": [french_row(horaires=None)],
    "hours_unreadable": [french_row(horaires="sur demande")],
    "hours_implausible": [french_row(horaires="Mo 00:00-00:01")],
    "phone_unusable": [french_row(telephone_operateur="+33.123456789")],
    "access_reserved": [french_row(condition_acces="Accès réservé")],
    "date_unreadable": [french_row(date_maj="hier")],
    "date_in_future": [french_row(date_maj="2031-01-01")],
    "not_a_boolean": [french_row(reservation="peut-être")],
    "no_sayable_plug": [french_row(prise_type_2="False", prise_type_autre="True")],
    "no_charge_point_left": [french_row(prise_type_2="False")],
    "other_plug_left_out": [french_row(prise_type_autre="True")],
    "every_plug_claimed": [french_row(**{name: "True" for name in FRENCH_ROW if name.startswith("prise_type_")})],
    "power_unknown": [french_row(puissance_nominale="inconnue")],
    "power_in_watts": [french_row(puissance_nominale="22000")],
    "power_above_plug": [french_row(prise_type_ef="True")],
    "ac_power_assumed": [french_row(prise_type_combo_ccs="True", puissance_nominale="150")],
    "cable_unknown": [french_row(cable_t2_attache=None)],
    "two_wheelers_doubted": [french_row(station_deux_roues="True")],
    "accessibility_unsaid": [french_row(accessibilite_pmr="Réservé PMR", reservation="True")],
}


@pytest.mark.parametrize("code", irve.POLICIES)
def test_each_policy_reports_what_it_decides(code: str) -> None:
    found = [finding for converted in french(*ODD_ROWS[code]) for finding in converted.findings if finding.code == code]
    assert found, f"{code} decided nothing"
    for finding in found:
        assert finding.severity == irve.POLICIES[code].severity
        assert finding.message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"coordonneesXY": "[45.757814, 4.832]"}, {"coordinates": {"latitude": "45.757814", "longitude": "4.83200"}}),
        ({"adresse_station": None}, {"address": "Place Bellecour", "city": "69382"}),
        ({"adresse_station": None, "nom_station": None}, {"address": "45.757814, 4.832"}),
        (NOWHERE | {"nom_station": "Gare"}, {"city": "-"}),
        ({"date_maj": None}, {"last_updated": "2026-01-01T12:00:00Z"}),
        ({"date_maj": "2031-01-01"}, {"last_updated": "2026-01-01T12:00:00Z"}),
        ({"adresse_station": "Rue du Port", "nom_station": "Supermarché - Lyon"}, {"city": "Lyon"}),
    ],
)
def test_what_stands_in_for_what_is_missing(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = document(french(french_row(**changes)))
    assert {name: found[name] for name in expected} == expected


def test_what_cannot_be_believed_is_not_said() -> None:
    assert "opening_times" not in document(french(*ODD_ROWS["hours_implausible"]))
    assert "help_phone" not in document(french(*ODD_ROWS["phone_unusable"]))
    assert "parking_restrictions" not in evse(french(*ODD_ROWS["two_wheelers_doubted"]))
    assert "parking_places" not in document(french(*ODD_ROWS["accessibility_unsaid"]))
    assert "max_electric_power" not in connectors(french(*ODD_ROWS["power_unknown"]))["T2"]


def test_a_charge_point_without_a_sayable_plug_is_left_out_of_its_station() -> None:
    rows = [french_row(nbre_pdc="2"), french_row(nbre_pdc="2", id_pdc_itinerance="FRABCE0", prise_type_2="False")]
    converted = only(french(*rows))
    assert converted.document is not None
    assert [each["uid"] for each in converted.document["evses"]] == ["FRABCE690011"]
    assert converted.rows == (1, 2)
    found = next(finding for finding in converted.findings if finding.code == "no_sayable_plug")
    assert found.pointer == "/rows/2/prise_type_autre"


def test_of_two_rows_about_a_charge_point_the_newer_counts() -> None:
    older, newer = french_row(puissance_nominale="11"), french_row(date_maj="2025-07-01")
    for rows in ([older, newer], [newer, older]):
        converted = only(french(*rows))
        assert converted.document is not None
        assert converted.document["evses"][0]["connectors"][0]["max_electric_power"] == 22_000
        assert converted.rows == (1, 2)


def test_a_charge_point_that_moved_leaves_its_old_station() -> None:
    moved = french_row(id_station_itinerance="FRABCP2", date_maj="2025-07-01")
    converted = only(french(FRENCH_ROW, moved))
    assert converted.document is not None
    assert converted.document["id"] == "FRABCP2"
    assert converted.rows == (1, 2)


def test_a_charge_point_claimed_by_two_stations_on_one_day_stays_with_the_first() -> None:
    converted = only(french(FRENCH_ROW, french_row(id_station_itinerance="FRABCP2")))
    assert converted.document is not None
    assert converted.document["id"] == "FRABCP69001"
    assert converted.rows == (1, 2)


def test_a_made_id_is_the_same_each_time_and_differs_between_operators() -> None:
    local = {"id_station_itinerance": "Non concerné", "id_station_local": "station 1"}
    first = document(french(french_row(**local)))["id"]
    assert first == document(french(french_row(**local, nom_station="Bellecour")))["id"]
    assert first != document(french(french_row(**local, siren_amenageur="123456782")))["id"]
    assert len(first) <= 36


def test_a_bad_row_costs_only_itself() -> None:
    good = only(french(FRENCH_ROW)).document
    bad = [rows[0] for code, rows in ODD_ROWS.items() if irve.POLICIES[code].fatal]
    others = [row | {"id_station_itinerance": f"X{n}"} if isinstance(row, dict) else row for n, row in enumerate(bad)]
    others = [
        row | {"id_pdc_itinerance": row["id_pdc_itinerance"] and "Y"} if isinstance(row, dict) else row
        for row in others
    ]
    results = french(*others, FRENCH_ROW)
    assert [converted.document for converted in results if converted.document is not None] == [good]


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(max_size=60),
    st.sampled_from(
        ["True", "[2.3, 48.8]", "[48.8, 2.3]", "24/7", "Mo-Fr 25:00-26:00", "Réservé PMR", "2025-06-30", "1e9", "NaN"]
    ),
    st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
JUNK_ROWS = st.one_of(
    JUNK,
    st.dictionaries(st.sampled_from(sorted(FRENCH_ROW)), JUNK, max_size=8).map(lambda changes: FRENCH_ROW | changes),
    st.dictionaries(st.sampled_from([*sorted(FRENCH_ROW), "consolidated_latitude", "consolidated_commune"]), JUNK),
)


@settings(deadline=None)
@given(st.lists(JUNK_ROWS, max_size=6))
def test_no_row_raises_and_none_is_lost(rows: list[Any]) -> None:
    results = french(*rows)
    assert sorted(number for converted in results for number in converted.rows) == list(range(1, len(rows) + 1))
    ids = [converted.document["id"].casefold() for converted in results if converted.document is not None]
    assert len(ids) == len(set(ids))


@pytest.fixture(scope="module")
def register(shared: Path) -> list[Converted]:
    """The national register as it was in July 2025."""
    with gzip.open(shared / "data" / "irve" / "irve-statique.json.gz") as lines:
        rows = [wire.decode(line) for line in lines]
    now = datetime(2025, 7, 22, tzinfo=UTC)
    return checked(irve.locations(rows, country_code="FR", party_id="ABC", now=now))


def test_the_whole_register_becomes_locations(register: list[Converted]) -> None:
    found = Counter(finding.code for converted in register for finding in converted.findings)
    documents = [converted.document for converted in register if converted.document is not None]
    charge_points = sum(len(each["evses"]) for each in documents)
    assert len(register) == 5_571
    assert sum(len(converted.rows) for converted in register) == 29_109
    assert found["no_sayable_plug"] == 825
    assert charge_points == 29_109 - 825
    assert len(documents) == 5_571 - found["no_charge_point_left"]
    assert "coordinates_unusable" not in found


@pytest.mark.parametrize("release", RELEASES)
def test_an_independent_validator_finds_no_error_in_the_register(register: list[Converted], release: str) -> None:
    broken = independent_validator(release)
    wrong = [converted for converted in register if converted.document and broken(converted.document)]
    assert [(each.document or {}).get("id") for each in wrong] == []


def test_every_horaires_of_the_register_is_understood(register: list[Converted]) -> None:
    assert not [f for converted in register for f in converted.findings if f.code == "hours_unreadable"]


def test_cities_of_the_register_are_names(register: list[Converted]) -> None:
    documents = [converted.document for converted in register if converted.document is not None]
    unnamed = sum(each["city"].isdigit() for each in documents)
    assert unnamed / len(documents) < 0.1
