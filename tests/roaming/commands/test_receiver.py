"""Commands of eMSPs: the answer at once, the result once, whatever happens in between."""

import asyncio
from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter
from evmesh.ports import Partner, Reply, Unreachable
from evmesh.roaming.commands import receiver
from evmesh.roaming.commands.carry_out import recover, run, withdraw, work
from evmesh.roaming.commands.states import RECEIVED
from evmesh.roaming.node import Node, Roaming
from evmesh.roaming.sessions.charge import IllegalStep
from evmesh.roaming.sessions.meter import Meter, catch_up
from evmesh.store import charges, commands
from tests.roaming.calls import (
    EMS,
    RELEASES,
    VOLTERA,
    Clock,
    answer,
    befriend,
    call,
    connector,
    data,
    evse,
    location,
    stamp,
    tariff,
    token,
)
from tests.roaming.sessions.charging import (
    ALL_CAPABLE,
    OTHER_PLACE,
    PLACE,
    Obedient,
    Partners,
    at,
    evse_status,
    give_token,
    one,
    open_city,
    ours,
    publish_all,
    reading,
)

URL = "https://ems.example/results/START_SESSION/17?x=y"
RESULT = "commands.sender.result"


def start(**fields: Any) -> dict[str, Any]:
    return {"response_url": URL, "token": token(), "location_id": "LOC1", "evse_uid": "E1", **fields}


def reserve(id: str = "R1", minutes: float = 30, **fields: Any) -> dict[str, Any]:
    return {
        "response_url": URL,
        "token": token(),
        "expiry_date": stamp(minutes),
        "reservation_id": id,
        "location_id": "LOC1",
        "evse_uid": "E1",
        **fields,
    }


async def command(node: Node, partner: Partner, name: str, body: Any) -> Any:
    path = () if name != "other" else ("FLY",)
    return await answer(receiver.handlers(node), call(partner, f"commands.receiver.{name}", *path, body=body))


async def response(node: Node, partner: Partner, name: str, body: Any) -> str:
    return str(data(await command(node, partner, name, body))["result"])


def results(peers: Partners) -> list[str]:
    return [each.body["result"] for each in peers.heard(RESULT)]


async def states(node: Node) -> list[str]:
    found = await node.store.read(lambda tx: commands.listing(tx))
    return [each.state for each in reversed(found)]


async def test_a_session_is_started(node: Node, peers: Partners, stations: Obedient, meter: Meter) -> None:
    partner = await befriend(node)
    await open_city(node)

    given = await command(node, partner, "start_session", start(authorization_reference="REF-1"))
    assert data(given) == {"result": "ACCEPTED", "timeout": 30}
    assert (peers.asked, stations.asked) == ([], [])
    await work(node)

    ((asked, place, id, card),) = stations.asked
    assert (asked, place, card["uid"]) == ("start", PLACE, "04AABBCC")
    (told,) = peers.heard(RESULT)
    assert (told.url, told.body) == (URL, {"result": "ACCEPTED"})
    assert (told.from_party, told.to_party) == (VOLTERA, EMS)
    session = await one(node, "sessions")
    assert (session["id"], session["status"], session["auth_method"]) == (id, "PENDING", "COMMAND")
    await meter.started(id, PLACE, at(1), None)
    await meter.stopped(id, reading(20, 5), None)
    cdr = await one(node, "cdrs")
    assert (cdr["auth_method"], cdr["authorization_reference"], cdr["cdr_token"]["uid"]) == (
        "COMMAND",
        "REF-1",
        "04AABBCC",
    )
    assert await ours(node, "tokens") == []
    assert await states(node) == ["told"]


async def test_energy_may_flow_before_the_station_has_answered(node: Node, stations: Obedient, meter: Meter) -> None:
    partner = await befriend(node)
    await open_city(node)
    plain = stations.start

    async def starts_first(place: Any, session_id: str, card: Any) -> Any:
        await meter.started(session_id, place, at(0), None)
        return await plain(place, session_id, card)

    stations.start = starts_first  # type: ignore[method-assign]
    await command(node, partner, "start_session", start())
    await work(node)

    assert (await one(node, "sessions"))["status"] == "ACTIVE"


async def test_a_refusal_of_the_station_is_the_result(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)
    stations.outcome = "EVSE_OCCUPIED"
    await command(node, partner, "start_session", start())
    await work(node)

    assert results(peers) == ["EVSE_OCCUPIED"]
    assert await ours(node, "sessions") == []


async def test_a_silent_station_is_a_timeout_and_may_still_have_heard(
    node: Node, peers: Partners, stations: Obedient, meter: Meter
) -> None:
    partner = await befriend(node)
    await open_city(node)
    node.settings = Roaming(command_timeout=0.01)
    stations.silent = True
    await command(node, partner, "start_session", start())
    await work(node)

    assert results(peers) == ["TIMEOUT"]
    await meter.started(stations.asked[0][2], PLACE, at(1), None)
    assert (await one(node, "sessions"))["status"] == "ACTIVE"


async def test_a_failure_of_ours_is_told_too(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)

    async def fails(*asked: Any) -> Any:
        raise RuntimeError("wires crossed")

    stations.start = fails  # type: ignore[method-assign]
    await command(node, partner, "start_session", start())
    await work(node)

    assert results(peers) == ["FAILED"]


@pytest.mark.parametrize("answered", [Unreachable("gone"), Reply(500, None)])
async def test_a_result_is_never_sent_twice(node: Node, peers: Partners, answered: Any) -> None:
    partner = await befriend(node)
    await open_city(node)
    peers.answers["ems", RESULT] = answered
    await command(node, partner, "start_session", start())
    for _ in range(2):
        await work(node)
        await recover(node)

    assert len(results(peers)) == 1
    assert await states(node) == ["untold"]


async def test_what_a_dead_node_left_gets_one_result(
    node: Node, peers: Partners, stations: Obedient, clock: Clock
) -> None:
    partner = await befriend(node)
    await open_city(node)
    for uid in ("E1", "E2"):
        await command(node, partner, "start_session", start(evse_uid=uid))
    ids = [each.id for each in await node.store.read(lambda tx: commands.listing(tx))]
    for id in ids:
        await node.store.write(lambda tx, id=id: commands.move(tx, id, ["accepted"], "asked"))
    await node.store.write(lambda tx: commands.move(tx, ids[0], ["asked"], "asked", expires_at=at(-1)))

    await recover(node)
    await recover(node)
    await work(node)

    assert sorted(results(peers)) == ["FAILED", "TIMEOUT"]
    assert stations.asked == []


async def test_a_result_that_was_on_its_way_when_the_node_died_is_not_sent_again(
    node: Node, peers: Partners, stations: Obedient
) -> None:
    partner = await befriend(node)
    await open_city(node)
    await command(node, partner, "start_session", start())
    (kept,) = await node.store.read(lambda tx: commands.listing(tx))
    await node.store.write(lambda tx: commands.move(tx, kept.id, ["accepted"], "answered", result={"result": "FAILED"}))
    await recover(node)
    await work(node)

    assert (results(peers), await states(node)) == ([], ["untold"])


async def test_what_waited_too_long_is_not_carried_out(
    node: Node, peers: Partners, stations: Obedient, clock: Clock
) -> None:
    partner = await befriend(node)
    await open_city(node)
    await command(node, partner, "start_session", start())
    clock.forward(31)
    await work(node)

    assert (results(peers), stations.asked) == (["TIMEOUT"], [])


async def test_a_running_node_carries_out_what_comes(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)
    stop = asyncio.Event()
    loop = asyncio.create_task(run(node, stop))
    change = await node.store.changed(0, 0)
    await command(node, partner, "start_session", start())
    async with asyncio.timeout(20):
        while await states(node) != ["told"]:
            change = await node.store.changed(change, 1)
    stop.set()
    await loop

    assert results(peers) == ["ACCEPTED"]


async def test_stopping_waits_for_what_was_begun(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)
    stop, asked, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> Any:
        asked.set()
        await go_on.wait()
        return "ACCEPTED"

    stations.start = slow  # type: ignore[method-assign]
    loop = asyncio.create_task(run(node, stop))
    await command(node, partner, "start_session", start())
    async with asyncio.timeout(20):
        await asked.wait()
        stop.set()
        go_on.set()
        await loop

    assert results(peers) == ["ACCEPTED"]


@pytest.mark.parametrize(
    ("body", "result", "status"),
    [
        (start(location_id="LOC9"), "REJECTED", 2003),
        (start(evse_uid="E9"), "REJECTED", 2003),
        (start(connector_id="9"), "REJECTED", 2003),
        (start(token=token(("DE", "OTH"))), "REJECTED", 1000),
        (start(evse_uid="E3"), "REJECTED", 2003),
        (start(evse_uid="E4"), "REJECTED", 1000),
        (start(evse_uid="E5"), "NOT_SUPPORTED", 1000),
        (start(evse_uid="E4", connector_id="2"), "ACCEPTED", 1000),
        (start(location_id="loc1", evse_uid="e1"), "ACCEPTED", 1000),
    ],
    ids=["location", "EVSE", "connector", "token", "removed", "no connector told", "no station", "told", "case"],
)
async def test_what_is_wrong_is_said_at_once(
    node: Node, peers: Partners, stations: Obedient, body: Any, result: str, status: int
) -> None:
    partner = await befriend(node)
    picky = evse("E4", capabilities=["START_SESSION_CONNECTOR_REQUIRED"])
    await publish_all(node, ("locations", location(evses=[evse("E1"), evse("E3", "REMOVED"), picky, evse("E5")])))
    stations.unknown = {"E5"}

    given = await command(node, partner, "start_session", body)
    await work(node)

    assert (data(given)["result"], given.status_code) == (result, status)
    assert bool(peers.asked) == (result == "ACCEPTED")


async def test_a_response_url_that_may_not_be_called_is_refused(node: Node, peers: Partners) -> None:
    partner = await befriend(node)
    await open_city(node)
    peers.forbidden.add(URL)

    with pytest.raises(InvalidParameter, match="response_url"):
        await command(node, partner, "start_session", start())
    assert await states(node) == []


async def test_a_body_that_cannot_be_read_is_refused(node: Node) -> None:
    partner = await befriend(node)
    with pytest.raises(InvalidParameter, match="token"):
        await command(node, partner, "start_session", {"response_url": URL, "location_id": "LOC1"})


@pytest.mark.parametrize("release", RELEASES)
async def test_a_command_that_nobody_knows_is_not_supported(node: Node, release: str) -> None:
    partner = await befriend(node, release=release)

    assert await response(node, partner, "other", {"what": "ever"}) == "NOT_SUPPORTED"


async def test_a_platform_without_stations_supports_nothing(node: Node) -> None:
    partner = await befriend(node)
    await open_city(node)
    node.stations = None

    assert await response(node, partner, "start_session", start()) == "NOT_SUPPORTED"


async def test_an_evse_is_chosen_where_none_is_named(node: Node, stations: Obedient) -> None:
    partner = await befriend(node)
    await publish_all(node, ("locations", location(evses=[evse("E1", "CHARGING"), evse("E2")])))
    body = start()
    del body["evse_uid"]

    await command(node, partner, "start_session", body)
    await work(node)

    assert stations.asked[0][1] == OTHER_PLACE


async def test_2_1_1_has_no_party_no_timeout_and_numbers_for_reservations(
    node: Node, peers: Partners, stations: Obedient
) -> None:
    partner = await befriend(node, release="2.1.1")
    await open_city(node)
    card = {k: v for k, v in token().items() if k not in ("country_code", "party_id", "contract_id")}
    card["auth_id"] = "SE-EMS-C1"

    given = await command(node, partner, "start_session", start(token=card))
    assert data(given) == {"result": "ACCEPTED"}
    await work(node)
    session = await one(node, "sessions")
    assert session["cdr_token"] == {
        "country_code": "SE",
        "party_id": "EMS",
        "uid": "04AABBCC",
        "type": "RFID",
        "contract_id": "SE-EMS-C1",
    }
    stations.outcome = "EVSE_OCCUPIED"
    await command(node, partner, "reserve_now", reserve(12, evse_uid="E2", token=card))  # type: ignore[arg-type]
    await work(node)
    assert results(peers) == ["ACCEPTED", "REJECTED"]


async def charging(node: Node, meter: Meter, partner: Partner, place: Any = PLACE, uid: str = "04AABBCC") -> str:
    await give_token(node, partner, token(partner.parties()[0], uid))
    id = (await meter.authorise(place, uid, "RFID")).session_id
    assert id is not None
    await meter.started(id, place, at(0), None)
    return id


async def test_a_session_is_stopped(node: Node, peers: Partners, stations: Obedient, meter: Meter) -> None:
    partner = await befriend(node)
    await open_city(node)
    id = await charging(node, meter, partner)

    assert await response(node, partner, "stop_session", {"response_url": URL, "session_id": id.upper()}) == "ACCEPTED"
    await work(node)

    assert stations.asked == [("stop", PLACE, id)]
    assert results(peers) == ["ACCEPTED"]


async def test_only_ones_own_sessions_are_stopped(node: Node, meter: Meter, stations: Obedient) -> None:
    partner = await befriend(node)
    other = await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    await open_city(node)
    id = await charging(node, meter, partner)
    body = {"response_url": URL, "session_id": id}

    assert await response(node, other, "stop_session", body) == "REJECTED"
    assert await response(node, other, "stop_session", {**body, "session_id": "nothing"}) == "UNKNOWN_SESSION"
    await meter.stopped(id, reading(5, 1), None)
    assert await response(node, partner, "stop_session", body) == "REJECTED"
    await work(node)
    assert stations.asked == []


async def test_a_connector_is_unlocked_but_not_under_another_driver(
    node: Node, meter: Meter, stations: Obedient
) -> None:
    partner = await befriend(node)
    other = await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    await publish_all(node, ("tariffs", tariff()))
    await publish_all(node, ("locations", location(evses=[evse("E1", capabilities=ALL_CAPABLE), evse("E2")])))
    body = {"response_url": URL, "location_id": "LOC1", "evse_uid": "E1", "connector_id": "1"}
    await charging(node, meter, partner)

    assert await response(node, other, "unlock_connector", body) == "REJECTED"
    assert await response(node, partner, "unlock_connector", {**body, "evse_uid": "E2"}) == "NOT_SUPPORTED"
    assert await response(node, partner, "unlock_connector", body) == "ACCEPTED"
    await work(node)
    assert stations.asked == [("unlock", PLACE)]


async def reserved(node: Node, partner: Partner, body: Any) -> str:
    """A reservation that the station took: our id of it."""
    assert await response(node, partner, "reserve_now", body) == "ACCEPTED"
    await work(node)
    held = await node.store.read(lambda tx: commands.reservation(tx, partner.id, body["reservation_id"]))
    assert held is not None
    assert held.state == "RESERVED"
    return held.own_id


async def test_a_reservation_holds_the_place_and_has_a_session(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)

    own_id = await reserved(node, partner, reserve(authorization_reference="REF"))

    assert stations.asked == [("reserve", PLACE, own_id, token(), at(30))]
    assert own_id != "R1"
    session = await one(node, "sessions")
    assert (session["status"], session["kwh"], session["authorization_reference"]) == ("RESERVATION", 0, "REF")
    assert await evse_status(node) == "RESERVED"
    assert results(peers) == ["ACCEPTED"]


async def test_two_emsps_may_use_the_same_reservation_id(node: Node, stations: Obedient) -> None:
    partner = await befriend(node)
    other = await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    await open_city(node)

    one_id = await reserved(node, partner, reserve())
    other_id = await reserved(node, other, reserve(evse_uid="E2", token=token(("DE", "OTH"))))

    assert one_id != other_id


async def test_the_driver_who_reserved_charges_under_the_same_session(node: Node, meter: Meter, clock: Clock) -> None:
    partner = await befriend(node)
    await open_city(node)
    own_id = await reserved(node, partner, reserve())
    session = await one(node, "sessions")

    assert (await meter.authorise(PLACE, "STRANGER", "RFID")).reason == "RESERVED"
    clock.forward(600)
    answer_ = await meter.authorise(PLACE, "04AABBCC", "RFID")
    assert answer_.session_id == session["id"]
    await meter.reservation_ended(own_id, at(10), True)
    await meter.started(session["id"], PLACE, at(10), None)
    clock.forward(3600)
    await catch_up(node)
    await meter.stopped(session["id"], reading(40, 5), None)

    cdr, session = await one(node, "cdrs"), await one(node, "sessions")
    assert (session["start_date_time"], session["status"]) == (stamp(10), "COMPLETED")
    assert (cdr["auth_method"], cdr["total_energy"]) == ("WHITELIST", 5)
    assert await evse_status(node) == "AVAILABLE"


async def test_a_start_by_command_uses_the_reservation(node: Node, meter: Meter, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)
    await reserved(node, partner, reserve(evse_uid="E2"))
    body = start(authorization_reference="LAST")
    del body["evse_uid"]

    await command(node, partner, "start_session", body)
    await work(node)

    session = await one(node, "sessions")
    assert stations.asked[-1][:3] == ("start", OTHER_PLACE, session["id"])
    assert session["authorization_reference"] == "LAST"


async def test_the_same_reservation_again_changes_it(node: Node, stations: Obedient, clock: Clock) -> None:
    partner = await befriend(node)
    await open_city(node)
    first = await reserved(node, partner, reserve(minutes=30))
    again = await reserved(node, partner, reserve(minutes=90))
    assert again == first
    clock.forward(45 * 60)
    await catch_up(node)
    assert (await one(node, "sessions"))["status"] == "RESERVATION"

    moved = await reserved(node, partner, reserve(minutes=90, evse_uid="E2"))

    assert moved == first
    session = await one(node, "sessions")
    assert session["evse_uid"] == "E2"
    assert stations.asked[-1] == ("cancel", PLACE, first)
    assert [await evse_status(node, uid) for uid in ("E1", "E2")] == ["AVAILABLE", "RESERVED"]


async def test_a_change_that_the_station_refuses_leaves_it(node: Node, stations: Obedient) -> None:
    partner = await befriend(node)
    await open_city(node)
    await reserved(node, partner, reserve())
    stations.outcome = "EVSE_OCCUPIED"
    await command(node, partner, "reserve_now", reserve(evse_uid="E2"))
    await work(node)

    assert (await one(node, "sessions"))["evse_uid"] == "E1"


async def test_a_reservation_that_nobody_uses_ends(node: Node, peers: Partners, clock: Clock) -> None:
    partner = await befriend(node)
    await open_city(node)
    await reserved(node, partner, reserve())
    clock.forward(30 * 60)
    await catch_up(node)
    await work(node)

    assert (await one(node, "sessions"))["status"] == "COMPLETED"
    assert await ours(node, "cdrs") == []
    assert await evse_status(node) == "AVAILABLE"
    assert results(peers) == ["ACCEPTED"]


async def test_holding_a_place_is_billed_where_it_has_a_price(node: Node, clock: Clock) -> None:
    partner = await befriend(node)
    hour = {"price_components": [{"type": "TIME", "price": 6, "step_size": 1}]}
    elements = [{**hour, "restrictions": {"reservation": "RESERVATION_EXPIRES"}}]
    await open_city(node)
    await publish_all(node, ("tariffs", tariff(elements=elements, at=1)))
    await reserved(node, partner, reserve())
    clock.forward(30 * 60)
    await catch_up(node)

    cdr = await one(node, "cdrs")
    assert (cdr["total_energy"], cdr["total_cost"]["before_taxes"]) == (0, 3)
    assert cdr["total_reservation_cost"] == cdr["total_cost"]


async def test_the_station_says_first_that_the_time_is_over(node: Node, meter: Meter, peers: Partners) -> None:
    partner = await befriend(node)
    await open_city(node)
    own_id = await reserved(node, partner, reserve())
    await meter.reservation_ended(own_id, at(30), False)
    await work(node)

    assert (await one(node, "sessions"))["status"] == "COMPLETED"
    assert results(peers) == ["ACCEPTED"]


async def test_a_reservation_is_cancelled_by_its_emsp(node: Node, peers: Partners, stations: Obedient) -> None:
    partner = await befriend(node)
    other = await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    await open_city(node)
    own_id = await reserved(node, partner, reserve())
    body = {"response_url": URL, "reservation_id": "R1"}

    for caller in (other, partner, partner):
        assert await response(node, caller, "cancel_reservation", body) == "ACCEPTED"
        await work(node)

    assert results(peers) == ["ACCEPTED", "UNKNOWN_RESERVATION", "ACCEPTED", "UNKNOWN_RESERVATION"]
    assert [each for each in stations.asked if each[0] == "cancel"] == [("cancel", PLACE, own_id)]
    assert (await one(node, "sessions"))["status"] == "COMPLETED"
    assert await evse_status(node) == "AVAILABLE"


@pytest.mark.parametrize("by", ["operator", "station"])
async def test_a_reservation_that_we_end_is_told_once(
    node: Node, meter: Meter, peers: Partners, stations: Obedient, by: str
) -> None:
    partner = await befriend(node)
    await open_city(node)
    own_id = await reserved(node, partner, reserve())
    if by == "operator":
        assert await withdraw(node, own_id)
        assert not await withdraw(node, own_id)
    else:
        await meter.reservation_ended(own_id, at(5), False)
    for _ in range(2):
        await work(node)

    assert results(peers) == ["ACCEPTED", "CANCELED_RESERVATION"]
    told = peers.heard(RESULT)[-1]
    assert (told.url, told.from_party, told.to_party) == (URL, VOLTERA, EMS)
    assert (await one(node, "sessions"))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (reserve(minutes=-1), "REJECTED"),
        (reserve(token=token(("DE", "OTH"))), "REJECTED"),
        (reserve(evse_uid="E2"), "NOT_SUPPORTED"),
    ],
    ids=["over", "foreign token", "not RESERVABLE"],
)
async def test_what_cannot_be_reserved(node: Node, body: Any, result: str) -> None:
    partner = await befriend(node)
    await publish_all(node, ("locations", location(evses=[evse("E1", capabilities=["RESERVABLE"]), evse("E2")])))

    assert await response(node, partner, "reserve_now", body) == result


async def test_a_driver_said_to_have_come_who_did_not_charge(node: Node, meter: Meter, clock: Clock) -> None:
    partner = await befriend(node)
    await open_city(node)
    own_id = await reserved(node, partner, reserve())
    await meter.reservation_ended(own_id, at(5), True)
    clock.forward(30 * 60)
    await catch_up(node)

    session = await one(node, "sessions")
    assert session["status"] == "COMPLETED"
    with pytest.raises(IllegalStep):
        await meter.started(session["id"], PLACE, at(31), None)


def test_every_state_but_the_ends_leads_on() -> None:
    states = {state for state, _ in RECEIVED}
    assert set(RECEIVED.values()) - states == {"told", "untold"}


async def test_a_second_connector_is_charged_at_its_own_tariff(node: Node, meter: Meter, stations: Obedient) -> None:
    partner = await befriend(node)
    pair = [connector("1"), connector("2", tariff_ids=["T2"])]
    await publish_all(
        node,
        ("tariffs", tariff()),
        ("tariffs", tariff(id="T2")),
        ("locations", location(evses=[evse("E1", connectors=pair)])),
    )
    await command(node, partner, "start_session", start(connector_id="2"))
    await work(node)
    id = stations.asked[0][2]
    await meter.started(id, PLACE.__class__(*VOLTERA, "LOC1", "E1"), at(0), None)

    charge = await node.store.read(lambda tx: charges.get(tx, id))
    assert charge is not None
    assert (charge.connector_id, [each["id"] for each in charge.tariffs]) == ("2", ["T2"])
