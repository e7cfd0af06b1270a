"""Peppol's own rules: our documents keep them, and each breakage is told by the rule's name."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from lxml import etree

from evmesh.billing import peppol, rules
from evmesh.billing.einvoice import ubl
from evmesh.billing.invoice import Company, DirectDebit, Preceding
from evmesh.billing.vat import Category, VatRule
from tests.billing.charges import DRIVER, VOLT, cdr, credit, invoice

pytestmark = pytest.mark.usefixtures("einvoice_extra")

ANY = VatRule(category="S", rate=Decimal(25))
ALLOWANCE = (
    "<cac:AllowanceCharge><cbc:ChargeIndicator>{indicator}</cbc:ChargeIndicator>{percentage}"
    '<cbc:Amount currencyID="EUR">{amount}</cbc:Amount>{base}</cac:AllowanceCharge>'
)
PERCENT = "<cbc:MultiplierFactorNumeric>10</cbc:MultiplierFactorNumeric>"
BASE = '<cbc:BaseAmount currencyID="EUR">20.00</cbc:BaseAmount>'
PROJECT = (
    "<cac:AdditionalDocumentReference><cbc:DocumentTypeCode>50</cbc:DocumentTypeCode></cac:AdditionalDocumentReference>"
)


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(document: str) -> str:
        assert re.search(old, document), f"{old} is not in the document"
        return re.sub(old, new, document, count=1)

    return change


def allowance(
    indicator: str = "false", amount: str = "2.00", percentage: str = PERCENT, base: str = BASE
) -> Callable[[str], str]:
    filled = ALLOWANCE.format(indicator=indicator, amount=amount, percentage=percentage, base=base)
    return replaced("(?=<cac:TaxTotal>)", filled)


def of_price(indicator: str = "false", amount: str = "1.00") -> Callable[[str], str]:
    filled = ALLOWANCE.format(
        indicator=indicator, amount=amount, percentage="", base='<cbc:BaseAmount currencyID="EUR">4.46</cbc:BaseAmount>'
    )
    return replaced("(?=</cac:Price>)", filled)


BROKEN: list[tuple[str, Callable[[str], str]]] = [
    ("PEPPOL-EN16931-R001", replaced(r"<cbc:ProfileID>.*</cbc:ProfileID>", "")),
    ("PEPPOL-EN16931-R002", replaced(r"(<cbc:Note>.*</cbc:Note>)", r"\1\1")),
    ("PEPPOL-EN16931-R003", replaced(r"<cbc:BuyerReference>.*</cbc:BuyerReference>", "")),
    ("PEPPOL-EN16931-R004", replaced("billing:3.0", "billing:4.0")),
    ("PEPPOL-EN16931-R005", replaced("(?=<cbc:BuyerReference>)", "<cbc:TaxCurrencyCode>EUR</cbc:TaxCurrencyCode>")),
    ("PEPPOL-EN16931-R007", replaced("billing:01:1.0", "billing:1:1.0")),
    ("PEPPOL-EN16931-R008", replaced("(?=<cbc:BuyerReference>)", "<cbc:AccountingCost/>")),
    ("PEPPOL-EN16931-R010", replaced('<cbc:EndpointID schemeID="9930">.*</cbc:EndpointID>', "")),
    ("PEPPOL-EN16931-R020", replaced('<cbc:EndpointID schemeID="0007">.*</cbc:EndpointID>', "")),
    ("PEPPOL-EN16931-R040", allowance(amount="2.03")),
    ("PEPPOL-EN16931-R041", allowance(base="")),
    ("PEPPOL-EN16931-R042", allowance(percentage="")),
    ("PEPPOL-EN16931-R043", allowance(indicator="no")),
    ("PEPPOL-EN16931-R044", of_price(indicator="true")),
    ("PEPPOL-EN16931-R046", of_price(amount="1.01")),
    ("PEPPOL-EN16931-R051", replaced('(<cbc:PriceAmount currencyID=)"EUR"', r'\1"SEK"')),
    ("PEPPOL-EN16931-R053", replaced(r"(?s)(<cac:TaxTotal>.*</cac:TaxTotal>)", r"\1\1")),
    ("PEPPOL-EN16931-R054", replaced("(?=<cbc:BuyerReference>)", "<cbc:TaxCurrencyCode>SEK</cbc:TaxCurrencyCode>")),
    ("PEPPOL-EN16931-R061", replaced(">58<", ">59<")),
    ("PEPPOL-EN16931-R080", replaced("(?=<cac:AccountingSupplierParty>)", PROJECT + PROJECT)),
    ("PEPPOL-EN16931-R110", replaced("StartDate>2026-05-01<", "StartDate>2026-05-04<")),
    ("PEPPOL-EN16931-R111", replaced("EndDate>2026-05-31<", "EndDate>2026-05-02<")),
    ("PEPPOL-EN16931-R120", replaced(">12.345</cbc:InvoicedQuantity>", ">12.5</cbc:InvoicedQuantity>")),
    ("PEPPOL-EN16931-R120", replaced(">12.345</cbc:InvoicedQuantity>", ">much</cbc:InvoicedQuantity>")),
    ("PEPPOL-EN16931-R121", replaced(">12.345</cbc:BaseQuantity>", ">0</cbc:BaseQuantity>")),
    ("PEPPOL-EN16931-R130", replaced('<cbc:BaseQuantity unitCode="KWH"', '<cbc:BaseQuantity unitCode="C62"')),
    ("PEPPOL-EN16931-P0100", replaced(">380<", ">389<")),
    (
        "PEPPOL-EN16931-P0107",
        replaced("(?=<cac:TaxScheme>\\s*<cbc:ID>VAT</cbc:ID>\\s*</cac:TaxScheme>\\s*</cac:TaxCategory>)",
                 "<cbc:TaxExemptionReasonCode>VATEX-EU-AE</cbc:TaxExemptionReasonCode>"),
    ),
    ("PEPPOL-COMMON-R040", replaced('schemeID="9930">DE123456789', 'schemeID="0088">7300010000002')),
    ("PEPPOL-COMMON-R049", replaced(">5566778899<", ">5566778890<")),
]  # fmt: skip


def broken(document: bytes) -> list[str]:
    return [each.rule for each in peppol.breaches(etree.fromstring(document))]


def good() -> str:
    return ubl(invoice(cdr(1)), annex=False).decode()


@pytest.mark.parametrize(("rule", "change"), BROKEN, ids=[rule for rule, _ in BROKEN])
def test_a_breakage_is_told_by_its_rule(rule: str, change: Callable[[str], str]) -> None:
    assert broken(good().encode()) == []
    assert rule in broken(change(good()).encode())


def test_every_rule_has_a_breakage() -> None:
    tested = {rule for rule, _ in BROKEN} | {"PEPPOL-EN16931-P0101", *(f"PEPPOL-EN16931-P010{n}" for n in (4, 5, 6))}
    assert {f"PEPPOL-{rule.id}" for rule in peppol.RULES} == tested


@pytest.mark.parametrize(
    "change",
    [
        allowance(),
        allowance(amount="2.02"),
        allowance(percentage="", base=""),
        of_price(),
        replaced("(?=<cac:AccountingSupplierParty>)", PROJECT),
        replaced(
            ">58</cbc:PaymentMeansCode>",
            ">59</cbc:PaymentMeansCode><cac:PaymentMandate><cbc:ID>M-1</cbc:ID></cac:PaymentMandate>",
        ),
        replaced('schemeID="9930">DE123456789', 'schemeID="0088">7300010000001'),
        replaced("<cbc:BaseQuantity.*</cbc:BaseQuantity>", ""),
    ],
)
def test_what_the_rules_allow(change: Callable[[str], str]) -> None:
    assert [rule for rule in broken(change(good()).encode()) if rule != "PEPPOL-EN16931-R120"] == []


def test_a_lines_own_charges_and_allowances_count() -> None:
    line = "(?=<cac:Item>)"
    more = ALLOWANCE.format(indicator="true", amount="1.00", percentage="", base="")
    less = ALLOWANCE.format(indicator="false", amount="1.00", percentage="", base="")
    assert "PEPPOL-EN16931-R120" in broken(replaced(line, more)(good()).encode())
    assert broken(replaced(line, more + less)(good()).encode()) == []


@pytest.mark.parametrize("category", ["S", "Z", "E", "AE", "K", "G", "O"])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("self_billed", [False, True])
def test_our_documents_keep_them(category: Category, back: bool, self_billed: bool) -> None:
    rule = ANY if category == "S" else VatRule(category=category, reason=None if category == "Z" else "By law")
    parties = {"direction": "self_billing", "seller": DRIVER, "buyer": VOLT} if self_billed else {}
    charge = credit(2, 1) if back else cdr(1)
    made = invoice(charge, rules=[rule], preceding=[Preceding("INV-1", date(2026, 5, 1))] if back else (), **parties)
    document = ubl(made)
    assert peppol.is_for_peppol(etree.fromstring(document))
    assert rules.breaches(document, "ubl") == []
    assert (b"selfbilling" in document) == self_billed


def test_a_self_billed_type_is_none_of_billing_and_the_other_way_round() -> None:
    note = ubl(invoice(credit(2, 1))).decode()
    assert "PEPPOL-EN16931-P0101" in broken(note.replace(">381<", ">261<").encode())
    theirs = ubl(invoice(cdr(1), direction="self_billing", seller=DRIVER, buyer=VOLT, rules=[ANY])).decode()
    assert "PEPPOL-EN16931-P0100" in broken(theirs.replace(">389<", ">380<").encode())


def test_a_direct_debit_names_its_mandate_and_no_account_to_pay_to() -> None:
    document = ubl(invoice(cdr(1), debit=DirectDebit("M-7", "SE97ZZZ5566778899"))).decode()
    for said in (
        ">59<",
        ">M-7<",
        ">SE97ZZZ5566778899<",
        ">DE02120300000000202051<",
        "Collected by direct debit on 1 July",
    ):
        assert said in document
    assert "SE4550000000058398257466" not in document
    assert broken(document.encode()) == []
    assert "PEPPOL-EN16931-R061" in broken(document.replace("<cbc:ID>M-7</cbc:ID>", "").encode())


def test_a_document_that_is_not_for_peppol_need_not_keep_them() -> None:
    plain = ubl(invoice(cdr(1), buyer=Company(name="x", country="DE", vat_id="DE1"), buyer_reference=None))
    assert rules.breaches(plain, "ubl") == []
    assert "PEPPOL-EN16931-R003" in broken(plain)


def test_what_breaks_a_rule_of_peppol_is_refused_like_any_other() -> None:
    wrong = Company(name="x", country="SE", vat_id="SE1", endpoint="5560000000", endpoint_scheme="0007")
    assert [each.rule for each in rules.breaches(ubl(invoice(cdr(1), buyer=wrong)), "ubl")] == ["PEPPOL-COMMON-R049"]
