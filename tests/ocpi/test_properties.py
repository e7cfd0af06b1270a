"""What holds for every document: reading, checking, writing and translating, tried on random ones."""

import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import RELEASES
from tests.ocpi.documents import (
    MAIN_OBJECTS,
    Document,
    context_of,
    documents,
    json_values,
    mutated,
    quick,
    spelled,
)
from tests.ocpi.facts import validate
from tests.shared import SHARED

NAMES = tuple(RELEASES)
ODD_TIMESTAMP = re.compile(rb"\d-\d\d[Tt ]\d\d:")
each_release = pytest.mark.parametrize("release", NAMES)


def objects(release: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(RELEASES[release].rules.objects))


def named(release: str) -> st.SearchStrategy[tuple[str, Any]]:
    return objects(release).flatmap(lambda name: documents(release, name).map(lambda document: (name, document)))


def keeps_rules(release: str, name: str, document: Any) -> bool:
    return wire.keeps_rules(RELEASES[release], name, wire.encode(document), document)


@each_release
@quick(400)
@given(data=st.data())
def test_documents_from_the_rules_keep_the_rules(release: str, data: st.DataObject) -> None:
    name, document = data.draw(named(release))
    assert wire.check(name, document, release) == []
    assert keeps_rules(release, name, document)
    if SHARED.is_dir():
        assert validate(release, name, wire.encode(document)) == []


@each_release
@quick(500)
@given(data=st.data())
def test_the_fast_check_and_the_slow_one_agree(release: str, data: st.DataObject) -> None:
    name = data.draw(objects(release))
    document = data.draw(mutated(release, name))
    findings = wire.check(name, document, release)
    if keeps_rules(release, name, document):
        assert [f for f in findings if f.severity == "error"] == []
    else:
        # A text for people that looks like an odd timestamp sends its document the slow road for nothing.
        assert findings or ODD_TIMESTAMP.search(wire.encode(document))


@each_release
@quick(500)
@given(data=st.data())
def test_whatever_comes_is_read_or_refused_with_a_reason(release: str, data: st.DataObject) -> None:
    name = data.draw(objects(release))
    document: Any = data.draw(mutated(release, name) | json_values)
    before = deepcopy(document)
    for body in (document, wire.encode(document)):
        read = wire.read(name, body, dialect(release), context_of({}))
        if read.document is None:
            assert read.why()
        assert spelled(read.wire) == spelled(before)
    assert spelled(document) == spelled(before)


@each_release
@quick(300)
@given(data=st.data())
def test_what_is_written_is_valid_whatever_was_read(release: str, data: st.DataObject) -> None:
    """From any release to any other: a document is said so that its reader has nothing to object, or withheld."""
    name = data.draw(st.sampled_from([name for name in MAIN_OBJECTS if name in RELEASES[release].rules.objects]))
    document = data.draw(documents(release, name) | mutated(release, name))
    known = known_of(release, document)
    read = wire.read(name, document, dialect(release), context_of(document, *known))
    if read.document is None:
        return
    before = deepcopy(read.document)
    for other in NAMES:
        if RELEASES[other].name_of(name) not in RELEASES[other].rules.objects:
            continue
        try:
            written = wire.write(name, read.document, dialect(other), context_of(document, *known))
        except (wire.Unsayable, wire.NeedsObject):
            continue
        assert wire.decode(written.text) == written.document
        assert [f for f in wire.check(name, written.document, other) if f.severity == "error"] == []
        if SHARED.is_dir():
            assert validate(other, RELEASES[other].name_of(name), written.text) == []
    assert read.document == before


def known_of(release: str, document: Document) -> list[tuple[str, Document]]:
    """The Location that an older Session or CDR embeds, as a lookup would find it again."""
    if not isinstance(document.get("location"), dict):
        return []
    place = wire.read("Location", document["location"], dialect(release), context_of(document))
    return [("Location", place.document)] if place.document is not None else []


@each_release
@quick(200)
@given(data=st.data())
def test_a_document_is_written_as_it_was_read(release: str, data: st.DataObject) -> None:
    """In its own release, digit by digit: 1.10 stays 1.10. What a translation computes is equal in value."""
    name, document = data.draw(named(release))
    read = wire.read(name, wire.encode(document), dialect(release), context_of(document, *known_of(release, document)))
    assert [f for f in read.findings if f.severity != "info"] == []
    assert spelled(read.wire) == spelled(document)
    if RELEASES[release].steps == ():
        written = wire.write(name, read.document or {}, dialect(release))
        assert spelled(wire.decode(written.text)) == spelled(document)
