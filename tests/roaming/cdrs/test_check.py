"""Partners' CDRs are judged by what was known when the charge began; a dispute finds its end by itself."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from evmesh.billing.contracts import Contract
from evmesh.billing.dispute import NotPossible
from evmesh.ports import Partner
from evmesh.roaming import publish, pull
from evmesh.roaming.cdrs import check, disputes
from evmesh.roaming.node import Node
from evmesh.roaming.tariffs import receiver as tariffs
from evmesh.store import disputes as kept
from evmesh.store import ledger, objects, tariff_history, verdicts
from tests.roaming.calls import VOLTERA, Clock, Peers, answer, call, page, say, stamp, tariff
from tests.roaming.cdrs.received import CPO, bill, codes, costing, send, tell_tariff
from tests.roaming.sessions.charging import publish_all


async def test_a_right_cdr_agrees_by_the_tariff_that_was_told(node: Node, cpo: Partner) -> None:
    verdict = await send(node, cpo, bill())

    assert (verdict.verdict, verdict.report["by"]) == ("agrees", "pushed_tariff")
    assert verdict.report["expected"] == {"before_taxes": "4", "after_taxes": "5"}
    assert await node.store.read(lambda tx: ledger.balances(tx, cpo.id)) == {
        "SEK": {"cdrs_payable": Decimal(-4), "costs": Decimal(4)}
    }


async def test_a_wrong_one_differs_and_carries_the_bill(node: Node, cpo: Partner) -> None:
    verdict = await send(node, cpo, bill(net=7))

    assert verdict.verdict == "differs"
    assert verdict.report["difference"] == {"before_taxes": "3", "after_taxes": "3.75"}
    assert verdict.report["bill"]["lines"]


async def test_a_habit_is_named(node: Node, cpo: Partner) -> None:
    """The amount after taxes stands where the one before belongs."""
    verdict = await send(node, cpo, bill(total_cost={"before_taxes": 5}))

    assert verdict.verdict == "explained"
    assert [habit["code"] for habit in verdict.report["habits"]] != []


async def test_what_was_told_counts_and_not_what_the_cdr_says_of_itself(node: Node, cpo: Partner) -> None:
    """The price was 4 when the charge began, whatever the CDR carries and whatever was told since."""
    await tell_tariff(node, cpo, 6, at=-1)

    verdict = await send(node, cpo, bill(net=6, tariffs=[costing(6)]))

    levels = verdict.report["levels"]
    assert (levels["own_tariff"]["verdict"], levels["pushed_tariff"]["verdict"]) == ("agrees", "differs")
    assert verdict.verdict == "differs"


async def test_a_deleted_tariff_holds_for_no_charge_that_began_after_it(node: Node, cpo: Partner, clock: Clock) -> None:
    """It was told at 9 and deleted at 10: what began at 11 has the CDR's own tariff, what began at 9:30 the deleted."""
    clock.forward(-2 * 3600)
    await answer(tariffs.handlers(node), call(cpo, "tariffs.receiver.delete", *CPO, "T1"))
    clock.forward(2 * 3600)

    after = await send(node, cpo, bill(net=6, tariffs=[costing(6)]))
    early = {"start_date_time": stamp(-150), "end_date_time": stamp(-100)}
    period = {**bill()["charging_periods"][0], "start_date_time": stamp(-150)}
    before = await send(
        node, cpo, bill("C2", 6, tariffs=[costing(6)], session_id="S2", charging_periods=[period], **early)
    )

    assert (after.verdict, after.report["by"]) == ("agrees", "own_tariff")
    assert "tariff_deleted" in codes(after)
    assert (before.verdict, before.report["by"]) == ("differs", "pushed_tariff")
    assert "tariff_deleted" not in codes(before)


async def test_a_tariff_that_its_list_no_longer_has_is_deleted_too(node: Node, peers: Peers, cpo: Partner) -> None:
    peers.lists["tariffs.sender.list"] = [page()]
    await pull.pull(node, cpo, "tariffs", full=True)
    assert (await history(node, cpo.id))[-1] is None

    peers.lists["tariffs.sender.list"] = [page(await say(node, "tariffs", costing(4), "2.2.1"))]
    await pull.pull(node, cpo, "tariffs", full=True)
    assert [each is None for each in await history(node, cpo.id)] == [False, True, False]


async def test_our_own_tariffs_have_a_history_to_their_end(node: Node) -> None:
    await publish_all(node, ("tariffs", tariff(VOLTERA)))

    def withdraw(tx: Any) -> None:
        publish.retract(tx, node, objects.listing(tx, "tariffs")[0])

    await node.store.write(withdraw)

    assert [each is None for each in await history(node, 0, "SE*VLT")] == [False, True]


async def history(node: Node, partner_id: int, owner: str = "DE*CPO") -> list[str | None]:
    found = await node.store.read(lambda tx: tariff_history.versions(tx, partner_id, owner, "T1"))
    return [each.document for each in found]


async def test_the_same_charge_twice_is_seen_and_a_credited_one_is_forgotten(node: Node, cpo: Partner) -> None:
    await send(node, cpo, bill())
    assert "session_billed_twice" in codes(await send(node, cpo, bill("C2")))
    assert "token_overlaps" in codes(await send(node, cpo, bill("C3", session_id="S3")))

    for id in ("C1", "C2", "C3"):
        session = "S3" if id == "C3" else "S1"
        back = bill("X" + id, -4, credit=True, credit_reference_id=id, session_id=session)
        assert (await send(node, cpo, back)).verdict == "agrees"
    last = await send(node, cpo, bill("C4"))

    assert codes(last) & {"session_billed_twice", "token_overlaps", "evse_overlaps"} == set()
    assert (await node.store.read(lambda tx: ledger.balances(tx, cpo.id)))["SEK"]["costs"] == 4


async def test_a_credit_of_other_money_differs(node: Node, cpo: Partner) -> None:
    await send(node, cpo, bill())

    verdict = await send(node, cpo, bill("X1", -3, credit=True, credit_reference_id="C1"))

    assert (verdict.verdict, codes(verdict) & {"credit_of_other_amount"}) == ("differs", {"credit_of_other_amount"})


async def test_what_is_pulled_is_judged_alike_and_judging_again_says_the_same(
    node: Node, peers: Peers, cpo: Partner
) -> None:
    peers.lists["cdrs.sender.list"] = [page(await say(node, "cdrs", bill(net=7), "2.2.1"))]
    await pull.pull(node, cpo, "cdrs", full=True)

    (held,) = await node.store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True))
    first = await node.store.read(lambda tx: verdicts.get(tx, held.seq))
    again = await node.store.write(lambda tx: check.again(tx, node, cpo, held))

    assert first is not None
    assert (first.verdict, first.report) == ("differs", again.report)


@pytest.mark.parametrize("credit_first", [True, False])
async def test_a_dispute_goes_its_way_and_ends_by_itself(
    node: Node, cpo: Partner, clock: Clock, credit_first: bool
) -> None:
    await send(node, cpo, bill(net=7))
    (held,) = await node.store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True))
    opened = await node.store.write(lambda tx: disputes.open_dispute(tx, node, held))
    assert (opened.amount, opened.reason, opened.evidence["verdict"]) == (3, "price_differs", "differs")
    with pytest.raises(NotPossible, match="only send, write-off, credit is possible"):
        await node.store.write(lambda tx: disputes.step(tx, node, opened.id, "accept"))
    await node.store.write(lambda tx: disputes.step(tx, node, opened.id, "send"))
    sent = await node.store.write(lambda tx: disputes.step(tx, node, opened.id, "accept", note="they say sorry"))
    assert not sent.overdue(clock())
    assert sent.overdue(clock.forward(31 * 86400))

    credit, anew = bill("X1", -7, credit=True, credit_reference_id="C1"), bill("C2")
    for document in (credit, anew) if credit_first else (anew, credit):
        await send(node, cpo, document)

    ended = await node.store.read(lambda tx: kept.get(tx, opened.id))
    assert ended is not None
    assert [step.state for step in ended.history] == ["open", "sent", "accepted", "credited", "rebilled"]
    assert ended.history[-1].note == "the new CDR agrees"
    assert (await node.store.read(lambda tx: ledger.balances(tx, cpo.id)))["SEK"]["costs"] == 4


async def test_a_credit_of_a_part_ends_no_dispute(node: Node, cpo: Partner) -> None:
    await send(node, cpo, bill(net=7))
    (held,) = await node.store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True))
    opened = await node.store.write(lambda tx: disputes.open_dispute(tx, node, held))

    await send(node, cpo, bill("X1", -3, credit=True, credit_reference_id="C1"))

    assert await node.store.read(lambda tx: kept.get(tx, opened.id)) == opened


async def test_a_contract_goes_before_what_the_partner_tells(node: Node, cpo: Partner) -> None:
    """A price list of 5 for a kWh, and 10 öre that nobody argues about."""
    agreed = Contract(tolerance=Decimal("0.10"), tariffs=(costing(5) | {"id": "LIST"},))
    node.settings = replace(node.settings, contracts={"cpo": agreed})

    listed = await send(node, cpo, bill(net=5))
    nearly = await send(node, cpo, bill("C2", "5.05", session_id="S2"))
    told = await send(node, cpo, bill("C3", net=4, session_id="S3"))

    assert (listed.verdict, listed.report["by"]) == ("agrees", "price_list")
    assert nearly.verdict == "within_tolerance"
    assert (told.verdict, told.report["levels"]["pushed_tariff"]["verdict"]) == ("differs", "agrees")
