"""Our own documents, one with every field set and one with the least, for each object and release (`tests/wire`).

They are read, written, and said in every other release; what cannot be said is listed here with its reason.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import RELEASES
from evmesh.ocpi.schema import Rules
from tests.ocpi.documents import MAIN_OBJECTS, Document, context_of, lost, spelled, tidy
from tests.ocpi.facts import validate
from tests.shared import SHARED

WIRE = Path(__file__).resolve().parents[1] / "wire"
FILES = sorted(path.relative_to(WIRE) for path in WIRE.glob("*/*.json"))

each_document = pytest.mark.parametrize("path", FILES, ids=str)

CALLED_FOR = {"BookingLocation.booking_option", "BookingOption.evse_uid"}
"""Optional fields that a rule in prose asks for all the same."""


@cache
def text_of(path: Path) -> bytes:
    return (WIRE / path).read_bytes()


def parts_of(path: Path) -> tuple[str, str]:
    """Release and object of a file."""
    return path.parent.name, path.name.split(".")[0]


def set_fields(rules: Rules, name: str, document: Document) -> set[str]:
    """Every `Object.field` that has a value somewhere in the document."""
    found = set()
    for field, value in document.items():
        found.add(f"{name}.{field}")
        f = rules.objects[name].fields[field]
        if f.type in rules.objects:
            for each in value if f.many else [value]:
                found |= set_fields(rules, f.type, each)
    return found


def fields_of(rules: Rules, name: str) -> set[str]:
    """Every `Object.field` that a document can have."""
    found, todo = set(), [name]
    while todo:
        of = todo.pop()
        for f in rules.objects[of].fields.values():
            if f"{of}.{f.name}" not in found and f.type in rules.objects:
                todo.append(f.type)
            found.add(f"{of}.{f.name}")
    return found


def test_every_main_object_of_every_release_has_its_documents() -> None:
    for name, release in RELEASES.items():
        standing = {parts_of(path)[1] for path in FILES if parts_of(path)[0] == name}
        wanted = {release.name_of(of) for of in MAIN_OBJECTS} & release.rules.objects.keys()
        assert standing >= wanted | {"VersionDetails", "Version", "Response"}


@each_document
def test_they_keep_every_rule(path: Path) -> None:
    release, name = parts_of(path)
    assert wire.check(name, wire.decode(text_of(path)), release) == []
    if SHARED.is_dir():
        assert validate(release, name, text_of(path)) == []


@pytest.mark.parametrize("path", [path for path in FILES if "every_field_set" in path.name], ids=str)
def test_every_field_is_set(path: Path) -> None:
    release, name = parts_of(path)
    rules = RELEASES[release].rules
    missing = fields_of(rules, name) - set_fields(rules, name, wire.decode(text_of(path)))
    either = {f"{of}.{part}" for of, rule in rules.objects.items() for group in rule.one_of for part in group}
    assert missing - either == set()


@pytest.mark.parametrize("path", [path for path in FILES if "least_fields" in path.name], ids=str)
def test_only_required_fields_are_set(path: Path) -> None:
    release, name = parts_of(path)
    rules = RELEASES[release].rules
    optional = {f"{of}.{f.name}" for of, rule in rules.objects.items() for f in rule.fields.values() if not f.required}
    assert set_fields(rules, name, wire.decode(text_of(path))) & optional <= CALLED_FOR


def canonical(release: str, name: str, kind: str = "every_field_set") -> Document:
    text = text_of(Path(release) / f"{name}.{kind}.json")
    document = wire.read(name, text, dialect(release), context_of({})).document
    assert document is not None
    return document


def known_of(release: str, document: Document) -> list[tuple[str, Document]]:
    """What a platform would find: the Token, and its own Location or the one that an older document embeds."""
    place: Document | None = canonical("2.3.0", "Location")
    if isinstance(document.get("location"), dict) and "id" in document["location"]:
        place = wire.read("Location", document["location"], dialect(release), context_of(document)).document
    assert place is not None
    return [("Location", place), ("Token", canonical("2.3.0", "Token"))]


def role_of(document: Document) -> str:
    return str(document["roles"][0]["role"]) if "roles" in document else "CPO"


@each_document
def test_they_are_read_and_written_as_they_are(path: Path) -> None:
    release, name = parts_of(path)
    document: Any = wire.decode(text_of(path))
    context = context_of(document, *known_of(release, document), role=role_of(document))
    read = wire.read(name, text_of(path), dialect(release), context)
    assert read.findings == []
    assert read.document is not None
    written = wire.write(name, read.document, dialect(release), context)
    assert spelled(tidy(written.document)) == spelled(document)
    assert wire.decode(written.text) == written.document


TO_OLDEST = {
    "CDR.every_field_set": "2.1.1 has no credit CDRs",
    "Location.every_field_set": "2.1.1 cannot say that a Location is not for everybody",
    "ReserveNow.least_fields": "reservation ids are numbers in 2.1.1",
    "Tariff.every_field_set": "2.1.1 has no min_price",
}
FROM_OLDEST = {
    "AuthorizationInfo.every_field_set": "AuthorizationInfo.token is required",
    "AuthorizationInfo.least_fields": "AuthorizationInfo.token is required",
    "CDR.least_fields": "CdrLocation.evse_uid is required",
    "CommandResponse.every_field_set": "CommandResponse.timeout is required",
    "CommandResponse.least_fields": "CommandResponse.timeout is required",
    "Location.least_fields": "Location.time_zone is required",
    "Session.least_fields": "Session.evse_uid is required",
}
"""What 2.1.1 does not say and later releases require: whoever forwards it must know it from elsewhere."""


@pytest.mark.parametrize(
    ("path", "other"),
    [
        (path, other)
        for path in FILES
        for other in RELEASES
        if other != parts_of(path)[0]
        and parts_of(path)[1] in MAIN_OBJECTS
        and RELEASES[other].name_of(parts_of(path)[1]) in RELEASES[other].rules.objects
    ],
    ids=str,
)
def test_they_are_said_in_every_other_release(path: Path, other: str) -> None:
    release, name = parts_of(path)
    document: Any = wire.decode(text_of(path))
    context = context_of(document, *known_of(release, document), role=role_of(document))
    read = wire.read(name, document, dialect(release), context)
    assert read.document is not None
    oldest = "2.1.1"
    reasons = TO_OLDEST if other == oldest else FROM_OLDEST if release == oldest else {}
    reason = reasons.get(path.name.removesuffix(".json"))
    if reason is not None:
        with pytest.raises(wire.Unsayable, match=reason):
            wire.write(name, read.document, dialect(other), context)
        return
    written = wire.write(name, read.document, dialect(other), context)
    assert [f for f in wire.check(name, written.document, other) if f.severity != "info"] == []
    back = wire.read(name, written.document, dialect(other), context)
    assert back.document is not None
    named = set().union(*(step.losses for each in (release, other) for step in RELEASES[each].steps))
    assert lost(RELEASES["2.3.0"].rules, name, read.document, back.document) <= named
