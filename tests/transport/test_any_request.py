"""Whatever comes in, an envelope goes out."""

import asyncio
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.ocpi import wire
from evmesh.ports import Answer, Call
from evmesh.transport.limits import Limits
from evmesh.transport.routing import OPERATIONS
from evmesh.transport.server import Server
from tests.transport.people import VOLTA, emsp
from tests.transport.test_server import TOKEN, knows

HTTP_STATUSES = {200, 400, 401, 404, 405, 408, 413, 415}

MODULES = sorted({operation.module for operation in OPERATIONS.values()})
RELEASES = ["2.2.1", "2.1.1", "9.9"]
words = st.sampled_from(
    [*MODULES, *RELEASES, "sender", "receiver", "", "..", "a/b", "SE", "VLT", "é", "%", "START_SESSION", "authorize"]
)
paths = st.lists(words, max_size=7).map(lambda parts: "/ocpi/" + "/".join(quote(part, safe="") for part in parts))
names = st.sampled_from(
    ["authorization", "content-type", "content-length", "transfer-encoding", "content-encoding", "x-request-id"]
    + [f"ocpi-{way}-{part}" for way in ("to", "from") for part in ("party-id", "country-code")]
)
values = st.sampled_from(["", "x", "VLT", "SE", "NL", "EMS", "-1", "5", "99999999999999999999", "application/json"])
headers = st.dictionaries(names, values | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=8))
queries = st.lists(
    st.tuples(st.sampled_from(["limit", "offset", "date_from", "date_to", "type", "x"]), st.text(max_size=8))
)
bodies = st.binary(max_size=40) | st.sampled_from([b"{}", b"[" * 500, b"[" * 500 + b"]" * 500, b'{"a":' * 9])


async def handle(call: Call) -> Answer:
    wire.decode(call.body or b"{}")
    return Answer()


SERVER = Server(
    dict.fromkeys(OPERATIONS, handle),
    knows(secret=emsp()),
    url="https://volta.example",
    parties=[VOLTA],
    limits=Limits(body_bytes=100),
)


async def ask(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    sent: list[Any] = []
    pieces = [body[:3], body[3:]]

    async def receive() -> Any:
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    await SERVER(scope, receive, send)
    start, *parts = sent
    return start["status"], dict(start["headers"]), b"".join(part["body"] for part in parts)


@settings(max_examples=500)
@given(
    st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"]),
    paths,
    queries,
    headers,
    bodies,
    st.booleans(),
)
def test_every_request_gets_an_envelope(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes, known: bool
) -> None:
    if known:
        headers = headers | {name.casefold(): value for name, value in TOKEN.items()}
    text = "&".join(f"{name}={quote(value)}" for name, value in query)
    status, out, answer = asyncio.run(ask(method, path, text, headers, body))
    envelope = wire.decode(answer)
    assert status in HTTP_STATUSES
    assert 1000 <= envelope["status_code"] < 3000
    assert len(envelope["timestamp"]) <= 25
    assert ("status_message" in envelope) == (envelope["status_code"] != 1000)
    assert out[b"content-length"] == b"%d" % len(answer)
    assert out[b"x-request-id"]
    assert out[b"x-correlation-id"]
    assert (status == 401) == (not known)
    if status == 405:
        assert method.encode() not in out[b"allow"].split(b", ")
