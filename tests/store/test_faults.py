"""Faults: one at a time of a kind on a subject."""

from evmesh.store import faults
from evmesh.store.database import Store
from tests.store.conftest import NOON, SetClock


async def test_a_fault_noticed_twice_is_one_fault(store: Store, clock: SetClock) -> None:
    assert await store.write(lambda tx: faults.open_fault(tx, "unreachable", "EMS", "time-out", partner_id=1))
    clock.forward(5)
    assert not await store.write(lambda tx: faults.open_fault(tx, "unreachable", "EMS", "refused", partner_id=1))
    (fault,) = await store.read(lambda tx: faults.open_faults(tx))
    assert (fault.opened_at, fault.detail, fault.partner_id) == (NOON, "refused", 1)


async def test_a_fault_that_is_over_may_come_again(store: Store, clock: SetClock) -> None:
    for _ in range(2):
        assert await store.write(lambda tx: faults.open_fault(tx, "unreachable", "EMS", "time-out"))
        clock.forward(5)
        assert await store.write(lambda tx: faults.close_fault(tx, "unreachable", "EMS"))
    assert not await store.write(lambda tx: faults.close_fault(tx, "unreachable", "EMS")), "it is closed already"
    assert await store.read(lambda tx: faults.open_faults(tx)) == []
    again, first = await store.read(lambda tx: faults.history(tx))
    assert again.opened_at == first.closed_at
    assert again.closed_at == clock()


async def test_faults_by_kind_and_partner(store: Store) -> None:
    for kind, subject, partner_id in [("a", "x", 1), ("a", "y", 2), ("b", "x", 1)]:
        await store.write(lambda tx, k=kind, s=subject, p=partner_id: faults.open_fault(tx, k, s, "", partner_id=p))  # type: ignore[misc]
    assert [f.subject for f in await store.read(lambda tx: faults.open_faults(tx, kind="a"))] == ["x", "y"]
    assert [f.kind for f in await store.read(lambda tx: faults.open_faults(tx, partner_id=1))] == ["a", "b"]
