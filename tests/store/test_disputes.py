"""Disputes as they are kept: whole, found by their CDR, and by the CDR that they wait for."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from evmesh.billing.dispute import Dispute, Event, moved, opened
from evmesh.store import disputes, verdicts
from evmesh.store.database import Store
from evmesh.store.prepared import Prepared
from evmesh.store.transaction import Tx
from tests.store.conftest import NOON
from tests.store.test_verdicts import verdict

MONTH = timedelta(days=30)


def new(seq: int = 1, *, days: int = 0, partner_id: int = 7, **report: Any) -> Dispute:
    claim = {"claimed": {"before_taxes": "7.0000000000000000001"}, "expected": {"before_taxes": "4"}}
    return opened(
        partner_id=partner_id, seq=seq, cdr=f"SE*VLT*C{seq}", currency="SEK", report=claim | report,
        at=NOON + timedelta(days=days), answer_within=MONTH, reason="price_differs", note="å",
    )  # fmt: skip


async def keep(store: Store, dispute: Dispute) -> Dispute:
    return await store.write(lambda tx: disputes.insert(tx, dispute))


async def move(store: Store, dispute: Dispute, *events: Event, **fields: Any) -> Dispute:
    for event in events:
        dispute = moved(dispute, event, NOON, answer_within=MONTH, **fields)
    await store.write(lambda tx: disputes.update(tx, dispute))
    return dispute


async def test_a_dispute_comes_back_as_it_was_kept(store: Store) -> None:
    kept = await keep(store, new(deep={"levels": [{"a": None}]}))
    assert kept.id > 0
    assert await store.read(lambda tx: disputes.get(tx, kept.id)) == kept

    later = await move(store, kept, "send", "accept", "credit", credit_seq=5)

    found = await store.read(lambda tx: disputes.get(tx, kept.id))
    assert found == later
    assert found is not None
    assert (found.amount, found.credit_seq, len(found.history)) == (Decimal("3.0000000000000000001"), 5, 4)


async def test_a_claim_that_names_no_money_is_kept_too(store: Store) -> None:
    kept = await keep(store, new(claimed=None, expected=None))

    found = await store.read(lambda tx: disputes.get(tx, kept.id))
    assert found is not None
    assert (found.claimed, found.expected, found.amount) == (None, None, None)


async def test_there_is_no_dispute_of_that_number(store: Store) -> None:
    assert await store.read(lambda tx: disputes.get(tx, 99)) is None


@pytest.mark.parametrize(("end", "events"), [("written_off", ["write_off"]), ("rebilled", ["credit", "rebill"])])
async def test_a_cdr_has_one_live_dispute_and_may_have_another_when_that_ended(
    store: Store, end: str, events: list[Event]
) -> None:
    first = await keep(store, new())
    assert await store.read(lambda tx: disputes.alive(tx, 1)) == first
    assert await store.read(lambda tx: disputes.alive(tx, 2)) is None

    assert (await move(store, first, *events)).state == end

    assert await store.read(lambda tx: disputes.alive(tx, 1)) is None
    second = await keep(store, new())
    assert await store.read(lambda tx: disputes.alive(tx, 1)) == second
    assert second.id > first.id


async def test_the_nearest_deadline_comes_first(store: Store) -> None:
    late, soon = await keep(store, new(1, days=5)), await keep(store, new(2, days=1))
    other = await keep(store, new(3, days=3, partner_id=8))
    over = await move(store, await keep(store, new(4)), "write_off")

    async def ids(**filters: Any) -> list[int]:
        return [each.id for each in await store.read(lambda tx: disputes.listing(tx, **filters))]

    assert await ids() == [over.id, soon.id, other.id, late.id]
    assert await ids(ended=False) == [soon.id, other.id, late.id]
    assert await ids(partner_id=7, ended=False) == [soon.id, late.id]


async def credited(store: Store, seq: int, **charge: Any) -> Dispute:
    """A dispute about a CDR of that charge, which was taken back."""
    await store.write(lambda tx: verdicts.put(tx, [verdict(seq, **charge)]))
    return await move(store, await keep(store, new(seq)), "credit", credit_seq=90)


async def awaiting(store: Store, seq: int = 50, **charge: Any) -> Dispute | None:
    return await store.read(lambda tx: disputes.awaiting(tx, verdict(seq, **charge)))


async def test_the_new_cdr_of_a_session_is_waited_for(store: Store) -> None:
    waits = await credited(store, 1, session="s", token="t")

    assert await awaiting(store, session="s") == waits
    assert await awaiting(store, session="s", start=NOON + timedelta(hours=5)) == waits
    assert await awaiting(store, session="other", token="t") is None
    assert await awaiting(store, session="s", partner_id=8) is None
    assert await awaiting(store, 1, session="s") is None


async def test_without_a_session_card_and_start_tell_the_charge(store: Store) -> None:
    waits = await credited(store, 1, token="t")

    assert await awaiting(store, token="t") == waits
    assert await awaiting(store, token="t", start=NOON + timedelta(seconds=1)) is None
    assert await awaiting(store, token="other") is None
    assert await awaiting(store) is None


async def test_only_what_was_taken_back_waits_for_a_new_cdr(store: Store) -> None:
    first = await credited(store, 1, session="s")
    second = await credited(store, 2, session="s")
    assert await awaiting(store, session="s") == first

    await move(store, first, "rebill", new_seq=50)
    assert await awaiting(store, session="s") == second
    await store.write(lambda tx: disputes.update(tx, msgspec.structs.replace(second, state="sent")))
    assert await awaiting(store, session="s") is None


@pytest.mark.parametrize(
    ("waiting", "index"),
    [(disputes._OF_SESSION, "cdr_verdicts_partner_id_session"), (disputes._OF_CHARGE, "cdr_verdicts_token_start")],
)
async def test_what_waits_for_a_cdr_is_found_by_its_charge(
    sqlite_database_url: str, waiting: Prepared, index: str
) -> None:
    """However many disputes wait: it is asked of every CDR that comes in."""
    store = await Store.open(sqlite_database_url, b"key")
    asked = {"partner_id": 7, "seq": 1, "session": "s", "token": "t", "start": NOON}

    def plan(tx: Tx) -> list[str]:
        compiled = waiting._of(tx)
        rows = tx.exec_driver_sql("EXPLAIN QUERY PLAN " + compiled.text, tuple(compiled.parameters(asked)))
        return [row[3] for row in rows]

    first, second, *_ = await store.read(plan)
    assert index in first
    assert "disputes_seq (seq=?)" in second
    await store.close()
