"""Whose clock and whose money holds at a place that says little of itself."""

from typing import Any

import pytest

from evmesh.roaming.node import Node
from evmesh.roaming.sessions.meter import Meter
from evmesh.roaming.sessions.site import Site, tariffs_at
from tests.roaming.calls import Clock, befriend, connector, evse, location, stamp, tariff, token
from tests.roaming.sessions.charging import PLACE, at, give_token, one, publish_all, reading


def place(**fields: Any) -> Site:
    document = location(**fields)
    return Site(document, document["evses"][0], document["evses"][0]["connectors"][0])


@pytest.mark.parametrize(
    ("fields", "zone"),
    [
        ({}, "Europe/Stockholm"),
        ({"time_zone": "Europe/Malmö", "country": "FRA"}, "Europe/Paris"),
        ({"time_zone": None, "country": "FRA"}, "Europe/Paris"),
        ({"time_zone": None, "country": "USA"}, "UTC"),
    ],
)
def test_the_zone(fields: dict[str, Any], zone: str) -> None:
    assert place(**fields).zone == zone


def test_the_currency() -> None:
    assert place().currency([tariff(currency="NOK")]) == "NOK"
    assert place().currency([]) == "SEK"
    assert place(country="XXX").currency([]) == "EUR"


@pytest.mark.parametrize(
    ("types", "token_type", "chosen"),
    [
        ([None, "REGULAR"], "RFID", 1),
        ([None, "AD_HOC_PAYMENT"], "RFID", 0),
        (["REGULAR", "AD_HOC_PAYMENT"], "AD_HOC_USER", 1),
        (["PROFILE_FAST"], "RFID", 0),
    ],
)
async def test_the_tariff(node: Node, types: list[str | None], token_type: str, chosen: int) -> None:
    names = [f"T{number}" for number in range(len(types))]
    site = place(evses=[evse("E1", connectors=[connector("1", tariff_ids=[*names, "GONE"])])])
    for name, kind in zip(names, types, strict=True):
        await publish_all(node, ("tariffs", tariff(id=name, **({} if kind is None else {"type": kind}))))

    (found,) = await node.store.read(lambda tx: tariffs_at(tx, site, at(0), token_type))
    assert found["id"] == names[chosen]


async def test_an_evse_without_a_public_id_is_told_by_its_uid(node: Node, meter: Meter, clock: Clock) -> None:
    nameless = evse("E1")
    del nameless["evse_id"]
    await publish_all(node, ("tariffs", tariff()), ("locations", location(evses=[nameless])))
    await give_token(node, await befriend(node), token())
    id = (await meter.authorise(PLACE, "04AABBCC", "RFID")).session_id
    assert id is not None
    await meter.started(id, PLACE, at(0), None)
    await meter.stopped(id, reading(10, 1), None)

    assert (await one(node, "cdrs"))["cdr_location"]["evse_id"] == "E1"
    assert stamp(10) == (await one(node, "cdrs"))["end_date_time"]
