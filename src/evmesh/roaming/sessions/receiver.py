"""Partners' sessions, as they push them. [mod_sessions_receiver_interface]"""

from __future__ import annotations

from evmesh.ports import Answer, Call, Handler
from evmesh.roaming import receive
from evmesh.roaming.node import Node


def handlers(node: Node) -> dict[str, Handler]:
    def named(call: Call) -> tuple[str, str, tuple[str, ...]]:
        return "Session", "sessions", (call.path["session_id"],)

    async def get(call: Call) -> Answer:
        return await receive.get(node, call, *named(call))

    async def put(call: Call) -> Answer:
        return await receive.put(node, call, *named(call))

    async def patch(call: Call) -> Answer:
        return await receive.patch(node, call, *named(call))

    return {"sessions.receiver.get": get, "sessions.receiver.put": put, "sessions.receiver.patch": patch}
