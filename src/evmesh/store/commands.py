"""Commands between asking and result, and the reservations that some of them make.

A command's result comes later, in another request, perhaps to another process or after a restart: so what belongs
together is here, not in anybody's memory. States are `roaming`'s; what is kept here is that a step is taken once:
`move` says whether this caller took it. Every step wakes those who wait in `Store.changed`. [mod_commands]
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select, update

from evmesh.store.schema import commands, reservations
from evmesh.store.transaction import Tx, next_change, now, replace

Direction = Literal["sent", "received"]


class Command(msgspec.Struct, frozen=True):
    """`request`, `response` and `result` are canonical documents."""

    id: str
    direction: str
    partner_id: int
    command: str
    request: dict[str, Any]
    response_url: str | None
    correlation_id: str | None
    state: str
    response: dict[str, Any] | None
    result: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


class Reservation(msgspec.Struct, frozen=True):
    """`reservation_id` is the partner's, `own_id` ours: two partners may choose the same."""

    partner_id: int
    reservation_id: str
    own_id: str
    location_id: str
    evse_uid: str | None
    connector_id: str | None
    token: dict[str, Any]
    state: str
    expires_at: datetime
    response_url: str | None
    session_key: str | None


_COMMAND = tuple(commands.c[name] for name in Command.__struct_fields__)
_RESERVATION = tuple(reservations.c[name] for name in Reservation.__struct_fields__)


def insert(
    tx: Tx,
    id: str,
    direction: Direction,
    partner_id: int,
    command: str,
    request: dict[str, Any],
    *,
    state: str,
    response_url: str | None = None,
    correlation_id: str | None = None,
    expires_at: datetime | None = None,
) -> Command:
    """A command that begins. `id` is ours, hard to guess: it stands in the response_url that we give."""
    moment = now(tx)
    new = Command(
        id,
        direction,
        partner_id,
        command,
        request,
        response_url,
        correlation_id,
        state,
        None,
        None,
        moment,
        moment,
        expires_at,
    )
    next_change(tx)
    tx.execute(commands.insert().values(msgspec.structs.asdict(new)))
    return new


def get(tx: Tx, id: str) -> Command | None:
    row = tx.execute(select(*_COMMAND).where(commands.c.id == id)).one_or_none()
    return None if row is None else Command(*row)


def move(tx: Tx, id: str, from_states: Collection[str], to_state: str, **fields: Any) -> bool:
    """Take a step if the command is in one of `from_states`; `fields` are `response`, `result`, `expires_at`."""
    taken = tx.execute(
        update(commands)
        .where(commands.c.id == id, commands.c.state.in_(from_states))
        .values(state=to_state, updated_at=now(tx), **fields)
    )
    if taken.rowcount:
        next_change(tx)
    return bool(taken.rowcount)


def expired(tx: Tx, states: Collection[str], at: datetime, limit: int = 100) -> list[Command]:
    """Commands in these states whose time is over, oldest first."""
    statement = (
        select(*_COMMAND)
        .where(commands.c.state.in_(states), commands.c.expires_at <= at)
        .order_by(commands.c.expires_at)
        .limit(limit)
    )
    return [Command(*row) for row in tx.execute(statement)]


def next_expiry(tx: Tx, states: Collection[str]) -> datetime | None:
    """When the next command in these states runs out of time."""
    statement = select(commands.c.expires_at).where(commands.c.state.in_(states), commands.c.expires_at.is_not(None))
    return tx.scalars(statement.order_by(commands.c.expires_at).limit(1)).one_or_none()


def listing(
    tx: Tx,
    *,
    partner_id: int | None = None,
    direction: Direction | None = None,
    states: Collection[str] = (),
    limit: int = 100,
) -> list[Command]:
    """Commands, newest first."""
    statement = select(*_COMMAND)
    if partner_id is not None:
        statement = statement.where(commands.c.partner_id == partner_id)
    if direction is not None:
        statement = statement.where(commands.c.direction == direction)
    if states:
        statement = statement.where(commands.c.state.in_(states))
    return [Command(*row) for row in tx.execute(statement.order_by(commands.c.created_at.desc()).limit(limit))]


def put_reservation(tx: Tx, reservation: Reservation) -> None:
    """Keep a reservation, or what has become of it: a partner may send the same one again with other values."""
    next_change(tx)
    replace(tx, reservations, ["partner_id", "reservation_id"], msgspec.structs.asdict(reservation))


def reservation(tx: Tx, partner_id: int, reservation_id: str) -> Reservation | None:
    statement = select(*_RESERVATION).where(
        reservations.c.partner_id == partner_id, reservations.c.reservation_id == reservation_id
    )
    row = tx.execute(statement).one_or_none()
    return None if row is None else Reservation(*row)


def reservation_by_own_id(tx: Tx, own_id: str) -> Reservation | None:
    row = tx.execute(select(*_RESERVATION).where(reservations.c.own_id == own_id)).one_or_none()
    return None if row is None else Reservation(*row)


def move_reservation(tx: Tx, own_id: str, from_states: Collection[str], to_state: str, **fields: Any) -> bool:
    """Take a step if the reservation is in one of `from_states`."""
    taken = tx.execute(
        update(reservations)
        .where(reservations.c.own_id == own_id, reservations.c.state.in_(from_states))
        .values(state=to_state, **fields)
    )
    if taken.rowcount:
        next_change(tx)
    return bool(taken.rowcount)


def reservations_in(
    tx: Tx,
    states: Collection[str],
    *,
    location_id: str | None = None,
    evse_uid: str | None = None,
    expired_at: datetime | None = None,
) -> list[Reservation]:
    """Reservations in these states, those that run out first before the others."""
    statement = select(*_RESERVATION).where(reservations.c.state.in_(states))
    if location_id is not None:
        statement = statement.where(reservations.c.location_id == location_id)
    if evse_uid is not None:
        statement = statement.where(reservations.c.evse_uid == evse_uid)
    if expired_at is not None:
        statement = statement.where(reservations.c.expires_at <= expired_at)
    return [Reservation(*row) for row in tx.execute(statement.order_by(reservations.c.expires_at))]
