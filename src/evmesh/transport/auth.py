"""Who calls: from the Authorization header to the partner. [transport_and_format_authorization_header]

A partner says its token in Base64 (2.2.1 and later) or plainly (2.1.1, and platforms that never learnt the other).
How it will speak is not known before it has registered, and the token alone is the secret, so both forms are heard
from everybody; how *we* say theirs is a switch per partner. The samples of the specification encode a line break
behind the token; it is taken off.

    A     the token of an invitation      versions and credentials only
    C     made by a handshake             everything
          the first request with it retires every other token of the partner, A and the old C: until then the
          partner may not have got the answer that held the new one, and repeats its request with the old
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from evmesh.ports import Partner
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx

CACHE_SECONDS = 0.5
CACHE_SIZE = 4096

_HEADER = re.compile(r"token (\S{1,512})", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who presented which of our tokens. `purpose` is A for an invitation's, C after a handshake."""

    partner: Partner
    purpose: Literal["A", "C"]
    token_hash: str


class Authenticate(Protocol):
    async def __call__(self, header: str | None, *, fresh: bool = False) -> Caller | None:
        """The caller, None when the header names nobody. `fresh` looks at the database, whatever is remembered."""
        ...


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
    """`Authenticate` over the store.

    What was found is remembered for half a second, so that a busy partner costs one look; never for invitations and
    handshakes, where each request may change what the next one finds. What another process changes (a partner
    suspended on the command line) is noticed within that time; `forget` makes it at once.
    """

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._remembered: dict[str, tuple[float, Caller]] = {}

    async def __call__(self, header: str | None, *, fresh: bool = False) -> Caller | None:
        for token in tokens_in(header):
            token_hash = hash_of(token)
            known = None if fresh else self._remembered.get(token_hash)
            if known is not None and known[0] > self._monotonic():
                return known[1]
            caller = await self._look(token_hash)
            if caller is not None:
                return caller
        return None

    def forget(self) -> None:
        """A partner was changed in this process: ask the store again."""
        self._remembered.clear()

    async def _look(self, token_hash: str) -> Caller | None:
        found = await self._store.read(lambda tx: partners.by_token(tx, token_hash))
        if found is None:
            self._remembered.pop(token_hash, None)
            return None
        partner, token = found
        caller = Caller(partner, "A" if token.purpose == "A" else "C", token_hash)
        if token.used_at is None:
            await self._first_use(caller)
        if caller.purpose == "C" and partner.status == "registered":
            self._remember(caller)
        return caller

    async def _first_use(self, caller: Caller) -> None:
        def note(tx: Tx) -> None:
            partners.token_used(tx, caller.token_hash)
            if caller.purpose == "C":
                partners.retire_tokens(tx, caller.partner.id, but=caller.token_hash)

        await self._store.write(note)
        self._remembered = {
            token_hash: entry
            for token_hash, entry in self._remembered.items()
            if entry[1].partner.id != caller.partner.id
        }

    def _remember(self, caller: Caller) -> None:
        if len(self._remembered) >= CACHE_SIZE:
            self._remembered.clear()
        self._remembered[caller.token_hash] = (self._monotonic() + CACHE_SECONDS, caller)
