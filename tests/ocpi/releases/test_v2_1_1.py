"""2.1.1 and the newest words: one party, embedded Locations, net amounts, and what is withheld rather than bent."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from tests.ocpi.documents import Document, context_of, own, spelled

TODAY, OLD = dialect("2.3.0"), dialect("2.1.1")
VLT = ("SE", "VLT")
GARAGE = own("2.3.0", "Location", "every_field_set")
CARD = own("2.3.0", "Token", "every_field_set")


def context(*known: tuple[str, Document], **given: Any) -> wire.Context:
    found = context_of({}, *known)
    found.owner = VLT
    for name, value in given.items():
        setattr(found, name, value)
    return found


def lifted(name: str, document: Document, given: wire.Context | None = None) -> tuple[Document, list[tuple[str, str]]]:
    read = wire.read(name, document, OLD, given or context())
    assert read.document is not None, read.findings
    return read.document, [(f.code, f.pointer) for f in read.findings]


def said(name: str, document: Document, given: wire.Context | None = None) -> tuple[Document, list[tuple[str, str]]]:
    written = wire.write(name, document, OLD, given or context())
    return written.document, [(f.code, f.pointer) for f in written.findings if f.code != "not_ascii"]


def unsayable(name: str, document: Document, given: wire.Context | None = None) -> str:
    with pytest.raises(wire.Unsayable) as refused:
        wire.write(name, document, OLD, given or context())
    return refused.value.reason


class TestOwners:
    def test_who_owns_an_object_comes_from_the_context(self) -> None:
        document, _ = lifted("Tariff", own("2.1.1", "Tariff"))
        assert (document["country_code"], document["party_id"]) == VLT
        back, _ = said("Tariff", document)
        assert back == own("2.1.1", "Tariff")

    def test_without_a_context_nobody_is_invented(self) -> None:
        read = wire.read("Tariff", own("2.1.1", "Tariff"), OLD)
        assert read.document is not None
        assert "party_id" not in read.document

    def test_a_token_belongs_to_who_issues_tokens_when_nobody_owns_it(self) -> None:
        document, _ = lifted("Token", own("2.1.1", "Token"), context(owner=None, token_party=("SE", "EMS")))
        assert (document["country_code"], document["party_id"]) == ("SE", "EMS")


class TestLocations:
    def test_a_private_location_is_withheld(self) -> None:
        assert "not for everybody" in unsayable("Location", own("2.3.0", "Location", publish=False))

    def test_what_2_1_1_shows_is_for_everybody(self) -> None:
        assert lifted("Location", own("2.1.1", "Location"))[0]["publish"] is True

    @pytest.mark.parametrize(
        ("parking", "kind", "codes"),
        [
            ("ON_STREET", "ON_STREET", []),
            (None, "UNKNOWN", []),
            ("ALONG_MOTORWAY", "OTHER", ["said_otherwise"]),
            ("ROOFTOP", "UNKNOWN", []),
        ],
    )
    def test_where_one_parks_is_the_type_of_a_location(self, parking: str | None, kind: str, codes: list[str]) -> None:
        place = own("2.3.0", "Location", postal_code="803 20")
        document, findings = said("Location", place | {"parking_type": parking} if parking else place)
        assert document["type"] == kind
        assert "parking_type" not in document
        assert [code for code, _ in findings if code != "left_out"] == codes

    @pytest.mark.parametrize(("kind", "parking"), [("PARKING_LOT", "PARKING_LOT"), ("UNKNOWN", None), ("OTHER", None)])
    def test_the_type_of_a_location_is_where_one_parks(self, kind: str, parking: str | None) -> None:
        document, findings = lifted("Location", own("2.1.1", "Location", type=kind))
        assert document.get("parking_type") == parking
        assert "type" not in document
        assert findings == ([("lost", "/type")] if kind == "OTHER" else [])

    def test_a_missing_postal_code_is_an_empty_one(self) -> None:
        document, findings = said("Location", own("2.3.0", "Location"))
        assert document["postal_code"] == ""
        assert findings == [("said_otherwise", "/postal_code")]
        assert "postal_code" not in lifted("Location", document)[0]

    def test_a_long_address_is_cut(self) -> None:
        place = own("2.3.0", "Location", postal_code="1", address="Stora Nygatan 12345678901234567890123456789 XYZ")
        document, findings = said("Location", place)
        assert document["address"] == "Stora Nygatan 12345678901234567890123456789 X"
        assert findings == [("cut", "/address")]

    @pytest.mark.parametrize(
        ("degrees", "text", "codes"),
        [
            ("59.33280", "59.332800", []),
            ("59.332800", "59.332800", []),
            ("59.3328004", "59.332800", ["rounded"]),
            ("-0.0000005", "-0.000001", ["rounded"]),
        ],
    )
    def test_coordinates_have_six_decimals(self, degrees: str, text: str, codes: list[str]) -> None:
        place = own("2.3.0", "Location", postal_code="1", coordinates={"latitude": degrees, "longitude": "18.070200"})
        document, findings = said("Location", place)
        assert document["coordinates"] == {"latitude": text, "longitude": "18.070200"}
        assert [code for code, _ in findings] == codes

    def test_fields_without_a_place_are_lost_and_that_is_told(self) -> None:
        place = own("2.3.0", "Location", postal_code="1", state="Gävleborg", publish_allowed_to=[])
        document, findings = said("Location", place)
        assert "state" not in document
        assert findings == [("lost", "/state")]

    @pytest.mark.parametrize(
        ("hours", "choice"),
        [
            ({"twentyfourseven": True}, {"twentyfourseven": True}),
            (
                {
                    "twentyfourseven": False,
                    "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
                },
                {"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}]},
            ),
        ],
        ids=["day and night", "by the hour"],
    )
    def test_only_one_kind_of_hours_stands(self, hours: Document, choice: Document) -> None:
        document, _ = said("Location", own("2.3.0", "Location", opening_times=hours))
        assert document["opening_times"] == choice
        assert lifted("Location", document)[0]["opening_times"] == hours

    def test_a_connector_has_other_names_and_one_tariff(self) -> None:
        connector = own("2.3.0", "Connector", tariff_ids=["DAY"], max_electric_power=11000)
        document, findings = said("Connector", connector)
        assert document == own("2.1.1", "Connector", tariff_id="DAY")
        assert findings == [("lost", "/max_electric_power")]
        assert lifted("Connector", document)[0] == own("2.3.0", "Connector", tariff_ids=["DAY"])

    def test_of_several_tariffs_the_usual_one_is_named(self) -> None:
        special = ("Tariff", own("2.3.0", "Tariff", id="CARD", type="AD_HOC_PAYMENT"))
        usual = ("Tariff", own("2.3.0", "Tariff", id="DAY", type="REGULAR"))
        connector = own("2.3.0", "Connector", tariff_ids=["CARD", "DAY"])
        assert said("Connector", connector, context(special, usual))[0]["tariff_id"] == "DAY"
        assert said("Connector", connector, context(special))[0]["tariff_id"] == "CARD"
        assert said("Connector", connector, context(usual, owner=None))[0]["tariff_id"] == "CARD"
        assert said("Connector", connector)[1] == [("lost", "/tariff_id")]

    def test_a_location_says_itself_whose_tariffs_are_meant(self) -> None:
        connector = own("2.3.0", "Connector", tariff_ids=["CARD", "DAY"])
        place = own("2.3.0", "Location", evses=[own("2.3.0", "EVSE", connectors=[connector])])
        usual = ("Tariff", own("2.3.0", "Tariff", id="DAY"))
        document, _ = said("Location", place, context(usual, owner=None))
        assert document["evses"][0]["connectors"][0]["tariff_id"] == "DAY"

    def test_a_plug_without_a_name_takes_its_evse_along(self) -> None:
        evses = [own("2.3.0", "EVSE", connectors=[own("2.3.0", "Connector", standard="NEMA_14_50")])]
        document, findings = said("Location", own("2.3.0", "Location", postal_code="1", evses=evses))
        assert document["evses"] == []
        assert findings == [("left_out", "/evses/0/connectors/0"), ("left_out", "/evses/0")]
        assert "nothing of EVSE.connectors" in unsayable("EVSE", evses[0])


def session(**changes: Any) -> Document:
    return own("2.3.0", "Session", **changes)


class TestSessions:
    def test_a_session_carries_the_place_with_the_plug_in_use(self) -> None:
        document, findings = said("Session", session(connector_id="1"), context(("Location", GARAGE)))
        (evse,) = document["location"]["evses"]
        assert document["location"]["id"] == "HAMN-4"
        assert [c["id"] for c in evse["connectors"]] == ["1"]
        assert "location_id" not in document
        assert "evse_uid" not in document
        assert "lost" in {code for code, _ in findings}

    def test_a_private_location_can_be_embedded(self) -> None:
        assert GARAGE["publish"] is False
        assert said("Session", session(), context(("Location", GARAGE)))[0]["location"]["id"] == "HAMN-4"

    def test_ids_are_found_without_regard_to_case(self) -> None:
        document, _ = said("Session", session(evse_uid="vlt-e1"), context(("Location", GARAGE)))
        assert [evse["uid"] for evse in document["location"]["evses"]] == ["VLT-E1"]

    def test_without_the_location_it_has_to_wait(self) -> None:
        with pytest.raises(wire.NeedsObject) as needs:
            wire.write("Session", session(), OLD, context())
        assert (needs.value.kind, needs.value.key) == ("Location", ("SE", "VLT", "HAMN-4"))
        with pytest.raises(wire.NeedsObject, match=r"Location SE\*VLT\*HAMN-4 is needed"):
            wire.write("Session", session(), OLD)

    def test_without_the_name_of_a_location_waiting_does_not_help(self) -> None:
        assert "none is named" in unsayable("Session", session(location_id=None))

    @pytest.mark.parametrize(("gone", "left"), [({"evse_uid": "GONE"}, 0), ({"connector_id": "9"}, 2)])
    def test_a_plug_that_is_gone_is_told(self, gone: Document, left: int) -> None:
        document, findings = said("Session", session(**gone), context(("Location", GARAGE)))
        assert sum(len(evse["connectors"]) for evse in document["location"]["evses"]) == left
        assert ("left_out", "/location") in findings

    def test_the_place_is_read_as_references(self) -> None:
        document, _ = lifted("Session", own("2.1.1", "Session", "every_field_set"))
        assert (document["location_id"], document["evse_uid"], document["connector_id"]) == ("HAMN-4", "VLT-E1", "1")
        assert "location" not in document
        least, _ = lifted("Session", own("2.1.1", "Session"))
        assert least["location_id"] == "KAJ-1"
        assert "evse_uid" not in least

    def test_times_have_other_names(self) -> None:
        document, _ = said("Session", session(end_date_time="2026-05-11T09:00:00Z"), context(("Location", GARAGE)))
        assert document["start_datetime"] == "2026-05-11T08:00:00Z"
        assert document["end_datetime"] == "2026-05-11T09:00:00Z"

    def test_amounts_are_net(self) -> None:
        price = {"before_taxes": Decimal("10.00"), "taxes": [{"name": "VAT", "amount": Decimal("2.50")}]}
        document, findings = said("Session", session(total_cost=price), context(("Location", GARAGE)))
        assert spelled(document["total_cost"]) == "<10.00>"
        assert ("lost", "/total_cost") in findings
        back, _ = lifted("Session", document)
        assert spelled(back["total_cost"]) == {"before_taxes": "<10.00>"}

    def test_a_reservation_is_still_pending(self) -> None:
        document, findings = said("Session", session(status="RESERVATION"), context(("Location", GARAGE)))
        assert document["status"] == "PENDING"
        assert ("said_otherwise", "/status") in findings

    def test_a_command_is_a_request_for_authorisation(self) -> None:
        document, _ = said("Session", session(auth_method="COMMAND"), context(("Location", GARAGE)))
        assert document["auth_method"] == "AUTH_REQUEST"

    def test_a_driver_is_known_by_contract(self) -> None:
        document, _ = said("Session", session(), context(("Location", GARAGE)))
        assert document["auth_id"] == "SE-EMS-C00117-X"
        assert "cdr_token" not in document
        nameless = session(cdr_token={"country_code": "SE", "party_id": "EMS", "uid": "1", "type": "RFID"})
        assert "by contract" in unsayable("Session", nameless, context(("Location", GARAGE)))

    def test_a_known_token_fills_in_the_card(self) -> None:
        document, _ = lifted("Session", own("2.1.1", "Session"), context(("Token", CARD)))
        assert document["cdr_token"] == {
            name: CARD[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")
        }

    def test_an_unknown_token_stays_a_contract_and_no_card_is_invented(self) -> None:
        document, _ = lifted("Session", own("2.1.1", "Session"), context(token_party=("SE", "EMS")))
        assert document["cdr_token"] == {"contract_id": "SE-EMS-C00117-X", "country_code": "SE", "party_id": "EMS"}
        document, _ = lifted("Session", own("2.1.1", "Session"), context(token_party=None))
        assert document["cdr_token"] == {"contract_id": "SE-EMS-C00117-X"}


class TestCdrs:
    def test_a_credit_cdr_is_withheld(self) -> None:
        credit = own("2.3.0", "CDR", "every_field_set")
        assert unsayable("CDR", credit, context(("Location", GARAGE))) == "2.1.1 has no credit CDRs"

    def test_a_cdr_shows_the_place_and_the_plug_as_they_were(self) -> None:
        """The Location may have changed since; the CDR holds what was true at the time."""
        cdr = own("2.3.0", "CDR", "every_field_set", credit=None, credit_reference_id=None, id="CDR-1")
        now = GARAGE | {"address": "Moved 1", "city": "Uppsala"}
        now["evses"] = [GARAGE["evses"][0] | {"evse_id": "SE*VLT*ENEW"}]
        now["evses"][0]["connectors"] = [own("2.3.0", "Connector", id="1", standard="CHADEMO", power_type="DC")]
        document, findings = said("CDR", cdr, context(("Location", now)))
        (evse,) = document["location"]["evses"]
        assert (document["location"]["address"], document["location"]["city"]) == ("Hamngatan 4", "Stockholm")
        assert evse["evse_id"] == "SE*VLT*E0001*1"
        assert evse["connectors"][0]["standard"] == "IEC_62196_T2_COMBO"
        assert {"/cdr_location/state", "/session_id", "/signed_data"} <= {
            place for code, place in findings if code == "lost"
        }

    def test_the_place_is_read_as_a_cdr_location(self) -> None:
        document, _ = lifted("CDR", own("2.1.1", "CDR", "every_field_set"))
        assert document["cdr_location"] == {
            "id": "HAMN-4", "name": "Garaget Hamngatan", "address": "Hamngatan 4", "city": "Stockholm",
            "postal_code": "111 47", "country": "SWE",
            "coordinates": {"latitude": "59.332800", "longitude": "18.070200"},
            "evse_uid": "VLT-E1", "evse_id": "SE*VLT*E0001*1", "connector_id": "1",
            "connector_standard": "IEC_62196_T2_COMBO", "connector_format": "CABLE", "connector_power_type": "DC",
        }  # fmt: skip
        assert document["end_date_time"] == "2026-05-11T07:04:55Z"

    def test_without_the_location_it_has_to_wait(self) -> None:
        with pytest.raises(wire.NeedsObject):
            wire.write("CDR", own("2.3.0", "CDR"), OLD, context())

    def test_a_reservation_has_no_dimension(self) -> None:
        cdr = own("2.3.0", "CDR")
        (period,) = cdr["charging_periods"]
        waiting = {**period, "dimensions": [{"type": "RESERVATION_TIME", "volume": 1}]}
        document, findings = said("CDR", cdr | {"charging_periods": [waiting, period]}, context(("Location", GARAGE)))
        assert document["charging_periods"] == [period]
        assert ("left_out", "/charging_periods/0") in findings
        alone = cdr | {"charging_periods": [waiting]}
        assert "nothing of CDR.charging_periods" in unsayable("CDR", alone, context(("Location", GARAGE)))


def tariff(restrictions: Document | None = None, **changes: Any) -> Document:
    document = own("2.3.0", "Tariff", **changes)
    if restrictions is not None:
        component = {"type": "TIME", "price": 1, "step_size": 60}
        document["elements"] = [{"price_components": [component], "restrictions": restrictions}, *document["elements"]]
    return document


class TestTariffs:
    @pytest.mark.parametrize("name", ["min_price", "max_price"])
    def test_a_limit_of_the_price_withholds_the_tariff(self, name: str) -> None:
        assert f"2.1.1 has no {name}" in unsayable("Tariff", tariff(**{name: {"before_taxes": 5}}))

    def test_a_least_price_of_nothing_is_none(self) -> None:
        document, findings = said("Tariff", tariff(min_price={"before_taxes": 0, "after_taxes": Decimal("0.00")}))
        assert document == own("2.1.1", "Tariff")
        assert findings == []
        assert "max_price" in unsayable("Tariff", tariff(max_price={"before_taxes": 0}))

    def test_a_tariff_for_special_cases_is_withheld(self) -> None:
        assert "special cases" in unsayable("Tariff", tariff(type="AD_HOC_PAYMENT"))
        assert said("Tariff", tariff(type="REGULAR"))[0] == own("2.1.1", "Tariff")

    @pytest.mark.parametrize("name", ["min_current", "max_current"])
    def test_a_condition_on_the_current_withholds_the_tariff(self, name: str) -> None:
        """Without its condition the price would hold always."""
        assert f"2.1.1 has no {name}" in unsayable("Tariff", tariff({name: 16}))

    @pytest.mark.parametrize("kind", ["RESERVATION", "RESERVATION_EXPIRES"])
    def test_the_price_of_a_reservation_stays_out(self, kind: str) -> None:
        document, findings = said("Tariff", tariff({"reservation": kind}))
        assert document == own("2.1.1", "Tariff")
        assert findings == [("left_out", "/elements/0")]

    def test_other_conditions_stay(self) -> None:
        document, findings = said("Tariff", tariff({"min_power": 22, "start_time": "08:00"}))
        assert document["elements"][0]["restrictions"] == {"min_power": 22, "start_time": "08:00"}
        assert findings == []

    def test_when_a_tariff_holds_is_said_by_when_it_is_sent(self) -> None:
        written = wire.write("Tariff", tariff(start_date_time="2027-01-01T00:00:00Z"), OLD, context())
        assert "start_date_time" not in written.document
        assert str(written.sayable_from) == "2027-01-01 00:00:00+00:00"
        assert wire.write("Tariff", tariff(), OLD, context()).sayable_from is None
        assert wire.write("Tariff", tariff(start_date_time="2027-01-01T00:00:00Z"), TODAY).sayable_from is None

    def test_the_rate_of_a_tax_is_lost(self) -> None:
        document = tariff()
        document["elements"][0]["price_components"][0]["vat"] = 25
        assert said("Tariff", document) == (
            own("2.1.1", "Tariff"),
            [("lost", "/elements/0/price_components/0/vat")],
        )


class TestTokens:
    @pytest.mark.parametrize("kind", ["APP_USER", "AD_HOC_USER", "EMAID"])
    def test_other_kinds_of_tokens_are_others(self, kind: str) -> None:
        document, findings = said("Token", own("2.3.0", "Token", type=kind))
        assert document["type"] == "OTHER"
        assert findings == [("said_otherwise", "/type")]

    def test_the_contract_has_another_name(self) -> None:
        document, _ = said("Token", own("2.3.0", "Token", type="RFID"))
        assert document["auth_id"] == "SE-EMS-C00118-4"
        assert lifted("Token", document, context(owner=("SE", "EMS")))[0] == own("2.3.0", "Token", type="RFID")

    def test_an_answer_to_a_question_carries_no_token(self) -> None:
        answer = own("2.3.0", "AuthorizationInfo", "every_field_set")
        document, findings = said("AuthorizationInfo", answer)
        assert document.keys() == {"allowed", "location", "info"}
        assert findings == [("lost", "/token"), ("lost", "/authorization_reference")]


class TestCredentials:
    def test_one_party_becomes_one_role(self) -> None:
        document, _ = lifted("Credentials", own("2.1.1", "Credentials"), context(role="EMSP"))
        assert document == own("2.3.0", "Credentials")
        without, _ = lifted("Credentials", own("2.1.1", "Credentials"), context(role=None))
        assert "role" not in without["roles"][0]

    def test_of_several_roles_the_one_asked_for_speaks(self) -> None:
        ours = own("2.3.0", "Credentials", "every_field_set")
        document, findings = said("Credentials", ours, context(role="EMSP"))
        assert (document["country_code"], document["party_id"]) == ("SE", "VLK")
        assert ("lost", "/party_id") in findings
        document, _ = said("Credentials", ours, context(party=("se", "vlt"), role=None))
        assert document["party_id"] == "VLT"
        assert "the one asked for" in unsayable("Credentials", ours, context(role="NSP"))
        assert "the one asked for" in unsayable("Credentials", ours, context(role="CPO", party=("NL", "ABC")))


class TestCommands:
    @pytest.mark.parametrize(("reference", "number"), [("7001", 7001), ("0", 0)])
    def test_the_id_of_a_reservation_is_a_number(self, reference: str, number: int) -> None:
        reserve = own("2.3.0", "ReserveNow", reservation_id=reference)
        document, _ = said("ReserveNow", reserve)
        assert document["reservation_id"] == number
        assert lifted("ReserveNow", document)[0]["reservation_id"] == reference

    @pytest.mark.parametrize("reference", ["R-7002", "007", "", "٣", "7" * 30, "-1"])
    def test_an_id_that_is_no_number_or_would_be_another_one_is_withheld(self, reference: str) -> None:
        unsayable("ReserveNow", own("2.3.0", "ReserveNow", reservation_id=reference))

    @pytest.mark.parametrize(
        ("result", "word"),
        [
            ("ACCEPTED", "ACCEPTED"),
            ("NOT_SUPPORTED", "NOT_SUPPORTED"),
            ("TIMEOUT", "TIMEOUT"),
            ("REJECTED", "REJECTED"),
            ("EVSE_OCCUPIED", "REJECTED"),
            ("FAILED", "REJECTED"),
            ("CANCELED_RESERVATION", "REJECTED"),
        ],
    )
    def test_how_a_command_went_is_said_by_the_word_for_both_answers(self, result: str, word: str) -> None:
        document, findings = said("CommandResult", {"result": result})
        assert document == {"result": word}
        assert findings == ([] if result == word else [("said_otherwise", "/result")])

    @pytest.mark.parametrize(("name", "word"), [("CommandResult", "UNKNOWN_SESSION"), ("CommandResponse", "TIMEOUT")])
    def test_a_word_of_the_other_answer_is_a_refusal(self, name: str, word: str) -> None:
        assert lifted(name, {"result": word}) == ({"result": "REJECTED"}, [("said_otherwise", "/result")])
        assert lifted("CommandResult", {"result": "TIMEOUT"}) == ({"result": "TIMEOUT"}, [])
        assert lifted("CommandResponse", {"result": "UNKNOWN_SESSION"}) == ({"result": "UNKNOWN_SESSION"}, [])

    def test_messages_are_lost_and_that_is_told(self) -> None:
        for name in ("CommandResponse", "CommandResult"):
            document, findings = said(name, own("2.3.0", name, "every_field_set", result="REJECTED"))
            assert document == {"result": "REJECTED"}
            assert findings == [("lost", "/message")]

    def test_a_command_without_a_counterpart_is_lost_as_a_whole(self) -> None:
        start = own("2.3.0", "StartSession", "every_field_set")
        document, findings = said("StartSession", start)
        assert document == own("2.1.1", "StartSession", "every_field_set")
        assert {"/connector_id", "/authorization_reference"} <= {place for code, place in findings if code == "lost"}
        assert "has no object CancelReservation" in unsayable("CancelReservation", own("2.3.0", "CancelReservation"))
