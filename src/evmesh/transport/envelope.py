"""The envelope on the way out and on the way in. [transport_and_format_response_format]"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from evmesh.ocpi import wire


def envelope(data: Any, status_code: int, message: str | None, moment: datetime) -> bytes:
    """The text of an answer at a moment in UTC.

    `data` that is JSON text already (bytes) goes in as it is; None is left out.
    """
    parts = [b"{"]
    if data is not None:
        parts += b'"data":', data if isinstance(data, bytes) else wire.encode(data), b","
    parts.append(b'"status_code":%d,' % status_code)
    if message is not None:
        parts += b'"status_message":', wire.encode(message), b","
    parts.append(b'"timestamp":"%s"}' % _stamp(moment))
    return b"".join(parts)


def _stamp(moment: datetime) -> bytes:
    """A moment in UTC as the specification writes it, 24 characters. Every answer has one, so it is made in C."""
    return moment.isoformat(timespec="milliseconds")[:23].encode() + b"Z"


def status_code_in(answer: Any) -> int | None:
    """The OCPI status of a decoded answer, None when it is no envelope. A number in quotes, or with a
    point behind it, is taken as meant."""
    if not isinstance(answer, dict):
        return None
    code = answer.get("status_code")
    if isinstance(code, str) and code.strip().isascii() and code.strip().isdigit():
        code = int(code.strip()[:5])
    elif isinstance(code, Decimal) and code == code.to_integral_value():
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 1000 <= code <= 9999 else None
