"""Every version of a tariff that was told, with the time: a charge is priced by what was known when it began.

A version is added in the transaction that stores the tariff, and nothing takes one away. A tariff that is deleted has a
last version without a document: it holds for no charge that began after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from evmesh.store.objects import Held
from evmesh.store.prepared import Prepared
from evmesh.store.schema import tariff_versions
from evmesh.store.transaction import Tx, now


class Version(msgspec.Struct, frozen=True):
    """A tariff as it was told. `at` is when it came to be known here, `last_updated` what its owner says. `document` is
    None where it was deleted."""

    id: int
    partner_id: int
    owner: str
    at: datetime
    last_updated: datetime
    release: str
    document: str | None


_DELETED = "null"
_VERSION = tuple(tariff_versions.c[name] for name in Version.__struct_fields__)
_INSERT = Prepared(
    tariff_versions.insert().values({name: bindparam(name) for name in (*Version.__struct_fields__[1:], "folded_id")})
)
_VERSIONS = select(*_VERSION).where(
    tariff_versions.c.folded_id == bindparam("folded_id"),
    tariff_versions.c.owner == bindparam("owner"),
    tariff_versions.c.partner_id == bindparam("partner_id"),
)
_OLDEST_FIRST = _VERSIONS.order_by(tariff_versions.c.at, tariff_versions.c.id)
_IN_ORDER = Prepared(_OLDEST_FIRST)
_AFTER = Prepared(_OLDEST_FIRST.where(tariff_versions.c.at > bindparam("moment")).limit(1))
_AT = Prepared(
    _VERSIONS.where(tariff_versions.c.at <= bindparam("moment"))
    .order_by(tariff_versions.c.at.desc(), tariff_versions.c.id.desc())
    .limit(1)
)


def add(tx: Tx, held: Held) -> None:
    """Keep a tariff as it now is."""
    _add(tx, held, held.document)


def deleted(tx: Tx, held: Held) -> None:
    """A tariff is no more from now on."""
    _add(tx, held, _DELETED)


def _add(tx: Tx, held: Held, document: str) -> None:
    _INSERT.run(
        tx,
        partner_id=held.partner_id,
        owner=held.owner,
        folded_id=held.id.casefold(),
        at=now(tx),
        last_updated=held.last_updated,
        release=held.release,
        document=document,
    )


def tariff_at(tx: Tx, partner_id: int, owner: str, id: str, moment: datetime) -> Version | None:
    """The version that was known at that moment; None when none was. `owner` is written `SE*VLT`."""
    return _one(tx, _AT, partner_id, owner, id, moment=moment)


def first_after(tx: Tx, partner_id: int, owner: str, id: str, moment: datetime) -> Version | None:
    """The first version that came to be known after that moment."""
    return _one(tx, _AFTER, partner_id, owner, id, moment=moment)


def versions(tx: Tx, partner_id: int, owner: str, id: str) -> list[Version]:
    """All versions, oldest first."""
    return [_version(row) for row in _IN_ORDER.rows(tx, **_named(partner_id, owner, id))]


def _one(tx: Tx, statement: Prepared, partner_id: int, owner: str, id: str, **more: datetime) -> Version | None:
    row = statement.row(tx, **_named(partner_id, owner, id), **more)
    return None if row is None else _version(row)


def _version(row: Iterable[Any]) -> Version:
    version = Version(*row)
    return msgspec.structs.replace(version, document=None) if version.document == _DELETED else version


def _named(partner_id: int, owner: str, id: str) -> dict[str, Any]:
    return {"partner_id": partner_id, "owner": owner.upper(), "folded_id": id.casefold()}
