"""Pulling: what is stored, kept aside, refused, removed, and when the next pull is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from evmesh.ports import Document, Nonsense, Partner, Reply, Unreachable
from evmesh.roaming import publish, pull, receive
from evmesh.roaming.invoicereconciliation.reconcile import WRONG_CDRS
from evmesh.roaming.node import Node, Roaming
from evmesh.roaming.pull import RECORDS, PullResult
from evmesh.roaming.tariffs import receiver
from evmesh.store import aside, faults, objects, partners, pulls
from tests.roaming.calls import (
    DOCUMENTS,
    EMS,
    RELEASES,
    VOLTERA,
    Clock,
    Peers,
    answer,
    befriend,
    call,
    cdr,
    document_of,
    location,
    page,
    record,
    say,
    session,
    stamp,
    tariff,
    token,
)

CPO = (("CPO", EMS),)
LIST = "tariffs.sender.list"


async def have(node: Node, kind: str = "tariffs") -> list[str]:
    """The ids of what we hold of partners, gone ones left out."""
    return [held.id for held in await node.store.read(lambda tx: objects.listing(tx, kind, theirs=True))]


async def tariffs(node: Node, *ids: str, at: float = 0) -> list[Document]:
    return [await say(node, "tariffs", tariff(EMS, id, at=at), "2.2.1") for id in ids]


async def everything(node: Node, peers: Peers, partner: Partner, *pages: Any) -> PullResult:
    peers.lists[LIST] = list(pages)
    return await pull.pull(node, partner, "tariffs", full=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("kind", DOCUMENTS)
async def test_every_module_in_every_release(node: Node, peers: Peers, release: str, kind: str) -> None:
    partner = await befriend(node, release=release, roles=((("EMSP" if kind == "tokens" else "CPO"), EMS),))
    theirs: Any = DOCUMENTS[kind]
    place = await say(node, "locations", location(EMS), release)
    peers.lists["locations.sender.list"] = [page(place)]
    await pull.pull(node, partner, "locations", full=True)
    peers.lists[f"{kind}.sender.list"] = [page(await say(node, kind, theirs(EMS), release))]

    result = await pull.pull(node, partner, kind, full=True)

    assert (result.complete, result.seen, result.findings) == (True, 1, [])
    (held,) = await node.store.read(lambda tx: objects.listing(tx, kind, theirs=True))
    assert (held.partner_id, held.owner) == (partner.id, "SE*EMS")


async def test_all_pages_are_stored_and_told_of(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    one, two = await tariffs(node, "A", "B"), await tariffs(node, "C")
    peers.lists[LIST] = [page(*one, total=3), page(*two, total=3)]
    told: list[tuple[int, int | None]] = []

    result = await pull.pull(
        node, partner, "tariffs", full=True, progress=lambda so_far: told.append((so_far.seen, so_far.total))
    )

    assert (result.created, result.pages, result.removed) == (3, 2, 0)
    assert told == [(2, 3), (3, 3)]
    assert await have(node) == ["A", "B", "C"]


async def test_one_bad_object_costs_only_itself(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    good, bad = await tariffs(node, "GOOD", "BAD")
    del bad["currency"]

    result = await everything(node, peers, partner, page(good, bad, "nonsense", 7, None))

    assert (result.created, result.aside, result.complete) == (1, 4, True)
    assert await have(node) == ["GOOD"]
    kept = await node.store.read(lambda tx: aside.listing(tx, partner.id, "tariffs"))
    (named,) = [each for each in kept if each.key is not None]
    assert [finding.pointer for finding in named.findings] == ["/currency"]
    assert '"BAD"' in named.text
    assert ("BAD", named.findings[0]) in result.findings


async def test_what_came_as_it_should_is_no_longer_aside(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    (good,) = await tariffs(node, "A")
    await everything(node, peers, partner, page({**good, "currency": None}))

    await everything(node, peers, partner, page(good))

    assert await node.store.read(lambda tx: aside.count(tx, partner.id, "tariffs")) == 0


async def test_harmless_deviations_are_read_with_findings(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    (said,) = await tariffs(node, "A")
    said["elements"][0]["price_components"][0]["price"] = "4.50"

    result = await everything(node, peers, partner, page(said))

    assert (result.created, [finding.code for _, finding in result.findings]) == (1, ["number_as_text"])


async def test_what_is_not_the_partners_is_refused_and_a_fault_until_it_is_over(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    (own,) = await tariffs(node, "A")
    foreign = await say(node, "tariffs", tariff(("NO", "NRD"), "B"), "2.2.1")

    result = await everything(node, peers, partner, page(own, foreign))
    open_then = await node.store.read(lambda tx: faults.open_faults(tx, kind="foreign_objects"))
    await everything(node, peers, partner, page(own))

    assert (result.created, result.foreign) == (1, 1)
    assert [finding.code for _, finding in result.findings] == ["foreign"]
    assert await have(node) == ["A"]
    assert [fault.partner_id for fault in open_then] == [partner.id]
    assert await node.store.read(lambda tx: faults.open_faults(tx)) == []


async def test_a_full_pull_removes_what_it_does_not_show_and_brings_back_what_it_does(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    a, b = await tariffs(node, "A", "B", at=5)
    await everything(node, peers, partner, page(a, b))

    gone = await everything(node, peers, partner, page(a))
    assert (gone.removed, await have(node)) == (1, ["A"])
    back = await everything(node, peers, partner, page(a, b))
    assert (back.removed, await have(node)) == (0, ["A", "B"])
    await everything(node, peers, partner, page(a))
    older = (await tariffs(node, "B"))[0]
    await everything(node, peers, partner, page(a, older))

    assert await have(node) == ["A", "B"]


@pytest.mark.parametrize("age", [0, -1], ids=["as it was", "older"])
async def test_what_was_deleted_while_the_list_was_read_does_not_come_back(
    node: Node, peers: Peers, monkeypatch: pytest.MonkeyPatch, age: float
) -> None:
    """The page may be older than the partner's DELETE; the next list has what is there again."""
    partner = await befriend(node, roles=CPO)
    (a,) = await tariffs(node, "A")
    await everything(node, peers, partner, page(a))
    before = await tariffs(node, "A", at=age)

    async def pages(*_: Any, **__: Any) -> AsyncIterator[Reply]:
        await answer(receiver.handlers(node), call(partner, "tariffs.receiver.delete", *EMS, "A"))
        yield page(*before)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(peers, "pages", pages)
        result = await everything(node, peers, partner)
    assert (result.complete, result.stale, await have(node)) == (True, 1, [])

    again = await everything(node, peers, partner, page(*before))
    assert (again.complete, await have(node)) == (True, ["A"])


@pytest.mark.parametrize("kind", ["sessions", "cdrs", "tokens"])
async def test_nothing_else_is_removed_by_absence(node: Node, peers: Peers, kind: str) -> None:
    partner = await befriend(node, roles=(("CPO", EMS), ("EMSP", EMS)))
    theirs: Any = DOCUMENTS[kind]
    peers.lists[f"{kind}.sender.list"] = [page(await say(node, kind, theirs(EMS), "2.2.1"))]
    await pull.pull(node, partner, kind, full=True)
    peers.lists[f"{kind}.sender.list"] = [page()]

    result = await pull.pull(node, partner, kind, full=True)

    assert (result.complete, result.removed) == (True, 0)
    assert len(await have(node, kind)) == 1


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([page(), Unreachable("no answer")], "no answer"),
        ([page(), Nonsense("the links lead in a circle")], "circle"),
        ([Reply(200, 3000, "down", data=[])], "down"),
        ([Reply(500, None, data=None)], "500"),
        ([Reply(200, 1000, data={"not": "a list"})], "no list"),
    ],
)
async def test_a_pull_that_breaks_off_removes_nothing_and_is_a_fault(
    node: Node, peers: Peers, pages: list[Any], why: str
) -> None:
    partner = await befriend(node, roles=CPO)
    (a,) = await tariffs(node, "A")
    await everything(node, peers, partner, page(a))
    before = await node.store.read(lambda tx: pulls.get(tx, partner.id, "tariffs"))

    result = await everything(node, peers, partner, *pages)

    assert not result.complete
    assert why in str(result.detail)
    assert await have(node) == ["A"]
    (fault,) = await node.store.read(lambda tx: faults.open_faults(tx))
    assert (fault.kind, fault.partner_id) == ("pull_broken", partner.id)
    after = await node.store.read(lambda tx: pulls.get(tx, partner.id, "tariffs"))
    assert before is not None
    assert after is not None
    assert (after.outcome, after.watermark, after.full_at) == ("broken", before.watermark, before.full_at)

    await everything(node, peers, partner, page(a))
    assert await node.store.read(lambda tx: faults.open_faults(tx)) == []


async def test_pages_before_the_break_are_kept(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)

    result = await everything(node, peers, partner, page(*await tariffs(node, "A")), Unreachable("gone"))

    assert (result.created, await have(node)) == (1, ["A"])


async def test_a_filtered_pull_removes_nothing_and_asks_from_the_newest_less_an_overlap(
    node: Node, peers: Peers
) -> None:
    partner = await befriend(node, roles=CPO)
    await everything(node, peers, partner, page(*await tariffs(node, "A", "B", at=-120)))
    peers.lists[LIST] = [page()]

    result = await pull.pull(node, partner, "tariffs", full=False)

    assert (result.full, result.complete, result.removed) == (False, True, 0)
    assert await have(node) == ["A", "B"]
    assert peers.asked[-1].query == {"date_from": stamp(-180)}


async def test_without_a_former_pull_everything_is_asked_for(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)

    result = await pull.pull(node, partner, "tariffs", full=False)

    assert result.full
    assert peers.asked[-1].query == {}


async def test_a_stamp_of_the_future_does_not_hide_what_comes_next(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    await everything(node, peers, partner, page(*await tariffs(node, "A", at=60 * 24 * 365)))

    await pull.pull(node, partner, "tariffs", full=False)

    assert peers.asked[-1].query == {"date_from": stamp(-60)}


async def test_sessions_are_asked_for_from_a_date_even_in_full(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)

    await pull.pull(node, partner, "sessions", full=True)

    assert peers.asked[-1].query == {"date_from": pull.EVER}


async def test_what_is_kept_aside_counts_as_present(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    a, b = await tariffs(node, "A", "B")
    await everything(node, peers, partner, page(a, b))

    result = await everything(node, peers, partner, page(a, {**b, "elements": "broken"}))

    assert (result.aside, result.removed) == (1, 0)
    assert await have(node) == ["A", "B"]


@pytest.mark.parametrize(
    "shown", [page(total=5), page({"no": "name"}), page(None)], ids=["fewer than counted", "nameless", "null"]
)
async def test_where_it_is_not_sure_what_is_gone_nothing_is_removed(node: Node, peers: Peers, shown: Reply) -> None:
    partner = await befriend(node, roles=CPO)
    await everything(node, peers, partner, page(*await tariffs(node, "A")))

    result = await everything(node, peers, partner, shown)

    assert (result.complete, result.removed, await have(node)) == (True, 0, ["A"])


async def test_what_was_pushed_while_pulling_stays(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    a, pushed = await tariffs(node, "A", "PUSHED")
    peers.lists[LIST] = [page(a), page()]
    seen: list[int] = []

    class Pushing(Peers):
        async def pages(self, *given: Any, **rest: Any) -> Any:
            async for each in peers.pages(*given, **rest):
                yield each
                if not seen:
                    put = call(partner, "tariffs.receiver.put", *EMS, "PUSHED", body=pushed)
                    await receive.put(node, put, "Tariff", "tariffs", ("PUSHED",))
                seen.append(1)

    node.calls = Pushing()
    result = await pull.pull(node, partner, "tariffs", full=True)

    assert (result.removed, await have(node)) == (0, ["A", "PUSHED"])


async def test_an_older_state_in_a_list_changes_nothing(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    await everything(node, peers, partner, page(*await tariffs(node, "A", at=5)))
    older = {**(await tariffs(node, "A"))[0], "currency": "EUR"}

    result = await everything(node, peers, partner, page(older))

    assert (result.stale, result.replaced) == (1, 0)
    (held,) = await node.store.read(lambda tx: objects.find(tx, "tariffs", "A"))
    assert document_of(held)["currency"] == "SEK"


async def test_a_cdr_that_changed_is_kept_aside(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "cdrs", DOCUMENTS["cdrs"](EMS), "2.2.1")  # type: ignore[operator]
    peers.lists["cdrs.sender.list"] = [page(said)]
    await pull.pull(node, partner, "cdrs", full=True)
    peers.lists["cdrs.sender.list"] = [page(said), page({**said, "total_energy": 99})]

    result = await pull.pull(node, partner, "cdrs", full=True)

    assert (result.unchanged, result.aside) == (1, 1)


async def test_each_party_of_a_platform_is_asked_unless_one_answers_for_all(node: Node, peers: Peers) -> None:
    other = ("SE", "TWO")
    partner = await befriend(node, roles=(("CPO", EMS), ("CPO", other)))
    one = await say(node, "tariffs", tariff(EMS), "2.2.1")
    two = await say(node, "tariffs", tariff(other), "2.2.1")

    await everything(node, peers, partner, page(one, two))
    together = [asked.to_party for asked in peers.asked]
    peers.asked.clear()
    await everything(node, peers, partner, page(one))

    assert together == [EMS]
    assert [asked.to_party for asked in peers.asked] == [EMS, other]


async def test_what_can_be_pulled_follows_the_roles_of_both_sides(node: Node) -> None:
    cpo = await befriend(node, "cpo", roles=CPO)
    emsp = await befriend(node, "emsp")
    both = await befriend(node, "both", roles=(("CPO", EMS), ("EMSP", EMS)), modules=["tokens", "cdrs"])
    navigates = await befriend(node, "nsp", roles=(("NSP", EMS),))

    found = [pull.modules(node, partner) for partner in (cpo, emsp, both, navigates)]

    assert found == [["locations", "tariffs", "sessions", "cdrs"], ["tokens"], ["tokens", "cdrs"], []]
    node.parties = tuple(party for party in node.parties if party.role == "CPO")
    assert pull.modules(node, cpo) == []


async def test_everything_goes_through_all_modules(node: Node, peers: Peers) -> None:
    partner = await befriend(node, roles=(("CPO", EMS), ("EMSP", EMS)), modules=pull.MODULES)

    results = await pull.everything(node, partner, full=True)

    assert [result.module for result in results] == list(pull.MODULES)


async def test_a_pulled_record_of_an_invoice_is_held_against_the_cdrs(node: Node, peers: Peers) -> None:
    partner = await befriend(node, release="2.3.0", roles=CPO, modules=pull.MODULES)
    peers.lists["cdrs.sender.list"] = [page(cdr(EMS, "C1", VOLTERA))]
    empty = record(EMS, "R2") | {"cdrs": []}
    peers.lists["invoicereconciliation.sender.list"] = [page(record(EMS, "R1", "C1", "C2"), empty)]

    results = {each.module: each for each in await pull.everything(node, partner, full=True)}

    assert (results[RECORDS].created, results[RECORDS].aside) == (1, 1)
    details = [each.detail for each in await node.store.read(lambda tx: faults.open_faults(tx, kind=WRONG_CDRS))]
    assert details == ["1 of 2 CDRs are not known here: C2"]
    peers.lists["cdrs.sender.list"] = [page(cdr(EMS, "C2", VOLTERA))]
    await pull.pull(node, partner, "cdrs", full=True)
    assert await node.store.read(lambda tx: faults.open_faults(tx, kind=WRONG_CDRS)) == []


async def until(node: Node, enough: Any) -> None:
    """Wait until something holds; the store wakes us at each change."""
    seen = 0
    async with asyncio.timeout(20):
        while not await node.store.read(enough):
            seen = await node.store.changed(seen, 0.3)


async def test_the_schedule(node: Node, peers: Peers, clock: Clock) -> None:
    """At once after a registration, then when its time has come, everything once a day."""
    partner = await befriend(node, roles=CPO, modules=["tariffs"])
    node.settings = Roaming(pull_every=3600)
    peers.lists[LIST] = [page(*await tariffs(node, "A", at=-300))]
    stop = asyncio.Event()
    running = asyncio.create_task(pull.run(node, stop, chance=lambda: 0.5))

    def pulled_at(moment: Any) -> Any:
        def look(tx: Any) -> bool:
            last = pulls.get(tx, partner.id, "tariffs")
            return last is not None and last.completed_at == moment

        return look

    await until(node, pulled_at(clock.moment))
    assert [asked.query for asked in peers.asked] == [{}]
    for seconds in (3600, 86400):
        clock.forward(seconds)
        await befriend(node, f"wakes {seconds}", modules=[])
        await until(node, pulled_at(clock.moment))
    assert [asked.query for asked in peers.asked] == [{}, {"date_from": stamp(-360)}, {}]
    stop.set()
    await running


async def test_a_changed_connection_is_pulled_anew(node: Node, peers: Peers) -> None:
    """A party that joined a platform brings objects that are older than the last pull."""
    partner = await befriend(node, roles=CPO, modules=["tariffs"])
    await everything(node, peers, partner, page(*await tariffs(node, "A")))
    joined = {**partner.roles[0], "party_id": "TWO"}
    partner.roles = [*partner.roles, joined]
    await node.store.write(lambda tx: partners.save(tx, partner))
    older = await say(node, "tariffs", tariff(("SE", "TWO"), "B", at=-9999), "2.2.1")
    peers.lists[LIST] = [Unreachable("not now")]

    broken = await pull.pull(node, partner, "tariffs", full=False)
    peers.lists[LIST] = [page(older)]
    result = await pull.pull(node, partner, "tariffs", full=False)

    assert (broken.complete, result.full, result.created) == (False, True, 1)
    assert not (await pull.pull(node, partner, "tariffs", full=False)).full


async def test_a_partner_that_hangs_delays_no_other(node: Node, peers: Peers) -> None:
    slow = await befriend(node, "slow", roles=(("CPO", ("SE", "SLO")),), modules=["tariffs"])
    quick = await befriend(node, "quick", roles=CPO, modules=["tariffs"])
    peers.lists[LIST] = [page(*await tariffs(node, "A"))]
    hangs = asyncio.Event()

    class Hanging(Peers):
        async def pages(self, partner: Partner, *given: Any, **rest: Any) -> Any:
            if partner.id == slow.id:
                hangs.set()
                await asyncio.Event().wait()
            async for each in peers.pages(partner, *given, **rest):
                yield each

    node.calls = Hanging()
    stop = asyncio.Event()
    running = asyncio.create_task(pull.run(node, stop))

    await hangs.wait()
    await until(node, lambda tx: pulls.get(tx, quick.id, "tariffs") is not None)
    stop.set()
    await running
    assert await have(node) == ["A"]


async def test_our_own_failure_is_tried_again_and_stops_nothing(node: Node, peers: Peers, clock: Clock) -> None:
    partner = await befriend(node, roles=CPO, modules=["tariffs"])
    failures = [RuntimeError("ours")]

    class Failing(Peers):
        async def pages(self, *given: Any, **rest: Any) -> Any:
            if failures:
                raise failures.pop()
            async for each in peers.pages(*given, **rest):
                yield each

    node.calls = Failing()
    stop = asyncio.Event()
    running = asyncio.create_task(pull.run(node, stop))

    def outcome(wanted: str) -> Any:
        def look(tx: Any) -> bool:
            last = pulls.get(tx, partner.id, "tariffs")
            return last is not None and last.outcome == wanted

        return look

    await until(node, outcome("broken"))
    clock.forward(pull.AFTER_A_FAILURE * 1.1)
    await befriend(node, "wakes", modules=[])
    await until(node, outcome("complete"))
    stop.set()
    await running


async def test_the_first_pull_of_a_connection_is_tried_again_soon_and_then_later_and_later(
    node: Node, peers: Peers, clock: Clock
) -> None:
    """The partner may not know yet that it is registered."""
    partner = await befriend(node, roles=CPO, modules=["tariffs"])
    begun = clock.moment
    peers.lists[LIST] = [Unreachable("not yet")]
    stop = asyncio.Event()
    running = asyncio.create_task(pull.run(node, stop, chance=lambda: 0.5))

    def tried_at(moment: Any) -> Any:
        def look(tx: Any) -> bool:
            last = pulls.get(tx, partner.id, "tariffs")
            return last is not None and last.completed_at == moment

        return look

    await until(node, tried_at(begun))
    for seconds in (1, 1, 2, 4, 8):
        clock.forward(seconds)
        await befriend(node, f"wakes at {clock.moment}", modules=[])
        await until(node, tried_at(clock.moment))
    stop.set()
    await running


async def test_a_partner_that_is_removed_meanwhile_leaves_nothing(node: Node, peers: Peers) -> None:
    """Else what it left would be taken for having been pulled when it comes back."""
    partner = await befriend(node, roles=CPO, modules=["tariffs"])
    a, b = await tariffs(node, "A", "B")

    class Leaving(Peers):
        afterwards: tuple[Reply, ...] = ()

        async def pages(self, *given: Any, **rest: Any) -> Any:
            yield page(a, total=2)
            await node.store.write(lambda tx: partners.remove(tx, partner.id))
            for each in self.afterwards:
                yield each

    for afterwards in ((), (page(b, total=2),)):
        node.calls = leaving = Leaving()
        leaving.afterwards = afterwards
        result = await pull.pull(node, partner, "tariffs", full=True)
        assert not result.complete
        assert await have(node) == []
        assert await node.store.read(pulls.all_pulls) == []
        partner.status = "registered"
        await node.store.write(lambda tx: partners.save(tx, partner))


async def test_pulling_at_registration_can_be_switched_off(node: Node, peers: Peers) -> None:
    await befriend(node, roles=CPO, modules=["tariffs"])
    node.settings = Roaming(pull_on_registration=False)
    stop = asyncio.Event()
    running = asyncio.create_task(pull.run(node, stop))
    await node.store.changed(10**9, 0.2)
    stop.set()
    await running

    assert peers.asked == []


async def test_a_session_of_2_1_1_names_our_token_when_we_know_it(node: Node, peers: Peers) -> None:
    """Its wire form has the contract alone."""
    partner = await befriend(node, release="2.1.1", roles=CPO)
    ours = token(("SE", "VLT"), "04FF", contract_id="SE-VLT-1")
    await node.store.write(lambda tx: publish.publish(tx, node, "tokens", ours, partners=[]))
    place = await say(node, "locations", location(EMS), "2.1.1")
    peers.lists["locations.sender.list"] = [page(place)]
    await pull.pull(node, partner, "locations", full=True)
    said = await say(node, "sessions", session(EMS), "2.1.1")
    said["auth_id"] = "se-vlt-1"
    peers.lists["sessions.sender.list"] = [page(said)]

    await pull.pull(node, partner, "sessions", full=True)

    (held,) = await node.store.read(lambda tx: objects.listing(tx, "sessions", theirs=True))
    assert held.token_party == "SE*VLT"
    assert document_of(held)["cdr_token"] == {
        "country_code": "SE", "party_id": "VLT", "uid": "04FF", "type": "RFID", "contract_id": "se-vlt-1",
    }  # fmt: skip
