"""Who calls: from the Authorization header to the partner. [transport_and_format_authorization_header]

A partner says its token in Base64 (2.2.1 and later) or plainly (2.1.1, and platforms that never learnt the other).
How it will speak is not known before it has registered, and the token alone is the secret, so both forms are heard
from everybody; how *we* say theirs is a switch per partner. The samples of the specification encode a line break
behind the token; it is taken off.

What a token opens, and what dies when one is used, are rules of the handshake; they come in as a function.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from evmesh.ocpi.operation import Operation
from evmesh.ports import Partner
from evmesh.store.partners import OurToken
from evmesh.transport.routing import HANDSHAKE

CACHE_SECONDS = 0.5
CACHE_SIZE = 4096

_HEADER = re.compile(r"token (\S{1,512})", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]+")

Recognise = Callable[[str, Operation], Awaitable[tuple[Partner, OurToken] | None]]
"""Whose token this is, None when it does not open the operation. What its use ends is ended before it returns."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who presented which of our tokens; `said` is the token itself, which only GET credentials has a use for."""

    partner: Partner
    token: OurToken
    said: str = field(repr=False)


Authenticate = Callable[[str | None, Operation], Awaitable[Caller | None]]
"""The caller that an Authorization header names, None when it does not admit to the operation."""


def authorization(token: str, *, base64_token: bool) -> str:
    """The header's value for a token of theirs. ValueError when the token cannot be said in a header."""
    token = token.strip()
    if base64_token:
        return "Token " + base64.b64encode(token.encode()).decode()
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token has characters that cannot stand in a header; it can only be said in Base64")
    return "Token " + token


def tokens_in(header: str | None) -> list[str]:
    """What the header may mean, likeliest first: the decoded token when it is Base64 of one, then the text itself."""
    match = _HEADER.fullmatch(header or "")
    if match is None:
        return []
    text = match[1]
    decoded = _decoded(text)
    return [text] if decoded is None or decoded == text else [decoded, text]


def _decoded(text: str) -> str | None:
    try:
        # Padding is often forgotten, and harmless to add.
        token = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token if _TOKEN.fullmatch(token) else None


class Tokens:
    """`Authenticate` over what recognises a token.

    A registered partner at work is remembered for half a second, so that a busy one costs one look at the database;
    invitations and handshakes never are, since each request may change what the next one finds. What another process
    changes (a partner suspended on the command line) is noticed within that time; `forget` makes it at once.
    """

    def __init__(self, recognise: Recognise, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._recognise = recognise
        self._monotonic = monotonic
        self._remembered: dict[str, tuple[float, Caller]] = {}

    async def __call__(self, header: str | None, operation: Operation) -> Caller | None:
        handshake = operation.module in HANDSHAKE
        known = self._remembered.get(header or "")
        if known is not None and known[0] > self._monotonic() and not handshake:
            return known[1]
        caller = await self._look(header, operation)
        if handshake or (caller is not None and caller.token.used_at is None):
            # A first use ends other tokens, and so may what is asked for here.
            self._remembered.clear()
        elif caller is not None and caller.token.purpose == "C":
            self._remember(header or "", caller)
        return caller

    def forget(self) -> None:
        """A partner was changed in this process: ask again."""
        self._remembered.clear()

    async def _look(self, header: str | None, operation: Operation) -> Caller | None:
        for token in tokens_in(header):
            found = await self._recognise(token, operation)
            if found is not None:
                return Caller(*found, token)
        return None

    def _remember(self, header: str, caller: Caller) -> None:
        if len(self._remembered) >= CACHE_SIZE:
            self._remembered.clear()
        self._remembered[header] = (self._monotonic() + CACHE_SECONDS, caller)
