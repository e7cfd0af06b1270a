"""Every document passes the official rules; one that was broken afterwards fails and the rule is named."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from evmesh.billing import rules
from evmesh.billing.einvoice import annex_csv, cii, ubl
from evmesh.billing.errors import MissingExtra
from evmesh.billing.invoice import Company, DirectDebit, Invoice, Preceding
from evmesh.billing.vat import VatRule
from tests.billing.charges import DRIVER, GERMAN, PERSON, REVERSE, SWEDISH, VOLT, cdr, credit, invoice

pytestmark = pytest.mark.usefixtures("einvoice_extra")

WRITERS: dict[rules.Syntax, Callable[[Invoice], bytes]] = {"ubl": ubl, "cii": cii}

theirs = {"direction": "self_billing", "seller": DRIVER, "buyer": VOLT, "rules": [GERMAN]}
INVOICES: dict[str, Callable[[], Invoice]] = {
    "lines": lambda: invoice(cdr(1), cdr(2, "1.005"), cdr(3, "0")),
    "groups, rounded": lambda: invoice(
        *(cdr(n, "0.335", location=f"L{n % 3}") for n in range(60)), round_payable=Decimal("0.5")
    ),
    "credit note": lambda: invoice(credit(2, 1), preceding=[Preceding("INV-1", date(2026, 5, 1))]),
    "self-billed": lambda: invoice(cdr(1, place="DEU"), **theirs),
    "self-billed credit note": lambda: invoice(credit(2, 1, place="DEU"), **theirs),
    "receipt": lambda: invoice(cdr(1), direction="driver", buyer=PERSON, buyer_kind="consumer", paid_by="card"),
    "two categories": lambda: invoice(cdr(1), cdr(2, place="NLD"), rules=[SWEDISH, REVERSE]),
    "two rates": lambda: invoice(cdr(1), cdr(2, place="DEU"), rules=[SWEDISH, VatRule(category="S", rate=Decimal(19))]),
    "sold back": lambda: invoice(cdr(1, "-2"), cdr(2, "5", energy="0")),
    "kronor without ören": lambda: invoice(cdr(1, currency="SEK"), round_payable=Decimal(1)),
    "francs": lambda: invoice(cdr(1, "3.33", currency="CHF"), round_payable=Decimal("0.05")),
    "dinars": lambda: invoice(cdr(1, "1.2345", currency="KWD"), places=3),
    "a receipt to the whole krona": lambda: invoice(
        cdr(1, currency="SEK"), direction="driver", buyer=PERSON, buyer_kind="consumer", paid_by="cash",
        language="sv", round_payable=Decimal(1),
    ),
    "direct debit": lambda: invoice(cdr(1), debit=DirectDebit("M-7", "SE97ZZZ5566778899")),
    "in Swedish": lambda: invoice(cdr(1), language="sv"),
    "yen": lambda: invoice(cdr(1, "1200.4", currency="JPY"), places=0),
    **{
        f"credit note, {category}": (
            lambda category=category: invoice(
                credit(2, 1), rules=[VatRule(category=category, reason="By law")],
                preceding=[Preceding("INV-1", date(2026, 5, 1))],
            )
        )
        for category in ("E", "AE", "K", "G", "O")
    },
    **{
        category: (lambda category=category: invoice(cdr(1), rules=[VatRule(category=category, reason="By law")]))
        for category in ("E", "AE", "K", "G", "O")
    },
    "Z": lambda: invoice(cdr(1), rules=[VatRule(category="Z")]),
}  # fmt: skip


@pytest.mark.parametrize("syntax", WRITERS)
@pytest.mark.parametrize("name", INVOICES)
def test_the_official_rules_pass(name: str, syntax: rules.Syntax) -> None:
    document = WRITERS[syntax](INVOICES[name]())
    assert rules.breaches(document, syntax) == []


BROKEN: list[tuple[rules.Syntax, str, str, str, str]] = [
    ("ubl", "lines", ">4.47<", ">4.48<", "BR-CO-10"),
    ("cii", "lines", ">4.47<", ">4.48<", "BR-CO-10"),
    ("ubl", "lines", "(<cbc:TaxExclusiveAmount.*>)4.47<", r"\g<1>4.48<", "BR-CO-13"),
    ("ubl", "lines", r"(?s)(<cac:TaxSubtotal>.*?<cbc:TaxAmount.*?>)[\d.]+<", r"\g<1>9.99<", "BR-CO-14"),
    ("ubl", "lines", ">1.12<", ">1.13<", "BR-CO-15"),
    ("cii", "lines", ">1.12<", ">1.13<", "BR-CO-15"),
    ("ubl", "receipt", r"(<cbc:PrepaidAmount.*>)[\d.]+<", r"\g<1>1.00<", "BR-CO-16"),
    ("cii", "lines", r"(<ram:DuePayableAmount>)[\d.]+<", r"\g<1>9.99<", "BR-CO-16"),
    ("ubl", "lines", r"(<cbc:TaxableAmount.*>)[\d.]+<", r"\g<1>9.99<", "BR-S-08"),
    ("cii", "lines", r"(<ram:BasisAmount>)[\d.]+<", r"\g<1>9.99<", "BR-S-08"),
    ("ubl", "Z", r"(?s)(<cac:TaxSubtotal>.*?<cbc:TaxAmount.*?>)[\d.]+<", r"\g<1>9.99<", "BR-Z-09"),
    ("ubl", "AE", "<cbc:TaxExemptionReason>.*</cbc:TaxExemptionReason>", "", "BR-AE-10"),
    ("cii", "AE", "<ram:ExemptionReason>.*</ram:ExemptionReason>", "", "BR-AE-10"),
    ("ubl", "E", "<cbc:TaxExemptionReason>.*</cbc:TaxExemptionReason>", "", "BR-E-10"),
    ("ubl", "G", "<cbc:TaxExemptionReason>.*</cbc:TaxExemptionReason>", "", "BR-G-10"),
    ("ubl", "O", "<cbc:TaxExemptionReason>.*</cbc:TaxExemptionReason>", "", "BR-O-10"),
    ("ubl", "K", "(?s)<cac:Delivery>.*</cac:Delivery>", "", "BR-IC-12"),
    ("cii", "K", "(?s)<ram:ShipToTradeParty>.*</ram:ShipToTradeParty>", "", "BR-IC-12"),
    ("ubl", "lines", "(<cbc:LineExtensionAmount.*>)3.46<", r"\g<1>3.457<", "BR-DEC-23"),
    ("ubl", "lines", "(<cbc:PriceAmount.*>)3.46<", r"\g<1>-3.46<", "BR-27"),
    ("ubl", "lines", "EndDate>2026-05-31<", "EndDate>2026-04-01<", "BR-29"),
    ("ubl", "lines", "(?s)<cac:PayeeFinancialAccount>.*</cac:PayeeFinancialAccount>", "", "BR-61"),
    ("ubl", "lines", ">SE556677889901<", ">556677889901<", "BR-CO-09"),
    ("cii", "lines", ">SE556677889901<", ">556677889901<", "BR-CO-09"),
    ("ubl", "lines", ">380<", ">999<", "BR-CL-01"),
    ("ubl", "lines", ">EUR<", ">EURO<", "BR-CL-04"),
    ("ubl", "lines", ">SE<", ">XX<", "BR-CL-14"),
    ("ubl", "lines", "<cbc:ID>S</cbc:ID>", "<cbc:ID>Q</cbc:ID>", "BR-CL-17"),
    ("ubl", "lines", '"KWH"', '"KWHX"', "BR-CL-23"),
    ("ubl", "lines", ">INV-2026-00001<", "> <", "BR-02"),
    ("ubl", "lines", "cbc:IssueDate>", "cbc:Issued>", "XSD"),
    ("ubl", "lines", "(?s)<cac:InvoiceLine>.*</cac:InvoiceLine>", "", "XSD"),
    ("cii", "lines", "ram:TypeCode>", "ram:Type>", "XSD"),
]


@pytest.mark.parametrize(("syntax", "name", "good", "bad", "rule"), BROKEN)
def test_a_broken_document_is_told_by_its_rule(syntax: rules.Syntax, name: str, good: str, bad: str, rule: str) -> None:
    document = WRITERS[syntax](INVOICES[name]()).decode()
    assert re.search(good, document)
    assert rule in {each.rule for each in rules.breaches(re.sub(good, bad, document).encode(), syntax)}


@pytest.mark.parametrize("syntax", WRITERS)
def test_an_invoice_that_lacks_something_is_told_by_its_rule(syntax: rules.Syntax) -> None:
    nobody = Company(name="Volt", country="SE")
    standard = WRITERS[syntax](replace(invoice(cdr(1)), seller=nobody))
    assert "BR-S-02" in {each.rule for each in rules.breaches(standard, syntax)}
    reverse = invoice(cdr(1), rules=[VatRule(category="AE", reason="By law")])
    assert "BR-AE-02" in {each.rule for each in rules.breaches(WRITERS[syntax](replace(reverse, buyer=nobody)), syntax)}


def test_what_is_no_invoice() -> None:
    assert [each.rule for each in rules.breaches(b"<a/>", "ubl")] == ["XSD"]
    assert [each.rule for each in rules.breaches(b"nothing", "cii")] == ["XML"]


def test_peppol_is_named_where_it_can_deliver() -> None:
    assert b"poacc:billing:3.0" in ubl(invoice(cdr(1)))
    assert b"poacc:selfbilling:3.0" in ubl(invoice(cdr(1, place="DEU"), **theirs))
    assert b"poacc" not in ubl(invoice(cdr(1), buyer=PERSON, buyer_kind="consumer"))
    assert b"poacc" not in ubl(invoice(cdr(1), buyer_reference=None))


@pytest.mark.parametrize("syntax", WRITERS)
def test_the_same_invoice_gives_the_same_bytes(syntax: rules.Syntax) -> None:
    made = INVOICES["two categories"]()
    assert WRITERS[syntax](made) == WRITERS[syntax](made)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "facturx.generate_xml", None)
    with pytest.raises(MissingExtra, match=r"evmesh\[einvoice\]"):
        ubl(invoice(cdr(1)))


@pytest.mark.parametrize("syntax", ["ubl", "cii"])
def test_a_partners_control_characters_are_left_out(syntax: rules.Syntax) -> None:
    """XML has no way to say them, and an invoice must not fail over the name of a place."""
    place = cdr()["cdr_location"] | {"name": "Gar\x0bage\x00\ufffe"}
    made = invoice(cdr(1, id="C\x01DR", cdr_location=place, tariffs=[{"id": "T\x1f1"}]))

    written = WRITERS[syntax](made)

    assert rules.breaches(written, syntax) == []
    assert "Garage, Torggatan 1" in written.decode()


def test_a_partners_text_is_no_formula_in_the_annex() -> None:
    place = cdr()["cdr_location"] | {"name": "=HYPERLINK(1)", "evse_id": "+1"}
    (_, row, _) = annex_csv(invoice(cdr(1, cdr_location=place))).decode().split("\n")

    assert "'=HYPERLINK(1)" in row
    assert ",'+1," in row
