"""A CPO invoices what it charged, and its partner holds the invoice against the CDRs that came: over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evmesh.billing.settings import Billing, Customer
from evmesh.billing.vat import VatRule
from evmesh.ocpi.types import timestamp
from evmesh.ports import Document
from evmesh.roaming.cdrs import invoicing
from evmesh.roaming.cdrs.invoicing import Month
from evmesh.sandbox import city
from evmesh.store import ledger
from tests.billing.charges import VOLT
from tests.cli.conftest import Evmesh, evmesh  # noqa: F401
from tests.cli.running import Served, serving
from tests.cli.test_partner import invited, waited_for
from tests.journeys.platforms import MORNING, Market, charged, named
from tests.roaming.calls import cdr

VLT, DRV = ("SE", "VLT"), ("SE", "DRV")
MONTH = MORNING.strftime("%Y-%m")
SETTINGS = """
[billing.company]
name = "Volt Laddning AB"
country = "SE"
city = "Stockholm"
vat_id = "SE556677889901"
legal_id = "5566778899"
endpoint = "5566778899"
endpoint_scheme = "0007"
[[billing.customer]]
partner = "driver"
name = "Drive Mobility AB"
country = "SE"
vat_id = "SE556677889902"
endpoint = "5560000019"
endpoint_scheme = "0007"
buyer_reference = "PO-77"
[[billing.vat]]
category = "S"
rate = 25
"""


def charge(number: int, net: str) -> Document:
    begin = MORNING + timedelta(minutes=10 * number)
    end = begin + timedelta(minutes=5)
    card = city.tokens(DRV, MORNING, count=2)[0]
    document = cdr(VLT, f"C{number}", DRV)
    cost = {"before_taxes": Decimal(net), "taxes": [{"name": "VAT", "amount": Decimal(net) / 4}]}
    return document | {
        "cdr_token": {name: card[name] for name in document["cdr_token"]}, "session_id": f"S{number}",
        "start_date_time": timestamp(begin), "end_date_time": timestamp(end), "last_updated": timestamp(end),
        "charging_periods": [{"start_date_time": timestamp(begin), "dimensions": [{"type": "ENERGY", "volume": 1}]}],
        "total_cost": cost,
    }  # fmt: skip


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    volt = Served(tmp_path / "volt", "CPO:SE:VLT", settings=SETTINGS)
    driver = Served(tmp_path / "driver", "EMSP:SE:DRV")
    driver.take_in("tokens", *city.tokens(DRV, MORNING, count=4))
    with serving(volt, driver):
        yield volt, driver


def test_from_the_charge_to_two_books_that_show_nothing_open(evmesh: Evmesh, nodes: tuple[Served, Served]) -> None:  # noqa: F811
    volt, driver = nodes

    def by_volt(*words: object) -> Any:
        return evmesh("-C", volt.folder, *words, "--json").json

    def by_driver(*words: object) -> Any:
        return evmesh("-C", driver.folder, *words, "--json").json

    invitation = by_volt("partner", "invite", "driver")
    by_driver("partner", "connect", *invited(invitation), "--name", "volt", "--release", "2.3.0")
    waited_for(volt, "tokens", bool)
    volt.take_in("cdrs", charge(1, "12.3456"), charge(2, "0.1"), charge(3, "7"))
    waited_for(driver, "cdrs", lambda found: len(found) == 3)
    assert [each["not_billed"] for each in by_volt("ledger", "balances")] == ["19.4456"]
    assert [each["not_billed"] for each in by_driver("ledger", "balances")] == ["19.4456"]

    (issued,) = by_volt("invoice", "run", "--partner", "driver", "--month", MONTH)["issued"]
    assert (issued["net"], issued["tax"], issued["payable"]) == ("19.45", "4.86", "24.31")
    waited_for(driver, "invoicereconciliation", bool)
    (told,) = by_driver("reconcile")
    assert (told["invoice_id"], told["cdrs"], told["missing"], told["agrees"]) == (issued["number"], 3, [], True)
    assert told["sums"] == [{"currency": "SEK", "before_taxes": "19.4456", "after_taxes": "24.307"}]

    wrong = ("reconcile", issued["number"], "--before-taxes", "20.45", "--after-taxes", "25.56")
    assert evmesh("-C", driver.folder, *wrong).status == 1
    assert [each["kind"] for each in open_faults(by_driver)] == ["invoice_disagrees"]
    (right,) = by_driver("reconcile", issued["number"], "--before-taxes", "19.45", "--after-taxes", "24.31")
    assert (right["agrees"], right["open"]) == (True, "24.31")
    assert open_faults(by_driver) == []

    for book, side in ((by_volt, "receivable"), (by_driver, "payable")):
        (balance,) = book("ledger", "balances")
        found = {name: balance[name] for name in ("side", "charged", "not_billed", "billed", "open")}
        amounts = {"charged": "19.4456", "not_billed": "0", "billed": "24.31", "open": "24.31"}
        assert found == {"side": side, **amounts}
    by_volt("invoice", "mark", issued["number"], "paid")
    by_driver("reconcile", issued["number"], "--paid")
    for book, name in ((by_volt, "driver"), (by_driver, "volt")):
        (balance,) = book("ledger", "balances")
        assert (balance["paid"], balance["open"]) == ("24.31", "0")
        assert book("ledger", "net", name) == {"open": [], "net": []}


def open_faults(by: Callable[..., Any]) -> list[Any]:
    """About the invoice: that we know no tariffs of these charges is another matter."""
    return [each for each in by("faults") if each["kind"].startswith("invoice")]


COMPANY = Customer(name="Drive Mobility AB", country="SE", vat_id="SE556677889902", partner="driver")
BILLING = Billing(company=VOLT, customer=[COMPANY], vat=[VatRule(category="S", rate=Decimal(25))])


@pytest.mark.parametrize("release", ["2.3.0", "2.2.1"])
async def test_a_record_goes_to_the_party_of_the_invoice_and_is_taken_back_with_it(
    market: Market, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the partner's release has records at all; else nothing is missing."""
    monkeypatch.setattr("evmesh.billing.rules.can_check", lambda: False)
    volt, driver = await market.pair(release)
    await volt.publish("cdrs", charged("C1", volt, driver), charged("C2", volt, driver))
    await driver.has("cdrs", "C1", "C2")

    async def invoiced() -> str:
        # The charges are of the test's first of March.
        order = await invoicing.order_for_partner(
            volt.node.store, BILLING, "driver", Month(2026, 3), datetime.now(UTC).date(),
            self_billing=False, per_session=False,
        )  # fmt: skip
        (issued,) = (await invoicing.run(volt.node, BILLING, [order])).issued
        return issued.number

    number = await invoiced()
    await volt.told_everything()
    if release == "2.2.1":
        assert driver.gate.asked("POST", "invoicereconciliation") == []
        assert await volt.faults() == []
        return
    await driver.has("invoicereconciliation", number)
    (posted,) = driver.gate.asked("POST", "invoicereconciliation")
    names = ("OCPI-from-country-code", "OCPI-from-party-id", "OCPI-to-country-code", "OCPI-to-party-id")
    assert [posted.headers[name] for name in names] == ["SE", "VLT", "SE", "DRV"]
    assert posted.status_code == 1000
    assert json.loads(posted.body)["cdrs"] == ["C1", "C2"]

    await volt.node.store.write(partial(invoicing.mark, node=volt.node, number=number, state="cancelled"))
    await driver.has("invoicereconciliation")
    (deleted,) = driver.gate.asked("DELETE", "invoicereconciliation")
    assert deleted.path.endswith(f"/SE/VLT/{number}")
    again = await invoiced()
    await driver.has("invoicereconciliation", again)
    assert again != number
    for platform, name in ((volt, "driver"), (driver, "volt")):
        found = await platform.read(lambda tx, name=name: ledger.balances(tx, named(tx, name).id))
        assert sum(found["SEK"].values()) == 0
