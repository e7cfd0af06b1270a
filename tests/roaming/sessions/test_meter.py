"""What stations tell becomes a Session, a CDR and an EVSE status, and nothing of it is lost."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.releases import NEWEST
from evmesh.ports import Place
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.charge import IllegalStep, UnknownCharge
from evmesh.roaming.sessions.meter import Meter, UnknownPlace, catch_up, issue_again, run, running
from evmesh.store.database import Store
from tests.roaming.calls import (
    EMS,
    VOLTERA,
    Clock,
    befriend,
    connector,
    evse,
    location,
    new_node,
    stamp,
    tariff,
    token,
)
from tests.roaming.conftest import KEY
from tests.roaming.sessions.charging import (
    OTHER_PLACE,
    PLACE,
    Partners,
    at,
    changes,
    evse_status,
    give_token,
    lacked,
    one,
    open_city,
    open_faults,
    ours,
    publish_all,
    reading,
)

UID = "04AABBCC"


async def allowed(node: Node, meter: Meter, place: Place = PLACE) -> str:
    """A card of the eMSP's, known and on the whitelist, at the reader: the session to report under."""
    partner = await befriend(node)
    await give_token(node, partner, token())
    answer = await meter.authorise(place, UID, "RFID")
    assert answer.allowed
    assert answer.session_id is not None
    return answer.session_id


async def test_a_charge_from_card_to_cdr(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    assert (await one(node, "sessions"))["status"] == "PENDING"

    clock.forward(60)
    await meter.started(id, PLACE, at(1), "M-17")
    assert await evse_status(node) == "CHARGING"
    clock.forward(1800)
    await meter.metered(id, reading(31, "5.5"))
    session = await one(node, "sessions")
    assert (session["status"], session["kwh"], session["start_date_time"]) == ("ACTIVE", Decimal("5.5"), stamp(1))
    assert session["total_cost"] == {
        "before_taxes": 22,
        "taxes": [{"name": "VAT", "percentage": 25, "amount": Decimal("5.5")}],
    }
    clock.forward(1800)
    await meter.stopped(id, reading(61, 11, 0, charging=False), "card")

    session, cdr = await one(node, "sessions"), await one(node, "cdrs")
    assert (session["status"], session["end_date_time"]) == ("COMPLETED", stamp(61))
    assert cdr["session_id"] == session["id"] == id
    assert cdr["total_energy"] == session["kwh"] == 11
    assert cdr["total_cost"] == session["total_cost"]
    assert cdr["total_cost"]["before_taxes"] == 44
    assert cdr["charging_periods"] == session["charging_periods"]
    assert (cdr["total_time"], cdr["meter_id"]) == (1, "M-17")
    assert cdr["cdr_location"]["evse_id"] == "SE*VLT*EE1"
    assert [each["id"] for each in cdr["tariffs"]] == ["T1"]
    assert await evse_status(node) == "AVAILABLE"
    assert await lacked(node) == {("ems", "sessions"), ("ems", "cdrs"), ("ems", "locations")}
    assert await open_faults(node) == []
    for name, document in (("Session", session), ("CDR", cdr)):
        assert [f for f in wire.check(name, document, NEWEST) if f.severity != "info"] == []


async def test_updates_are_held_back_and_the_last_state_goes_out(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    told = await changes(node, "sessions")

    clock.forward(20)
    await meter.metered(id, reading(1 / 3, "0.05"))
    clock.forward(20)
    await meter.metered(id, reading(2 / 3, "0.1"))
    assert await changes(node, "sessions") == told
    assert await catch_up(node) == at(1)

    clock.forward(20)
    assert await catch_up(node) is None
    assert (await one(node, "sessions"))["kwh"] == Decimal("0.1")
    told = await changes(node, "sessions")
    assert await catch_up(node) is None
    assert await changes(node, "sessions") == told


async def test_a_running_node_catches_up_by_itself(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    clock.forward(30)
    await meter.metered(id, reading(0.5, "0.1"))
    clock.forward(30)
    stop = asyncio.Event()
    change = await node.store.changed(0, 0)
    loop = asyncio.create_task(run(node, stop))
    async with asyncio.timeout(20):
        while (await one(node, "sessions"))["kwh"] != Decimal("0.1"):
            change = await node.store.changed(change, 1)
        stop.set()
        await loop


async def test_a_restarted_node_goes_on_under_the_same_session(
    node: Node, meter: Meter, clock: Clock, store_url: str, peers: Partners
) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    clock.forward(30)
    await meter.metered(id, reading(0.5, "0.1"))
    await node.store.close()

    again = await Store.open(store_url, KEY, clock=clock)
    try:
        reborn = new_node(again, clock, peers)
        assert [charge.session_id for charge in await running(reborn)] == [id]
        clock.forward(600)
        await Meter(reborn).metered(id, reading(10.5, 2))
        await Meter(reborn).stopped(id, reading(20, 3), None)
        assert (await one(reborn, "cdrs"))["total_energy"] == 3
    finally:
        await again.close()


async def test_a_station_may_repeat_itself(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    for _ in range(2):
        await meter.started(id, PLACE, at(0), None)
    for _ in range(2):
        await meter.stopped(id, reading(10, 2), None)

    assert len(await ours(node, "cdrs")) == 1


async def test_what_cannot_follow_is_an_error(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    with pytest.raises(IllegalStep):
        await meter.metered(id, reading(1, 1))
    await meter.started(id, PLACE, at(0), None)
    with pytest.raises(IllegalStep):
        await meter.started(id, PLACE, at(5), None)
    await meter.stopped(id, reading(10, 2), None)
    with pytest.raises(IllegalStep):
        await meter.metered(id, reading(11, 3))
    with pytest.raises(IllegalStep):
        await meter.stopped(id, reading(12, 3), None)
    with pytest.raises(UnknownCharge):
        await meter.metered("nothing", reading(1, 1))
    assert (await one(node, "cdrs"))["total_energy"] == 2


async def test_a_charge_that_ended_before_it_began_is_not_billed(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(10), None)
    for _ in range(2):
        await meter.stopped(id, reading(5, 2), None)

    assert (await one(node, "sessions"))["status"] == "INVALID"
    assert await ours(node, "cdrs") == []


async def test_a_clock_that_went_back_costs_no_kwh(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(10), None)
    await meter.metered(id, reading(20, 3))
    await meter.stopped(id, reading(5, 4), None)

    cdr = await one(node, "cdrs")
    assert (cdr["total_energy"], cdr["end_date_time"]) == (4, stamp(20))


async def test_a_charge_that_took_no_time_still_has_its_energy(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(0, "0.75"), None)

    cdr = await one(node, "cdrs")
    assert (cdr["total_energy"], cdr["total_time"], cdr["total_cost"]["before_taxes"]) == (Decimal("0.75"), 0, 3)
    assert await open_faults(node) == []


async def test_who_does_not_plug_in_is_given_up(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    clock.forward(14 * 60)
    await catch_up(node)
    assert (await one(node, "sessions"))["status"] == "PENDING"

    clock.forward(60)
    await catch_up(node)
    assert (await one(node, "sessions"))["status"] == "INVALID"
    with pytest.raises(IllegalStep):
        await meter.started(id, PLACE, at(16), None)


async def test_a_cdr_tells_place_and_tariff_as_they_were_at_the_start(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    clock.forward(300)
    dearer = [{"price_components": [{"type": "ENERGY", "price": 40, "step_size": 1}]}]
    await publish_all(
        node,
        ("tariffs", tariff(at=5, elements=dearer)),
        ("locations", location(name="Renamed", at=5)),
    )
    await meter.stopped(id, reading(10, 2), None)

    cdr = await one(node, "cdrs")
    assert cdr["cdr_location"]["name"] == "Harbour"
    assert cdr["total_cost"]["before_taxes"] == 8


async def test_the_tariff_is_the_one_that_holds_when_the_charge_begins(node: Node, meter: Meter) -> None:
    names = ["OLD", "ADHOC", "NOW"]
    await publish_all(
        node,
        ("tariffs", tariff(id="OLD", end_date_time=stamp(0))),
        ("tariffs", tariff(id="ADHOC", type="AD_HOC_PAYMENT")),
        ("tariffs", tariff(id="NOW", type="REGULAR", start_date_time=stamp(0))),
        ("locations", location(evses=[evse("E1", connectors=[connector("1", tariff_ids=names)])])),
    )
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)

    assert [each["id"] for each in (await one(node, "cdrs"))["tariffs"]] == ["NOW"]


async def test_without_a_tariff_nothing_is_charged_and_somebody_is_told(node: Node, meter: Meter) -> None:
    await publish_all(node, ("locations", location(evses=[evse("E1", connectors=[connector("1", tariff_ids=[])])])))
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.metered(id, reading(5, 1))
    await meter.stopped(id, reading(10, 2), None)

    cdr = await one(node, "cdrs")
    assert (cdr["total_cost"], cdr["total_energy"], cdr["currency"]) == ({"before_taxes": 0}, 2, "SEK")
    assert await open_faults(node) == ["charge_without_tariff"]


async def test_a_charge_that_cannot_be_priced_waits_for_its_price(node: Node, meter: Meter) -> None:
    unpriced = [{"price_components": [{"type": "ENERGY", "price": None, "step_size": 1}]}]
    await publish_all(node, ("tariffs", tariff(elements=unpriced)), ("locations", location()))
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)
    session = await one(node, "sessions")
    assert (session["status"], session["kwh"], "total_cost" in session) == ("COMPLETED", 2, False)
    assert await ours(node, "cdrs") == []
    assert await open_faults(node) == ["cdr_not_priced"]
    assert not await issue_again(node, id)

    await publish_all(node, ("tariffs", tariff(at=1)))
    assert await issue_again(node, id)

    cdr, session = await one(node, "cdrs"), await one(node, "sessions")
    assert cdr["total_cost"] == session["total_cost"]
    assert cdr["total_cost"]["before_taxes"] == 8
    assert await open_faults(node) == []
    assert not await issue_again(node, id)


async def test_an_address_is_cut_to_what_a_cdr_holds(node: Node, meter: Meter) -> None:
    await open_city(node, address="A" * 60, state="S" * 30)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)

    place = (await one(node, "cdrs"))["cdr_location"]
    assert (place["address"], place["state"]) == ("A" * 45, "S" * 20)
    assert await open_faults(node) == []


@pytest.mark.parametrize("release", ["2.1.1", "2.2.1", "2.3.0"])
async def test_every_release_is_told(node: Node, meter: Meter, release: str) -> None:
    partner = await befriend(node, release=release)
    await open_city(node)
    await give_token(node, partner, token())
    id = (await meter.authorise(PLACE, UID, "RFID")).session_id
    assert id is not None
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)

    assert await open_faults(node) == []
    assert {kind for _, kind in await lacked(node)} >= {"sessions", "cdrs"}


async def test_what_a_partner_cannot_be_told_opens_a_fault(node: Node, meter: Meter) -> None:
    """2.1.1 names a driver by contract, and this card has none."""
    partner = await befriend(node, release="2.1.1")
    await open_city(node)
    card = token()
    del card["contract_id"]
    await give_token(node, partner, card)
    id = (await meter.authorise(PLACE, UID, "RFID")).session_id
    assert id is not None
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)

    assert set(await open_faults(node)) == {"cdr_unsound", "cdr_unsayable"}
    assert (await one(node, "cdrs"))["total_energy"] == 2


async def test_the_same_card_ends_its_charge(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)

    answer = await meter.authorise(PLACE, UID.lower(), "RFID")
    assert (answer.allowed, answer.reason, answer.session_id) == (True, "STOP", id)
    stranger = await meter.authorise(PLACE, "ANOTHER", "RFID")
    assert (stranger.allowed, stranger.reason) == (False, "OCCUPIED")


async def test_a_card_of_the_same_group_ends_it_too_where_the_evse_can(node: Node, meter: Meter) -> None:
    partner = await befriend(node)
    place = location(evses=[evse("E1", capabilities=["TOKEN_GROUP_CAPABLE"]), evse("E2")])
    await publish_all(node, ("tariffs", tariff()), ("locations", place))
    for uid in ("ONE", "TWO"):
        await give_token(node, partner, token(uid=uid, group_id="FAMILY"))
    for place_, reason in ((PLACE, "STOP"), (OTHER_PLACE, "OCCUPIED")):
        id = (await meter.authorise(place_, "ONE", "RFID")).session_id
        assert id is not None
        await meter.started(id, place_, at(0), None)
        assert (await meter.authorise(place_, "TWO", "RFID")).reason == reason


async def test_a_second_swipe_begins_no_second_session(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)

    assert (await meter.authorise(PLACE, UID, "RFID")).session_id == id
    assert len(await ours(node, "sessions")) == 1


async def test_places_are_found_without_case_and_strange_ones_refused(node: Node, meter: Meter) -> None:
    await open_city(node)
    lower = Place(*VOLTERA, "loc1", "e1", None)
    id = await allowed(node, meter, lower)
    await meter.started(id, lower, at(0), None)
    session = await one(node, "sessions")
    assert (session["location_id"], session["evse_uid"], session["connector_id"]) == ("LOC1", "E1", "1")

    nowhere = Place(*VOLTERA, "LOC1", "E9")
    assert (await meter.authorise(nowhere, UID, "RFID")).reason == "UNKNOWN_EVSE"
    with pytest.raises(UnknownPlace):
        await meter.status(nowhere, "AVAILABLE", at(0))


async def test_a_status_is_told_and_stamped_by_our_clock(node: Node, meter: Meter, clock: Clock) -> None:
    await open_city(node)
    clock.forward(60)
    await meter.status(PLACE, "OUTOFORDER", clock.moment + timedelta(days=400))

    assert await evse_status(node) == "OUTOFORDER"
    assert (await one(node, "locations"))["last_updated"] == stamp(1)


async def test_an_evse_that_failed_while_charging_is_not_available(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.status(PLACE, "OUTOFORDER", at(5))
    await meter.stopped(id, reading(5, 1), "fault")

    assert await evse_status(node) == "OUTOFORDER"


async def test_figures_that_are_none_are_refused(node: Node, meter: Meter) -> None:
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    with pytest.raises(ValueError, match="no number"):
        await meter.metered(id, reading(1, "NaN"))


async def test_a_session_of_another_emsp_is_nobody_elses(node: Node, meter: Meter) -> None:
    await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    await open_city(node)
    id = await allowed(node, meter)
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 2), None)

    assert {kind for name, kind in await lacked(node) if name == "other"} == {"locations", "tariffs"}
    assert (await one(node, "cdrs"))["cdr_token"]["party_id"] == EMS[1]
