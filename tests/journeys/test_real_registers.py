"""The national registers on a CPO: a partner that registers afterwards pulls them all, and both hold the same set."""

import gzip
import json

from evmesh.opendata import irve, nobil
from evmesh.roaming import importing
from evmesh.roaming.importing import Candidate, Imported
from evmesh.roaming.node import Roaming
from evmesh.store import objects
from evmesh.store.transaction import Tx
from tests.journeys.platforms import Market, Platform
from tests.shared import SHARED, needs_shared

ALL = 1_000_000


async def french(volt: Platform) -> Imported:
    path = SHARED / "data" / "irve" / "irve-statique.json.gz"
    rows = [json.loads(body) for _, body in importing.items(gzip.decompress(path.read_bytes()))]
    found = irve.locations(rows, country_code="FR", party_id="VLT", now=volt.node.clock())
    return await importing.take(
        volt.node, "locations", (Candidate(str(each.rows), each.document, list(each.findings)) for each in found)
    )


async def nordic(volt: Platform) -> Imported:
    payload = json.loads((SHARED / "data" / "nobil" / "nobil_sample.json").read_bytes())
    found = nobil.locations(payload, country_code="FR", party_id="VLT", now=volt.node.clock())
    return await importing.take(
        volt.node, "locations", (Candidate(str(each.rows), each.document, list(each.findings)) for each in found)
    )


def texts(tx: Tx, *, theirs: bool) -> dict[str, str]:
    return {each.id: each.document for each in objects.listing(tx, "locations", theirs=theirs, limit=ALL)}


@needs_shared
async def test_both_sides_hold_the_same(market: Market) -> None:
    volt = await market.platform("volt", "CPO:FR:VLT", roaming=Roaming(page_limits={"locations": 500}))
    taken = await french(volt)
    stations = await nordic(volt)
    total = taken.created + stations.created
    assert taken.created > 5000
    assert stations.created > 0
    driver = await market.platform("driver", "EMSP:FR:DRV")
    await market.connect(volt, driver, "2.3.0")
    await driver.pulled("volt", "locations")

    ours = await volt.read(lambda tx: texts(tx, theirs=False))
    assert len(ours) == total
    assert await driver.read(lambda tx: texts(tx, theirs=True)) == ours
    pages = volt.gate.asked("GET", "/locations")
    # The partner asks for pages of its own size, as long as we give it.
    assert {each.answer_headers["X-Total-Count"] for each in pages} == {str(total)}
    assert len(pages) == -(-total // int(pages[0].answer_headers["X-Limit"]))
    assert not await driver.faults()

    again = await french(volt)
    assert (again.created, again.replaced, again.unchanged) == (0, 0, taken.created)
    await volt.told_everything()
    assert driver.gate.asked("PUT") == []
