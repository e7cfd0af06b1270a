"""The envelope that every answer travels in. [transport_and_format_response_format]"""

from __future__ import annotations

from typing import Any

from evmesh.ocpi.types import DateTime, Object, String


class Response(Object, kw_only=True):
    """[transport_response_class]"""

    data: Any = None
    status_code: int
    status_message: String | None = None
    timestamp: DateTime
