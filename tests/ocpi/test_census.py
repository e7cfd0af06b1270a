"""Every fact of the specification stands in the chapters and releases, and nothing else does."""

import re
from typing import Any

import pytest

from evmesh.ocpi.operation import FILTERS, Operation
from evmesh.ocpi.releases import RELEASES
from evmesh.ocpi.schema import CHAPTERS, SESSION_ONLY, declared_objects
from tests.ocpi.facts import RELEASES as NAMES
from tests.ocpi.facts import endpoints, facts
from tests.shared import needs_shared

pytestmark = [needs_shared, pytest.mark.parametrize("release", NAMES)]

KINDS = {"Array|Object|String": "any"}
CARDINALITIES = {"* or ?": "?"}
PRIMITIVE_LENGTHS = {"URL": 255, "DateTime": 25}
CHAPTER_OF = {"transport": "transport_and_format", "invoicereconciliation": "invoice_reconciliation"}


def told(field: dict[str, Any]) -> tuple[Any, ...]:
    """One field as the facts tell it."""
    return (
        KINDS.get(field["type"], field["type"]),
        CARDINALITIES.get(field["cardinality"], field["cardinality"]),
        field.get("max_length") or PRIMITIVE_LENGTHS.get(field["type"]),
        field.get("min_length"),
        field.get("regex"),
        field.get("max_digits"),
    )


def test_objects_have_every_field_and_no_other(release: str) -> None:
    rules = RELEASES[release].rules
    expected = {
        name: {field: told(fact) for field, fact in of["fields"].items()}
        for name, of in facts(release)["objects"].items()
    }
    standing = {
        name: {
            f.name: (f.type, f.cardinality, f.max_length, f.min_length, f.pattern, f.max_digits)
            for f in rule.fields.values()
        }
        for name, rule in rules.objects.items()
    }
    assert standing == expected


def test_enums_have_every_value_and_no_other(release: str) -> None:
    rules = RELEASES[release].rules
    expected = {name: set(values) for name, values in facts(release)["enums"].items()}
    assert {name: set(rule.values) for name, rule in rules.enums.items()} == expected
    assert all(len(rule.values) == len(set(rule.values)) for rule in rules.enums.values())


def test_enums_are_open_where_the_specification_opens_them(release: str) -> None:
    expected = {name: info["open"] for name, info in facts(release)["enum_info"].items()}
    assert {name: rule.open for name, rule in RELEASES[release].rules.enums.items()} == expected


def test_objects_and_enums_stand_in_their_own_chapters(release: str) -> None:
    rules = RELEASES[release].rules
    expected = {
        name: CHAPTER_OF.get(fact["module"], fact["module"])
        for name, fact in (facts(release)["objects"] | facts(release)["enum_info"]).items()
    }
    assert {name: rule.chapter for name, rule in (rules.objects | rules.enums).items()} == expected


def test_choices_between_fields_are_known(release: str) -> None:
    expected: dict[str, set[str]] = {}
    for name, of in facts(release)["objects"].items():
        for field, fact in of["fields"].items():
            if "choice_group" in fact:
                expected.setdefault(name, set()).add(field)
    standing: dict[str, set[str]] = {
        name: set(*rule.one_of) for name, rule in RELEASES[release].rules.objects.items() if rule.one_of
    }
    assert standing == expected


def test_defaults_are_those_of_the_specification(release: str) -> None:
    for name, of in facts(release)["objects"].items():
        for field, fact in of["fields"].items():
            if "default" in fact:
                cls = declared_objects()[name]
                defaults = dict(zip(reversed(cls.__struct_fields__), reversed(cls.__struct_defaults__), strict=False))
                assert defaults[field] is fact["default"]


def test_dimensions_for_sessions_only_are_known(release: str) -> None:
    for info in facts(release)["enum_info"].values():
        if "session_only" in info:
            assert set(info["session_only"]) == set(SESSION_ONLY)


# Our own rows, and what our rows say more exactly than the specification does.
OURS = {"commands.receiver.other"}
GIVEN_URLS = {
    "versions.list": "",
    "versions.details": "",
    "cdrs.receiver.get": "/{country_code}/{party_id}/{cdr_id}",
    "commands.sender.result": "/{command}/{command_id}",
    "chargingprofiles.sender.result_active": "/{session_id}/active/{request_id}",
    "chargingprofiles.sender.result_set": "/{session_id}/set/{request_id}",
    "chargingprofiles.sender.result_clear": "/{session_id}/clear/{request_id}",
}
OF_THE_EMSP = ("tokens", "commands")
"""Modules whose Sender is the eMSP; where interfaces have no roles yet they are named for who offers them."""


def operations(release: str) -> dict[str, Operation]:
    found = {}
    for chapter in CHAPTERS:
        module = __import__(f"evmesh.ocpi.{chapter}", fromlist=["OPERATIONS"])
        for operation in getattr(module, "OPERATIONS", ()):
            if not operation.releases or release in operation.releases:
                assert operation.id not in found
                found[operation.id] = operation
    return found


def our_id(endpoint: dict[str, Any]) -> str:
    identifier, interface = str(endpoint["id"]), endpoint["interface"]
    owner = "emsp" if endpoint["module"] in OF_THE_EMSP else "cpo"
    if interface in ("cpo", "emsp"):
        return identifier.replace(f".{interface}.", ".sender." if interface == owner else ".receiver.", 1)
    return identifier


def as_told(endpoint: dict[str, Any]) -> tuple[Any, ...]:
    request, response = endpoint["request"] or {}, endpoint["response"] or {}
    query = [name["name"] if isinstance(name, dict) else name for name in endpoint["query_params"]]
    return (
        endpoint["method"],
        GIVEN_URLS.get(our_id(endpoint)) or re.sub(r"^\{\w+_url\w*\}", "", endpoint["path_template"]),
        tuple(name for name in query if name not in FILTERS),
        request.get("type"),
        response.get("type"),
        endpoint["paginated"],
        bool(request.get("partial")),
    )


def as_ours(release: str, operation: Operation) -> tuple[Any, ...]:
    spoken = RELEASES[release]
    typed = spoken.has_token_type or not operation.id.startswith("tokens.receiver.")
    return (
        operation.method,
        operation.path,
        operation.query if typed else tuple(name for name in operation.query if name != "type"),
        operation.body and spoken.name_of(operation.body),
        operation.answer,
        operation.paged,
        operation.partial,
    )


def test_every_operation_has_its_row_and_no_other(release: str) -> None:
    expected = {our_id(endpoint): as_told(endpoint) for endpoint in endpoints(release).values()}
    standing = {name: as_ours(release, operation) for name, operation in operations(release).items()}
    assert {name: row for name, row in standing.items() if name not in OURS} == expected
    assert standing.keys() & OURS == OURS


def test_operations_travel_with_objects_of_their_release(release: str) -> None:
    spoken = RELEASES[release]
    for operation in operations(release).values():
        for name in (operation.body, operation.answer):
            known = spoken.rules.objects | spoken.rules.enums
            assert name is None or spoken.name_of(name) in known, operation.id
