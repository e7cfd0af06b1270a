"""Link headers: what we write is what we read, and what others write in their ways is read too."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.transport.links import next_link, next_url

HERE = "https://cpo.example/ocpi/2.2.1/sender/locations?limit=2"


def test_the_next_page_keeps_filters_and_moves_on() -> None:
    link = next_link(
        "https://cpo.example/locations",
        {"date_from": "2026-01-01T00:00:00Z", "offset": "0", "limit": "50", "after": "old"},
        {"offset": "50", "limit": "50", "after": "new"},
    )
    assert link == (
        '<https://cpo.example/locations?date_from=2026-01-01T00:00:00Z&offset=50&limit=50&after=new>; rel="next"'
    )


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_whatever_a_filter_holds_comes_back(query: dict[str, str]) -> None:
    found = next_url([next_link("https://cpo.example/x", query, {"offset": "5"})], HERE)
    assert found is not None
    read = {name: values for name, (values,) in parse_qs(urlsplit(found).query, keep_blank_values=True).items()}
    assert read == {name: value for name, value in query.items() if name not in ("offset", "limit")} | {"offset": "5"}


@pytest.mark.parametrize(
    "header",
    [
        '<https://cpo.example/next?a=1,2;3>; rel="next"',
        "<https://cpo.example/next?a=1,2;3>;rel=next",
        '<https://cpo.example/next?a=1,2;3> ; title="a, b"; REL = "last NEXT"',
        '<https://cpo.example/first>; rel="first", <https://cpo.example/next?a=1,2;3>; rel="next"',
    ],
)
def test_the_ways_in_which_others_write_it(header: str) -> None:
    assert next_url([header], HERE) == "https://cpo.example/next?a=1,2;3"


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ("</locations?offset=2>; rel=next", "https://cpo.example/locations?offset=2"),
        ("<?offset=2>; rel=next", "https://cpo.example/ocpi/2.2.1/sender/locations?offset=2"),
    ],
)
def test_a_relative_one_is_relative_to_the_page(header: str, url: str) -> None:
    assert next_url([header], HERE) == url


@pytest.mark.parametrize("headers", [[], [""], ['<https://cpo.example/>; rel="prev"'], ["https://cpo.example/"]])
def test_the_last_page_has_none(headers: list[str]) -> None:
    assert next_url(headers, HERE) is None
