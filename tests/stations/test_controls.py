"""The hands of simulated drivers, over HTTP."""

from typing import Any

import msgspec
import pytest

from evmesh.stations.controls import Controls, key_of
from evmesh.stations.simulator import Simulator
from tests.stations.test_simulator import CARD, PLACE, Log, Time, log, run_for, stations, time

__all__ = ["log", "stations", "time"]

SECRET = b"a secret key of the settings"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def post(simulator: Simulator, path: str, body: Any, key: str | None = None) -> tuple[int, Any]:
    """Status and answer; the body comes in two parts."""
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    parts = [{"body": text[:5], "more_body": True}, {"body": text[5:]}]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    token = f"Token {key_of(SECRET) if key is None else key}".encode()
    scope = {"type": "http", "path": path, "headers": [(b"authorization", token)]}
    await Controls(simulator, SECRET, inner)(scope, receive, send)
    return sent[0]["status"], msgspec.json.decode(sent[1]["body"])


HERE = {"location_id": "LOC1", "evse_uid": "E1"}


async def test_a_driver_charges_and_unplugs(stations: Simulator, log: Log, time: Time) -> None:
    status, answer = await post(stations, "/simulator/swipe", {**HERE, "uid": "CARD"})
    assert (status, answer["allowed"], answer["session_id"]) == (200, True, "S1")
    await run_for(stations, time, 120)
    assert await post(stations, "/simulator/unplug", HERE) == (200, {})
    assert log.told[-1][3] == "unplugged"


async def test_an_evse_breaks_and_is_repaired(stations: Simulator, log: Log) -> None:
    await post(stations, "/simulator/break", HERE)
    assert await stations.start(PLACE, "S1", CARD) == "EVSE_INOPERATIVE"
    await post(stations, "/simulator/repair", HERE)
    assert log.told == [("status", "E1", "OUTOFORDER"), ("status", "E1", "AVAILABLE")]


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        ("/simulator/swipe", HERE, "guess", 401),
        ("/simulator/swipe", HERE, "gr\u00fc\u00df", 401),
        ("/simulator/swipe", b"[[[[[[", None, 400),
        ("/simulator/swipe", {**HERE, "evse_uid": "E9"}, None, 404),
        ("/simulator/dance", HERE, None, 404),
        ("/ocpi/versions", HERE, None, 418),
    ],
)
async def test_what_is_not_a_drivers(stations: Simulator, path: str, body: Any, key: str | None, status: int) -> None:
    assert (await post(stations, path, body, key))[0] == status
