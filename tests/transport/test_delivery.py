"""Partners get to know what they lack, whatever happens on the way."""

import asyncio
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evmesh.base.clock import utc_now
from evmesh.ocpi import wire
from evmesh.ocpi.releases import NeedsObject, Unsayable
from evmesh.ports import Nonsense, NotYet, Partner, Push, Reply, Unreachable
from evmesh.store import deliveries, faults, objects, partners
from evmesh.store.database import Store
from evmesh.store.deliveries import Delivery
from evmesh.store.errors import Unavailable
from evmesh.transport.client import NotConnected
from evmesh.transport.delivery import DOUBTFUL, REFUSED, WAITS, Courier
from evmesh.transport.limits import Limits
from evmesh.transport.outcomes import REFUSALS
from tests.store.objects_to_keep import put
from tests.transport.people import EMSP, emsp

OK = Reply(200, 1000)
REFUSAL = Reply(200, 2001, "no")
MISSING = Reply(404, 2000)


def at_once(seconds: float) -> float:
    return seconds / 1000


def hardly_ever(seconds: float) -> float:
    return seconds * 1000


class Watched:
    """A store that says when something was written."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.read, self.glance, self.changed = store.read, store.glance, store.changed
        self._written = asyncio.Condition()
        self.broken = 0

    async def write(self, run: Callable[..., Any]) -> Any:
        if self.broken:
            self.broken -= 1
            raise Unavailable("the disk is full")
        try:
            return await self.store.write(run)
        finally:
            async with self._written:
                self._written.notify_all()

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20), self._written:
            while not await true():
                await self._written.wait()


class Market:
    """Volta with its database and courier, and partners that answer as a test says.

    Each object is a small document with a version; `told` lists what was said: the verb, the partner, the document.
    """

    def __init__(self, store: Store) -> None:
        self.store = Watched(store)
        self.told: list[tuple[str, str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.path: list[Any] = []
        self.answers: Callable[[str, str], Reply | Exception | Awaitable[Reply]] = lambda verb, partner: OK
        self.prepare: Callable[..., Awaitable[Push | None]] = self.write_push
        self._stop = asyncio.Event()
        self._version = 0

    async def partner(self, name: str = "emsp", **changes: Any) -> Partner:
        given = emsp(name=name, **changes)
        return await self.store.write(
            lambda tx: partners.insert(
                tx, name, status=given.status, release=given.release, roles=given.roles, endpoints=given.endpoints
            )
        )

    async def change(self, id: str, *told: Partner, kind: str = "locations", **more: Any) -> int:
        """A new version of an object, which these partners lack from now on; its version."""
        self._version += 1
        version = self._version

        def write(tx: Any) -> None:
            text = json.dumps({"id": id, "version": version})
            _, held = put(id, kind=kind, minutes=version, text=text, **more)(tx)
            for partner in told:
                deliveries.lack(tx, partner.id, held.seq, kind)

        await self.store.write(write)
        return version

    async def write_push(self, partner: Partner, delivery: Delivery, *, patch_allowed: bool) -> Push | None:
        held = await self.store.read(lambda tx: objects.by_seq(tx, delivery.seq))
        told = await self.store.read(lambda tx: deliveries.told_of(tx, partner.id, delivery.seq))
        assert held is not None
        body = held.document.encode()
        if held.kind == "cdrs":
            owner = (held.country_code, held.party_id)
            return Push(
                "cdrs.receiver.post", {}, held.change, body=body, told=held.document, from_party=owner, to_party=EMSP
            )
        path = {"country_code": "SE", "party_id": "VLT", "location_id": held.id}
        if told is not None and patch_allowed:
            part = json.dumps({"version": json.loads(held.document)["version"]}).encode()
            return Push(
                "locations.receiver.patch_location", path, held.change, body=part, told=held.document, patch=True
            )
        return Push("locations.receiver.put_location", path, held.change, body=body, told=held.document)

    async def call(self, partner: Partner, operation: str, path: Any = None, **more: Any) -> Reply:
        verb = operation.rpartition(".")[2].partition("_")[0]
        body = more.get("body")
        self.told.append((verb, partner.name, None if body is None else wire.decode(body)))
        self.requests.append(more)
        self.path.append(path)
        answer = self.answers(verb, partner.name)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else await answer

    def in_turn(self, *answers: Reply | Exception) -> None:
        """One answer after the other, then always OK."""
        left = list(answers)
        self.answers = lambda verb, partner: left.pop(0) if left else OK

    @asynccontextmanager
    async def delivering(self, jitter: Callable[[float], float] = at_once, **limits: Any) -> AsyncIterator[Courier]:
        courier = Courier(
            self.store,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            lambda *what, **how: self.prepare(*what, **how),
            limits=Limits(**limits),
            jitter=jitter,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(courier.run(stop))
        try:
            yield courier
        finally:
            stop.set()
            await running

    async def rows(self) -> list[deliveries.Lacking]:
        return await self.store.read(deliveries.listing)

    async def until_nothing_is_lacking(self) -> None:
        async def nothing() -> bool:
            return not await self.rows()

        await self.store.until(nothing)

    async def until_row(self, true: Callable[[deliveries.Lacking], bool]) -> deliveries.Lacking:
        """The only row, as soon as it is as a test expects."""
        found: list[deliveries.Lacking] = []

        async def there() -> bool:
            found[:] = await self.rows()
            return len(found) == 1 and true(found[0])

        await self.store.until(there)
        return found[0]

    async def faults(self) -> list[tuple[str, str]]:
        return [(fault.kind, fault.subject) for fault in await self.store.read(faults.open_faults)]


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    store = await Store.open(f"sqlite:///{tmp_path / 'evmesh.db'}", b"key")
    yield Market(store)
    await store.close()


def version(number: int, id: str = "L1") -> dict[str, Any]:
    return {"id": id, "version": number}


async def test_what_a_partner_lacks_it_is_told_once_on_both_databases(database_url: str) -> None:
    store = await Store.open(database_url, b"key")
    market = Market(store)
    partner = await market.partner()
    number = await market.change("L1", partner)
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert market.told == [("put", "emsp", version(number))]
    held = await store.read(lambda tx: objects.find(tx, "locations", "L1"))
    assert await store.read(lambda tx: deliveries.told_of(tx, partner.id, held[0].seq)) == (
        held[0].change,
        held[0].document,
    )
    await store.close()


async def test_a_change_is_told_as_soon_as_it_is_there(market: Market) -> None:
    async with market.delivering():
        partner = await market.partner()
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
        await market.change("L2", partner)
        await market.until_nothing_is_lacking()
    assert [document["id"] for _, _, document in market.told] == ["L1", "L2"]


async def test_ten_changes_while_a_partner_is_away_are_told_as_one(market: Market) -> None:
    partner = await market.partner()
    market.answers = lambda verb, name: NotConnected("away")
    async with market.delivering(hardly_ever):
        await market.change("L1", partner)
        await market.until_row(lambda row: row.error == "away")
        for _ in range(10):
            last = await market.change("L1", partner)
    market.told.clear()
    market.answers = lambda verb, name: OK
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert market.told == [("put", "emsp", version(last))]


async def test_a_change_during_a_try_is_told_afterwards(market: Market) -> None:
    partner = await market.partner()
    first = await market.change("L1", partner)
    second = 0

    async def change_meanwhile() -> Reply:
        nonlocal second
        second = await market.change("L1", partner)
        return OK

    left: list[Any] = [change_meanwhile]
    market.answers = lambda verb, name: left.pop()() if left else OK
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert [document["version"] for _, _, document in market.told] == [first, second]


async def test_a_patch_is_for_the_first_try_only(market: Market) -> None:
    partner = await market.partner()
    async with market.delivering():
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
        market.in_turn(Unreachable("no answer"))
        number = await market.change("L1", partner)
        await market.until_nothing_is_lacking()
    assert [(verb, document) for verb, _, document in market.told[1:]] == [
        ("patch", {"version": number}),
        ("put", version(number)),
    ]


async def test_a_refused_patch_is_followed_by_a_look_and_the_whole(market: Market) -> None:
    partner = await market.partner()
    async with market.delivering():
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
        market.in_turn(MISSING, MISSING)
        number = await market.change("L1", partner)
        await market.until_nothing_is_lacking()
    assert [(verb, document) for verb, _, document in market.told[1:]] == [
        ("patch", {"version": number}),
        ("get", None),
        ("put", version(number)),
    ]


async def test_a_look_that_shows_what_it_should_is_enough(market: Market) -> None:
    partner = await market.partner()
    async with market.delivering():
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
        market.in_turn(REFUSAL, Reply(200, 1000, None, version(2)))
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
    assert [verb for verb, _, _ in market.told] == ["put", "patch", "get"]


async def test_a_partner_that_vanishes_between_patch_and_look_is_told_the_whole_later(market: Market) -> None:
    partner = await market.partner()
    async with market.delivering():
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
        market.in_turn(REFUSAL, NotConnected("away"))
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
    assert [verb for verb, _, _ in market.told] == ["put", "patch", "get", "put"]


@pytest.mark.parametrize(
    "failure", [Unreachable("x"), NotConnected("x"), Nonsense("x"), Reply(500, None), Reply(200, 3000)]
)
async def test_only_both_statuses_together_mean_that_it_arrived(market: Market, failure: Any) -> None:
    partner = await market.partner()
    market.in_turn(failure, failure, failure)
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert len(market.told) == 4


async def test_a_partner_that_is_down_never_delays_another(market: Market) -> None:
    down, up = await market.partner("down"), await market.partner("up")
    silence = asyncio.Event()

    async def never() -> Reply:
        await silence.wait()
        raise Unreachable("no answer")

    market.answers = lambda verb, name: never() if name == "down" else OK
    for number in range(30):
        await market.change(f"L{number}", down, up)

    async def up_has_all() -> bool:
        return not [row for row in await market.rows() if row.partner_id == up.id]

    async with market.delivering(deliveries=4):
        await market.store.until(up_has_all)
        assert len([told for told in market.told if told[1] == "down"]) == 4
        silence.set()
        market.answers = lambda verb, name: OK
        await market.until_nothing_is_lacking()


async def test_a_partner_that_is_away_is_left_alone_as_a_whole(market: Market) -> None:
    """Fifty objects wait; the partner is tried a few times, not fifty."""
    partner = await market.partner()
    market.answers = lambda verb, name: NotConnected("away")
    for number in range(50):
        await market.change(f"L{number}", partner)

    async def some_failed() -> bool:
        return len([row for row in await market.rows() if row.error]) == 8

    async with market.delivering(hardly_ever, deliveries=8):
        await market.store.until(some_failed)
    assert len(market.told) == 8


async def test_once_something_gets_through_everything_is_tried_at_once(market: Market) -> None:
    """Those that failed are due in a thousand seconds, one that never did is due now."""
    partner = await market.partner()
    market.answers = lambda verb, name: NotConnected("away")
    await market.change("L1", partner)
    async with market.delivering(hardly_ever) as courier:
        await market.until_row(lambda row: row.error is not None)
        market.answers = lambda verb, name: OK
        await market.change("L2", partner)
        courier.heard_from(partner.id)
        await market.until_nothing_is_lacking()


async def test_a_call_of_the_partner_makes_what_waits_due(market: Market) -> None:
    partner = await market.partner()
    market.in_turn(NotConnected("away"))
    await market.change("L1", partner)
    async with market.delivering(hardly_ever) as courier:
        row = await market.until_row(lambda row: row.error is not None)
        assert row.due_at > utc_now() + timedelta(seconds=500)
        courier.heard_from(partner.id + 1)
        courier.heard_from(partner.id)
        await market.until_nothing_is_lacking()


async def test_a_wait_that_the_partner_asks_for_is_kept(market: Market) -> None:
    partner = await market.partner()
    market.answers = lambda verb, name: Reply(503, None, None, None, {"Retry-After": "600"})
    began = utc_now()
    await market.change("L1", partner)
    async with market.delivering(lambda seconds: seconds) as courier:
        row = await market.until_row(lambda row: row.error is not None)
        courier.heard_from(partner.id)
    assert timedelta(seconds=600) <= row.due_at - began < timedelta(seconds=660)
    assert len(market.told) == 1


async def test_a_restart_tries_at_once(market: Market) -> None:
    """What had failed and what was under way when the process died."""
    partner = await market.partner()
    for id in ("L1", "L2"):
        await market.change(id, partner)
    market.answers = lambda verb, name: Reply(500, None)

    async def both_failed() -> bool:
        return all(row.error for row in await market.rows())

    async with market.delivering(hardly_ever):
        await market.store.until(both_failed)
    await market.change("L3", partner)
    (leased,) = await market.store.write(lambda tx: deliveries.due(tx, utc_now(), 1, 3600.0))
    assert leased.kind == "locations"
    market.answers = lambda verb, name: OK
    async with market.delivering():
        await market.until_nothing_is_lacking()


async def test_a_cdr_whose_answer_was_lost_and_whose_repetition_is_refused_is_doubtful(market: Market) -> None:
    partner = await market.partner()
    market.in_turn(Unreachable("no answer"), Reply(200, 2001, "known already"))
    await market.change("C1", partner, kind="cdrs")
    async with market.delivering():
        row = await market.until_row(lambda row: row.state == "doubtful")
    assert "known already" in (row.error or "")
    assert len(market.told) == 2
    assert await market.faults() == [(DOUBTFUL, "emsp: cdrs SE*VLT*C1")]


async def test_a_cdr_of_a_former_life_may_have_arrived(market: Market) -> None:
    partner = await market.partner()
    await market.change("C1", partner, kind="cdrs")
    await market.store.write(lambda tx: deliveries.due(tx, utc_now(), 1, 3600.0))
    market.in_turn(REFUSAL)
    async with market.delivering():
        await market.until_row(lambda row: row.state == "doubtful")


async def test_a_cdr_that_certainly_never_arrived_is_not_doubtful(market: Market) -> None:
    partner = await market.partner()
    market.in_turn(NotConnected("away"), Reply(503, None), REFUSAL)
    await market.change("C1", partner, kind="cdrs")
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert len(market.told) == 4


async def test_a_cdr_whose_arrival_could_not_be_written_down_may_have_arrived(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    partner = await market.partner()
    await market.change("C1", partner, kind="cdrs")

    def answer(verb: str, name: str) -> Reply:
        if len(market.told) > 1:
            return REFUSAL
        market.store.broken = 1
        return OK

    market.answers = answer
    with caplog.at_level(logging.CRITICAL, "evmesh.transport.delivery"):
        async with market.delivering():
            await market.until_row(lambda row: row.state == "doubtful")


async def test_what_cannot_be_written_down_at_all_is_left_to_the_lease(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    partner = await market.partner()
    await market.change("L1", partner)
    asked = asyncio.Event()

    def answer(verb: str, name: str) -> Reply:
        market.store.broken = 2
        asked.set()
        return OK

    market.answers = answer
    async with market.delivering():
        await asked.wait()
    (row,) = await market.rows()
    assert row.state == "trying"
    assert "could not be written down" in caplog.text


async def test_what_is_refused_again_and_again_waits_for_its_next_change(market: Market) -> None:
    partner = await market.partner()
    market.in_turn(*[REFUSAL] * REFUSALS)
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_row(lambda row: row.state == "refused")
        assert len(market.told) == REFUSALS
        assert await market.faults() == [(REFUSED, "emsp: locations SE*VLT*L1")]
        await market.change("L1", partner)
        await market.until_nothing_is_lacking()
    assert await market.faults() == []


async def test_a_fault_of_a_former_life_is_closed_too(market: Market) -> None:
    partner = await market.partner()
    market.in_turn(*[REFUSAL] * REFUSALS)
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_row(lambda row: row.state == "refused")
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert await market.faults() == []


async def test_what_needs_another_object_waits_for_it_under_a_fault(market: Market) -> None:
    partner = await market.partner()
    write_push = market.prepare
    missing = True

    async def prepare(*what: Any, **how: Any) -> Push | None:
        if missing:
            raise NeedsObject("locations", "SE", "VLT", "L9")
        return await write_push(*what, **how)

    market.prepare = prepare
    await market.change("L1", partner)
    async with market.delivering():
        row = await market.until_row(lambda row: row.error is not None)
        assert "L9" in (row.error or "")
        assert await market.faults() == [(WAITS, "emsp: locations SE*VLT*L1")]
        missing = False
        await market.until_nothing_is_lacking()
    assert await market.faults() == []


async def test_what_cannot_be_said_yet_waits_for_its_day(market: Market) -> None:
    partner = await market.partner()
    day = utc_now().replace(microsecond=0) + timedelta(days=30)

    async def prepare(*what: Any, **how: Any) -> Push | None:
        raise NotYet(day)

    market.prepare = prepare
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_row(lambda row: row.due_at == day and row.state == "waiting")
    assert (market.told, await market.faults()) == ([], [])


@pytest.mark.parametrize("nothing", [Unsayable("2.1.1 has no words for it"), None])
async def test_what_there_is_nothing_to_say_of_is_forgone(market: Market, nothing: Exception | None) -> None:
    partner = await market.partner()

    async def prepare(*what: Any, **how: Any) -> Push | None:
        if nothing is not None:
            raise nothing
        return None

    market.prepare = prepare
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_nothing_is_lacking()
    assert market.told == []


async def test_a_failure_of_ours_costs_one_delivery_a_while_and_the_others_nothing(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    partner = await market.partner()
    write_push = market.prepare
    broken = True

    async def prepare(partner: Partner, delivery: Delivery, *, patch_allowed: bool) -> Push | None:
        push = await write_push(partner, delivery, patch_allowed=patch_allowed)
        assert push is not None
        if broken and push.path["location_id"] == "L1":
            raise RuntimeError("a bug")
        return push

    market.prepare = prepare
    await market.change("L1", partner)
    await market.change("L2", partner)
    with caplog.at_level(logging.CRITICAL, "evmesh.transport.delivery"):
        async with market.delivering():
            row = await market.until_row(lambda row: row.error is not None)
            assert "RuntimeError" in (row.error or "")
            assert "a bug" not in (row.error or "")
            broken = False
            await market.until_nothing_is_lacking()


async def test_a_partner_that_is_not_registered_is_told_nothing_until_it_is(market: Market) -> None:
    partner = await market.partner(status="suspended")
    other = await market.partner("other")
    async with market.delivering():
        await market.change("L1", partner, other)
        await market.until_row(lambda row: row.partner_id == partner.id)
        assert [name for _, name, _ in market.told] == ["other"]
        partner.status = "registered"
        await market.store.write(lambda tx: partners.save(tx, partner))
        await market.until_nothing_is_lacking()


async def test_who_speaks_to_whom_is_what_the_push_says(market: Market) -> None:
    partner = await market.partner()
    await market.change("C1", partner, kind="cdrs", party="SE*TWO")
    await market.change("L1", partner)
    async with market.delivering():
        await market.until_nothing_is_lacking()
    named = {(request["from_party"], request["to_party"]) for request in market.requests}
    assert named == {(("SE", "TWO"), EMSP), (None, None)}


async def test_what_is_on_its_way_is_finished_before_the_courier_stops(market: Market) -> None:
    partner = await market.partner()
    await market.change("L1", partner)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> Reply:
        asked.set()
        await answer.wait()
        return OK

    market.answers = lambda verb, name: slow()
    async with market.delivering():
        await asked.wait()
        asyncio.get_running_loop().call_soon(answer.set)
    assert await market.rows() == []


async def test_what_does_not_end_is_left_for_the_next_start(market: Market) -> None:
    partner = await market.partner()
    await market.change("L1", partner)
    asked = asyncio.Event()

    async def never() -> Reply:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    market.answers = lambda verb, name: never()
    async with market.delivering(closing_seconds=0):
        await asked.wait()
    (row,) = await market.rows()
    assert row.state == "trying"
    market.answers = lambda verb, name: OK
    async with market.delivering():
        await market.until_nothing_is_lacking()


ANSWERS = [
    OK,
    REFUSAL,
    MISSING,
    Reply(500, None),
    Reply(503, None),
    Reply(200, 3000),
    Unreachable("x"),
    NotConnected("x"),
    Nonsense("x"),
]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(ANSWERS), max_size=12),
    st.lists(st.sampled_from(["L1", "L2"]), min_size=1, max_size=8),
)
def test_whatever_a_partner_answers_it_has_the_latest_in_the_end(answers: list[Any], changes: list[str]) -> None:
    """Changes come while tries fail; from some time on the partner answers as it should."""

    async def run(folder: str) -> None:
        store = await Store.open(f"sqlite:///{folder}/evmesh.db", b"key")
        market = Market(store)
        partner = await market.partner()
        has: dict[str, int] = {}
        left = list(answers)

        def answer(verb: str, name: str) -> Any:
            given = left.pop(0) if left else OK
            if verb == "get":
                return given
            request = market.requests[-1]
            if given is OK:
                has[market.path[-1]["location_id"]] = json.loads(request["body"])["version"]
            return given

        market.answers = answer
        latest = {}
        async with market.delivering():
            for id in changes:
                latest[id] = await market.change(id, partner)

            async def over() -> bool:
                return all(row.state == "refused" for row in await market.rows())

            await market.store.until(over)
            refused = {row.seq for row in await market.rows()}
            for held in await store.read(lambda tx: objects.listing(tx, "locations")):
                assert held.seq in refused or has[held.id] == latest[held.id]
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(folder))
