"""What partners answer, read with patience; what we answer, written exactly."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Nonsense
from evmesh.transport.answers import reply_of, retry_after
from evmesh.transport.envelope import envelope

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_our_envelope_leaves_out_what_there_is_not_and_keeps_time_short() -> None:
    assert envelope(None, 1000, None, NOON) == b'{"status_code":1000,"timestamp":"2026-03-01T12:00:00.123Z"}'


def test_stored_text_goes_into_the_envelope_as_it_is() -> None:
    text = envelope(b'[{"a": 1.10}]', 1000, None, NOON)
    assert text == b'{"data":[{"a": 1.10}],"status_code":1000,"timestamp":"2026-03-01T12:00:00.123Z"}'


def test_numbers_keep_every_digit_and_texts_their_quotes() -> None:
    text = envelope({"n": Decimal("1.10")}, 2001, 'say "x"', NOON)
    assert b'"n":1.10' in text
    assert wire.decode(text)["status_message"] == 'say "x"'


@pytest.mark.parametrize("code", [b"1000", b'"1000"', b'" 1000 "', b"1000.0", b"1e3"])
def test_a_status_in_quotes_is_taken_as_meant(code: bytes) -> None:
    assert reply_of(200, {}, b'{"status_code":' + code + b"}").ok


def test_data_and_message_may_be_missing_or_null() -> None:
    reply = reply_of(200, {}, b'{"status_code":1000,"status_message":null,"data":null}')
    assert (reply.ok, reply.data, reply.message) == (True, None, None)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert reply_of(200, {}, b'\xef\xbb\xbf{"status_code":1000}').ok


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"[]",
        b"{}",
        b'{"status_code":true}',
        b'{"status_code":"fine"}',
        b'{"status_co',
        b'{"status_code":1e300}',
    ],
)
def test_a_success_without_an_envelope_is_nonsense(body: bytes) -> None:
    with pytest.raises(Nonsense):
        reply_of(200, {}, body)


@pytest.mark.parametrize("body", [b"", b"<html>Not found</html>", b'{"error":"x"}'])
def test_an_error_status_speaks_for_itself(body: bytes) -> None:
    reply = reply_of(404, {}, body)
    assert (reply.http_status, reply.status_code, reply.ok) == (404, None, False)


def test_delivered_is_what_both_statuses_call_so() -> None:
    assert not reply_of(200, {}, b'{"status_code":3000}').ok
    assert not reply_of(500, {}, b'{"status_code":1000}').ok


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 59.876544),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("1.5", None),
    ],
)
def test_a_wait_is_asked_for_in_seconds_or_by_a_date(header: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": header}, lambda: NOON) == seconds
