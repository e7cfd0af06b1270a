"""How much, how many, how long: every bound of what is carried, in one place.

A request brings one object, so eight megabytes are plenty; an answer of a partner may be a page of a thousand large
locations, so it may be larger. Whatever is beyond a bound is refused before it is held in memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    As a server: `body_bytes` and `nesting` of a request; `partner_requests` of one partner are worked on at once, and
    `partner_waiting` more may wait for their turn; `body_seconds` for a body to arrive, `head_seconds` for the head of
    a request on a new connection, `idle_seconds` between requests, `closing_seconds` for running requests when the
    server stops; `connections` in all.

    As a client: `answer_bytes` of an answer, `connect_seconds` to connect, `answer_seconds` for a whole call unless
    told otherwise; a safe request is tried `tries` times in all; waits that a partner asks for are obeyed up to
    `retry_after_seconds` within a call; `pages` of one list; `partner_connections` to one host.

    Delivering: `deliveries` at once for one partner, `delivery_lease_seconds` until somebody else may try.
    """

    body_bytes: int = 8 * MEGABYTE
    nesting: int = 64
    partner_requests: int = 64
    partner_waiting: int = 512
    body_seconds: float = 30.0
    head_seconds: float = 15.0
    idle_seconds: int = 65
    closing_seconds: int = 20
    connections: int = 4096

    answer_bytes: int = 128 * MEGABYTE
    connect_seconds: float = 10.0
    answer_seconds: float = 30.0
    tries: int = 3
    retry_after_seconds: float = 5.0
    pages: int = 100_000
    partner_connections: int = 32

    deliveries: int = 16
    delivery_lease_seconds: float = 120.0


_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def too_deep(body: bytes, bound: int) -> bool:
    """Whether JSON text nests lists and objects deeper than the bound.

    Decoders stop by themselves at about a thousand; whatever walks the document later should not get there. Looking
    costs nothing for the usual small body: so few brackets cannot be deep.
    """
    if body.count(b"[") + body.count(b"{") <= bound:
        return False
    brackets = _TEXT.sub(b"", body).translate(_ALIKE, _NO_BRACKET)
    for _ in range(bound):
        # Takes away the innermost level, which is one `replace` in C however long the text.
        outer = brackets.replace(b"[]", b"")
        if not outer or len(outer) == len(brackets):
            return False
        brackets = outer
    return True
