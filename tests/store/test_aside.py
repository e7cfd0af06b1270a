"""What could not be used is kept, with what is wrong about it."""

from evmesh.base.findings import Finding
from evmesh.store import aside
from evmesh.store.database import Store
from tests.store.conftest import NOON

FINDING = Finding("error", "required", "/coordinates", "coordinates are missing", fatal=True)


async def test_a_bad_object_is_kept_with_its_findings(store: Store) -> None:
    await store.write(lambda tx: aside.keep(tx, 1, "locations", "SE*VLT*a", '{"id":"A"}', [FINDING]))
    (kept,) = await store.read(lambda tx: aside.listing(tx))
    assert (kept.partner_id, kept.kind, kept.key, kept.text) == (1, "locations", "SE*VLT*a", '{"id":"A"}')
    assert kept.findings == [FINDING]
    assert kept.at == NOON


async def test_the_same_object_is_kept_once(store: Store) -> None:
    for text in ("1", "2"):
        await store.write(lambda tx, text=text: aside.keep(tx, 1, "locations", "k", text, []))  # type: ignore[misc]
    for _ in range(2):
        await store.write(lambda tx: aside.keep(tx, 1, "locations", None, "{", []))
    await store.write(lambda tx: aside.keep(tx, 1, "locations", None, "[", []))
    kept = await store.read(lambda tx: aside.listing(tx, 1, "locations"))
    assert [each.text for each in kept] == ["[", "{", "2"]
    assert await store.read(lambda tx: aside.count(tx, 1, "locations")) == 3


async def test_keys_count_as_present(store: Store) -> None:
    for partner_id, kind, key in [(1, "locations", "a"), (1, "tariffs", "b"), (2, "locations", "c")]:
        await store.write(lambda tx, p=partner_id, k=kind, y=key: aside.keep(tx, p, k, y, "{}", []))  # type: ignore[misc]
    await store.write(lambda tx: aside.keep(tx, 1, "locations", None, "{", []))
    assert await store.read(lambda tx: aside.keys(tx, 1, "locations")) == {"a"}


async def test_what_came_as_it_should_is_aside_no_more(store: Store) -> None:
    for key in ("a", "b", "c"):
        await store.write(lambda tx, key=key: aside.keep(tx, 1, "cdrs", key, "{}", []))  # type: ignore[misc]
    await store.write(lambda tx: aside.clear(tx, 1, "cdrs", "a"))
    assert await store.read(lambda tx: aside.keys(tx, 1, "cdrs")) == {"b", "c"}
    await store.write(lambda tx: aside.clear(tx, 1, "cdrs"))
    assert await store.read(lambda tx: aside.keys(tx, 1, "cdrs")) == set()
