"""What partners lack: from the change to the delivery, through failures, kills and newer changes."""

from collections.abc import Collection
from datetime import datetime

import pytest
from sqlalchemy import Connection

from evmesh.store import deliveries, objects, partners
from evmesh.store.database import Store
from evmesh.store.deliveries import Delivery, Lacking
from tests.store.conftest import NOON, SetClock
from tests.store.objects_to_keep import put

LEASE = 60.0


@pytest.fixture
async def partner(store: Store) -> int:
    return (await store.write(lambda tx: partners.insert(tx, "Partner", status="registered"))).id


async def change(store: Store, partner: int, id: str = "A", minutes: float = 0) -> int:
    """Change an object of ours that the partner should have; returns the number of the change."""

    def run(tx: Connection) -> int:
        _, held = put(id, minutes=minutes, text=f'{{"at":{minutes}}}')(tx)
        deliveries.lack(tx, partner, held.seq, "locations")
        return held.change

    return await store.write(run)


async def begin(
    store: Store, at: datetime, limit: int = 100, busy: Collection[int] = (), per_partner: int = 8
) -> list[Delivery]:
    return await store.write(lambda tx: deliveries.due(tx, at, limit, LEASE, busy, per_partner=per_partner))


async def begin_one(store: Store, at: datetime) -> Delivery:
    (begun,) = await begin(store, at)
    return begun


async def rows(store: Store) -> list[Lacking]:
    return await store.read(lambda tx: deliveries.listing(tx))


async def test_a_change_is_delivered_once(store: Store, partner: int) -> None:
    number = await change(store, partner)
    begun = await begin_one(store, NOON)
    assert (begun.partner_id, begun.kind, begun.action, begun.change) == (partner, "locations", "put", number)
    assert await begin(store, NOON) == [], "it is being tried"
    assert await store.write(lambda tx: deliveries.delivered(tx, begun.id, begun.change, '{"at":0}'))
    assert await rows(store) == []
    assert await store.read(lambda tx: deliveries.told_of(tx, partner, begun.seq)) == (number, '{"at":0}')


async def test_many_changes_before_a_try_are_one_delivery(store: Store, partner: int) -> None:
    for minute in range(3):
        number = await change(store, partner, minutes=minute)
    (begun,) = await begin(store, NOON)
    assert begun.change == number


async def test_a_change_during_a_try_is_delivered_afterwards(store: Store, partner: int) -> None:
    await change(store, partner)
    first = await begin_one(store, NOON)
    newer = await change(store, partner, minutes=1)
    assert await begin(store, NOON) == [], "one try of an object at a time"
    assert not await store.write(lambda tx: deliveries.delivered(tx, first.id, first.change, "old"))
    second = await begin_one(store, NOON)
    assert (second.change, second.attempts) == (newer, 1)
    assert await store.write(lambda tx: deliveries.delivered(tx, second.id, second.change, "new"))
    assert await rows(store) == []


async def test_a_try_that_told_the_newer_state_already_is_enough(store: Store, partner: int) -> None:
    """Whoever delivers reads the object after the lease, and may find it newer than the row said."""
    await change(store, partner)
    begun = await begin_one(store, NOON)
    newer = await change(store, partner, minutes=1)
    assert await store.write(lambda tx: deliveries.delivered(tx, begun.id, newer, "new"))
    assert await rows(store) == []


async def test_a_retraction_during_a_try_is_not_lost(store: Store, partner: int) -> None:
    """The object did not change; what the partner may see of it did."""
    await change(store, partner)
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.lack(tx, partner, begun.seq, "locations", "delete"))
    assert not await store.write(lambda tx: deliveries.delivered(tx, begun.id, begun.change, "told"))
    again = await begin_one(store, NOON)
    assert again.action == "delete"
    assert await store.write(lambda tx: deliveries.delivered(tx, again.id, again.change, None))
    assert await store.read(lambda tx: deliveries.told_of(tx, partner, begun.seq)) is None
    assert await rows(store) == []


async def test_a_failed_try_waits_for_its_next_moment(store: Store, partner: int, clock: SetClock) -> None:
    await change(store, partner)
    for attempt in (1, 2, 3):
        begun = await begin_one(store, clock())
        assert begun.attempts == attempt
        later = clock.forward(10)
        await store.write(lambda tx, begun=begun, later=later: deliveries.failed(tx, begun.id, "away", later))  # type: ignore[misc]
        assert await store.read(deliveries.next_due) == later
    (row,) = await rows(store)
    assert (row.state, row.attempts, row.error) == ("waiting", 3, "away")
    assert await begin(store, NOON) == []


async def test_a_new_change_is_due_at_once(store: Store, partner: int, clock: SetClock) -> None:
    await change(store, partner)
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.failed(tx, begun.id, "away", clock().replace(hour=13)))
    await change(store, partner, minutes=1)
    assert (await begin_one(store, NOON)).attempts == 2


async def test_a_delivery_may_be_put_off(store: Store, partner: int, clock: SetClock) -> None:
    _, held = await store.write(put("A"))
    later = NOON.replace(hour=15)
    await store.write(lambda tx: deliveries.lack(tx, partner, held.seq, "locations", due_at=later))
    await store.write(deliveries.release_leases)
    assert await begin(store, NOON) == [], "a restart does not hasten what was put off on purpose"
    assert len(await begin(store, later)) == 1


@pytest.mark.parametrize("state", ["doubtful", "refused"])
async def test_what_was_settled_is_not_tried_again(store: Store, partner: int, state: str) -> None:
    await change(store, partner)
    begun = await begin_one(store, NOON)
    assert await store.write(
        lambda tx: deliveries.settle(tx, begun.id, begun.change, state, "2001: no")  # type: ignore[arg-type]
    )
    await store.write(deliveries.release_leases)
    assert await begin(store, NOON) == []
    assert await store.read(deliveries.next_due) is None
    (row,) = await rows(store)
    assert (row.state, row.error) == (state, "2001: no")

    await change(store, partner, minutes=1)
    assert (await begin_one(store, NOON)).attempts == 1, "a new change is a new beginning"


async def test_a_refusal_of_an_older_state_settles_nothing(store: Store, partner: int) -> None:
    await change(store, partner)
    begun = await begin_one(store, NOON)
    newer = await change(store, partner, minutes=1)
    assert not await store.write(lambda tx: deliveries.settle(tx, begun.id, begun.change, "refused", "no"))
    assert (await begin_one(store, NOON)).change == newer


async def test_nothing_to_tell_ends_a_delivery_and_leaves_what_was_told(store: Store, partner: int) -> None:
    await change(store, partner)
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.delivered(tx, begun.id, begun.change, "told"))
    await change(store, partner, minutes=1)
    again = await begin_one(store, NOON)
    assert await store.write(lambda tx: deliveries.forgo(tx, again.id, again.change))
    assert await rows(store) == []
    assert await store.read(lambda tx: deliveries.told_of(tx, partner, begun.seq)) == (begun.change, "told")


async def test_a_lease_runs_out(store: Store, partner: int, clock: SetClock) -> None:
    await change(store, partner)
    await begin(store, clock())
    assert await store.read(deliveries.next_due) == clock.forward(LEASE)
    assert (await begin_one(store, clock())).attempts == 2


async def test_a_restart_tries_at_once(store: Store, partner: int, clock: SetClock) -> None:
    await change(store, partner, "being tried")
    failed = await begin_one(store, NOON)
    await change(store, partner, "failed")
    await begin(store, NOON)
    await store.write(lambda tx: deliveries.failed(tx, failed.id, "away", clock().replace(hour=20)))
    await store.write(deliveries.release_leases)
    assert len(await begin(store, clock())) == 2


async def test_a_partner_who_is_there_again_is_tried_at_once(store: Store, partner: int, clock: SetClock) -> None:
    other = (await store.write(lambda tx: partners.insert(tx, "Other", status="registered"))).id
    for each in (partner, other):
        await change(store, each)
    for begun in await begin(store, NOON):
        await store.write(lambda tx, begun=begun: deliveries.failed(tx, begun.id, "away", clock().replace(hour=20)))  # type: ignore[misc]
    await store.write(lambda tx: deliveries.hurry(tx, partner))
    assert [begun.partner_id for begun in await begin(store, NOON)] == [partner]


async def test_a_long_queue_leaves_room_for_others(store: Store, partner: int, clock: SetClock) -> None:
    other = (await store.write(lambda tx: partners.insert(tx, "Other", status="registered"))).id

    def queue(tx: Connection) -> None:
        for number in range(200):
            _, held = put(f"L{number}")(tx)
            deliveries.lack(tx, partner, held.seq, "locations")

    await store.write(queue)
    clock.forward(1)
    await change(store, other, "last")
    begun = await begin(store, clock(), limit=20, per_partner=8)
    assert [each.partner_id for each in begun] == [partner] * 8 + [other]
    assert await begin(store, clock(), per_partner=8) == [], "the first has as many tries as it may have"

    await store.write(lambda tx: deliveries.delivered(tx, begun[0].id, begun[0].change, "told"))
    assert len(await begin(store, clock(), per_partner=8)) == 1


async def test_the_oldest_comes_first(store: Store, partner: int, clock: SetClock) -> None:
    for name in "ABC":
        await change(store, partner, name)
        clock.forward(1)
    begun = await begin(store, clock(), limit=2)
    ids = [await store.read(lambda tx, seq=each.seq: objects.by_seq(tx, seq)) for each in begun]  # type: ignore[misc]
    assert [held.id for held in ids if held] == ["A", "B"]


async def test_busy_partners_are_left_out(store: Store, partner: int) -> None:
    await change(store, partner)
    assert await begin(store, NOON, busy=[partner]) == []
    assert await store.read(lambda tx: deliveries.next_due(tx, [partner])) is None
    assert await store.read(deliveries.next_due) == NOON


async def test_counts_by_partner(store: Store, partner: int, clock: SetClock) -> None:
    await change(store, partner, "A")
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.settle(tx, begun.id, begun.change, "doubtful", "?"))
    clock.forward(5)
    await change(store, partner, "B")
    counts = await store.read(deliveries.counts)
    assert counts == {partner: deliveries.Count(waiting=1, doubtful=1, oldest=NOON)}
    assert len(await store.read(lambda tx: deliveries.listing(tx, partner, states=["doubtful"]))) == 1


async def test_what_ends_after_the_partner_is_gone_matters_no_more(store: Store, partner: int) -> None:
    await change(store, partner)
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.drop(tx, partner))
    assert await store.write(lambda tx: deliveries.delivered(tx, begun.id, begun.change, "told"))
    await store.write(lambda tx: deliveries.failed(tx, begun.id, "away", NOON))
    assert not await store.write(lambda tx: deliveries.settle(tx, begun.id, begun.change, "refused", "no"))
    assert await rows(store) == []
    assert await store.read(lambda tx: deliveries.told_of(tx, partner, begun.seq)) is None


async def test_a_lack_wakes_whoever_delivers(store: Store, partner: int) -> None:
    _, held = await store.write(put("A"))
    await store.write(lambda tx: deliveries.lack(tx, partner, held.seq, "locations"))
    assert await store.changed(held.change, 0) > held.change


async def test_who_is_concerned_by_an_object(store: Store, partner: int) -> None:
    """Those who hold it and those who are about to; nobody else is told that it is gone."""
    other = (await store.write(lambda tx: partners.insert(tx, "Other", status="registered"))).id
    await change(store, partner)
    begun = await begin_one(store, NOON)
    await store.write(lambda tx: deliveries.delivered(tx, begun.id, begun.change, "told"))
    assert await store.read(lambda tx: deliveries.concerned(tx, begun.seq)) == [partner]
    await change(store, other, minutes=1)
    assert await store.read(lambda tx: deliveries.concerned(tx, begun.seq)) == [partner, other]
    assert await store.read(lambda tx: deliveries.concerned(tx, begun.seq + 1)) == []
