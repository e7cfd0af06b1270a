"""Commands and reservations: each step is taken once, whoever comes first."""

import asyncio
from typing import Any

from evmesh.store import commands
from evmesh.store.commands import Command, Reservation
from evmesh.store.database import Store
from tests.store.conftest import NOON, SetClock
from tests.store.objects_to_keep import at


async def send(store: Store, id: str = "c1", **fields: Any) -> Command:
    fields = {"state": "waiting", "expires_at": at(1)} | fields
    request = {"location_id": "L1", "limit": 10}
    return await store.write(lambda tx: commands.insert(tx, id, "sent", 1, "START_SESSION", request, **fields))


async def test_a_command_is_kept_with_all_that_belongs_to_it(store: Store) -> None:
    sent = await send(store, response_url="https://ems.example/c1", correlation_id="abc")
    assert await store.read(lambda tx: commands.get(tx, "c1")) == sent
    assert (sent.created_at, sent.request) == (NOON, {"location_id": "L1", "limit": 10})
    assert await store.read(lambda tx: commands.get(tx, "c2")) is None


async def test_a_step_is_taken_once(store: Store, clock: SetClock) -> None:
    """A result and the end of the waiting time may come together; one of them wins."""
    await send(store)
    clock.forward(1)

    def step(to_state: str) -> Any:
        return store.write(lambda tx: commands.move(tx, "c1", ["waiting"], to_state, result={"result": "ACCEPTED"}))

    assert sorted(await asyncio.gather(step("done"), step("timed out"))) == [False, True]
    moved = await store.read(lambda tx: commands.get(tx, "c1"))
    assert moved is not None
    assert (moved.result, moved.updated_at) == ({"result": "ACCEPTED"}, clock())


async def test_a_step_wakes_who_waits(store: Store) -> None:
    await send(store)
    seen = await store.changed(0, 0)
    await store.write(lambda tx: commands.move(tx, "c1", ["waiting"], "done"))
    assert await store.changed(seen, 0) > seen


async def test_commands_whose_time_is_over(store: Store) -> None:
    await send(store, "late", expires_at=at(2))
    await send(store, "early", expires_at=at(1))
    await send(store, "done", state="done", expires_at=at(1))
    await send(store, "never", expires_at=None)
    assert await store.read(lambda tx: commands.next_expiry(tx, ["waiting"])) == at(1)
    over = await store.read(lambda tx: commands.expired(tx, ["waiting"], at(2)))
    assert [command.id for command in over] == ["early", "late"]
    assert await store.read(lambda tx: commands.expired(tx, ["waiting"], at(0))) == []
    assert await store.read(lambda tx: commands.next_expiry(tx, ["sending"])) is None


async def test_the_newest_commands(store: Store, clock: SetClock) -> None:
    for id in ("a", "b", "c"):
        await send(store, id)
        clock.forward(1)
    await store.write(lambda tx: commands.move(tx, "b", ["waiting"], "done"))

    async def listed(**wanted: Any) -> list[str]:
        return [each.id for each in await store.read(lambda tx: commands.listing(tx, **wanted))]

    assert await listed(limit=2) == ["c", "b"]
    assert await listed(states=["done"], partner_id=1, direction="sent") == ["b"]
    assert await listed(direction="received") == []
    assert await listed(partner_id=2) == []


def reservation(partner_id: int = 1, **fields: Any) -> Reservation:
    values: dict[str, Any] = {
        "partner_id": partner_id,
        "reservation_id": "R1",
        "own_id": f"own-{partner_id}",
        "location_id": "L1",
        "evse_uid": "E1",
        "connector_id": None,
        "token": {"uid": "012345678"},
        "state": "accepted",
        "expires_at": at(10),
        "response_url": None,
        "session_key": None,
    }
    return Reservation(**(values | fields))


async def test_two_partners_may_choose_the_same_reservation_id(store: Store) -> None:
    for partner_id in (1, 2):
        await store.write(lambda tx, p=partner_id: commands.put_reservation(tx, reservation(p)))  # type: ignore[misc]
    assert await store.read(lambda tx: commands.reservation(tx, 2, "R1")) == reservation(2)
    assert await store.read(lambda tx: commands.reservation_by_own_id(tx, "own-1")) == reservation(1)
    assert await store.read(lambda tx: commands.reservation(tx, 3, "R1")) is None
    assert await store.read(lambda tx: commands.reservation_by_own_id(tx, "own-3")) is None


async def test_a_reservation_sent_again_takes_the_new_values(store: Store) -> None:
    for expires in (10, 20):
        await store.write(
            lambda tx, e=expires: commands.put_reservation(tx, reservation(expires_at=at(e)))  # type: ignore[misc]
        )
    kept = await store.read(lambda tx: commands.reservation(tx, 1, "R1"))
    assert kept is not None
    assert kept.expires_at == at(20)


async def test_a_reservation_is_used_once(store: Store) -> None:
    await store.write(lambda tx: commands.put_reservation(tx, reservation()))

    async def use(session: str) -> bool:
        return await store.write(
            lambda tx: commands.move_reservation(tx, "own-1", ["accepted"], "used", session_key=session)
        )

    assert [await use("s1"), await use("s2")] == [True, False]
    kept = await store.read(lambda tx: commands.reservation_by_own_id(tx, "own-1"))
    assert kept is not None
    assert (kept.state, kept.session_key) == ("used", "s1")


async def test_reservations_of_a_place(store: Store) -> None:
    def some(tx: Any) -> None:
        commands.put_reservation(tx, reservation(1, expires_at=at(20)))
        commands.put_reservation(tx, reservation(2, evse_uid="E2", expires_at=at(10)))
        commands.put_reservation(tx, reservation(3, location_id="L2", expires_at=at(5)))
        commands.put_reservation(tx, reservation(4, state="cancelled"))

    async def found(**wanted: Any) -> list[int]:
        rows = await store.read(lambda tx: commands.reservations_in(tx, ["accepted"], **wanted))
        return [row.partner_id for row in rows]

    await store.write(some)
    assert await found() == [3, 2, 1]
    assert await found(location_id="L1") == [2, 1]
    assert await found(location_id="L1", evse_uid="E1") == [1]
    assert await found(expired_at=at(10)) == [3, 2]
