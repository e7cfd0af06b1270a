"""The Nordic register as Locations: what each code becomes, and what each policy does about odd stations."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.opendata import nobil
from tests.opendata.registers import (
    NOW,
    RELEASES,
    attribute,
    attributes,
    checked,
    codes,
    connectors,
    document,
    evse,
    independent_validator,
    nordic,
    nordic_station,
    only,
)

LIVE = {16: attribute(5, "2026-01-01T11:30:00Z")}


def plug(codes_of: dict[int, Any]) -> dict[str, dict[str, Any]]:
    """The connectors of a station with one numbered connector of these attributes."""
    return connectors(nordic(nordic_station(connectors={"1": attributes(codes_of)})))


def test_a_station_becomes_a_location() -> None:
    converted = only(nordic(nordic_station()))
    assert converted.document == {
        "country_code": "SE",
        "party_id": "ABC",
        "id": "SWE_03108",
        "publish": True,
        "name": "Sjukhusvägen 4",
        "address": "Sjukhusvägen 4",
        "city": "UPPSALA",
        "postal_code": "75237",
        "country": "SWE",
        "coordinates": {"latitude": "59.85178", "longitude": "17.64124"},
        "evses": [
            {
                "uid": "SWE_03108-1",
                "status": "UNKNOWN",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 32,
                        "max_electric_power": 22000,
                        "last_updated": "2017-10-04T10:09:17Z",
                    }
                ],
                "last_updated": "2017-10-04T10:09:17Z",
            }
        ],
        "directions": [{"language": "sv", "text": "Parkeringshuset plan 1"}],
        "owner": {"name": "Landstinget i Uppsala"},
        "time_zone": "Europe/Stockholm",
        "opening_times": {"twentyfourseven": True},
        "help_phone": "+46186115000",
        "last_updated": "2017-10-04T10:09:17Z",
    }
    assert codes(converted) == []


@pytest.mark.parametrize(
    ("land", "position", "country", "time_zone"),
    [
        ("SWE", "(59.85178,17.64124)", "SWE", "Europe/Stockholm"),
        ("NOR", "(59.91, 10.75)", "NOR", "Europe/Oslo"),
        ("FIN", "(60.17,24.94)", "FIN", "Europe/Helsinki"),
        ("DAN", "(55.68,12.57)", "DNK", "Europe/Copenhagen"),
        ("ISL", "(64.13,-21.9)", "ISL", "Atlantic/Reykjavik"),
    ],
)
def test_countries(land: str, position: str, country: str, time_zone: str) -> None:
    found = document(nordic(nordic_station(Land_code=land, Position=position)))
    assert (found["country"], found["time_zone"]) == (country, time_zone)


@pytest.mark.parametrize(
    ("code", "capacity", "standard", "power_type", "volts", "amperes", "watts"),
    [
        (14, 7, "DOMESTIC_F", "AC_1_PHASE", 230, 16, 3_600),
        (31, 8, "IEC_62196_T1", "AC_1_PHASE", 230, 32, 7_400),
        (32, 7, "IEC_62196_T2", "AC_1_PHASE", 230, 16, 3_600),
        (32, 17, "IEC_62196_T2", "AC_3_PHASE", 133, 32, 12_760),
        (30, 13, "CHADEMO", "DC", 500, 100, 50_000),
        (39, 25, "IEC_62196_T2_COMBO", "DC", 1000, 500, 350_000),
        (40, 22, "TESLA_S", "DC", 480, 270, 135_000),
        (40, 11, "TESLA_S", "AC_3_PHASE", 230, 32, 22_000),
        (36, 11, "IEC_60309_2_three_32", "AC_3_PHASE", 230, 32, 22_000),
        (36, 12, "IEC_60309_2_three_64", "AC_3_PHASE", 230, 63, 43_000),
        (34, 7, "IEC_60309_2_single_16", "AC_1_PHASE", 230, 16, 3_600),
    ],
)
def test_plugs_and_capacities(
    code: int, capacity: int, standard: str, power_type: str, volts: int, amperes: int, watts: int
) -> None:
    found = plug({4: code, 5: capacity, 25: 2})["1"]
    assert (found["standard"], found["power_type"]) == (standard, power_type)
    assert (found["max_voltage"], found["max_amperage"], found["max_electric_power"]) == (volts, amperes, watts)


def test_old_codes_name_several_plugs_of_one_evse() -> None:
    found = plug({4: 43, 5: 20, 25: 1})
    assert {name: (each["standard"], each["power_type"], each["max_amperage"]) for name, each in found.items()} == {
        "1": ("CHADEMO", "DC", 200),
        "1-2": ("IEC_62196_T2_COMBO", "DC", 200),
        "1-3": ("IEC_62196_T2", "AC_3_PHASE", 63),
    }


def test_connectors_of_one_evse_uid_are_one_evse() -> None:
    ids = {27: attribute(1, "EVSE-7"), 28: attribute(1, "SE*ABC*E7")}
    members = {
        "1": attributes({4: 30, 5: 13, **ids, 29: attribute(1, "left")}),
        "2": attributes({4: 39, 5: 13, **ids, 29: attribute(1, "left")}),
        "3": attributes({4: 32, 5: 12, 25: 1}),
    }
    found = document(nordic(nordic_station(connectors=members)))["evses"]
    assert [each["uid"] for each in found] == ["EVSE-7", "SWE_03108-3"]
    assert found[0]["evse_id"] == "SE*ABC*E7"
    assert [each["id"] for each in found[0]["connectors"]] == ["left", "2"]


def test_what_operators_measured_is_said_of_direct_current() -> None:
    found = plug({4: 39, 5: 24, 12: attribute(1, "920"), 31: attribute(1, "400")})["1"]
    assert (found["max_voltage"], found["max_amperage"], found["max_electric_power"]) == (920, 400, 150_000)


def test_measurements_out_of_this_world_are_not_said() -> None:
    found = plug({4: 39, 5: 24, 12: attribute(1, "9e20"), 31: attribute(1, "400")})["1"]
    assert (found["max_voltage"], found["max_amperage"]) == (1000, 375)


@pytest.mark.parametrize(
    ("codes_of", "status"),
    [
        ({8: 0, 9: 0}, "AVAILABLE"),
        ({8: 1, 9: 0}, "CHARGING"),
        ({8: 2}, "RESERVED"),
        ({8: 0, 9: 1}, "OUTOFORDER"),
        ({10: 1}, "CHARGING"),
        ({8: 0, 10: 1}, "AVAILABLE"),
        ({}, "UNKNOWN"),
    ],
)
def test_live_statuses(codes_of: dict[int, Any], status: str) -> None:
    station = nordic_station({21: 1}, {"1": attributes({4: 32, 5: 11, 25: 2, **LIVE, **codes_of})})
    found = evse(nordic(station))
    assert found["status"] == status
    assert found["last_updated"] == ("2017-10-04T10:09:17Z" if status == "UNKNOWN" else "2026-01-01T11:30:00Z")


def test_one_broken_plug_does_not_break_its_evse() -> None:
    shared_uid = {27: attribute(1, "EVSE-7")}
    members = {
        "1": attributes({4: 30, 5: 13, 9: 1, **LIVE, **shared_uid}),
        "2": attributes({4: 39, 5: 13, 8: 0, **LIVE, **shared_uid}),
    }
    assert evse(nordic(nordic_station({21: 1}, members)))["status"] == "AVAILABLE"


def test_statuses_of_a_station_without_real_time_information_are_not_live() -> None:
    station = nordic_station({21: 2}, {"1": attributes({4: 32, 5: 11, 25: 2, 8: 1, **LIVE})})
    assert evse(nordic(station))["status"] == "UNKNOWN"


def test_capabilities() -> None:
    def said(codes_of: dict[int, Any]) -> Any:
        station = nordic_station(connectors={"1": attributes({4: 32, 5: 11, 25: 2, **codes_of})})
        return evse(nordic(station)).get("capabilities")

    assert said({18: 1}) == ["RESERVABLE"]
    assert said({19: 2}) == ["CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE"]
    assert said({19: 20}) == said({1: 4}) == ["RFID_READER"]
    assert said({18: 2, 19: 1}) is None


def test_places() -> None:
    def said(station: dict[int, Any]) -> dict[str, Any]:
        found = document(nordic(nordic_station(station)))
        restrictions = found["evses"][0].get("parking_restrictions")
        return {"type": found.get("parking_type"), "facilities": found.get("facilities"), "for": restrictions}

    assert said({3: 1}) == {"type": "ON_STREET", "facilities": None, "for": None}
    assert said({3: 2}) == {"type": "PARKING_GARAGE", "facilities": None, "for": None}
    assert said({3: 7}) == {"type": None, "facilities": ["FUEL_STATION"], "for": None}
    assert said({2: 2}) == {"type": None, "facilities": None, "for": ["CUSTOMERS"]}


def test_opening_times_serve_the_whole_week() -> None:
    found = document(nordic(nordic_station({24: attribute(2, "07:00-22:00")})))["opening_times"]
    assert [each["weekday"] for each in found["regular_hours"]] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("land", "position", "said", "phone"),
    [
        ("SWE", "(59.85,17.64)", "Kundtjänst, 08-566 205 00.", "+46856620500"),
        ("SWE", "(59.85,17.64)", "Telefon: +46 77 44 33 900, kundservice@ladda.example", "+46774433900"),
        ("SWE", "(59.85,17.64)", "46774433900", "+46774433900"),
        ("NOR", "(59.91,10.75)", "24/7 servicetelefon på 975 49 200", "+4797549200"),
        ("FIN", "(60.17,24.94)", "00358 9 1234 567", "+35891234567"),
        ("SWE", "(59.85,17.64)", "se hemsidan", None),
    ],
)
def test_phone_numbers_are_found_in_free_text(land: str, position: str, said: str, phone: str | None) -> None:
    assert (
        document(nordic(nordic_station(Land_code=land, Position=position, Contact_info=said))).get("help_phone")
        == phone
    )


def test_texts_lose_their_html_and_line_breaks() -> None:
    found = document(nordic(nordic_station(Owned_by="Ladda &amp; Kör", Description_of_location="Plan 1\r\nvänster")))
    assert found["owner"]["name"] == "Ladda & Kör"
    assert found["directions"][0]["text"] == "Plan 1 vänster"


ODD_STATIONS: dict[str, list[Any]] = {
    "not_a_row": ["a station"],
    "station_without_id": [nordic_station(International_id="", id=None)],
    "duplicate_station": [nordic_station(), nordic_station()],
    "country_unknown": [nordic_station(Land_code="EST")],
    "wrong_type": [nordic_station(name=["Sjukhusvägen"])],
    "text_cut": [nordic_station(Owned_by="x" * 101)],
    "id_derived": [nordic_station(International_id="SWE Ö")],
    "evse_id_form": [nordic_station(connectors={"1": attributes({4: 32, 5: 11, 25: 2, 28: attribute(1, "7")})})],
    "coordinates_unusable": [nordic_station(Position="here")],
    "coordinates_swapped": [nordic_station(Position="(17.64124,59.85178)")],
    "coordinates_elsewhere": [nordic_station(Position="(48.85,2.35)")],
    "city_unknown": [nordic_station(City="")],
    "address_unknown": [nordic_station(Street="")],
    "hours_absent": [nordic_station({24: attribute(2, "")})],
    "hours_unreadable": [nordic_station({24: attribute(2, "Parkeringshusets öppettider")})],
    "hours_implausible": [nordic_station({24: attribute(2, "Mo 00:00-00:01")})],
    "date_unreadable": [nordic_station(Updated="0000-00-00 00:00:00")],
    "date_in_future": [nordic_station(Updated="2031-01-01 00:00:00")],
    "no_sayable_plug": [nordic_station(connectors={"1": attributes({4: attribute(70, words="Hydrogen"), 5: 26})})],
    "no_charge_point_left": [nordic_station(connectors={})],
    "power_unknown": [nordic_station(connectors={"1": attributes({4: 32, 5: 0, 25: 2})})],
    "power_above_plug": [nordic_station(connectors={"1": attributes({4: 14, 5: 11, 25: 2})})],
    "capacity_disagrees": [nordic_station(connectors={"1": attributes({4: 32, 5: 24, 25: 2})})],
    "cable_unknown": [nordic_station(connectors={"1": attributes({4: 32, 5: 11})})],
    "count_disagrees": [nordic_station(Number_charging_points=3)],
    "access_reserved": [nordic_station({2: 5})],
    "stale_status": [nordic_station({21: 1}, {"1": attributes({4: 32, 5: 11, 25: 2, 8: 0, 16: attribute(5, "2018")})})],
    "station_status_odd": [nordic_station(Station_status=2)],
    "parking_fee_unsaid": [nordic_station({7: 1})],
    "several_phones": [nordic_station(Contact_info="08-739 76 09, 020-82 00 00")],
}


@pytest.mark.parametrize("code", sorted(set(nobil.POLICIES) - {"no_stations"}))
def test_each_policy_reports_what_it_decides(code: str) -> None:
    found = [f for converted in nordic(*ODD_STATIONS[code]) for f in converted.findings if f.code == code]
    assert found, f"{code} decided nothing"
    for finding in found:
        assert finding.severity == nobil.POLICIES[code].severity
        assert finding.message


@pytest.mark.parametrize("payload", [None, {}, {"error": "no key"}, {"chargerstations": None}, "html"])
def test_an_answer_without_stations(payload: Any) -> None:
    converted = only(list(nobil.locations(payload, country_code="SE", party_id="ABC", now=NOW)))
    assert converted.document is None
    assert codes(converted) == ["no_stations"]


def test_a_bare_list_of_stations_is_an_answer() -> None:
    found = nobil.locations([nordic_station()], country_code="SE", party_id="ABC", now=NOW)
    assert document(list(found)) == document(nordic(nordic_station()))


def test_a_bad_station_costs_only_itself() -> None:
    fatal = [
        ODD_STATIONS[code][0] for code in ODD_STATIONS if nobil.POLICIES[code].fatal and code != "duplicate_station"
    ]
    good = nordic_station(International_id="SWE_1")
    results = nordic(*fatal, good)
    assert [found.document is not None for found in results] == [False] * len(fatal) + [True]


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=30), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["attrvalid", "attrval", "trans"]), st.none() | st.integers() | st.text()),
)  # fmt: skip
ATTRIBUTE_SETS = JUNK | st.dictionaries(st.integers(1, 31).map(str), JUNK, max_size=8)


@st.composite
def junk_stations(draw: st.DrawFn) -> Any:
    station = nordic_station()
    station["csmd"] |= draw(st.dictionaries(st.sampled_from(sorted(station["csmd"])), JUNK, max_size=4))
    if draw(st.booleans()):
        station["attr"] = draw(JUNK | st.fixed_dictionaries({"st": ATTRIBUTE_SETS, "conn": JUNK}))
    else:
        station["attr"]["st"] = draw(ATTRIBUTE_SETS)
        station["attr"]["conn"]["2"] = draw(ATTRIBUTE_SETS)
    return draw(st.sampled_from([station]) | JUNK)


@settings(deadline=None)
@given(st.lists(junk_stations(), max_size=4))
def test_no_station_raises(stations: list[Any]) -> None:
    assert [converted.rows for converted in nordic(*stations)] == [(n,) for n in range(1, len(stations) + 1)]


@pytest.mark.parametrize("release", RELEASES)
def test_the_sample_of_uppsala(shared: Path, release: str) -> None:
    payload = wire.decode((shared / "data" / "nobil" / "nobil_sample.json").read_bytes())
    results = checked(nobil.locations(payload, country_code="SE", party_id="ABC", now=NOW))
    documents = [converted.document for converted in results if converted.document is not None]
    assert len(documents) == len(results) == 24
    assert sum(len(each["evses"]) for each in documents) == 88
    broken = independent_validator(release)
    assert [broken(each) for each in documents if broken(each)] == []
