"""The specification's own examples: the valid ones read and are written as they were, the others are found out."""

import re
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import RELEASES
from tests.ocpi.documents import context_of, lost, spelled, tidy
from tests.ocpi.facts import examples
from tests.shared import SHARED, needs_shared

EXAMPLES = examples() if SHARED.is_dir() else []

pytestmark = needs_shared


def release_of(example: dict[str, Any]) -> str:
    return str(example["version"]).removesuffix("-bookings")


def objects_in(example: dict[str, Any]) -> list[tuple[str, Any, bool]]:
    """(object, document, whether it is a part only) of everything that an example shows."""
    kind, document = example["kind"], wire.decode(example["text"])
    if kind == "Response<error>":
        return [("Response", document, False)]
    if found := re.fullmatch(r"Response<\[(\w+)\]>", kind):
        return [("Response", document, False), *((found[1], each, False) for each in document["data"])]
    if found := re.fullmatch(r"Response<(\w+)>", kind):
        return [("Response", document, False), (found[1], document["data"], False)]
    if found := re.fullmatch(r"\[(\w+)\]", kind):
        return [(found[1], each, False) for each in document]
    if found := re.fullmatch(r"fragment:(\w+)\..+|(\w+)\.patch", kind):
        return [(found[1] or found[2], document, True)]
    return [(kind, document, False)]


def named(example: dict[str, Any]) -> str:
    return str(example["file"])


def test_there_are_examples_of_every_release() -> None:
    assert {release_of(example) for example in EXAMPLES} == set(RELEASES)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_examples_are_judged_as_the_specification_means_them(example: dict[str, Any]) -> None:
    findings = [
        finding
        for name, document, partial in objects_in(example)
        for finding in wire.check(name, document, release_of(example), partial=partial)
    ]
    broken = [finding for finding in findings if finding.severity == "error"]
    if example["valid"]:
        assert broken == []
    else:
        # Some are only known to be wrong by their names of fields that do not exist.
        assert broken or any(finding.code == "unknown_field" for finding in findings)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e["valid"]], ids=named)
def test_valid_examples_are_read_and_written_as_they_were(example: dict[str, Any]) -> None:
    spoken = dialect(release_of(example))
    for name, document, partial in objects_in(example):
        if partial:
            continue
        known = []
        if isinstance(document.get("location"), dict) and name in ("Session", "CDR"):
            place = wire.read("Location", document["location"], spoken, context_of(document))
            assert place.document is not None
            known.append(("Location", place.document))
        role = document["roles"][0]["role"] if "roles" in document else "CPO"
        context = context_of(document, *known, role=role)
        read = wire.read(name, document, spoken, context)
        assert read.document is not None
        assert [f for f in read.findings if f.severity == "error"] == []
        written = wire.write(name, read.document, spoken, context)
        assert tidy(written.document) == tidy(document)
        assert [f for f in written.findings if f.severity != "info"] == []


PARTS = [e for e in EXAMPLES if e["valid"] and e["kind"].endswith((".patch", "energy_mix", "opening_times"))]
WIRE = Path(__file__).resolve().parents[1] / "wire"


@pytest.mark.parametrize("example", PARTS, ids=named)
def test_parts_of_objects_fit_into_a_whole_and_come_back(example: dict[str, Any]) -> None:
    """A PATCH, or a field shown alone, laid over an object that has all it needs."""
    release = release_of(example)
    ((name, part, _),) = objects_in(example)
    whole = wire.decode((WIRE / release / f"{name}.least_fields.json").read_bytes()) | part
    known = []
    if name == "Session" and "location" in whole:
        place = wire.read("Location", whole["location"], dialect(release), context_of(whole)).document
        assert place is not None
        known.append(("Location", place))
    context = context_of(whole, *known)
    read = wire.read(name, whole, dialect(release), context)
    assert read.document is not None, read.findings
    written = wire.write(name, read.document, dialect(release), context)
    # An example shows both sides of a choice of which one may stand; the one that says nothing more is not written.
    either = {"Hours.twentyfourseven"} if RELEASES[release].rules.objects["Hours"].one_of else set()
    assert lost(RELEASES[release].rules, name, whole, written.document) <= either


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e["file"] == "2.1.1/cdrs__CDR__cdr.json"], ids=named)
def test_the_official_cdr_with_a_price_in_quotes_is_read_with_a_finding(example: dict[str, Any]) -> None:
    document = wire.decode(example["text"])
    read = wire.read("CDR", example["text"], dialect("2.1.1"), context_of(document))
    assert read.document is not None
    quoted = next(f for f in read.findings if f.code == "number_as_text")
    assert quoted.pointer == "/tariffs/0/elements/0/price_components/0/price"
    component = read.document["tariffs"][0]["elements"][0]["price_components"][0]
    assert spelled(component["price"]) == "<2.00>"
    assert read.wire["tariffs"][0]["elements"][0]["price_components"][0]["price"] == "2.00"
