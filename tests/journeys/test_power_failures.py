"""A node that is killed in the midst of its work, and started again: nothing is lost, nothing is doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evmesh import config
from evmesh.config import Settings, parse_party
from evmesh.platform import opened
from evmesh.ports import Document
from evmesh.roaming import importing, partners
from evmesh.roaming.importing import Candidate
from evmesh.sandbox import city
from evmesh.store import deliveries, faults, objects
from tests.journeys.gate import Gate, Hold, once
from tests.journeys.platforms import (
    LOOK_AGAIN,
    MORNING,
    PATIENCE,
    Market,
    Platform,
    all_heard,
    before_now,
    by_id,
    charged,
)
from tests.journeys.processes import Process

VLT = ("SE", "VLT")


class Node:
    """A CPO in a process of its own, behind a gate, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.gate = Gate()
        config.write(folder, url=self.gate.url, parties=[parse_party("CPO:SE:VLT", "volt")], name="volt", database=None)
        self.settings: Settings = config.load(folder, {})
        self.party = VLT
        self.process = Process(folder, self.gate.inside)

    async def publish(self, kind: str, *documents: Document) -> None:
        """As `evmesh import` does it, from another process than the one that serves."""
        async with opened(self.settings) as node:
            await importing.take(node, kind, (Candidate(str(n), each) for n, each in enumerate(documents)))

    async def ours(self, kind: str) -> dict[str, Document]:
        async with opened(self.settings) as node:
            return await node.store.read(lambda tx: by_id(objects.listing(tx, kind, limit=10_000)))

    async def told_everything(self) -> None:
        """Wait until the node has no more to tell, as seen from outside; nothing was in doubt."""
        async with opened(self.settings) as node, asyncio.timeout(PATIENCE):
            seen = 0
            while await node.store.read(deliveries.counts):
                seen = await node.store.changed(seen, LOOK_AGAIN)
            doubts = [fault for fault in await node.store.read(faults.history) if fault.kind.startswith("delivery")]
            assert doubts == []


@pytest.fixture
async def volt(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path / "volt")
    await node.gate.open()
    await node.process.start()
    yield node
    node.process.end()
    await node.gate.shut()


async def joined(market: Market, volt: Node) -> Platform:
    """An eMSP that has registered with the node in its process."""
    driver = await market.platform("driver", "EMSP:SE:DRV")
    await driver.publish("tokens", *city.tokens(driver.party, MORNING, count=2))
    async with opened(volt.settings) as node:
        invitation = await partners.invite(node, "driver")
    await partners.connect(driver.node, invitation.versions_url, invitation.token, name="volt", release="2.2.1")
    return driver


async def test_killed_again_and_again_while_it_delivers(market: Market, volt: Node) -> None:
    driver = await joined(market, volt)
    await volt.publish("locations", *city.locations(VLT, MORNING, count=40))
    await volt.publish("cdrs", *(charged(f"C{n:02d}", volt, driver) for n in range(40)))
    for enough in (10, 25, 45, 60):
        await driver.gate.sees(lambda enough=enough: len(arrived(driver)) >= enough)
        await volt.process.kill()
        # What changes while it is down is told when it is up again.
        later = before_now(seconds=100 - enough)
        await volt.publish("locations", *city.locations(VLT, later, count=5))
        await volt.process.start()
    await driver.has("cdrs", *(f"C{n:02d}" for n in range(40)))
    expected = all_heard("locations", await volt.ours("locations"), "2.2.1")
    await driver.until(lambda tx: by_id(objects.listing(tx, "locations", theirs=True, limit=100)) == expected)
    assert await driver.theirs("cdrs") == all_heard("cdrs", await volt.ours("cdrs"), "2.2.1")
    await volt.told_everything()
    assert await volt.process.stop() == 0
    # It could not pull from a node that was not there; that is all.
    assert {fault.kind for fault in await driver.faults()} <= {"pull_broken"}
    assert "Traceback" not in volt.process.log.read_text()


def arrived(driver: Platform) -> list[str]:
    return [each.path for each in driver.gate.log if each.status_code == 1000 and each.method in ("PUT", "POST")]


async def test_killed_between_a_cdr_and_its_answer(market: Market, volt: Node) -> None:
    """The eMSP has it, the CPO cannot know: it is told again, and the eMSP knows it again."""
    driver = await joined(market, volt)
    held = asyncio.Event()
    driver.gate.rules.append(once(Hold(held), lambda asked: asked.asks("POST", "/cdrs")))
    await volt.publish("locations", *city.locations(VLT, MORNING, count=1))
    await volt.publish("cdrs", charged("C1", volt, driver))
    await driver.gate.sees(lambda: driver.gate.asked("POST", "/cdrs"))
    await volt.process.kill()
    held.set()
    await driver.has("cdrs", "C1")
    await volt.process.start()
    await driver.gate.sees(lambda: [each.status_code for each in driver.gate.asked("POST", "/cdrs")][1:] == [1000])
    await volt.told_everything()
    assert await volt.process.stop() == 0
    assert await driver.theirs("cdrs") == all_heard("cdrs", await volt.ours("cdrs"), "2.2.1")


async def test_a_clean_stop_finishes_what_was_accepted(market: Market, volt: Node) -> None:
    """SIGTERM while a partner's request is open: it gets its answer, and what it was told is on disk."""
    driver = await joined(market, volt)
    many = [
        {**each, "uid": f"{each['uid']}{n}"} for n in range(20) for each in city.tokens(driver.party, MORNING, count=2)
    ]
    publishing = asyncio.create_task(driver.publish("tokens", *many))
    await volt.gate.sees(lambda: volt.gate.asked("PUT", "/tokens/"))
    assert await volt.process.stop() == 0
    await publishing
    async with opened(volt.settings) as node:
        stored = await node.store.read(lambda tx: by_id(objects.listing(tx, "tokens", theirs=True, limit=1000)))
    acknowledged = {each.document["uid"] for each in volt.gate.asked("PUT", "/tokens/") if each.status_code == 1000}
    assert acknowledged <= stored.keys()
    await volt.process.start()
    await driver.told_everything()
    assert await volt.process.stop() == 0
    async with opened(volt.settings) as node:
        stored = await node.store.read(lambda tx: by_id(objects.listing(tx, "tokens", theirs=True, limit=1000)))
    assert stored.keys() >= {each["uid"] for each in many}
    assert "Traceback" not in volt.process.log.read_text()
