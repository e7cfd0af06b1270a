"""Tariffs as they were told: every version, and the one that was known at a moment."""

from datetime import timedelta

from evmesh.store import tariff_history
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.store.conftest import NOON, SetClock
from tests.store.objects_to_keep import put


async def told(store: Store, text: str, id: str = "T1", partner_id: int = 7) -> None:
    def run(tx: Tx) -> None:
        tariff_history.add(tx, put(id, kind="tariffs", partner_id=partner_id, text=text)(tx)[1])

    await store.write(run)


async def known_at(store: Store, minutes: float, id: str = "T1", partner_id: int = 7) -> str | None:
    moment = NOON + timedelta(minutes=minutes)
    found = await store.read(lambda tx: tariff_history.tariff_at(tx, partner_id, "se*vlt", id, moment))
    return None if found is None else found.document


async def test_the_version_of_a_moment_is_the_last_one_told_by_then(store: Store, clock: SetClock) -> None:
    await told(store, "first")
    clock.forward(600)
    await told(store, "second")
    await told(store, "third, in the same moment")

    assert await known_at(store, -1) is None
    assert await known_at(store, 0) == "first"
    assert await known_at(store, 9.9) == "first"
    assert await known_at(store, 10) == "third, in the same moment"


async def test_a_tariff_is_found_by_its_owner_partner_and_id_in_any_case(store: Store) -> None:
    await told(store, "ours", partner_id=0)
    await told(store, "theirs")
    await told(store, "another", id="T2")

    assert await known_at(store, 1, "t1") == "theirs"
    assert await known_at(store, 1, partner_id=0) == "ours"
    assert await known_at(store, 1, partner_id=8) is None


async def test_a_deleted_tariff_holds_no_more_until_it_is_told_again(store: Store, clock: SetClock) -> None:
    await told(store, "first")
    clock.forward(600)
    _, held = await store.write(put("T1", kind="tariffs", partner_id=7, text="first"))
    await store.write(lambda tx: tariff_history.deleted(tx, held))
    clock.forward(600)
    await told(store, "again")

    found = await store.read(lambda tx: tariff_history.versions(tx, 7, "SE*VLT", "T1"))
    assert [each.document for each in found] == ["first", None, "again"]
    assert (await known_at(store, 9), await known_at(store, 10), await known_at(store, 20)) == ("first", None, "again")


async def test_all_versions_stay_in_order(store: Store, clock: SetClock) -> None:
    for text in ("one", "two", "three"):
        await told(store, text)
        clock.forward(60)

    found = await store.read(lambda tx: tariff_history.versions(tx, 7, "SE*VLT", "T1"))
    after = await store.read(lambda tx: tariff_history.first_after(tx, 7, "SE*VLT", "T1", NOON))
    ever = await store.read(lambda tx: tariff_history.first_after(tx, 7, "SE*VLT", "T1", NOON - timedelta(days=1)))

    assert [(each.document, each.at - NOON) for each in found] == [
        ("one", timedelta()), ("two", timedelta(minutes=1)), ("three", timedelta(minutes=2)),
    ]  # fmt: skip
    assert (ever, after) == (found[0], found[1])
