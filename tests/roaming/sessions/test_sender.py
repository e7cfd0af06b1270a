"""Our sessions in lists, and what drivers wish of a charge."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter, NotCapable, NotFound
from evmesh.ports import Partner
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import sender
from evmesh.roaming.sessions.meter import Meter
from evmesh.store import charges
from tests.roaming.calls import (
    Clock,
    answer,
    befriend,
    call,
    connector,
    data,
    evse,
    location,
    session,
    stamp,
    tariff,
    token,
)
from tests.roaming.sessions.charging import PLACE, at, give_token, publish_all, reading

REGULAR = {"profile_type": "REGULAR"}


async def listed(node: Node, partner: Partner, **query: str) -> list[Any]:
    found: list[Any] = data(await answer(sender.handlers(node), call(partner, "sessions.sender.list", query=query)))
    return found


async def test_a_list_needs_a_date_and_shows_what_is_theirs(node: Node) -> None:
    partner = await befriend(node)
    await publish_all(node, ("sessions", session()), ("sessions", session(id="S2", driver=("DE", "OTH"))))

    with pytest.raises(InvalidParameter, match="date_from"):
        await listed(node, partner)
    assert [each["id"] for each in await listed(node, partner, date_from=stamp(0))] == ["S1"]
    assert await listed(node, partner, date_from=stamp(1)) == []


async def running(node: Node, meter: Meter, *, capable: bool = True, tariffs: Any = (None,)) -> tuple[Partner, str]:
    """A partner whose driver charges at E1, at 22 kW, with tariffs of these types."""
    partner = await befriend(node)
    ids = [f"T{number}" for number in range(len(tariffs))]
    able = {"capabilities": ["CHARGING_PREFERENCES_CAPABLE"]} if capable else {}
    evses = [evse("E1", connectors=[connector("1", tariff_ids=ids)], **able), evse("E2")]
    for id, kind in zip(ids, tariffs, strict=True):
        await publish_all(node, ("tariffs", tariff(id=id, **({} if kind is None else {"type": kind}))))
    await publish_all(node, ("locations", location(evses=evses)))
    await give_token(node, partner, token())
    id = (await meter.authorise(PLACE, "04AABBCC", "RFID")).session_id
    assert id is not None
    await meter.started(id, PLACE, at(0), None)
    return partner, id


async def wish(node: Node, partner: Partner, id: str, wishes: Any) -> Any:
    given = call(partner, "sessions.sender.put_charging_preferences", id, body=wishes)
    return data(await answer(sender.handlers(node), given))


async def test_a_wish_is_taken_and_kept(node: Node, meter: Meter) -> None:
    partner, id = await running(node, meter)

    assert await wish(node, partner, id, {**REGULAR, "departure_time": stamp(60), "energy_need": 20}) == "ACCEPTED"
    assert await wish(node, partner, id.upper(), REGULAR) == "ACCEPTED"

    charge = await node.store.read(lambda tx: charges.get(tx, id))
    assert charge is not None
    assert charge.preferences == REGULAR


@pytest.mark.parametrize(
    ("wishes", "response"),
    [
        ({"profile_type": "FAST"}, "ACCEPTED"),
        ({"profile_type": "GREEN"}, "PROFILE_TYPE_NOT_SUPPORTED"),
        ({"profile_type": "CHEAP"}, "DEPARTURE_REQUIRED"),
        ({"profile_type": "CHEAP", "departure_time": stamp(60)}, "ENERGY_NEED_REQUIRED"),
        ({"profile_type": "CHEAP", "departure_time": stamp(60), "energy_need": 22}, "ACCEPTED"),
        ({"profile_type": "CHEAP", "departure_time": stamp(60), "energy_need": 23}, "NOT_POSSIBLE"),
        ({"profile_type": "REGULAR", "departure_time": stamp(-1)}, "NOT_POSSIBLE"),
    ],
)
async def test_each_wish_has_its_answer(node: Node, meter: Meter, wishes: Any, response: str) -> None:
    partner, id = await running(node, meter, tariffs=("REGULAR", "PROFILE_CHEAP", "PROFILE_FAST"))

    assert await wish(node, partner, id, wishes) == response


async def test_a_wish_for_a_session_of_others_or_none_is_not_found(node: Node, meter: Meter) -> None:
    _, id = await running(node, meter)
    other = await befriend(node, "other", roles=[("EMSP", ("DE", "OTH"))])
    for partner, session_id in ((other, id), (other, "nothing")):
        with pytest.raises(NotFound):
            await wish(node, partner, session_id, REGULAR)


async def test_an_evse_that_takes_no_wishes_says_so(node: Node, meter: Meter) -> None:
    partner, id = await running(node, meter, capable=False)

    with pytest.raises(NotCapable) as refused:
        await wish(node, partner, id, REGULAR)
    assert (refused.value.http_status, refused.value.status_code) == (404, 2001)


async def test_a_wish_comes_too_late(node: Node, meter: Meter, clock: Clock) -> None:
    partner, id = await running(node, meter)
    await meter.stopped(id, reading(10, 1), None)

    assert await wish(node, partner, id, REGULAR) == "NOT_POSSIBLE"


async def test_a_wish_that_cannot_be_read_is_refused(node: Node, meter: Meter) -> None:
    partner, id = await running(node, meter)

    with pytest.raises(InvalidParameter):
        await wish(node, partner, id, {"departure_time": stamp(60)})
