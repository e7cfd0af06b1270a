"""Verdicts are kept many at once, found by stretches of CDRs, and tell which charges have to do with each other."""

from datetime import timedelta
from typing import Any

import pytest

from evmesh.store import verdicts
from evmesh.store.database import Store
from evmesh.store.verdicts import Verdict
from tests.store.conftest import NOON


def verdict(seq: int, **fields: Any) -> Verdict:
    given = {
        "seq": seq, "partner_id": 7, "verdict": "agrees", "currency": "SEK", "start": NOON,
        "end": NOON + timedelta(hours=1), "checked_at": NOON, "report": {"levels": {}, "figure": 1.5},
    }  # fmt: skip
    return Verdict(**(given | fields))


async def put(store: Store, *given: Verdict) -> None:
    await store.write(lambda tx: verdicts.put(tx, given))


async def test_many_are_kept_at_once_each_in_place_of_the_former(store: Store) -> None:
    await put(store, *(verdict(seq) for seq in range(1, 6)))
    await put(store, verdict(2, verdict="differs"), verdict(9))
    await put(store)

    found = await store.read(lambda tx: verdicts.between(tx, 0, 100))

    assert sorted(found) == [1, 2, 3, 4, 5, 9]
    assert found[2] == verdict(2, verdict="differs")
    assert found[1] == verdict(1)


async def test_a_stretch_begins_after_one_number_and_ends_with_the_other(store: Store) -> None:
    await put(store, *(verdict(seq) for seq in range(1, 6)))

    assert sorted(await store.read(lambda tx: verdicts.between(tx, 1, 3))) == [2, 3]


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"token": "card"}, True),
        ({"evse": "evse"}, True),
        ({"session": "session"}, True),
        ({"token": "other", "evse": "other", "session": "other"}, False),
        ({"token": "card", "start": NOON + timedelta(hours=1), "end": NOON + timedelta(hours=2)}, False),
        ({"session": "session", "start": NOON + timedelta(days=30), "end": NOON + timedelta(days=31)}, True),
        ({"session": "session", "partner_id": 8}, False),
        ({"token": "card", "partner_id": 8}, True),
    ],
)
async def test_who_has_to_do_with_a_charge(store: Store, fields: dict[str, Any], seen: bool) -> None:
    mine = verdict(1, token="card", evse="evse", session="session")
    await put(store, mine, verdict(2, **fields))

    found = await store.read(lambda tx: verdicts.neighbours(tx, mine))

    assert [each.seq for each in found] == ([2] if seen else [])
    assert await store.read(lambda tx: verdicts.acquainted(tx, 0, 2)) == ({1, 2} if seen else set())
    assert await store.read(lambda tx: verdicts.acquainted(tx, 1, 2)) == ({2} if seen else set())
    assert await store.read(lambda tx: verdicts.acquainted(tx, 2, 9)) == set()
