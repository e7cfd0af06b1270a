"""What the declarations become: rules, typed views, JSON Schemas."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.ocpi.cdrs import CDR
from evmesh.ocpi.locations import EVSE, Connector, Hours, Location
from evmesh.ocpi.releases import NEWEST, RELEASES
from evmesh.ocpi.schema import FieldRule, declared_objects, json_schema, newest, text, view
from evmesh.ocpi.sessions import ChargingPreferences, Session
from evmesh.ocpi.tariffs import Tariff
from tests.ocpi.documents import documents, own, quick

each_release = pytest.mark.parametrize("release", RELEASES)


class TestRules:
    def test_the_newest_release_is_what_the_chapters_declare(self) -> None:
        assert newest() == RELEASES[NEWEST].rules
        assert newest().objects["Session"].chapter == "sessions"

    def test_cardinalities_come_from_the_annotations(self) -> None:
        fields = newest().objects["CDR"].fields
        shapes = [
            (f.cardinality, f.many, f.required)
            for f in map(fields.__getitem__, ("id", "remark", "tariffs", "charging_periods"))
        ]
        assert shapes == [("1", False, True), ("?", False, False), ("*", True, False), ("+", True, True)]

    def test_a_copy_is_edited_alone(self) -> None:
        rules = newest()
        copy = rules.copy()
        copy.without("Session", "kwh")
        copy.put("Session", text("nickname", "string", 8))
        assert "kwh" in rules.objects["Session"].fields
        assert copy.objects["Session"].fields["nickname"] == FieldRule("nickname", "string", "1", max_length=8)
        with pytest.raises(KeyError, match="nonsense"):
            copy.without("Session", "kwh", "nonsense")


class TestViews:
    def test_a_document_is_read_with_attributes(self) -> None:
        session = view(Session, own(NEWEST, "Session", "every_field_set"))
        assert isinstance(session.start_date_time, datetime)
        assert session.start_date_time == datetime(2026, 5, 11, 6, 31, 5, tzinfo=UTC)
        assert str(session.kwh) == "41.870"
        assert session.status == "COMPLETED"
        assert session.cdr_token.contract_id == "SE-EMS-C00117-X"
        assert [d.type for d in session.charging_periods[0].dimensions] == ["ENERGY", "STATE_OF_CHARGE"]

    def test_what_is_absent_is_its_default_none_or_empty(self) -> None:
        location = view(Location, {"id": "1"})
        absent: tuple[Any, ...] = (location.charging_when_closed, location.name, location.address, location.evses)
        assert absent == (True, None, None, [])
        assert view(ChargingPreferences, {}).discharge_allowed is False
        assert view(EVSE, {}).connectors == []

    def test_null_is_the_same_as_absent(self) -> None:
        assert view(Tariff, {"elements": None}).elements == []
        location = view(Location, {"charging_when_closed": None, "evses": [{"connectors": None}]})
        assert location.charging_when_closed is True
        assert location.evses[0].connectors == []
        assert view(Location, {}).evses is not view(Location, {}).evses

    def test_every_object_can_be_viewed_with_nothing_in_it(self) -> None:
        for cls in declared_objects().values():
            view(cls, {})

    def test_unknown_fields_and_values_do_not_matter(self) -> None:
        connector = view(Connector, {"standard": "A_PLUG_TO_COME", "colour": "blue", "max_voltage": 230})
        assert connector.standard == "A_PLUG_TO_COME"

    def test_numbers_stay_exact(self) -> None:
        cdr = view(CDR, wire.decode(b'{"total_energy": 1.10, "total_time": 2}'))
        assert str(cdr.total_energy) == "1.10"
        assert cdr.total_time == Decimal(2)

    def test_what_is_no_time_is_an_error(self) -> None:
        with pytest.raises(ValueError, match=r"Session: .*datetime"):
            view(Session, {"last_updated": "yesterday"})

    def test_what_a_type_cannot_hold_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"Hours: .*bool.*\$\.twentyfourseven"):
            view(Hours, {"twentyfourseven": "never"})


class TestJsonSchemas:
    @each_release
    def test_every_object_and_enum_has_a_definition(self, release: str) -> None:
        rules = RELEASES[release].rules
        schema = json_schema(rules)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$defs"].keys() == rules.objects.keys() | rules.enums.keys()
        jsonschema_rs.meta.validate(schema)

    def test_one_object_brings_what_it_is_made_of_and_no_more(self) -> None:
        schema = json_schema(RELEASES[NEWEST].rules, "Tariff")
        assert schema["$ref"] == "#/$defs/Tariff"
        assert "PriceComponent" in schema["$defs"]
        assert "Location" not in schema["$defs"]
        assert json_schema(RELEASES["2.2.1"].rules, "Price")["$defs"].keys() == {"Price"}

    def test_limits_stand_in_the_schema(self) -> None:
        defs = json_schema(RELEASES[NEWEST].rules)["$defs"]
        assert defs["Token"]["properties"]["uid"] == {"type": "string", "maxLength": 36, "pattern": r"^[\x20-\x7e]*$"}
        assert defs["CDR"]["properties"]["charging_periods"]["minItems"] == 1
        assert defs["RegularHours"]["properties"]["weekday"] == {"type": "integer", "minimum": -9, "maximum": 9}
        assert defs["CommandResponse"]["properties"]["timeout"] == {"type": "integer"}
        assert defs["Response"]["properties"]["data"] == {"anyOf": [{}, {"type": "null"}]}
        assert defs["FinancialAdviceConfirmation"]["properties"]["eft_data"]["items"]["minLength"] == 1
        assert defs["Status"]["enum"] == list(RELEASES[NEWEST].rules.enums["Status"].values)
        assert "enum" not in defs["Capability"]
        assert defs["Version"]["properties"]["url"] == {"type": "string", "maxLength": 255, "format": "uri"}

    def test_a_choice_stands_in_the_schema(self) -> None:
        validator = jsonschema_rs.validator_for(json_schema(RELEASES["2.1.1"].rules, "Hours"))
        assert validator.is_valid({"twentyfourseven": True})
        assert validator.is_valid({"regular_hours": []})
        assert not validator.is_valid({})

    @each_release
    @quick(150)
    @given(data=st.data())
    def test_what_keeps_the_rules_keeps_the_schema(self, release: str, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(RELEASES[release].rules.objects)))
        document = data.draw(documents(release, name))
        assert list(validator_of(release, name).iter_errors(plain(document))) == []


VALIDATORS: dict[tuple[str, str], Any] = {}


def validator_of(release: str, name: str) -> Any:
    key = (release, name)
    if key not in VALIDATORS:
        VALIDATORS[key] = jsonschema_rs.validator_for(json_schema(RELEASES[release].rules, name))
    return VALIDATORS[key]


def plain(value: Any) -> Any:
    """Numbers as any JSON library has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value
