"""Verdicts: one for each CDR, found by what they say, and the other charges of a card, an EVSE and a session."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from evmesh.store import verdicts
from evmesh.store.database import Store
from evmesh.store.verdicts import LONGEST_CHARGE, Verdict
from tests.store.conftest import NOON
from tests.store.objects_to_keep import put

HOUR = timedelta(hours=1)


def verdict(seq: int, start: datetime = NOON, end: datetime | None = None, **fields: Any) -> Verdict:
    given = {"partner_id": 7, "verdict": "agrees", "currency": "SEK", "report": {"verdict": "agrees", "n": seq}}
    return Verdict(seq=seq, start=start, end=end or start + HOUR, checked_at=NOON, **(given | fields))


async def keep(store: Store, *found: Verdict) -> None:
    await store.write(lambda tx: verdicts.put(tx, found))


async def around(store: Store, one: Verdict) -> list[int]:
    return [each.seq for each in await store.read(lambda tx: verdicts.neighbours(tx, one))]


async def test_a_later_verdict_takes_the_place_of_the_former(store: Store) -> None:
    await keep(store, verdict(1))
    again = verdict(1, verdict="differs", report={"verdict": "differs", "levels": {"deep": [1, None, "å"]}})
    await keep(store, again)

    assert await store.read(lambda tx: verdicts.get(tx, 1)) == again
    assert await store.read(lambda tx: verdicts.get(tx, 2)) is None
    assert await store.read(verdicts.counts) == {"differs": 1}


async def test_they_are_counted_by_partner(store: Store) -> None:
    await keep(store, verdict(1), verdict(2), verdict(3, verdict="differs"), verdict(4, partner_id=8))

    assert await store.read(verdicts.counts) == {"agrees": 3, "differs": 1}
    assert await store.read(lambda tx: verdicts.counts(tx, 7)) == {"agrees": 2, "differs": 1}
    assert await store.read(lambda tx: verdicts.counts(tx, 9)) == {}


async def test_a_stretch_of_them_is_read_by_number(store: Store) -> None:
    await keep(store, *(verdict(seq) for seq in range(1, 6)))

    assert (await store.read(lambda tx: verdicts.between(tx, 1, 4))).keys() == {2, 3, 4}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["C0", "C1", "C2", "C3"]),
        ({"verdict": "differs"}, ["C1"]),
        ({"partner_id": 8}, ["C3"]),
        ({"since": NOON + HOUR}, ["C1", "C2", "C3"]),
        ({"until": NOON + HOUR}, ["C0"]),
        ({"since": NOON + HOUR, "until": NOON + 2 * HOUR}, ["C1"]),
        ({"limit": 2}, ["C0", "C1"]),
    ],
    ids=str,
)
async def test_what_is_listed(store: Store, filters: dict[str, Any], found: list[str]) -> None:
    for n in range(4):
        kind = "differs" if n == 1 else "agrees"
        partner_id = 8 if n == 3 else 7
        _, held = await store.write(put(f"C{n}", kind="cdrs", partner_id=partner_id))
        await keep(store, verdict(held.seq, NOON + n * HOUR, verdict=kind, partner_id=partner_id))

    listed = await store.read(lambda tx: verdicts.listing(tx, **filters))

    assert [id for _, _, id in listed] == found
    assert {owner for _, owner, _ in listed} == {"SE*VLT"}
    if not filters:
        after = listed[1][0].seq
        rest = await store.read(lambda tx: verdicts.listing(tx, after_seq=after))
        assert [id for _, _, id in rest] == found[2:]


@pytest.mark.parametrize("what", ["token", "evse"])
async def test_charges_of_a_card_or_an_evse_meet_when_they_overlap(store: Store, what: str) -> None:
    """From 12 to 13: one that ends at 12 or begins at 13 does not overlap. Whose CDR it is does not matter."""
    mine = verdict(1, **{what: "x"})
    await keep(
        store,
        mine,
        verdict(2, NOON - HOUR, **{what: "x"}),
        verdict(3, NOON - HOUR, NOON + timedelta(seconds=1), **{what: "x"}),
        verdict(4, NOON + HOUR, **{what: "x"}),
        verdict(5, NOON + HOUR / 2, NOON + HOUR * 3, partner_id=8, **{what: "x"}),
        verdict(6, **{what: "y"}),
        verdict(7),
    )

    assert await around(store, mine) == [3, 5]


async def test_a_charge_that_began_long_before_is_not_looked_for(store: Store) -> None:
    mine = verdict(1, token="x")
    long_ago = NOON - LONGEST_CHARGE
    await keep(
        store,
        mine,
        verdict(2, long_ago, NOON + HOUR, token="x"),
        verdict(3, long_ago - timedelta(seconds=1), NOON + HOUR, token="x"),
    )

    assert await around(store, mine) == [2]


async def test_a_session_is_one_partners_at_any_time(store: Store) -> None:
    mine = verdict(1, session="s")
    await keep(
        store,
        mine,
        verdict(2, NOON + 100 * HOUR, session="s"),
        verdict(3, session="s", partner_id=8),
        verdict(4, session="other"),
        verdict(5),
    )

    assert await around(store, mine) == [2]


async def test_what_is_not_known_meets_nothing(store: Store) -> None:
    """A charge without a card, an EVSE or a session has nothing in common with another one."""
    await keep(store, verdict(1), verdict(2))

    assert await around(store, verdict(1)) == []
