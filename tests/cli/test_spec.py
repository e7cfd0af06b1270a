"""`evmesh spec`: the specification as tables, and as JSON Schemas that a schema library takes at their word."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from evmesh.ocpi.releases import RELEASES
from tests.cli.conftest import Evmesh
from tests.cli.test_validate import EXAMPLES, Example, examples
from tests.shared import needs_shared


@pytest.mark.parametrize("release", RELEASES)
def test_the_schema_of_a_release_is_a_schema(evmesh: Evmesh, release: str) -> None:
    schema = evmesh("spec", "schema", "--release", release).json
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    rules = RELEASES[release].rules
    assert schema["$defs"].keys() == rules.objects.keys() | rules.enums.keys()
    assert {"Location", "CDR", "Tariff", "Token", "Session", "Credentials", "StartSession"} <= schema["$defs"].keys()


def test_payments_and_bookings_are_in_the_newest(evmesh: Evmesh) -> None:
    definitions = evmesh("spec", "schema", "--release", "2.3.0").json["$defs"]
    assert {"Terminal", "FinancialAdviceConfirmation", "Booking", "BookingLocation"} <= definitions.keys()


@pytest.mark.parametrize("release", RELEASES)
def test_each_object_has_a_schema_of_its_own(evmesh: Evmesh, release: str) -> None:
    for name in ("Location", "CDR", "Credentials"):
        schema = evmesh("spec", "schema", name, "--release", release).json
        assert schema["$ref"] == f"#/$defs/{name}"
        jsonschema_rs.meta.validate(schema)
        for used in references(schema):
            assert used.removeprefix("#/$defs/") in schema["$defs"]


def references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        found = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return found.union(*(references(each) for each in schema.values()))
    return set().union(*(references(each) for each in schema)) if isinstance(schema, list) else set()


@cache
def schema_of(release: str) -> dict[str, Any]:
    from evmesh.ocpi.schema import json_schema

    return json_schema(RELEASES[release].rules)


@cache
def accepts(release: str, name: str) -> jsonschema_rs.Validator:
    whole = schema_of(release)
    return jsonschema_rs.validator_for({**whole, "$ref": f"#/$defs/{name}"})


@needs_shared
@pytest.mark.parametrize(
    "example", [each for each in examples() if not each.values[0].partial and not each.values[0].wrapped]
)
def test_schemas_judge_the_examples_of_the_specification(example: Example) -> None:
    """Each rule that an example breaks is one of shape, so a schema sees it."""
    document = json.loads((EXAMPLES / example.file).read_text())
    checker = accepts(example.release, example.object)
    assert checker.is_valid(document) == example.valid, [str(error) for error in checker.iter_errors(document)]


@pytest.mark.parametrize("release", RELEASES)
def test_the_fields_of_an_object(evmesh: Evmesh, release: str) -> None:
    shown = evmesh("spec", "show", "cdr", "--release", release)
    assert shown.status == 0
    assert f"CDR in {release}" in shown.out
    fields = {
        each["name"]: each for each in evmesh("spec", "show", "CDR", "--release", release, "--json").json["fields"]
    }
    end = "stop_date_time" if release == "2.1.1" else "end_date_time"
    assert fields[end]["cardinality"] == "1"
    assert end in shown.out
    assert fields["currency"]["max_length"] == 3


def test_the_values_of_an_enum(evmesh: Evmesh) -> None:
    shown = evmesh("spec", "show", "Status", "--release", "2.2.1", "--json").json
    assert (shown["enum"], shown["open"]) == ("Status", False)
    assert "OUTOFORDER" in shown["values"]
    assert "OUTOFORDER" in evmesh("spec", "show", "status", "--release", "2.2.1").out


@pytest.mark.parametrize("words", [("show", "Locaton"), ("schema", "Locaton")])
def test_misuse_helps(evmesh: Evmesh, words: tuple[str, str]) -> None:
    assert "did you mean Location" in evmesh("spec", *words, "--release", "2.2.1").misuse
    assert "evmesh speaks" in evmesh("spec", words[0], "Location", "--release", "2.2").misuse
    assert "--release" in evmesh("spec", *words).misuse
