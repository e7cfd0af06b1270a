"""The hands of simulated drivers: a small HTTP interface to a running simulator, for demos and trials.

    POST /simulator/swipe    {"location_id", "evse_uid", "uid"}    a card is held to the reader
    POST /simulator/unplug   {"location_id", "evse_uid"}           the cable is taken out
    POST /simulator/break    {"location_id", "evse_uid"}           the EVSE fails
    POST /simulator/repair   {"location_id", "evse_uid"}

Answered by the node itself, beside OCPI, and only where stations are simulated. The caller shows a key that is derived
from the node's secret, so only who can read the node's settings moves its drivers.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

import msgspec

from evmesh.ports import Place
from evmesh.stations.simulator import Simulator

ROOT = "/simulator/"
MOST_BYTES = 4096

Application = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Hand(msgspec.Struct):
    """What a driver does, where, and with which card."""

    location_id: str
    evse_uid: str
    uid: str = ""


def key_of(secret_key: bytes) -> str:
    return hmac.new(secret_key, b"simulator", sha256).hexdigest()


class Controls:
    """ASGI: what lies below /simulator/; everything else goes to `inner`."""

    def __init__(self, simulator: Simulator, secret_key: bytes, inner: Application) -> None:
        self._simulator, self._key, self._inner = simulator, key_of(secret_key), inner

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(ROOT):
            await self._inner(scope, receive, send)
            return
        status, answer = await self._do(scope, receive)
        body = msgspec.json.encode(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _do(self, scope: MutableMapping[str, Any], receive: Any) -> tuple[int, dict[str, Any]]:
        shown = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not hmac.compare_digest(shown.removeprefix("Token ").encode(), self._key.encode()):
            return 401, {"error": "show the node's simulator key"}
        body = b""
        while len(body) <= MOST_BYTES:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            hand = msgspec.json.decode(body, type=Hand)
        except msgspec.DecodeError as error:
            return 400, {"error": str(error)}
        place = self._simulator.place(hand.location_id, hand.evse_uid)
        if place is None:
            return 404, {"error": f"no station is simulated at {hand.location_id} {hand.evse_uid}"}
        return await self._act(scope["path"].removeprefix(ROOT), place, hand)

    async def _act(self, what: str, place: Place, hand: Hand) -> tuple[int, dict[str, Any]]:
        if what == "swipe":
            answer = await self._simulator.swipe(place, hand.uid)
            shown = {"allowed": answer.allowed, "reason": answer.reason, "session_id": answer.session_id}
            return 200, {**shown, "info": answer.info}
        actions = {
            "unplug": self._simulator.unplug,
            "break": self._simulator.break_down,
            "repair": self._simulator.repair,
        }
        if what not in actions:
            return 404, {"error": f"a driver cannot {what}"}
        await actions[what](place)
        return 200, {}
