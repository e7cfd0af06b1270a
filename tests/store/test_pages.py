"""Pages: every object once, in the order of creation, whatever happens between two pages."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from evmesh.store import objects, pages, wordings
from evmesh.store.database import Store
from evmesh.store.pages import Page, Wanted
from evmesh.store.wordings import Wording
from tests.store.objects_to_keep import at, put

LATER = at(24 * 60)


def wanted(now: datetime = LATER, **filters: Any) -> Wanted:
    return Wanted("sessions", "2.2.1", now, **filters)


async def keep(store: Store, id: str, *, withheld: bool = False, sayable_from: float = 0, **fields: Any) -> int:
    """An object of ours and its wording, which is its id."""

    def run(tx: Connection) -> int:
        _, held = put(id, kind="sessions", text=f'"{id}"', **fields)(tx)
        changed_at = max(held.last_updated, at(sayable_from))
        wording = Wording(held.seq, held.change, None if withheld else held.document, None, changed_at)
        wordings.word(tx, "sessions", "2.2.1", [wording])
        return held.seq

    return await store.write(run)


async def page(store: Store, wish: Wanted, **place: int) -> Page:
    return await store.read(lambda tx: pages.page(tx, wish, **place))  # type: ignore[arg-type]


async def total(store: Store, wish: Wanted) -> int:
    return await store.read(lambda tx: pages.total(tx, wish))


async def shown(store: Store, wish: Wanted) -> list[str]:
    """By pages of two, following the cursor."""
    texts: list[str] = []
    after = 0
    while True:
        found = await page(store, wish, after_seq=after, limit=2)
        texts += found.texts
        after = found.last_seq
        if not found.more:
            assert await total(store, wish) == len(texts)
            return [each.strip('"') for each in texts]


async def test_pages_follow_each_other_in_the_order_of_creation(store: Store) -> None:
    for name in "CABED":
        await keep(store, name)
    await keep(store, "A", minutes=5)  # a change moves nothing
    assert await shown(store, wanted()) == list("CABED")


async def test_the_last_page_says_that_it_is_the_last(store: Store) -> None:
    seqs = [await keep(store, name) for name in "ABCD"]
    full = await page(store, wanted(), after_seq=seqs[1], limit=2)
    assert (full.texts, full.last_seq, full.more) == (['"C"', '"D"'], seqs[3], False)
    beyond = await page(store, wanted(), after_seq=seqs[3], limit=2)
    assert (beyond.texts, beyond.last_seq, beyond.more) == ([], seqs[3], False)


async def test_what_comes_between_two_pages_repeats_and_hides_nothing(store: Store) -> None:
    for name in "ABCD":
        await keep(store, name)
    first = await page(store, wanted(), limit=2)
    await keep(store, "E")
    await keep(store, "A", minutes=5)
    removed = await keep(store, "B", minutes=5)
    await store.write(lambda tx: objects.remove(tx, removed))
    second = await page(store, wanted(), after_seq=first.last_seq, limit=10)
    assert first.texts + second.texts == ['"A"', '"B"', '"C"', '"D"', '"E"']


async def test_an_offset_counts_what_the_list_shows(store: Store) -> None:
    for name in "ABCDE":
        await keep(store, name, withheld=name == "B")
    found = await page(store, wanted(), offset=1, limit=2)
    assert (found.texts, found.more) == (['"C"', '"D"'], True)
    assert (await page(store, wanted(), offset=9, limit=2)).texts == []


async def test_lists_show_only_what_can_be_said_by_now(store: Store) -> None:
    await keep(store, "A")
    await keep(store, "withheld", withheld=True)
    await keep(store, "ahead", sayable_from=10)
    assert await shown(store, wanted(at(9))) == ["A"]
    assert await shown(store, wanted(at(10))) == ["A", "ahead"]
    assert await shown(store, wanted(at(9))) == ["A"], "a total remembered for a later moment does not count"


async def test_a_release_that_nobody_worded_shows_nothing(store: Store) -> None:
    await keep(store, "A")
    nothing = Wanted("sessions", "2.1.1", LATER)
    assert await page(store, nothing, limit=5) == Page([], 0, False)
    assert await total(store, nothing) == 0


@pytest.mark.parametrize("narrow", [0, 3, 5000], ids=["in order", "either", "by time"])
async def test_dates_from_are_inclusive_and_to_exclusive(
    store: Store, monkeypatch: pytest.MonkeyPatch, narrow: int
) -> None:
    """By either road: walking the list in order, or taking a short stretch of time."""
    monkeypatch.setattr(pages, "NARROW", narrow)
    for minute, name in enumerate("ABCDE"):
        await keep(store, name, minutes=minute)
    await keep(store, "A", minutes=2)
    await keep(store, "F", sayable_from=3)
    assert await shown(store, wanted(date_from=at(2))) == ["A", "C", "D", "E", "F"]
    assert await shown(store, wanted(date_from=at(2), date_to=at(3))) == ["A", "C"]
    assert await shown(store, wanted(date_to=at(3))) == ["A", "B", "C"]
    assert await shown(store, wanted(date_from=at(9))) == []
    found = await page(store, wanted(date_from=at(2)), offset=1, limit=2)
    assert (found.texts, found.more) == (['"C"', '"D"'], True)


async def test_a_partner_sees_the_sessions_of_its_tokens(store: Store) -> None:
    for number, party in enumerate(["DE*ONE", "DE*TWO", "FR*ONE", "DE*ONE", "DE*TWO", None]):
        await keep(store, f"{number}", token_party=party)
    assert await shown(store, wanted(token_parties=("DE*ONE",))) == ["0", "3"]
    assert await shown(store, wanted(token_parties=("DE*TWO", "DE*ONE"))) == ["0", "1", "3", "4"]
    assert await shown(store, wanted(token_parties=())) == []
    several = wanted(token_parties=("DE*TWO", "DE*ONE", "XX*NON"))
    assert (await page(store, several, offset=1, limit=2)).texts == ['"1"', '"3"']


async def test_a_partner_that_knows_one_of_our_parties_sees_that_ones(store: Store) -> None:
    await keep(store, "A", party="SE*VLT")
    await keep(store, "B", party="NO*VLT")
    assert await shown(store, wanted(owners=("NO*VLT",))) == ["B"]
    assert await shown(store, wanted(owners=("NO*VLT", "SE*VLT"))) == ["A", "B"]
    assert await shown(store, wanted(owners=())) == []


async def test_totals_follow_every_change(store: Store) -> None:
    counts = []
    for change in ("add", "add", "withhold", "remove", "forget"):
        if change == "add":
            seq = await keep(store, f"L{len(counts)}")
        elif change == "withhold":
            await keep(store, "L1", withheld=True, minutes=1)
        elif change == "remove":
            first = await store.read(lambda tx: objects.listing(tx, "sessions", limit=1))
            seq = first[0].seq
            await store.write(lambda tx, seq=seq: objects.remove(tx, seq))  # type: ignore[misc]
        else:
            await keep(store, "again")
            await store.write(lambda tx: wordings.forget(tx, "sessions", "2.2.1"))
        counts.append(await total(store, wanted()))
    assert counts == [1, 2, 1, 0, 0]


async def test_a_total_is_counted_once(store: Store) -> None:
    await keep(store, "A")
    asked: list[str] = []

    def count_twice(tx: Connection) -> None:
        event.listen(tx, "before_cursor_execute", lambda *call: asked.append(call[2]))
        assert pages.total(tx, wanted()) == pages.total(tx, wanted(at(24 * 60 + 1))) == 1

    await store.read(count_twice)
    assert sum("count(" in statement for statement in asked) == 1


async def test_so_many_filters_do_not_fill_the_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TOTALS_KEPT", 3)
    await keep(store, "A")
    for minute in range(10):
        assert await total(store, wanted(date_from=at(-minute))) == 1


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "wordings_listed"),
        ({"owners": ("SE*VLT",)}, "wordings_listed"),
        ({"token_parties": ("DE*ONE",)}, "wordings_of_token_party"),
        ({"token_parties": ("DE*ONE", "DE*TWO")}, "wordings_of_token_party"),
    ],
)
async def test_a_place_in_a_list_is_found_in_an_index_alone(
    sqlite_database_url: str, filters: dict[str, Any], index: str
) -> None:
    """However far into the list: no text is read before it is shown, and nothing is sorted."""
    store = await Store.open(sqlite_database_url, b"key")

    def plan(tx: Connection) -> list[str]:
        statements: list[tuple[str, Any]] = []
        event.listen(tx, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
        pages.page(tx, wanted(**filters), after_seq=7, limit=2)
        (statement, parameters), *_ = statements
        return [row[3] for row in tx.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]

    steps = await store.read(plan)
    assert any(f"USING COVERING INDEX {index} " in step and "seq>?" in step for step in steps), steps
    assert all("SCAN wordings" not in step for step in steps), steps
    if len(filters.get("token_parties", ())) < 2:
        assert all("B-TREE" not in step for step in steps), steps
    await store.close()


async def test_a_short_stretch_of_time_is_found_by_time(sqlite_database_url: str) -> None:
    store = await Store.open(sqlite_database_url, b"key")
    statement = str(pages._chosen(wanted(date_from=at(0))))
    names = dict.fromkeys(["release_1", "kind_1", "changed_at_1", "changed_at_2"], "")
    found = await store.read(lambda tx: tx.execute(text("EXPLAIN QUERY PLAN " + statement), names).all())
    assert "USING COVERING INDEX wordings_by_time" in found[0][3]
    await store.close()
