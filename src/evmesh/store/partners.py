"""Our partners: who they are, what they offer, and the tokens of both sides.

    invited ──▶ registered ⇄ suspended
       │             │            │
       └─────────────┴────────────┴──▶ removed     stays in the table, since CDRs refer to it

Their token for us is encrypted, since we must say it with every request. Ours for them are kept as hashes: whoever
reads the database cannot call us with them. A partner may have several of ours for a while: after a rotation the old
one lives until the new one is first used. [credentials]
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from evmesh.ports import Partner, Party
from evmesh.store import deliveries
from evmesh.store.prepared import Prepared
from evmesh.store.schema import aside, objects, partner_tokens, partners, pulls
from evmesh.store.transaction import Tx, next_change, now, surroundings

Purpose = Literal["A", "B", "C"]
"""A invites, B stands in a request of ours that is not answered yet, C is given. What each opens is for
`roaming/credentials/handshake.py` to say."""


class NameTaken(Exception):
    """A name tells partners apart on the command line; the text says which one is in use."""


class OurToken(msgspec.Struct, frozen=True):
    """One of our tokens for a partner."""

    hash: str
    partner_id: int
    purpose: str
    created_at: datetime
    used_at: datetime | None
    retired_at: datetime | None


_PARTNER = tuple(partners.c[name] for name in Partner.__struct_fields__)
_TOKEN = tuple(partner_tokens.c[name] for name in OurToken.__struct_fields__)

_BY_ID = Prepared(select(*_PARTNER).where(partners.c.id == bindparam("id")))
_ALL = Prepared(select(*_PARTNER).order_by(partners.c.id))
_ALL_BUT_REMOVED = Prepared(select(*_PARTNER).where(partners.c.status != "removed").order_by(partners.c.id))
_THEIR_TOKEN = Prepared(select(partners.c.their_token).where(partners.c.id == bindparam("id")))
_BY_HASH = Prepared(
    select(*_TOKEN).where(partner_tokens.c.hash == bindparam("hash"), partner_tokens.c.retired_at.is_(None))
)


def insert(tx: Tx, name: str, **fields: Any) -> Partner:
    """A new partner; the fields are those of `Partner`. Raises `NameTaken`."""
    if by_name(tx, name) is not None:
        raise NameTaken(f"there is a partner named {name} already")
    moment = now(tx)
    partner = Partner(name=name, created_at=moment, updated_at=moment, **fields)
    values = _row(partner)
    del values["id"]
    next_change(tx)
    statement = partners.insert().values(values).returning(partners.c.id)
    return msgspec.structs.replace(partner, id=tx.scalars(statement).one())


def get(tx: Tx, partner_id: int) -> Partner | None:
    row = _BY_ID.row(tx, id=partner_id)
    return None if row is None else _partner(row)


def by_name(tx: Tx, name: str) -> Partner | None:
    """The partner of that name that was not removed."""
    statement = select(*_PARTNER).where(partners.c.name == name, partners.c.status != "removed")
    row = tx.execute(statement).one_or_none()
    return None if row is None else _partner(row)


def all_partners(tx: Tx, *, removed: bool = False) -> list[Partner]:
    return [_partner(row) for row in (_ALL if removed else _ALL_BUT_REMOVED).rows(tx)]


def latest(found: Iterable[Partner]) -> Partner | None:
    """Of partners that have a name or a party in common, the one that is there, else the one that was there last."""
    return max(found, key=lambda each: (each.status != "removed", each.id), default=None)


def save(tx: Tx, partner: Partner) -> Partner:
    """Keep a changed partner; returns it with its new `updated_at`."""
    saved = msgspec.structs.replace(partner, updated_at=now(tx))
    values = _row(saved)
    del values["id"], values["created_at"]
    next_change(tx)
    if not tx.execute(update(partners).where(partners.c.id == partner.id).values(values)).rowcount:
        raise LookupError(f"there is no partner {partner.id}")
    return saved


def _row(partner: Partner) -> dict[str, Any]:
    values = msgspec.structs.asdict(partner)
    values["our_party"] = None if partner.our_party is None else "*".join(partner.our_party)
    return values


def _partner(row: Any) -> Partner:
    fields = dict(zip(Partner.__struct_fields__, row, strict=True))
    party: str | None = fields["our_party"]
    fields["our_party"] = None if party is None else _party(party)
    return Partner(**fields)


def _party(text: str) -> Party:
    country_code, _, party_id = text.partition("*")
    return country_code, party_id


def set_their_token(tx: Tx, partner_id: int, token: str | None) -> None:
    """What we say when we call them; None forgets it."""
    hidden = None if token is None else surroundings(tx).secrets.hide(token)
    next_change(tx)
    tx.execute(update(partners).where(partners.c.id == partner_id).values(their_token=hidden))


def their_token(tx: Tx, partner_id: int) -> str | None:
    """Raises `WrongKey` when the secret key in the settings is another than it was."""
    hidden = _THEIR_TOKEN.value(tx, id=partner_id)
    return None if hidden is None else surroundings(tx).secrets.reveal(hidden)


def add_our_token(tx: Tx, partner_id: int, hash: str, purpose: Purpose) -> None:
    """Accept one more token from this partner; `secrets.hash_of` makes the hash.

    Which of two is older is a question of life and death for them, so a clock that stands still or goes back does
    not make a new one old.
    """
    next_change(tx)
    newest = tx.scalars(
        select(func.max(partner_tokens.c.created_at)).where(partner_tokens.c.partner_id == partner_id)
    ).one()
    moment = now(tx) if newest is None else max(now(tx), newest + timedelta(microseconds=1))
    tx.execute(
        partner_tokens.insert().values(
            hash=hash, partner_id=partner_id, purpose=purpose, created_at=moment, used_at=None, retired_at=None
        )
    )


def token_given(tx: Tx, hash: str) -> None:
    """The partner has the token for certain: a B becomes a C."""
    next_change(tx)
    tx.execute(update(partner_tokens).where(partner_tokens.c.hash == hash).values(purpose="C"))


def by_token(tx: Tx, hash: str) -> tuple[Partner, OurToken] | None:
    """Whose token this is, unless it was retired or its partner removed."""
    row = _BY_HASH.row(tx, hash=hash)
    token = None if row is None else OurToken(*row)
    if token is None or not hmac.compare_digest(token.hash, hash):
        return None
    partner = get(tx, token.partner_id)
    if partner is None or partner.status == "removed":
        return None
    return partner, token


def our_tokens(tx: Tx, partner_id: int) -> list[OurToken]:
    """All that were ever given to this partner, oldest first."""
    statement = select(*_TOKEN).where(partner_tokens.c.partner_id == partner_id)
    return [OurToken(*row) for row in tx.execute(statement.order_by(partner_tokens.c.created_at))]


def token_used(tx: Tx, hash: str) -> None:
    """Note the first use of a token."""
    tx.execute(
        update(partner_tokens)
        .where(partner_tokens.c.hash == hash, partner_tokens.c.used_at.is_(None))
        .values(used_at=now(tx))
    )


def retire_token(tx: Tx, hash: str) -> None:
    """Refuse this token from now on."""
    next_change(tx)
    tx.execute(_retire().where(partner_tokens.c.hash == hash).values(retired_at=now(tx)))


def retire_older_tokens(tx: Tx, hash: str) -> int:
    """Refuse what the same partner was given before this token; returns how many died."""
    next_change(tx)
    this = select(partner_tokens.c.partner_id, partner_tokens.c.created_at).where(partner_tokens.c.hash == hash)
    partner_id, created_at = tx.execute(this).one()
    statement = _retire().where(partner_tokens.c.partner_id == partner_id, partner_tokens.c.created_at < created_at)
    return tx.execute(statement.values(retired_at=now(tx))).rowcount


def retire_tokens(tx: Tx, partner_id: int, *, but: str | None = None) -> int:
    """Refuse all of a partner's tokens but one; returns how many died."""
    next_change(tx)
    statement = _retire().where(partner_tokens.c.partner_id == partner_id).values(retired_at=now(tx))
    if but is not None:
        statement = statement.where(partner_tokens.c.hash != but)
    return tx.execute(statement).rowcount


def _retire() -> Any:
    return update(partner_tokens).where(partner_tokens.c.retired_at.is_(None))


def forget(tx: Tx, partner_id: int) -> None:
    """Undo `insert`: the connection never came about, and nothing refers to it."""
    next_change(tx)
    tx.execute(delete(partner_tokens).where(partner_tokens.c.partner_id == partner_id))
    tx.execute(delete(partners).where(partners.c.id == partner_id))


def remove(tx: Tx, partner_id: int) -> None:
    """End the connection: no tokens, nothing to deliver, its offers gone.

    Sessions and CDRs stay, they are somebody's money; so does the row, under a name that is free again.
    """
    moment = now(tx)
    retire_tokens(tx, partner_id)
    tx.execute(
        update(partners)
        .where(partners.c.id == partner_id)
        .values(status="removed", their_token=None, updated_at=moment)
    )
    tx.execute(
        update(objects)
        .where(
            objects.c.partner_id == partner_id,
            objects.c.kind.in_(["locations", "tariffs", "tokens"]),
            objects.c.absent_since.is_(None),
        )
        .values(absent_since=moment, change=next_change(tx))
    )
    deliveries.drop(tx, partner_id)
    for table in (aside, pulls):
        tx.execute(delete(table).where(table.c.partner_id == partner_id))
