"""Our CDRs, as partners pull them: each sees those of its own drivers."""

from evmesh.roaming.cdrs import sender
from evmesh.roaming.node import Node
from tests.roaming.calls import answer, befriend, call, cdr, data
from tests.roaming.sessions.charging import publish_all


async def test_a_partner_sees_the_cdrs_of_its_drivers(node: Node) -> None:
    partner = await befriend(node)
    await publish_all(node, ("cdrs", cdr()), ("cdrs", cdr(id="C2", driver=("DE", "OTH"))))

    given = await answer(sender.handlers(node), call(partner, "cdrs.sender.list"))

    assert [each["id"] for each in data(given)] == ["C1"]
    assert given.page is not None
    assert given.page.total == 1
