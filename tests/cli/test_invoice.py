"""`evmesh invoice`: a month is invoiced once, numbers have no gaps, and every document passes the official rules."""

from __future__ import annotations

import asyncio
import importlib.util
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evmesh import config
from evmesh.billing import rules
from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.store import ledger, objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.billing.charges import cdr, credit
from tests.cli.conftest import Evmesh

Document = dict[str, Any]
T = TypeVar("T")

needs_einvoice = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("facturx", "saxonche", "typst")),
    reason="needs evmesh[einvoice,pdf]: factur-x, saxonche and typst",
)

SETTINGS = """
[billing]
line_limit = 3
round_payable = { SEK = 1 }
[billing.company]
name = "Volt Laddning AB"
country = "SE"
city = "Stockholm"
vat_id = "SE556677889901"
legal_id = "5566778899"
endpoint = "5566778899"
endpoint_scheme = "0007"
iban = "SE4550000000058398257466"
[[billing.customer]]
partner = "drive"
name = "Drive Mobility GmbH"
country = "DE"
vat_id = "DE123456789"
endpoint = "DE123456789"
endpoint_scheme = "9930"
buyer_reference = "PO-77"
[[billing.customer]]
contract = "SE-DRV-C1"
name = "Karin Nilsson"
country = "SE"
kind = "consumer"
[[billing.vat]]
seller = "SE"
buyer = "DE"
buyer_kind = "business"
place = "SE"
category = "AE"
reason = "Reverse charge"
reason_code = "VATEX-EU-AE"
[[billing.vat]]
seller = "DE"
place = "DE"
category = "S"
rate = 19
[[billing.vat]]
buyer_kind = "consumer"
category = "S"
rate = 25
"""


def hold(folder: Path, own: Sequence[Document] = (), theirs: Sequence[Document] = ()) -> None:
    """Put CDRs of ours and of the partner `drive` where the node keeps them."""

    def put(tx: Tx) -> None:
        partner = partners.by_name(tx, "drive") or partners.insert(
            tx, "drive", roles=[{"role": "EMSP", "country_code": "DE", "party_id": "DRV"}], status="registered"
        )
        for partner_id, documents in ((0, own), (partner.id, theirs)):
            for each in documents:
                text = wire.encode(each | {"last_updated": "2026-06-01T00:00:00Z"}).decode()
                country, party, id = each["country_code"], each["party_id"], each["id"]
                token = each["cdr_token"]
                objects.put(
                    tx, "cdrs", partner_id, country, party, id, f"{country}*{party}*{id.casefold()}", text, None,
                    "2.3.0", parse_timestamp("2026-06-01T00:00:00Z"),
                    objects.party(token["country_code"], token["party_id"]),
                )  # fmt: skip

    async def work() -> None:
        settings = config.load(folder)
        store = await Store.open(settings.database, settings.secret_key, clock=lambda: datetime(2026, 6, 1, tzinfo=UTC))
        await store.write(put)
        await store.close()

    asyncio.run(work())


@pytest.fixture
def billed(volt: Path) -> Path:
    """A CPO whose settings say who it and its partner are."""
    path = volt / config.FILE
    path.write_text(path.read_text() + SETTINGS)
    return volt


MAY = ("--partner", "drive", "--month", "2026-05", "--date", "2026-06-02", "--json")


def test_a_month_is_invoiced_once(evmesh: Evmesh, billed: Path) -> None:
    stranger = cdr(9, "100") | {"cdr_token": cdr()["cdr_token"] | {"party_id": "ELS"}}
    june = cdr(8, "100", end_date_time="2026-06-01T00:00:00Z")
    hold(billed, [cdr(n, "1.005") for n in range(1, 6)] + [stranger, june])
    first = evmesh("-C", billed, "invoice", "run", *MAY).json
    (made,) = first["issued"]
    assert (made["number"], made["charges"], made["net"], made["tax"]) == ("INV-2026-00001", 5, "5.03", "0.00")
    assert made["rounding_difference"] == "0.005"
    again = evmesh("-C", billed, "invoice", "run", *MAY).json
    assert (again["issued"], again["already_invoiced"]) == ([], 5)
    hold(billed, [cdr(6, "2")])
    late = evmesh("-C", billed, "invoice", "run", *MAY).json["issued"]
    assert [(each["number"], each["charges"]) for each in late] == [("INV-2026-00002", 1)]
    assert len(evmesh("-C", billed, "invoice", "list", "--json").json) == 2


def test_a_currency_has_its_own_invoice_and_a_credit_its_note(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1), cdr(2, "10.30", currency="SEK"), credit(3, 1)])
    issued = evmesh("-C", billed, "invoice", "run", *MAY).json["issued"]
    assert [(each["number"], each["type_code"], each["currency"], each["payable"]) for each in issued] == [
        ("INV-2026-00001", "380", "EUR", "3.46"),
        ("INV-2026-00002", "380", "SEK", "10.00"),
        ("CRN-2026-00001", "381", "EUR", "3.46"),
    ]
    note = evmesh("-C", billed, "invoice", "show", "CRN-2026-00001", "--json").json
    assert note["preceding"] == [{"number": "INV-2026-00001", "issued_on": "2026-06-02"}]


def test_a_month_is_invoiced_whole_or_not_at_all(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1), cdr(2, currency="SEK", place="NOR")])
    assert "a charge in NO" in evmesh("-C", billed, "invoice", "run", *MAY).sentence
    assert evmesh("-C", billed, "invoice", "list", "--json").json == []


def test_an_invoice_for_each_session(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1), cdr(2), cdr(3, "0"), cdr(4, place="NOR")])
    ran = evmesh("-C", billed, "invoice", "run", "--per-session", *MAY)
    assert [each["number"] for each in ran.json["issued"]] == ["INV-2026-00001", "INV-2026-00002"]
    assert ran.json["free"] == 1
    assert [each["cdr"] for each in ran.json["left_out"]] == ["SE*VLT*CDR-0004"]
    assert "a charge in NO" in ran.json["left_out"][0]["reason"]
    assert ran.status == 1


def test_we_write_a_partners_invoice_to_us(evmesh: Evmesh, billed: Path) -> None:
    theirs = [cdr(1, "10", place="DEU") | {"country_code": "DE", "party_id": "DRV"}]
    hold(billed, [cdr(1)], theirs)
    (made,) = evmesh("-C", billed, "invoice", "run", "--self-billing", *MAY).json["issued"]
    assert (made["number"], made["type_code"], made["total"]) == ("SB-DRIVE-2026-00001", "389", "11.90")
    shown = evmesh("-C", billed, "invoice", "show", made["number"], "--json").json
    assert (shown["seller"]["name"], shown["buyer"]["name"]) == ("Drive Mobility GmbH", "Volt Laddning AB")


def test_a_driver_is_invoiced_for_what_the_partners_charged(evmesh: Evmesh, billed: Path) -> None:
    token = cdr()["cdr_token"] | {"contract_id": "se-drv-c1"}
    theirs = [cdr(1, "10", cdr_token=token, party_id="DRV"), cdr(2, "99", party_id="DRV")]
    hold(billed, [], theirs)
    evmesh("-C", billed, "invoice", "run", "--self-billing", *MAY)
    ran = evmesh("-C", billed, "invoice", "run", "--driver", "SE-DRV-C1", *MAY[2:])
    (made,) = ran.json["issued"]
    assert (made["number"], made["charges"], made["total"]) == ("DRV-2026-00001", 1, "12.50")


def test_what_no_invoice_can_take_is_left_out_and_named(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1), cdr(2, total_cost={}), credit(3, 99)])
    ran = evmesh("-C", billed, "invoice", "run", *MAY)
    assert ran.status == 1
    assert ran.json["issued"][0]["charges"] == 1
    reasons = {each["cdr"]: each["reason"] for each in ran.json["left_out"]}
    assert "total_cost.before_taxes" in reasons["SE*VLT*CDR-0002"]
    assert "no CDR is called SE*VLT*CDR-0099" in reasons["SE*VLT*CDR-0003"]


def test_a_dry_run_takes_no_number(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1)])
    drafts = evmesh("-C", billed, "invoice", "run", "--dry-run", *MAY).json["drafts"]
    assert [each["net"] for each in drafts] == ["3.46"]
    assert evmesh("-C", billed, "invoice", "list", "--json").json == []
    shown = evmesh("-C", billed, "invoice", "run", "--dry-run", *MAY[:-1]).out
    assert "3.4567 EUR" in shown, "the rounding difference is told"


@needs_einvoice
def test_documents_are_given_out(evmesh: Evmesh, billed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdf

    hold(billed, [cdr(n) for n in range(1, 6)])
    evmesh("-C", billed, "invoice", "run", *MAY)
    files: dict[str, bytes] = {}
    for format in ("pdf", "ubl", "cii", "json", "csv"):
        path = tmp_path / format
        for _ in range(2):
            wrote = evmesh("-C", billed, "invoice", "export", "INV-2026-00001", "--format", format, "--output", path)
            assert wrote.status == 0, wrote
            assert files.setdefault(format, path.read_bytes()) == path.read_bytes()
    assert rules.breaches(files["ubl"], "ubl") == rules.breaches(files["cii"], "cii") == []
    assert rules.breaches(files["ubl"].replace(b">17.28<", b">17.29<", 1), "ubl") != []
    assert "17.28" in pypdf.PdfReader(io.BytesIO(files["pdf"])).pages[0].extract_text()
    monkeypatch.chdir(tmp_path)
    evmesh("-C", billed, "invoice", "export", "INV-2026-00001")
    assert (tmp_path / "INV-2026-00001.pdf").read_bytes() == files["pdf"]
    assert evmesh("-C", billed, "invoice", "export", "INV-2026-00001", "--format", "csv", "--output", "-").out


@needs_einvoice
def test_what_breaks_the_official_rules_is_not_issued(evmesh: Evmesh, billed: Path) -> None:
    path = billed / config.FILE
    path.write_text(path.read_text().replace('vat_id = "DE123456789"\n', ""))
    hold(billed, [cdr(1)])
    assert "(AE) needs one (BR-AE-02)" in evmesh("-C", billed, "invoice", "run", *MAY).sentence
    assert evmesh("-C", billed, "invoice", "list", "--json").json == []


def test_the_life_of_an_invoice(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1)])
    evmesh("-C", billed, "invoice", "run", *MAY)
    assert evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "sent").status == 0
    assert [each["number"] for each in evmesh("-C", billed, "invoice", "list", "--state", "sent", "--json").json] == [
        "INV-2026-00001"
    ]
    assert evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "cancelled").status == 0
    assert "is cancelled" in evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "paid").sentence
    (anew,) = evmesh("-C", billed, "invoice", "run", *MAY).json["issued"]
    assert anew["number"] == "INV-2026-00002"


def test_people_read_it(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1)])
    ran = evmesh("-C", billed, "invoice", "run", *MAY[:-1])
    assert "INV-2026-00001" in ran.out
    shown = evmesh("-C", billed, "invoice", "show", "INV-2026-00001").out
    for said in ("Drive Mobility GmbH", "Reverse charge", "3.46", "rounding difference +0.0033 EUR", "due 2026-07-02"):
        assert said in shown
    assert "1 invoice" in evmesh("-C", billed, "invoice", "list").out
    assert "nothing is left" in evmesh("-C", billed, "invoice", "run", *MAY[:-1]).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--partner", "nobody", "--month", "2026-05"), "no partner nobody"),
        (("run", "--driver", "X", "--month", "2026-05"), "whose contract X"),
        (("show", "INV-9"), "no invoice INV-9"),
        (("export", "INV-9"), "no invoice INV-9"),
        (("mark", "INV-9", "paid"), "no invoice INV-9"),
        (("list", "--partner", "nobody"), "no partner nobody"),
        (("table", "--partner", "nobody", "--output", "nothing.csv"), "no partner nobody"),
    ],
)
def test_what_there_is_not(evmesh: Evmesh, billed: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in evmesh("-C", billed, "invoice", *arguments).sentence


def test_a_place_without_a_rule_is_a_sentence(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1, place="NOR")])
    said = evmesh("-C", billed, "invoice", "run", *MAY).sentence
    for name in ("seller in SE", "buyer (business) in DE", "charge in NO"):
        assert name in said


def test_settings_without_billing_are_a_sentence(evmesh: Evmesh, volt: Path) -> None:
    hold(volt, [cdr(1)])
    assert "[[billing.customer]]" in evmesh("-C", volt, "invoice", "run", *MAY).sentence


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('[[billing.vat]]\ncategory = "S"', "needs a rate"),
        ('[[billing.vat]]\ncategory = "X"', "billing.vat"),
        ('[[billing.vat]]\ncategory = "Z"\nplace = "SWE"', "no country is called 'SWE'"),
        ('[[billing.customer]]\nname = "x"\ncountry = "SE"', "a partner or a driver's contract"),
        (
            '[billing.company]\nname = "x"\ncountry = "SE"\nlegal_id = "5560000000"\nlegal_scheme = "0007"',
            "check digit",
        ),
        ('[billing.company]\nname = "x"\ncountry = "SE"\nendpoint = "7"\nendpoint_scheme = "0088"', "a GLN has digits"),
        ('[billing.numbers]\ninvoice = "INV"', "{number}"),
        ('[billing.numbers]\ninvoice = "{number}"\ncredit_note = "{number}"', "share"),
        ("[billing]\nline_limt = 3", "did you mean line_limit"),
        ("[billing]\nround_payable = { SEK = 0 }", "cannot be rounded"),
    ],
)
def test_a_setting_that_is_wrong_is_named(evmesh: Evmesh, volt: Path, setting: str, said: str) -> None:
    path = volt / config.FILE
    path.write_text(f"{path.read_text()}\n{setting}\n")
    assert said in evmesh("-C", volt, "invoice", "list").sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--month", "2026-05"), "--partner, --driver or --drivers"),
        (("--month", "2026-05", "--driver", "X", "--drivers"), "--partner, --driver or --drivers"),
        (("--month", "May", "--partner", "drive"), "no month"),
        (("--month", "9999-12", "--partner", "drive"), "no month"),
        (("--month", "2026-05", "--partner", "drive", "--date", "soon"), "no date"),
        (("--month", "2026-05", "--driver", "X", "--self-billing"), "bills us nothing"),
    ],
)
def test_misuse(evmesh: Evmesh, billed: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in evmesh("-C", billed, "invoice", "run", *arguments).misuse


def test_amounts_are_exact_text(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(1, "0.1"), cdr(2, "0.2")])
    evmesh("-C", billed, "invoice", "run", *MAY)
    shown = evmesh("-C", billed, "invoice", "show", "INV-2026-00001", "--json").json
    assert Decimal(shown["exact_net"]) == Decimal("0.3") == sum(Decimal(row["exact_net"]) for row in shown["rows"])


def stored(billed: Path, ask: Callable[[Tx], T]) -> T:
    async def work() -> T:
        settings = config.load(billed)
        store = await Store.open(settings.database, settings.secret_key)
        found = await store.read(ask)
        await store.close()
        return found

    return asyncio.run(work())


def test_who_gets_an_invoice_is_told_what_stands_on_it(evmesh: Evmesh, billed: Path) -> None:
    """Its record is ours to show as soon as it is issued, and taken back when it is cancelled."""
    hold(billed, [cdr(1), cdr(2)])

    def records() -> list[Document]:
        held = stored(billed, lambda tx: objects.listing(tx, "invoicereconciliation"))
        return [wire.decode(each.document) for each in held]

    evmesh("-C", billed, "invoice", "run", "--dry-run", *MAY)
    assert records() == []
    evmesh("-C", billed, "invoice", "run", *MAY)
    (record,) = records()
    assert (record["invoice_id"], record["cdrs"]) == ("INV-2026-00001", ["CDR-0001", "CDR-0002"])
    assert evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "sent").status == 0
    assert records() == [record]
    assert evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "cancelled").status == 0
    assert records() == []


def test_an_invoice_is_posted_until_it_is_cancelled_or_paid(evmesh: Evmesh, billed: Path) -> None:
    hold(billed, [cdr(n, "1.005") for n in range(1, 6)])

    def owed() -> dict[str, Decimal]:
        found = stored(billed, lambda tx: ledger.balances(tx, 1)).get("EUR", {})
        return {str(account): amount for account, amount in found.items()}

    def not_billed() -> int:
        return stored(billed, lambda tx: len(list(ledger.not_gathered(tx, 1, kind="receivable cdr"))))

    evmesh("-C", billed, "invoice", "run", *MAY)
    exact = {"revenue": Decimal("-5.025"), "rounding": Decimal("-0.005")}
    assert (owed(), not_billed()) == (exact | {"invoices_receivable": Decimal("5.03")}, 0)
    evmesh("-C", billed, "invoice", "mark", "INV-2026-00001", "cancelled")
    assert (owed(), not_billed()) == ({"cdrs_receivable": Decimal("5.025"), "revenue": Decimal("-5.025")}, 5)
    evmesh("-C", billed, "invoice", "run", *MAY)
    evmesh("-C", billed, "invoice", "mark", "INV-2026-00002", "paid")
    assert (owed(), not_billed()) == (exact | {"bank": Decimal("5.03")}, 0)


def test_a_number_that_the_partner_has_taken_is_told(evmesh: Evmesh, billed: Path) -> None:
    """Both sides may number alike; the book takes each number once."""
    hold(billed, [cdr(1)])
    theirs = ("INV-2026-00001", "--partner", "drive", "--before-taxes", "5", "--currency", "EUR")
    evmesh("-C", billed, "reconcile", *theirs)

    assert "INV-2026-00001 that the partner wrote" in evmesh("-C", billed, "invoice", "run", *MAY).sentence
    assert evmesh("-C", billed, "invoice", "list", "--json").json == []

    evmesh("-C", billed, "reconcile", *theirs[:3], "--withdrawn")
    assert evmesh("-C", billed, "invoice", "run", *MAY).status == 0
