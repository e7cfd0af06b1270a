"""What a partner's answer means: envelopes read, waits understood."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from evmesh.base.clock import Clock
from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import NotJson
from evmesh.ports import Nonsense, Reply
from evmesh.transport.envelope import status_code_in

LONGEST_MESSAGE = 500
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def reply_of(http_status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply in a body. An error status speaks for itself, so whatever comes with one is a Reply, with or without
    an OCPI status; a success without an envelope is Nonsense: something else than OCPI answers there."""
    try:
        answer = wire.decode(body.removeprefix(_BYTE_ORDER_MARK))
        why = "is no OCPI envelope"
    except NotJson as error:
        answer = None
        why = "is empty" if not body.strip() else f"is no OCPI: {error.message}"
    status_code = status_code_in(answer)
    if status_code is not None:
        message = answer.get("status_message")
        text = message[:LONGEST_MESSAGE] if isinstance(message, str) else None
        return Reply(http_status, status_code, text, answer.get("data"), headers)
    if 200 <= http_status < 300:
        raise Nonsense(f"the answer (HTTP {http_status}, {_kind(headers)}) {why}")
    return Reply(http_status, None, f"HTTP {http_status}; the answer ({_kind(headers)}) {why}", None, headers)


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "no Content-Type")[:60]


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds to wait that a Retry-After header asks for, as a number or as a date; None without a readable one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = clock()
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or now.tzinfo) - now).total_seconds())
