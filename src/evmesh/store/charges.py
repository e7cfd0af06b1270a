"""Our own charges: what lies behind a Session of ours, from authorisation to CDR, and every meter value of it.

A Session document is made from a charge and its readings; it is never the other way round, so a node that dies while
energy flows goes on where it was. What a CDR must say as it was at the start (the place, the tariffs) is kept here as
it was at the start. Which states there are, and what leads from one to the next, is `roaming`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, or_, select, update

from evmesh.store.prepared import Prepared
from evmesh.store.schema import charges, readings
from evmesh.store.transaction import Tx, next_change, replace


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is a CdrToken with the fields of a Token that matter while charging, `cdr_location` a CdrLocation and
    `tariffs` Tariffs, canonical. `reservation` is our own id of the reservation that the charge began with, which held
    the place from `reserved_from` on. `told_at` is when the Session was last published, `due_at` when the charge has
    something to do again."""

    session_id: str
    country_code: str
    party_id: str
    location_id: str
    evse_uid: str
    connector_id: str
    state: str
    token_uid: str
    token: dict[str, Any]
    auth_method: str
    authorization_reference: str | None = None
    created_at: datetime
    start: datetime
    end: datetime | None = None
    meter_id: str | None = None
    currency: str
    zone: str
    cdr_location: dict[str, Any]
    tariffs: list[dict[str, Any]]
    reservation: str | None = None
    reserved_from: datetime | None = None
    preferences: dict[str, Any] | None = None
    last_updated: datetime
    told_at: datetime | None = None
    due_at: datetime | None = None


_CHARGE = select(*(charges.c[name] for name in Charge.__struct_fields__))
_NEWEST_FIRST = _CHARGE.order_by(charges.c.created_at.desc(), charges.c.session_id)
_BY_ID = Prepared(_CHARGE.where(charges.c.session_id == bindparam("session_id")))
_OF_TOKEN = Prepared(
    _NEWEST_FIRST.where(
        charges.c.token_uid == bindparam("token_uid"),
        charges.c.created_at >= bindparam("since"),
        charges.c.location_id == bindparam("location_id"),
    )
)
_NEXT_DUE = Prepared(select(func.min(charges.c.due_at)).where(charges.c.due_at.is_not(None)))
_WAIT = Prepared(
    update(charges)
    .where(
        charges.c.session_id == bindparam("of_session"),
        or_(charges.c.due_at.is_(None), charges.c.due_at > bindparam("until")),
    )
    .values(due_at=bindparam("until"))
)
_READINGS = Prepared(
    select(readings.c.at, readings.c.value)
    .where(readings.c.session_id == bindparam("session_id"))
    .order_by(readings.c.at)
)


@functools.cache
def _at_evse(states: tuple[str, ...]) -> Prepared:
    return Prepared(
        _NEWEST_FIRST.where(
            charges.c.location_id == bindparam("location_id"),
            charges.c.evse_uid == bindparam("evse_uid"),
            or_(*(charges.c.state == state for state in states)),
        )
    )


def put(tx: Tx, charge: Charge) -> None:
    """Keep a charge as it now is."""
    next_change(tx)
    row = msgspec.structs.asdict(charge) | {"token_uid": charge.token_uid.casefold()}
    replace(tx, charges, ["session_id"], row)


def get(tx: Tx, session_id: str) -> Charge | None:
    row = _BY_ID.row(tx, session_id=session_id)
    return None if row is None else _charge(row)


def at_evse(tx: Tx, location_id: str, evse_uid: str, states: Collection[str]) -> list[Charge]:
    """The charges in these states at an EVSE, newest first."""
    rows = _at_evse(tuple(states)).rows(tx, location_id=location_id, evse_uid=evse_uid)
    return [_charge(row) for row in rows]


def of_token(tx: Tx, token_uid: str, location_id: str, since: datetime) -> list[Charge]:
    """The charges that a card began at a Location since then, newest first; uids compare without case."""
    rows = _OF_TOKEN.rows(tx, token_uid=token_uid.casefold(), location_id=location_id, since=since)
    return [_charge(row) for row in rows]


def in_states(tx: Tx, states: Collection[str]) -> list[Charge]:
    return [_charge(row) for row in tx.execute(_NEWEST_FIRST.where(charges.c.state.in_(states)))]


def due(tx: Tx, at: datetime, limit: int = 100) -> list[Charge]:
    """Charges that have something to do by then, those that wait longest first."""
    statement = _CHARGE.where(charges.c.due_at <= at).order_by(charges.c.due_at).limit(limit)
    return [_charge(row) for row in tx.execute(statement)]


def next_due(tx: Tx) -> datetime | None:
    """When the next charge has something to do."""
    moment: datetime | None = _NEXT_DUE.value(tx)
    return moment


def wait_until(tx: Tx, session_id: str, due_at: datetime) -> None:
    """There is something to do then, if nothing is to be done before."""
    if _WAIT.run(tx, of_session=session_id, until=due_at):
        next_change(tx)


def add_reading(tx: Tx, session_id: str, at: datetime, value: dict[str, Any]) -> None:
    """Keep a meter value; another of the same moment takes its place."""
    replace(tx, readings, ["session_id", "at"], {"session_id": session_id, "at": at, "value": value})


def readings_of(tx: Tx, session_id: str) -> list[tuple[datetime, dict[str, Any]]]:
    """All meter values of a charge in order of time."""
    return [(at, value) for at, value in _READINGS.rows(tx, session_id=session_id)]


def _charge(row: Any) -> Charge:
    return Charge(**dict(zip(Charge.__struct_fields__, row, strict=True)))
