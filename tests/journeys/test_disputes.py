"""A CPO bills wrongly, its partner finds out and says so, the CPO puts it right: over HTTP, and by commands alone."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.ocpi.types import timestamp
from evmesh.platform import opened
from evmesh.ports import Document
from evmesh.sandbox import city
from evmesh.store import ledger
from tests.cli.conftest import Evmesh, evmesh  # noqa: F401
from tests.cli.running import Served, serving
from tests.cli.test_partner import invited, waited_for
from tests.journeys.platforms import MORNING
from tests.roaming.calls import cdr, tariff

VLT, DRV = ("SE", "VLT"), ("SE", "DRV")
PRICE = tariff(
    VLT, elements=[{"price_components": [{"type": "ENERGY", "price": Decimal("0.33"), "vat": 25, "step_size": 1}]}]
)


def charge(id: str, net: str, vat: str, *, began: timedelta) -> Document:
    """Three periods of 1.2 kWh, 0.396 SEK each: together 1.188 SEK and 25 % VAT, or 1.20 where each is rounded."""
    start = MORNING + began
    periods = [
        {"start_date_time": timestamp(start + timedelta(minutes=20 * n)), "tariff_id": "T1",
         "dimensions": [{"type": "ENERGY", "volume": Decimal("1.2")}]}
        for n in range(3)
    ]  # fmt: skip
    card = city.tokens(DRV, MORNING, count=2)[0]
    document = cdr(VLT, id, DRV)
    return document | {
        "session_id": f"S-{id}", "start_date_time": timestamp(start),
        "end_date_time": timestamp(start + timedelta(hours=1)), "charging_periods": periods,
        "total_energy": Decimal("3.6"),
        "tariffs": [PRICE], "cdr_token": {name: card[name] for name in document["cdr_token"]},
        "cdr_location": document["cdr_location"] | {"id": "L001", "evse_uid": "E00101", "evse_id": "SE*VLT*E00101"},
        "total_cost": {"before_taxes": Decimal(net), "taxes": [{"name": "VAT", "amount": Decimal(vat)}]},
        "last_updated": timestamp(start + timedelta(hours=1)),
    }  # fmt: skip


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    volt = Served(tmp_path / "volt", "CPO:SE:VLT")
    driver = Served(tmp_path / "driver", "EMSP:SE:DRV")
    volt.take_in("tariffs", PRICE)
    volt.take_in("locations", *city.locations(VLT, MORNING, count=1))
    driver.take_in("tokens", *city.tokens(DRV, MORNING, count=4))
    with serving(volt, driver):
        yield volt, driver


@pytest.mark.parametrize("release", ["2.2.1", "2.3.0"])
def test_from_a_wrong_cdr_to_a_right_one(evmesh: Evmesh, nodes: tuple[Served, Served], release: str) -> None:  # noqa: F811
    volt, driver = nodes
    invitation = evmesh("-C", volt.folder, "partner", "invite", "driver", "--json").json
    connected = evmesh(
        "-C", driver.folder, "partner", "connect", *invited(invitation), "--name", "volt", "--release", release
    )
    assert connected.status == 0, connected
    waited_for(driver, "tariffs", lambda found: len(found) == 1)
    waited_for(volt, "tokens", bool)
    volt.take_in(
        "cdrs",
        charge("ROUNDS", "1.20", "0.30", began=timedelta(hours=1)),
        charge("WRONG", "9", "2.25", began=timedelta(hours=3)),
    )
    waited_for(driver, "cdrs", lambda found: len(found) == 2)

    found = {each["cdr"]: each for each in evmesh("-C", driver.folder, "cdrs", "list", "--json").json}
    rounds, wrong = found["SE*VLT*ROUNDS"], found["SE*VLT*WRONG"]
    assert (rounds["verdict"], [habit["code"] for habit in rounds["habits"]]) == (
        "explained", ["periods_rounded_tax_on_sum"],
    )  # fmt: skip
    assert (wrong["verdict"], wrong["difference"]["before_taxes"]) == ("differs", "7.812")

    dispute = ("-C", driver.folder, "cdrs", "dispute")
    assert evmesh(*dispute, "open", "WRONG").status == 0
    assert evmesh(*dispute, "send", 1, "--output", driver.folder / "letter.txt").status == 0
    assert "7.8120 SEK too much" in (driver.folder / "letter.txt").read_text()
    assert evmesh(*dispute, "accept", 1).status == 0

    credited = evmesh("-C", volt.folder, "cdrs", "credit", "WRONG", "--reason", "dispute 1")
    assert (credited.out, credited.err) == ("SE*VLT*WRONG-C: -9 SEK before taxes\n", "")
    anew = evmesh("-C", volt.folder, "cdrs", "rebill", "WRONG", "--json").json
    assert anew["total_cost"]["before_taxes"] == 1.188
    waited_for(driver, "cdrs", lambda found: found.keys() == {"ROUNDS", "WRONG", "WRONG-C", anew["id"]})

    ended = evmesh(*dispute, "show", 1).json
    assert [step["state"] for step in ended["history"]] == ["open", "sent", "accepted", "credited", "rebilled"]
    assert ended["history"][-1]["note"] == "the new CDR agrees"
    verdicts = {each["cdr"]: each["verdict"] for each in evmesh("-C", driver.folder, "cdrs", "list", "--json").json}
    assert verdicts["SE*VLT*WRONG-C"] == verdicts[f"SE*VLT*{anew['id']}"] == "agrees"
    owed = Decimal("1.20") + Decimal("1.188")
    assert balances(driver) == {"SEK": {"cdrs_payable": -owed, "costs": owed}}
    assert balances(volt) == {"SEK": {"cdrs_receivable": owed, "revenue": -owed}}
    assert evmesh("-C", volt.folder, "faults", "--json").json == []


def balances(node: Served) -> Any:
    """What stands in a node's book for its one partner."""

    async def read() -> Any:
        async with opened(config.load(node.folder, {})) as here:
            return await here.store.read(lambda tx: ledger.balances(tx, 1))

    return asyncio.run(read())
