"""Partners' tariffs, as they push them. [mod_tariffs_receiver_interface]"""

from __future__ import annotations

from evmesh.ports import Answer, Call, Handler
from evmesh.roaming import receive
from evmesh.roaming.node import Node


def handlers(node: Node) -> dict[str, Handler]:
    def named(call: Call) -> tuple[str, str, tuple[str, ...]]:
        return "Tariff", "tariffs", (call.path["tariff_id"],)

    async def get(call: Call) -> Answer:
        return await receive.get(node, call, *named(call))

    async def put(call: Call) -> Answer:
        return await receive.put(node, call, *named(call))

    async def patch(call: Call) -> Answer:
        return await receive.patch(node, call, *named(call))

    async def delete(call: Call) -> Answer:
        return await receive.delete(node, call, *named(call))

    return {
        "tariffs.receiver.get": get,
        "tariffs.receiver.put": put,
        "tariffs.receiver.patch": patch,
        "tariffs.receiver.delete": delete,
    }
