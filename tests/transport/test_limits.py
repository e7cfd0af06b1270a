"""How deep a body may nest is found out without decoding it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import NotJson
from evmesh.transport.limits import too_deep

documents = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab[]{}"\\', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='k[{"\\', max_size=3), inner, max_size=4)
    ),
    max_leaves=60,
)


def depth(document: Any) -> int:
    if isinstance(document, dict):
        document = list(document.values())
    return 1 + max(map(depth, document), default=0) if isinstance(document, list) else 0


@given(documents, st.integers(1, 8))
def test_it_is_the_depth_that_decoding_would_show(document: Any, bound: int) -> None:
    assert too_deep(json.dumps(document).encode(), bound) == (depth(document) > bound)


@pytest.mark.parametrize("text", [b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 500 + b"1" + b"}" * 500])
def test_what_would_exhaust_a_reader_is_too_deep(text: bytes) -> None:
    assert too_deep(text, 64)


@pytest.mark.parametrize("text", [b"[" * 10_000, b'["' + b"[" * 10_000, b"]" * 500 + b"[" * 500, b"\xff[" * 500])
def test_what_is_no_json_is_refused_by_one_or_the_other(text: bytes) -> None:
    if not too_deep(text, 64):
        with pytest.raises(NotJson):
            wire.decode(text)
