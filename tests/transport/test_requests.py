"""What is wrong with a request is named before a handler sees it."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi.status_codes import InvalidParameter, NotJson
from evmesh.transport.limits import Limits
from evmesh.transport.requests import (
    BadRequest,
    Gone,
    TooLarge,
    TooSlow,
    WrongMediaType,
    body_of,
    party_of,
    query_of,
)
from evmesh.transport.routing import OPERATIONS

LIST = OPERATIONS["locations.sender.list"]
JSON = {"content-type": "application/json"}
SMALL = Limits(body_bytes=10, body_seconds=0.05)


class Arriving:
    """The pieces of a body, as the server gives them; silence when there are no more."""

    def __init__(self, *pieces: bytes, complete: bool = True) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": not complete or index < len(pieces) - 1}
            for index, piece in enumerate(pieces)
        ]

    async def __call__(self) -> dict[str, Any]:
        if self.messages:
            return self.messages.pop(0)
        return {"type": "http.disconnect"}


def of_length(length: int, **headers: str) -> dict[str, str]:
    return JSON | {"content-length": str(length)} | headers


async def test_a_body_may_come_in_pieces() -> None:
    assert await body_of(Arriving(b"[1,", b"", b"2]"), JSON | {"transfer-encoding": "chunked"}, SMALL) == b"[1,2]"


async def test_without_a_body_nothing_is_asked_about_it() -> None:
    for headers in ({}, {"content-length": "0", "content-type": "text/plain"}):
        assert await body_of(Arriving(), headers, SMALL) == b""


async def test_a_body_that_says_to_be_too_large_is_not_even_read() -> None:
    with pytest.raises(TooLarge):
        await body_of(Arriving(), of_length(11), SMALL)


async def test_a_body_that_turns_out_too_large_is_not_read_to_the_end() -> None:
    arriving = Arriving(*[b"12345"] * 100)
    with pytest.raises(TooLarge):
        await body_of(arriving, JSON | {"transfer-encoding": "chunked"}, SMALL)
    assert len(arriving.messages) == 97


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def silence() -> dict[str, Any]:
        import asyncio

        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TooSlow):
        await body_of(silence, of_length(5), SMALL)


async def test_a_caller_who_hangs_up_gets_no_answer() -> None:
    with pytest.raises(Gone):
        await body_of(Arriving(b"[1,", complete=False), of_length(5), SMALL)


@pytest.mark.parametrize(
    "given",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json;",
        "application/json; profile=x; charset=UTF8",
    ],
)
async def test_json_in_utf_8_is_taken_however_it_is_announced(given: str) -> None:
    assert await body_of(Arriving(b"{}"), of_length(2) | {"content-type": given}, SMALL) == b"{}"


@pytest.mark.parametrize(
    "given",
    ["", "text/plain", "application/xml", "application/json; charset=iso-8859-1", "application/jsonp", "json"],
)
async def test_anything_else_is_the_wrong_media_type(given: str) -> None:
    with pytest.raises(WrongMediaType):
        await body_of(Arriving(b"{}"), of_length(2) | {"content-type": given}, SMALL)


async def test_compressed_bodies_are_not_taken() -> None:
    with pytest.raises(WrongMediaType):
        await body_of(Arriving(b"{}"), of_length(2) | {"content-encoding": "gzip"}, SMALL)


async def test_a_length_that_is_none_is_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        await body_of(Arriving(b"{}"), JSON | {"content-length": "-2"}, SMALL)


async def test_ten_thousand_nested_arrays_are_not_json_to_us() -> None:
    body = b"[" * 10_000 + b"]" * 10_000
    with pytest.raises(NotJson):
        await body_of(Arriving(body), of_length(len(body)), Limits())


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (b"limit=-1", "limit"),
        (b"limit=0", "limit"),
        (b"limit=ten", "limit"),
        (b"limit=1e3", "limit"),
        (b"limit=%D9%A1", "limit"),
        (b"offset=-1", "offset"),
        (b"offset=99999999999999999999", "offset"),
        (b"offset=1.5", "offset"),
        (b"date_from=yesterday", "date_from"),
        (b"date_to=2026-13-01T00:00:00Z", "date_to"),
        (b"limit=1&limit=2", "limit"),
        (b"type=A&type=A", "type"),
    ],
)
def test_a_wrong_parameter_is_named(query: bytes, parameter: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{parameter}: "):
        query_of(query, LIST)


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"&".join(b"p%d=1" % n for n in range(200))])
def test_a_query_that_cannot_be_read_is_a_bad_request(query: bytes) -> None:
    with pytest.raises(BadRequest):
        query_of(query, LIST)


def test_what_is_right_comes_through_as_it_was_given() -> None:
    query = b"date_from=2026-01-01T00%3A00%3A00&date_to=2026-01-02T00:00:00.123Z&offset=0&limit=100000&type=RFID"
    assert query_of(query, LIST) == {
        "date_from": "2026-01-01T00:00:00",
        "date_to": "2026-01-02T00:00:00.123Z",
        "offset": "0",
        "limit": "100000",
        "type": "RFID",
    }


def test_a_parameter_without_a_value_counts_as_not_given() -> None:
    assert query_of(b"limit=&date_from=&x", LIST) == {}


def test_a_plus_sign_that_nobody_encoded_is_found_again() -> None:
    assert query_of(b"date_from=2026-01-01T00:00:00+01:00", LIST) == {"date_from": "2026-01-01T00:00:00+01:00"}


def test_what_is_no_list_has_its_own_parameters() -> None:
    assert query_of(b"limit=-1", OPERATIONS["tokens.receiver.get"]) == {"limit": "-1"}


@given(st.binary(max_size=60))
def test_no_query_breaks_anything(query: bytes) -> None:
    try:
        found = query_of(query, LIST)
    except (InvalidParameter, BadRequest):
        return
    assert all(found.values())


@given(st.text(alphabet="ab1&=.:-%+;", max_size=20))
def test_the_short_way_and_the_long_way_read_a_query_alike(query: str) -> None:
    expected = {n: v for n, v in parse_qsl(query, keep_blank_values=True, errors="replace") if n and v}
    try:
        found = query_of(query.encode(), OPERATIONS["tokens.receiver.get"])
    except (InvalidParameter, BadRequest):
        return
    assert found == expected


def test_routing_headers_name_a_party() -> None:
    headers = {"ocpi-from-country-code": "nl", "ocpi-from-party-id": " EMS "}
    assert party_of(headers, "from") == ("nl", "EMS")
    assert party_of(headers, "to") is None


@pytest.mark.parametrize("half", ["ocpi-to-country-code", "ocpi-to-party-id"])
def test_half_a_party_is_none(half: str) -> None:
    with pytest.raises(InvalidParameter, match="OCPI-to-"):
        party_of({half: "SE"}, "to")
