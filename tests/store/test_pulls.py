"""The memory of pulls: a broken one does not move the watermark."""

from evmesh.store import pulls
from evmesh.store.database import Store
from tests.store.conftest import NOON, SetClock
from tests.store.objects_to_keep import at


async def test_a_broken_pull_leaves_the_watermark(store: Store, clock: SetClock) -> None:
    assert await store.read(lambda tx: pulls.get(tx, 1, "cdrs")) is None
    await store.write(lambda tx: pulls.record(tx, 1, "cdrs", "complete", watermark=at(-5)))
    clock.forward(60)
    broken = await store.write(lambda tx: pulls.record(tx, 1, "cdrs", "broken", detail="page 3 is HTML"))
    assert (broken.watermark, broken.outcome, broken.detail) == (at(-5), "broken", "page 3 is HTML")
    assert await store.read(lambda tx: pulls.get(tx, 1, "cdrs")) == broken
    clock.forward(60)
    complete = await store.write(lambda tx: pulls.record(tx, 1, "cdrs", "complete", watermark=at(2)))
    assert (complete.watermark, complete.detail, complete.completed_at) == (at(2), None, clock())


async def test_pulls_by_partner(store: Store) -> None:
    for partner_id, module in [(2, "cdrs"), (1, "tariffs"), (1, "cdrs")]:
        await store.write(lambda tx, p=partner_id, m=module: pulls.record(tx, p, m, "complete"))  # type: ignore[misc]
    everything = await store.read(lambda tx: pulls.all_pulls(tx))
    assert [(pull.partner_id, pull.module) for pull in everything] == [(1, "cdrs"), (1, "tariffs"), (2, "cdrs")]
    assert len(await store.read(lambda tx: pulls.all_pulls(tx, 2))) == 1
    assert everything[0].completed_at == NOON
