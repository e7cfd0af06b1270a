"""What becomes of the tokens that we accept, at the moment when one is used. `handshake` has the rules."""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ports import Partner
from evmesh.roaming.credentials import handshake
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.partners import OurToken
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx


async def recognise(store: Store, token: str, operation: Operation) -> tuple[Partner, OurToken] | None:
    """Whose token it is, None when it does not open the operation (HTTP 401).

    When the use shows that the partner has the token for good, older ones are dead on disk before this returns.
    """
    hash = hash_of(token)
    found = await store.glance(lambda tx: partners.by_token(tx, hash))
    if found is None:
        return None
    partner, ours = found
    if not handshake.opens(ours.purpose, partner.status, operation):
        return None
    if ours.used_at is None and handshake.proves(ours.purpose, partner.status, operation):
        await store.write(lambda tx: first_use(tx, hash))
    return found


def first_use(tx: Tx, hash: str) -> None:
    """The partner has this token for good: it is given, and older ones die."""
    partners.token_given(tx, hash)
    partners.token_used(tx, hash)
    partners.retire_older_tokens(tx, hash)
