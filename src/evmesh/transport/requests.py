"""What is looked at in a request before a handler gets it, and what the caller is told when it is wrong.

    OcpiError
    ├── BadRequest           400   unreadable as a request: the length, the query's encoding
    ├── TokenRefused         401
    ├── TooSlow              408   the body did not arrive in time
    ├── TooLarge             413
    ├── WrongMediaType       415
    └── TooManyRequests      429   with Retry-After

Wrong parameters are content: HTTP 200 with 2001 and the parameter's name. [status_codes_status_codes]
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import InvalidParameter, NotAuthorized, NotJson, OcpiError
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Party
from evmesh.transport.limits import Limits, too_deep

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LARGEST_OFFSET = 2**53
MOST_PARAMETERS = 100
_NUMBER = re.compile(r"\d{1,16}", re.ASCII)
_PLAIN = re.compile(r"[\w.~:&=-]*", re.ASCII)
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")


class BadRequest(OcpiError):
    http_status = 400


class TokenRefused(NotAuthorized):
    pass


class TooSlow(OcpiError):
    http_status = 408


class TooLarge(OcpiError):
    http_status = 413


class WrongMediaType(OcpiError):
    http_status = 415


class TooManyRequests(OcpiError):
    http_status = 429


class Gone(Exception):
    """The caller closed the connection before its request was complete; nobody is there to answer."""


async def body_of(receive: Receive, headers: Mapping[str, str], limits: Limits) -> bytes:
    """The whole body, never more than the limit of it in memory. TooLarge, TooSlow, WrongMediaType, NotJson, Gone."""
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return b""
    if length is not None:
        if not length.isascii() or not length.isdigit():
            raise BadRequest("Content-Length is no number")
        if len(length) > 15 or int(length) > limits.body_bytes:
            raise TooLarge(f"the body has {length[:20]} bytes; at most {limits.body_bytes} are taken")
        if int(length) == 0:
            return b""
    _check_media_type(headers)
    body = await _received(receive, limits)
    if too_deep(body, limits.nesting):
        raise NotJson(f"the body nests lists and objects deeper than {limits.nesting}")
    return body


async def _received(receive: Receive, limits: Limits) -> bytes:
    parts = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                parts += message.get("body", b"")
                if len(parts) > limits.body_bytes:
                    raise TooLarge(f"the body is larger than {limits.body_bytes} bytes")
                if not message.get("more_body"):
                    return bytes(parts)
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {limits.body_seconds:g} seconds") from None


def _check_media_type(headers: Mapping[str, str]) -> None:
    given = headers.get("content-type", "")
    if given != "application/json" and not _is_json(given):
        raise WrongMediaType(f"the body must be application/json in UTF-8, not {given[:80] or 'without Content-Type'}")
    encoding = headers.get("content-encoding", "identity").strip()
    if encoding.casefold() != "identity":
        raise WrongMediaType(f"the body must not be compressed ({encoding[:40]})")


def _is_json(content_type: str) -> bool:
    media_type, *parameters = (part.strip().casefold() for part in content_type.split(";"))
    charsets = [value.strip(' "') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return media_type == "application/json" and all(charset in ("utf-8", "utf8", "us-ascii") for charset in charsets)


def query_of(query_string: bytes, operation: Operation) -> dict[str, str]:
    """The parameters by name, those that every list understands checked. InvalidParameter names the wrong one.

    A parameter without a value counts as not given.
    """
    if not query_string:
        return {}
    try:
        pairs = _pairs(query_string.decode("ascii"))
    except ValueError:
        raise BadRequest("the query cannot be read: it is not percent-encoded UTF-8, or has too many parts") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in query:
            raise InvalidParameter(f"{name[:40]}: given more than once")
        if name and value:
            query[name] = value
    if operation.paged:
        _check_list_query(query)
    return query


def _pairs(query: str) -> list[tuple[str, str]]:
    if _PLAIN.fullmatch(query) and query.count("&") < MOST_PARAMETERS:
        # Nothing is encoded, as in most lists: splitting is enough.
        return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]
    return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)


def _check_list_query(query: dict[str, str]) -> None:
    for name in ("date_from", "date_to"):
        if name in query:
            # A plus sign that nobody encoded arrives as a space.
            query[name] = _LOST_PLUS.sub("+", query[name])
            try:
                parse_timestamp(query[name])
            except ValueError:
                raise InvalidParameter(f"{name}: {query[name][:40]!r} is not a timestamp") from None
    for name, least, most in (("offset", 0, LARGEST_OFFSET), ("limit", 1, LARGEST_OFFSET)):
        if name in query:
            text = query[name]
            if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
                raise InvalidParameter(f"{name}: {text[:40]!r} is not a whole number of at least {least}")


def party_of(headers: Mapping[str, str], direction: str) -> Party | None:
    """The party that the `from` or `to` headers name, None when there are none.

    [transport_and_format_message_routing_headers]
    """
    country_code = headers.get(f"ocpi-{direction}-country-code", "").strip()
    party_id = headers.get(f"ocpi-{direction}-party-id", "").strip()
    if not country_code and not party_id:
        return None
    for value, name in ((country_code, "country-code"), (party_id, "party-id")):
        if not value:
            raise InvalidParameter(f"OCPI-{direction}-{name}: missing, but the other half of the party is there")
    return country_code, party_id
