"""Many CDRs are judged anew by stretches: each gets the verdict that it would get alone, and only news is written."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from evmesh.ports import Partner
from evmesh.roaming.cdrs import check
from evmesh.roaming.cdrs.check import Anew, Stretch
from evmesh.roaming.node import Node
from evmesh.store import objects, verdicts
from evmesh.store.schema import cdr_verdicts
from evmesh.store.verdicts import Verdict
from tests.roaming.calls import NOON, VOLTERA, Clock, befriend, stamp, token
from tests.roaming.cdrs.test_check import CPO, bill, codes, send, tell_tariff
from tests.roaming.sessions.charging import publish_all

SORTS: dict[str, dict[str, Any]] = {
    "RIGHT": {},
    "WRONG": {"net": 7},
    "HABIT": {"total_cost": {"before_taxes": 5}},
    "NOTHING": {"total_cost": {"before_taxes": 0}, "charging_periods": [
        {"start_date_time": stamp(-60), "dimensions": [{"type": "ENERGY", "volume": 1}], "tariff_id": "GONE"}
    ], "tariffs": []},
}  # fmt: skip


@pytest.fixture
async def cpo(node: Node, clock: Clock) -> Partner:
    """A CPO that sent a CDR of each sort, each for a session of its own."""
    partner = await befriend(node, "cpo", "2.2.1", roles=[("CPO", CPO)])
    await publish_all(node, ("tokens", token(VOLTERA)))
    clock.forward(-3 * 3600)
    await tell_tariff(node, partner, 4, at=-180)
    clock.forward(3 * 3600)
    for id, fields in SORTS.items():
        await send(node, partner, bill(id, session_id=f"S-{id}", **fields))
    return partner


async def judged_anew(node: Node, **asked: Any) -> Anew:
    newest = await node.store.read(objects.newest_seq)
    stretch = Stretch(**{"after": 0, "until": newest, **asked})
    return check.anew(await node.store.read(lambda tx: check.look(tx, node, stretch)), node.clock())


async def kept(node: Node) -> dict[str, Verdict]:
    """Verdicts by the id of the CDR, whenever they were found."""
    found = await node.store.read(verdicts.listing)
    return {id: msgspec.structs.replace(each, checked_at=NOON) for each, _, id in found}


async def forget_all(node: Node) -> None:
    await node.store.write(lambda tx: tx.execute(cdr_verdicts.delete()))


async def test_a_second_time_there_is_nothing_to_write(node: Node, cpo: Partner, clock: Clock) -> None:
    first = await judged_anew(node)
    await node.store.write(lambda tx: check.keep(tx, node, first))
    clock.forward(3600)

    again = await judged_anew(node)

    assert sum(again.found.values()) == len(SORTS)
    assert (again.changed, again.first) == ([], set())


async def test_each_gets_the_verdict_that_it_would_get_alone(node: Node, cpo: Partner) -> None:
    for held in await node.store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True)):
        await node.store.write(lambda tx, held=held: check.again(tx, node, cpo, held))
    alone = await kept(node)

    given = await judged_anew(node)
    await node.store.write(lambda tx: check.keep(tx, node, given))

    assert await kept(node) == alone
    assert given.found == {"agrees": 1, "differs": 1, "explained": 1, "cannot_be_priced": 1}


async def test_cdrs_that_had_no_verdict_see_each_other(node: Node, cpo: Partner) -> None:
    """In the snapshot that they were judged in, none of them had one."""
    await send(node, cpo, bill("TWICE", session_id="S-RIGHT"))
    await forget_all(node)

    given = await judged_anew(node)
    await node.store.write(lambda tx: check.keep(tx, node, given))

    assert len(given.first) == len(SORTS) + 1
    assert "session_billed_twice" in codes((await kept(node))["TWICE"])


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"since": NOON}, 0),
        ({"since": NOON - timedelta(hours=1)}, len(SORTS)),
        ({"before": NOON - timedelta(hours=1)}, 0),
        ({"partner_id": 999}, 0),
        ({"until": 0}, 0),
    ],
)
@pytest.mark.parametrize("judged_before", [True, False])
async def test_only_what_was_asked_for_is_judged(
    node: Node, cpo: Partner, asked: dict[str, Any], count: int, judged_before: bool
) -> None:
    if not judged_before:
        await forget_all(node)

    assert sum((await judged_anew(node, **asked)).found.values()) == count


async def test_stretches_that_follow_each_other_leave_nothing_out_and_judge_nothing_twice(
    node: Node, cpo: Partner
) -> None:
    newest = await node.store.read(objects.newest_seq)
    parts = [await judged_anew(node, after=n, until=n + 1) for n in range(newest)]

    assert sum(sum(part.found.values()) for part in parts) == len(SORTS)
