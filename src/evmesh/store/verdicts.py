"""What was found about each CDR of a partner, and what else was charged at that time.

A CDR has one verdict; judging it anew replaces it. `report` is the whole grounds, as a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, exists, func, or_, select

from evmesh.store.prepared import Prepared
from evmesh.store.schema import cdr_verdicts, objects
from evmesh.store.transaction import Tx, replace_all

LONGEST_CHARGE = timedelta(days=7)
"""A charge that began earlier than this is not looked for among those that overlap."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What tells the charge of a CDR apart from others. `seq` is the CDR's; `token`, `evse` and `session` are folded,
    None where they are not known."""

    seq: int
    partner_id: int
    currency: str
    start: datetime
    end: datetime
    token: str | None = None
    evse: str | None = None
    session: str | None = None
    is_credit: bool = False


class Verdict(Charge, frozen=True, kw_only=True):
    """What was found about a CDR. `checked_at`: when this was found first."""

    verdict: str
    checked_at: datetime
    report: dict[str, Any]


class Neighbour(msgspec.Struct, frozen=True):
    """Another CDR that has to do with one."""

    seq: int
    partner_id: int
    start: datetime
    end: datetime
    token: str | None
    evse: str | None
    session: str | None
    is_credit: bool


_VERDICT = tuple(cdr_verdicts.c[name] for name in Verdict.__struct_fields__)
_OF = Prepared(select(*_VERDICT).where(cdr_verdicts.c.seq == bindparam("seq")))
_BETWEEN = Prepared(
    select(*_VERDICT).where(cdr_verdicts.c.seq > bindparam("after"), cdr_verdicts.c.seq <= bindparam("until"))
)
_MEANWHILE = and_(
    cdr_verdicts.c.start < bindparam("end"),
    cdr_verdicts.c.start >= bindparam("since"),
    cdr_verdicts.c.end > bindparam("start"),
)
_NEIGHBOURS = Prepared(
    select(*(cdr_verdicts.c[name] for name in Neighbour.__struct_fields__))
    .where(
        or_(
            and_(cdr_verdicts.c.token == bindparam("token"), _MEANWHILE),
            and_(cdr_verdicts.c.evse == bindparam("evse"), _MEANWHILE),
            and_(
                cdr_verdicts.c.partner_id == bindparam("partner_id"),
                cdr_verdicts.c.session == bindparam("session"),
            ),
        ),
        cdr_verdicts.c.seq != bindparam("seq"),
    )
    .order_by(cdr_verdicts.c.seq)
)

_one, _other = cdr_verdicts.alias("one"), cdr_verdicts.alias("other")
_AT_ONE_TIME = (
    _other.c.start < _one.c.end,
    _other.c.start >= bindparam("since"),
    _other.c.end > _one.c.start,
    _other.c.seq != _one.c.seq,
)
_STRETCH = _one.c.seq > bindparam("after"), _one.c.seq <= bindparam("until")
_EARLIEST = Prepared(select(func.min(_one.c.start)).where(*_STRETCH))
_ACQUAINTED = Prepared(
    select(_one.c.seq).where(
        *_STRETCH,
        or_(
            exists().where(_other.c.token == _one.c.token, *_AT_ONE_TIME),
            exists().where(_other.c.evse == _one.c.evse, *_AT_ONE_TIME),
            exists().where(
                _other.c.partner_id == _one.c.partner_id,
                _other.c.session == _one.c.session,
                _other.c.seq != _one.c.seq,
            ),
        ),
    )
)


def put(tx: Tx, verdicts: Sequence[Verdict]) -> None:
    """Keep verdicts, each in place of the former one."""
    replace_all(tx, cdr_verdicts, ["seq"], [msgspec.structs.asdict(each) for each in verdicts])


def get(tx: Tx, seq: int) -> Verdict | None:
    row = _OF.row(tx, seq=seq)
    return None if row is None else _verdict(row)


def between(tx: Tx, after_seq: int, until_seq: int) -> dict[int, Verdict]:
    """The verdicts about CDRs with numbers above the one and not above the other, by number."""
    return {row[0]: _verdict(row) for row in _BETWEEN.rows(tx, after=after_seq, until=until_seq)}


def neighbours(tx: Tx, charge: Charge) -> list[Neighbour]:
    """Other CDRs of the same card or EVSE that overlap in time, and of the same session at any time."""
    rows = _NEIGHBOURS.rows(
        tx,
        seq=charge.seq,
        partner_id=charge.partner_id,
        token=charge.token,
        evse=charge.evse,
        session=charge.session,
        start=charge.start,
        end=charge.end,
        since=charge.start - LONGEST_CHARGE,
    )
    return [Neighbour(*row) for row in rows]


def acquainted(tx: Tx, after_seq: int, until_seq: int) -> set[int]:
    """Which CDRs of a stretch that have verdicts may have neighbours: the others surely have none."""
    earliest: datetime | None = _EARLIEST.value(tx, after=after_seq, until=until_seq)
    if earliest is None:
        return set()
    rows = _ACQUAINTED.rows(tx, after=after_seq, until=until_seq, since=earliest - LONGEST_CHARGE)
    return {seq for (seq,) in rows}


def listing(
    tx: Tx,
    *,
    verdict: str | None = None,
    partner_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_seq: int = 0,
    limit: int = 100,
) -> list[tuple[Verdict, str, str]]:
    """Verdicts with the owner and id of each CDR, in the order in which they came."""
    statement = (
        select(*_VERDICT, objects.c.owner, objects.c.id)
        .join(objects, objects.c.seq == cdr_verdicts.c.seq)
        .where(cdr_verdicts.c.seq > after_seq)
    )
    if verdict is not None:
        statement = statement.where(cdr_verdicts.c.verdict == verdict)
    if partner_id is not None:
        statement = statement.where(cdr_verdicts.c.partner_id == partner_id)
    if since is not None:
        statement = statement.where(cdr_verdicts.c.start >= since)
    if until is not None:
        statement = statement.where(cdr_verdicts.c.start < until)
    rows = tx.execute(statement.order_by(cdr_verdicts.c.seq).limit(limit))
    return [(_verdict(row[:-2]), row[-2], row[-1]) for row in rows]


def _verdict(values: Iterable[Any]) -> Verdict:
    return Verdict(**dict(zip(Verdict.__struct_fields__, values, strict=True)))
