"""What our tokens may not do, beyond `valid`: why one is refused, until when it holds, where it may charge.

OCPI has no fields for that in a Token; a CPO learns it when it asks. A token without limits may charge anywhere.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from evmesh.store.schema import token_limits
from evmesh.store.transaction import Tx, next_change, replace


class Places(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Location where a token may charge; no EVSEs named means all of them."""

    location_id: str
    evse_uids: list[str] = []


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """`refused` is an AllowedType other than ALLOWED, and `info` tells the driver why. `places` None: anywhere."""

    refused: str | None = None
    info: str | None = None
    expires_at: datetime | None = None
    places: list[Places] | None = None


_PREPARED = msgspec.json.Decoder(Limits)
"""msgspec prepares a type when it is first converted to, and several threads must not do so at once."""


def put(tx: Tx, key: str, limits: Limits | None) -> None:
    """Limit one of our tokens, by its key; None lifts all limits."""
    next_change(tx)
    if limits is None:
        tx.execute(delete(token_limits).where(token_limits.c.key == key))
    else:
        replace(tx, token_limits, ["key"], {"key": key, "limits": msgspec.to_builtins(limits)})


def get(tx: Tx, key: str) -> Limits | None:
    found = tx.scalars(select(token_limits.c.limits).where(token_limits.c.key == key)).one_or_none()
    return None if found is None else msgspec.convert(found, Limits)
