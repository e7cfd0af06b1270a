"""How releases word objects: what is stale, what is kept, what becomes sayable when."""

from sqlalchemy import Connection

from evmesh.store import objects, wordings
from evmesh.store.database import Store
from evmesh.store.objects import Held
from evmesh.store.wordings import Wording
from tests.store.objects_to_keep import at, put


def worded(held: Held, text: str | None = "{}", *, sayable_from: float = 0) -> Wording:
    if text is None:
        return Wording(held.seq, held.change, None, "it cannot be said", None)
    return Wording(held.seq, held.change, text, None, max(held.last_updated, at(sayable_from)))


async def stale(store: Store, release: str = "2.1.1", limit: int = 500) -> list[str]:
    return [held.id for held in await store.read(lambda tx: wordings.stale(tx, "locations", release, limit))]


async def test_what_changed_since_the_mark_is_stale(store: Store) -> None:
    for name in "ABC":
        await store.write(put(name))
    await store.write(put("theirs", partner_id=1))
    assert await stale(store) == ["A", "B", "C"]
    assert await stale(store, limit=2) == ["A", "B"]

    _, held = await store.write(put("A", minutes=1))
    assert await stale(store) == ["B", "C", "A"], "in the order of changes, so that a mark can follow them"
    await store.write(lambda tx: wordings.set_mark(tx, "locations", "2.1.1", held.change))
    assert await stale(store) == []
    assert await stale(store, "2.2.1") == ["B", "C", "A"], "each release has a mark of its own"

    await store.write(put("B", minutes=1))
    assert await stale(store) == ["B"]


async def test_a_mark_never_goes_back(store: Store) -> None:
    for change in (7, 3):
        await store.write(lambda tx, change=change: wordings.set_mark(tx, "cdrs", "2.1.1", change))  # type: ignore[misc]
    assert await store.read(lambda tx: wordings.mark(tx, "cdrs", "2.1.1")) == 7
    await store.write(lambda tx: wordings.forget(tx, "cdrs", "2.1.1"))
    assert await store.read(lambda tx: wordings.mark(tx, "cdrs", "2.1.1")) == 0


async def test_a_wording_is_kept_until_a_newer_one_comes(store: Store) -> None:
    _, first = await store.write(put("A"))
    _, second = await store.write(put("A", minutes=1))

    async def word(wording: Wording) -> Wording | None:
        await store.write(lambda tx: wordings.word(tx, "locations", "2.1.1", [wording]))
        return await store.read(lambda tx: wordings.get(tx, first.seq, "2.1.1"))

    newer = worded(second, '{"new":1}')
    assert await word(newer) == newer
    assert await word(worded(first, '{"old":1}')) == newer, "whoever is slow does not overwrite"
    withheld = worded(second, None)
    assert await word(withheld) == withheld
    assert await store.read(lambda tx: wordings.withheld(tx, "locations", "2.1.1")) == {first.seq: "it cannot be said"}


async def test_what_is_gone_is_neither_stale_nor_worded(store: Store) -> None:
    _, held = await store.write(put("A"))
    await store.write(lambda tx: wordings.word(tx, "locations", "2.1.1", [worded(held)]))
    await store.write(lambda tx: objects.remove(tx, held.seq))
    assert await stale(store) == []
    await store.write(lambda tx: wordings.word(tx, "locations", "2.1.1", [worded(held)]))
    assert await store.read(lambda tx: wordings.get(tx, held.seq, "2.1.1")) is None

    await store.write(put("A"))
    assert await stale(store) == ["A"], "it came back, so it is worded anew"


async def test_what_becomes_sayable_by_the_clock(store: Store) -> None:
    def some(tx: Connection) -> list[int]:
        now = put("now")(tx)[1]
        soon = put("soon")(tx)[1]
        later = put("later")(tx)[1]
        never = put("never")(tx)[1]
        rows = [
            worded(now),
            worded(soon, sayable_from=10),
            worded(later, sayable_from=20),
            worded(never, None),
        ]
        wordings.word(tx, "locations", "2.1.1", rows)
        return [soon.seq, later.seq]

    soon, later = await store.write(some)
    assert await store.read(lambda tx: wordings.next_sayable(tx, at(0))) == at(10)
    assert await store.read(lambda tx: wordings.next_sayable(tx, at(10))) == at(20)
    assert await store.read(lambda tx: wordings.next_sayable(tx, at(20))) is None
    assert await store.read(lambda tx: wordings.sayable_between(tx, at(0), at(10))) == [("2.1.1", soon)]
    assert await store.read(lambda tx: wordings.sayable_between(tx, at(10), at(60))) == [("2.1.1", later)]


async def test_nothing_to_word_is_nothing_done(store: Store) -> None:
    await store.write(lambda tx: wordings.word(tx, "locations", "2.1.1", []))
    assert await stale(store) == []
