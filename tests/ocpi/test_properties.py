"""What holds for every document: reading, checking, writing and translating, tried on random ones."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.ocpi.releases import RELEASES
from tests.ocpi.documents import documents, mutated, quick
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
