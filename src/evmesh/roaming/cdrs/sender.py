"""Our CDRs, as partners pull them. [mod_cdrs_sender_interface]"""

from __future__ import annotations

from evmesh.ports import Answer, Call, Handler
from evmesh.roaming import lists
from evmesh.roaming.node import Node


def handlers(node: Node) -> dict[str, Handler]:
    async def listed(call: Call) -> Answer:
        return await lists.listing(node, call, "cdrs")

    return {"cdrs.sender.list": listed}
