"""`evmesh invoice run --driver`: what a driver pays, and what stands on the paper."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.ocpi import wire
from tests.billing.charges import cdr, credit
from tests.cli.conftest import Evmesh
from tests.cli.test_invoice import SETTINGS, hold, needs_einvoice
from tests.roaming.cdrs.test_driver_price import GOLD, charged, price, tariff

CARD = cdr()["cdr_token"] | {"contract_id": "SE-DRV-C1"}
MAY = ("--driver", "SE-DRV-C1", "--month", "2026-05", "--date", "2026-06-02")


@pytest.fixture
def driver(volt: Path) -> Path:
    """An eMSP with a tariff of its own for its drivers."""
    path = volt / config.FILE
    text = SETTINGS.replace("line_limit = 3", 'line_limit = 3\ndriver_tariffs = ["gold.json"]')
    path.write_text(path.read_text() + text)
    (volt / "gold.json").write_bytes(wire.encode([GOLD]))
    return volt


def change(folder: Path, old: str, new: str) -> None:
    path = folder / config.FILE
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def run(evmesh: Evmesh, folder: Path, *more: str) -> dict[str, Any]:
    made: dict[str, Any] = evmesh("-C", folder, "invoice", "run", *MAY, "--json", *more).json
    return made


def test_a_driver_pays_the_providers_price(evmesh: Evmesh, driver: Path) -> None:
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD)])
    (made,) = run(evmesh, driver)["issued"]
    # 63 SEK and 25 % VAT, to the whole krona.
    assert (made["net"], made["currency"], made["total"], made["payable"]) == ("63.00", "SEK", "78.75", "79.00")
    (row,) = evmesh("-C", driver, "invoice", "show", made["number"], "--json").json["rows"]
    parts = {each["what"]: (each["quantity"], each["price"], each["net"]) for each in row["components"]}
    assert parts["ENERGY"] == ("12", "4", "48")
    assert parts["FLAT"] == ("1", "5", "5")
    shown = " ".join(evmesh("-C", driver, "invoice", "show", made["number"]).out.split())
    assert "CDR-0001 Energy 12 4 48 60" in shown


def test_a_driver_may_have_a_tariff_of_their_own(evmesh: Evmesh, driver: Path) -> None:
    change(driver, 'contract = "SE-DRV-C1"', 'contract = "SE-DRV-C1"\ntariffs = ["best.json"]')
    (driver / "best.json").write_bytes(wire.encode(tariff(price("ENERGY", "1"))))
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD)])
    assert run(evmesh, driver)["issued"][0]["net"] == "12.00"


def test_our_own_stations_are_invoiced_to_our_own_drivers(evmesh: Evmesh, driver: Path) -> None:
    hold(driver, [charged(cdr_token=CARD)])
    assert run(evmesh, driver)["issued"][0]["net"] == "63.00"
    assert run(evmesh, driver)["already_invoiced"] == 1


def test_what_the_tariff_cannot_price_is_left_out_and_named(evmesh: Evmesh, driver: Path) -> None:
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD), cdr(2, party_id="DRV", cdr_token=CARD)])
    ran = evmesh("-C", driver, "invoice", "run", *MAY, "--json")
    assert ran.status == 1
    assert [each["charges"] for each in ran.json["issued"]] == [1]
    (left,) = ran.json["left_out"]
    assert left["cdr"] == "SE*DRV*CDR-0002"
    assert "a charge without periods cannot be priced" in left["reason"]


@pytest.mark.parametrize(("kind", "issued"), [("consumer", 0), ("business", 1)])
def test_a_person_does_not_pay_for_compensated_charging_at_home_a_company_does(
    evmesh: Evmesh, driver: Path, kind: str, issued: int
) -> None:
    change(driver, 'kind = "consumer"', f'kind = "{kind}"')
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD, home_charging_compensation=True)])
    ran = evmesh("-C", driver, "invoice", "run", *MAY, "--json").json
    assert len(ran["issued"]) == issued
    assert [each["reason"].partition(": ")[2] for each in ran["left_out"]] == (
        [] if issued else ["home_charging_compensation: it is to be paid to the driver"]
    )


def test_a_credit_gives_back_what_stood_on_the_invoice(evmesh: Evmesh, driver: Path) -> None:
    """The tariff may have changed meanwhile."""
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD)])
    (made,) = run(evmesh, driver)["issued"]
    (driver / "gold.json").write_bytes(wire.encode([tariff(price("ENERGY", "100"))]))
    hold(driver, [], [credit(2, 1, party_id="DRV", cdr_token=CARD)])
    (note,) = run(evmesh, driver)["issued"]
    assert (note["type_code"], note["total"], note["payable"]) == ("381", made["total"], made["payable"])
    shown = evmesh("-C", driver, "invoice", "show", note["number"], "--json").json
    assert [each["number"] for each in shown["preceding"]] == [made["number"]]


def test_a_credit_in_the_same_month_gives_back_the_same_price(evmesh: Evmesh, driver: Path) -> None:
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD), credit(2, 1, party_id="DRV", cdr_token=CARD)])
    assert [each["total"] for each in run(evmesh, driver)["issued"]] == ["78.75", "78.75"]


def test_all_drivers_of_the_settings_are_invoiced_in_one_run(evmesh: Evmesh, driver: Path) -> None:
    """One whose country has no VAT rule does not keep the others from their invoices."""
    path = driver / config.FILE
    for contract, country, kind in (("SE-DRV-C2", "SE", "consumer"), ("SE-DRV-C3", "NO", "business")):
        customer = f'[[billing.customer]]\ncontract = "{contract}"\nname = "{contract}"\ncountry = "{country}"\n'
        path.write_text(f'{path.read_text()}{customer}kind = "{kind}"\n')
    cards = [CARD | {"contract_id": f"se-drv-c{n}"} for n in (1, 2, 3, 2, 9)]
    hold(driver, [], [charged(party_id="DRV", id=f"D{n}", cdr_token=card) for n, card in enumerate(cards)])
    ran = evmesh("-C", driver, "invoice", "run", "--drivers", *MAY[2:], "--json")
    assert [(each["other_party"], each["charges"]) for each in ran.json["issued"]] == [
        ("SE-DRV-C1", 1),
        ("SE-DRV-C2", 2),
    ]
    (left,) = ran.json["left_out"]
    assert (ran.status, left["cdr"]) == (1, "SE*DRV*D2")
    assert "no VAT rule" in left["reason"]


def test_without_drivers_there_is_nothing_to_invoice(evmesh: Evmesh, driver: Path) -> None:
    change(driver, 'contract = "SE-DRV-C1"', 'partner = "else"')
    assert evmesh("-C", driver, "invoice", "run", "--drivers", *MAY[2:], "--json").json["issued"] == []


DEBITED = """contract = "SE-DRV-C1"
iban = "SE4550000000058398257466"
mandate = { id = "M-7", signed_on = 2026-01-01 }"""


def test_a_mandate_of_the_driver_is_used_for_euros(evmesh: Evmesh, driver: Path) -> None:
    change(driver, 'driver_tariffs = ["gold.json"]', 'creditor_id = "SE97ZZZ5566778899"')
    change(driver, 'contract = "SE-DRV-C1"', DEBITED)
    hold(driver, [], [cdr(n, party_id="DRV", cdr_token=CARD, currency=money) for n, money in ((1, "EUR"), (2, "SEK"))])
    debits = {}
    for made in run(evmesh, driver)["issued"]:
        debits[made["currency"]] = evmesh("-C", driver, "invoice", "show", made["number"], "--json").json.get("debit")
    assert debits == {"EUR": {"mandate": "M-7", "creditor_id": "SE97ZZZ5566778899"}, "SEK": None}


@needs_einvoice
def test_a_receipt_says_everything_that_a_driver_must_know(evmesh: Evmesh, driver: Path, tmp_path: Path) -> None:
    import pypdf

    change(driver, "line_limit = 3", 'line_limit = 3\ndrivers_paid_by = "card"')
    change(driver, 'name = "Karin Nilsson"', 'name = "Karin Nilsson"\nlanguage = "sv"')
    hold(driver, [], [charged(party_id="DRV", cdr_token=CARD)])
    (made,) = run(evmesh, driver, "--per-session")["issued"]
    for format in ("pdf", "ubl", "cii"):
        assert evmesh(
            "-C", driver, "invoice", "export", made["number"], "--format", format, "--output", tmp_path / format
        )
    read = pypdf.PdfReader(io.BytesIO((tmp_path / "pdf").read_bytes()))
    assert "betalt med kort" in evmesh("-C", driver, "invoice", "show", made["number"]).out
    text = "".join(page.extract_text() for page in read.pages).replace("\N{NO-BREAK SPACE}", " ")
    for said in (
        "Kvitto", "Betalt med kort", "2026-05-03 11:00 – 11:50", "50 min", "12 kWh", "4 SEK/kWh", "30 SEK/tim",
        "Fast avgift", "Parkering utan laddning", "Garage LOC1", "SE*VLT*E1", "63,00", "78,75", "−79,00",
    ):  # fmt: skip
        assert said in text, said
    assert "Invoice" not in text


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "No such file"),
        (b"[", "gold.json"),
        (wire.encode([GOLD | {"elements": []}]), "evmesh lint says why"),
        (b"7", "evmesh lint says why"),
    ],
)
def test_a_file_that_holds_no_tariff_is_named(evmesh: Evmesh, driver: Path, document: bytes | None, said: str) -> None:
    (driver / "gold.json").unlink()
    if document is not None:
        (driver / "gold.json").write_bytes(document)
    sentence = evmesh("-C", driver, "invoice", "run", *MAY).sentence
    assert said in sentence
    assert "gold.json" in sentence


def test_tariffs_of_two_currencies_are_refused(evmesh: Evmesh, driver: Path) -> None:
    (driver / "gold.json").write_bytes(wire.encode([GOLD, GOLD | {"currency": "EUR"}]))
    assert "EUR and SEK" in evmesh("-C", driver, "invoice", "run", *MAY).sentence


def test_a_partner_has_no_drivers_tariff(evmesh: Evmesh, driver: Path) -> None:
    change(driver, 'partner = "drive"', 'partner = "drive"\ntariffs = ["gold.json"]')
    assert "[[contract]]" in evmesh("-C", driver, "invoice", "list").sentence
