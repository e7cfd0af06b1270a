"""The guards on the way through a list; over real sockets they are tried in `test_client`."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ports import Nonsense
from evmesh.transport.addresses import same_place
from evmesh.transport.walk import EMPTY_PAGES, Walk, kept_secure

START = "https://cpo.example/locations?limit=2"


def walk(most: int = 1000) -> Walk:
    return Walk(START, [urlsplit("https://cpo.example/versions"), urlsplit("https://pages.cpo.example:8443/")], most)


def test_a_platform_behind_a_proxy_that_links_itself_as_http_is_still_asked_securely() -> None:
    assert kept_secure("https://cpo.example:8443/a", "http://cpo.example/b?c") == "https://cpo.example:8443/b?c"
    assert kept_secure("https://cpo.example/a", "http://other.example/b") == "http://other.example/b"
    assert kept_secure("http://cpo.example/a", "http://cpo.example/b") == "http://cpo.example/b"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://A.example:443/y", True),
        ("http://a.example/x", "https://a.example/y", True),
        ("https://a.example/x", "http://a.example/y", False),
        ("https://a.example/x", "https://a.example:8443/y", False),
        ("https://a.example/x", "https://b.example/y", False),
        ("http://a.example:8080/x", "https://a.example/y", False),
    ],
)
def test_a_token_goes_to_the_same_place_or_its_secure_twin(one: str, other: str, same: bool) -> None:
    assert same_place(urlsplit(one), urlsplit(other)) == same


def test_pages_may_lie_on_any_host_that_the_partner_has_named() -> None:
    on_its_way = walk()
    on_its_way.step([1], START, "https://pages.cpo.example:8443/next")
    assert on_its_way.url == "https://pages.cpo.example:8443/next"
    with pytest.raises(Nonsense, match="elsewhere"):
        on_its_way.step([2], on_its_way.url, "https://evil.example/next")


def test_a_few_empty_pages_do_no_harm() -> None:
    on_its_way = walk()
    for page in range(EMPTY_PAGES):
        on_its_way.step([], START, f"https://cpo.example/locations?page={page}")
    on_its_way.step([1], START, "https://cpo.example/locations?page=x")
    on_its_way.step([], START, None)
    assert (on_its_way.url, on_its_way.received) == (None, 1)


@given(st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=2), st.integers(0, 50)), min_size=60, max_size=60))
def test_every_walk_ends(pages: list[tuple[list[int], int]]) -> None:
    on_its_way = walk(most=40)

    def go_on() -> None:
        for items, target in pages:
            on_its_way.step(items, START, f"https://cpo.example/locations?page={target}")

    with pytest.raises(Nonsense):
        go_on()
