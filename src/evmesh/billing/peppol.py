"""What Peppol asks of an invoice beyond EN 16931: the fatal rules of BIS Billing 3 and of BIS Self-Billing 3.

Nobody ships them in a form that runs here, so each is a line of the table below, from what OpenPeppol publishes: where
it looks and what must hold there. Left out are the code lists, which EN 16931 checks too, and the national rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from evmesh.billing.errors import Breach

EN16931 = "urn:cen.eu:en16931:2017"
BILLING = EN16931 + "#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
BILLING_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
SELF_BILLING = EN16931 + "#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0"
SELF_BILLING_PROCESS = "urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0"

_PROCESS = re.compile(r"urn:fdc:peppol\.eu:2017:poacc:(self)?billing:\d\d:1\.0")
_NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_SLACK = Decimal("0.02")
_ALLOWANCE = "/*/cac:AllowanceCharge | /*/*/cac:AllowanceCharge[parent::cac:InvoiceLine or parent::cac:CreditNoteLine]"
_LINE = "/*/cac:InvoiceLine | /*/cac:CreditNoteLine"
_INVOICES = (
    "71", "80", "82", "84", "102", "218", "219", "331", "380", "382", "383", "386", "388", "393", "395", "553", "575",
    "623", "780", "817", "870", "875", "876", "877",
)  # fmt: skip
_CREDIT_NOTES = ("381", "396", "81", "83", "532")
_CATEGORY_OF = {
    "VATEX-EU-G": ("P0104", "G"),
    "VATEX-EU-O": ("P0105", "O"),
    "VATEX-EU-IC": ("P0106", "K"),
    "VATEX-EU-AE": ("P0107", "AE"),
}


class Rule(NamedTuple):
    """`holds` is asked of every element that `at`, an XPath, finds."""

    id: str
    at: str
    holds: Callable[[Any], bool]
    message: str


def is_for_peppol(tree: Any) -> bool:
    """Whether a UBL document says that it keeps these rules."""
    return "urn:fdc:peppol.eu:" in _text(tree, "/*/cbc:CustomizationID")


def breaches(tree: Any) -> list[Breach]:
    """The rules that a UBL document breaks, which keeps the XML Schema and the rules of EN 16931."""
    found = []
    for rule in RULES:
        for element in _all(tree, rule.at):
            try:
                holds = rule.holds(element)
            except InvalidOperation:
                holds = False
            if not holds:
                place, text = element.getroottree().getpath(element), (element.text or "").strip()
                message = f"{rule.message}: {text[:40]}" if text else rule.message
                found.append(Breach(f"PEPPOL-{rule.id}", place, message))
    return found


def _all(element: Any, path: str) -> list[Any]:
    found: list[Any] = element.xpath(path, namespaces=_NAMESPACES)
    return found


def _text(element: Any, path: str) -> str:
    return next(("".join(each.itertext()).strip() for each in _all(element, path)), "")


def _number(element: Any, path: str, default: int = 0) -> Decimal:
    text = _text(element, path)
    return Decimal(text) if text else Decimal(default)


def _one_of(*paths: str) -> Callable[[Any], bool]:
    return lambda element: any(_text(element, path) for path in paths)


def _at_most_one(path: str) -> Callable[[Any], bool]:
    return lambda element: len(_all(element, path)) <= 1


def _says(path: str, *texts: str) -> Callable[[Any], bool]:
    return lambda element: _text(element, path) in texts


def _text_is(fits: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda element: fits(_text(element, "."))


def _percentage_fits(allowance: Any) -> bool:
    if not (_text(allowance, "cbc:MultiplierFactorNumeric") and _text(allowance, "cbc:BaseAmount")):
        return True
    reckoned = _number(allowance, "cbc:BaseAmount") * _number(allowance, "cbc:MultiplierFactorNumeric") / 100
    return abs(_number(allowance, "cbc:Amount") - reckoned) <= _SLACK


def _gross_price_fits(allowance: Any) -> bool:
    if not _text(allowance, "cbc:BaseAmount"):
        return True
    return _number(allowance, "../cbc:PriceAmount") == _number(allowance, "cbc:BaseAmount") - _number(
        allowance, "cbc:Amount"
    )


def _line_sums(line: Any) -> bool:
    quantity = _number(line, "cbc:InvoicedQuantity | cbc:CreditedQuantity", 1)
    base = _number(line, "cac:Price/cbc:BaseQuantity", 1) or Decimal(1)
    reckoned = quantity * _number(line, "cac:Price/cbc:PriceAmount") / base
    for allowance in _all(line, "cac:AllowanceCharge"):
        amount = _number(allowance, "cbc:Amount")
        reckoned += amount if _text(allowance, "cbc:ChargeIndicator") == "true" else -amount
    return abs(_number(line, "cbc:LineExtensionAmount") - reckoned) <= _SLACK


def _tax_totals(document: Any) -> bool:
    other = len(_all(document, "cac:TaxTotal[not(cac:TaxSubtotal)]"))
    return other == (1 if _text(document, "cbc:TaxCurrencyCode") else 0)


def _type_fits(code: Any) -> bool:
    if _text(code, "../cbc:CustomizationID") == SELF_BILLING:
        return code.text.strip() in ("389", "261")
    return code.text.strip() in (*_INVOICES, *_CREDIT_NOTES)


def _by_luhn(number: str) -> bool:
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(number))
    return bool(re.fullmatch("[0-9]{10}", number)) and sum(each // 10 + each % 10 for each in doubled) % 10 == 0


def _by_gs1(number: str) -> bool:
    weighted = (int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(number)))
    return bool(re.fullmatch("[0-9]{2,}", number)) and sum(weighted) % 10 == 0


NUMBERS: dict[str, tuple[str, str, Callable[[str], bool]]] = {
    "0007": ("COMMON-R049", "a Swedish organisation number has ten digits, the last one a check digit", _by_luhn),
    "0088": ("COMMON-R040", "a GLN has digits alone, the last one a check digit", _by_gs1),
}
"""What identifiers of a scheme must be: the rule, in words, and the check."""


def _identifiers(scheme: str) -> str:
    return " | ".join(
        f"//{name}[@schemeID='{scheme}']"
        for name in ("cbc:EndpointID", "cac:PartyIdentification/cbc:ID", "cbc:CompanyID")
    )


RULES = (
    Rule("EN16931-R001", "/*", _one_of("cbc:ProfileID"), "the business process must be named (BT-23)"),
    Rule("EN16931-R002", "/*", _at_most_one("cbc:Note"), "one note at most"),
    Rule("EN16931-R003", "/*", _one_of("cbc:BuyerReference", "cac:OrderReference/cbc:ID"),
         "a buyer reference or an order reference is needed"),
    Rule("EN16931-R004", "/*", _says("cbc:CustomizationID", BILLING, SELF_BILLING),
         "the specification identifier must be that of Peppol (BT-24)"),
    Rule("EN16931-R005", "/*/cbc:TaxCurrencyCode",
         lambda code: code.text.strip() != _text(code, "../cbc:DocumentCurrencyCode"),
         "the currency of the VAT must be another than that of the invoice, or left out"),
    Rule("EN16931-R007", "/*", lambda document: bool(_PROCESS.fullmatch(_text(document, "cbc:ProfileID"))),
         "the business process must be one of Peppol's (BT-23)"),
    Rule("EN16931-R008", "//*[not(*) and not(normalize-space())]", lambda element: False, "no element may be empty"),
    Rule("EN16931-R010", "/*/cac:AccountingCustomerParty/cac:Party", _one_of("cbc:EndpointID"),
         "the buyer's electronic address is needed"),
    Rule("EN16931-R020", "/*/cac:AccountingSupplierParty/cac:Party", _one_of("cbc:EndpointID"),
         "the seller's electronic address is needed"),
    Rule("EN16931-R040", _ALLOWANCE, _percentage_fits, "an allowance or charge must be its percentage of its base"),
    Rule("EN16931-R041", f"({_ALLOWANCE})[cbc:MultiplierFactorNumeric]", _one_of("cbc:BaseAmount"),
         "a percentage needs the amount that it is of"),
    Rule("EN16931-R042", f"({_ALLOWANCE})[cbc:BaseAmount]", _one_of("cbc:MultiplierFactorNumeric"),
         "a base amount needs a percentage"),
    Rule("EN16931-R043", _ALLOWANCE, _says("cbc:ChargeIndicator", "true", "false"),
         "it must say whether it is a charge: true or false"),
    Rule("EN16931-R044", "//cac:Price/cac:AllowanceCharge", _says("cbc:ChargeIndicator", "false"),
         "a price has no charges"),
    Rule("EN16931-R046", "//cac:Price/cac:AllowanceCharge", _gross_price_fits,
         "the price must be the gross price less its allowance"),
    Rule("EN16931-R051", "//*[@currencyID][not(parent::cac:TaxTotal[not(cac:TaxSubtotal)])]",
         lambda amount: amount.get("currencyID") == _text(amount, "/*/cbc:DocumentCurrencyCode"),
         "all amounts are in the invoice's currency"),
    Rule("EN16931-R053", "/*", lambda document: len(_all(document, "cac:TaxTotal[cac:TaxSubtotal]")) == 1,
         "one tax total with its parts"),
    Rule("EN16931-R054", "/*", _tax_totals, "one tax total without parts, where the VAT has a currency of its own"),
    Rule("EN16931-R061", "//cac:PaymentMeans[cbc:PaymentMeansCode='49' or cbc:PaymentMeansCode='59']",
         _one_of("cac:PaymentMandate/cbc:ID"), "a direct debit needs its mandate"),
    Rule("EN16931-R080", "/*", _at_most_one("cac:AdditionalDocumentReference[cbc:DocumentTypeCode='50']"),
         "one project reference at most"),
    Rule("EN16931-R110", f"({_LINE})[/*/cac:InvoicePeriod/cbc:StartDate]/cac:InvoicePeriod/cbc:StartDate",
         lambda day: day.text >= _text(day, "/*/cac:InvoicePeriod/cbc:StartDate"),
         "a line must not begin before the invoice's period"),
    Rule("EN16931-R111", f"({_LINE})[/*/cac:InvoicePeriod/cbc:EndDate]/cac:InvoicePeriod/cbc:EndDate",
         lambda day: day.text <= _text(day, "/*/cac:InvoicePeriod/cbc:EndDate"),
         "a line must not end after the invoice's period"),
    Rule("EN16931-R120", _LINE, _line_sums, "a line's amount must be quantity × price with charges and allowances"),
    Rule("EN16931-R121", "//cac:Price/cbc:BaseQuantity", lambda base: _number(base, ".") > 0,
         "the quantity that a price is for must be above 0"),
    Rule("EN16931-R130", f"({_LINE})[cac:Price/cbc:BaseQuantity/@unitCode]",
         lambda line: set(_all(line, "cac:Price/cbc:BaseQuantity/@unitCode"))
         == set(_all(line, "cbc:InvoicedQuantity/@unitCode | cbc:CreditedQuantity/@unitCode")),
         "price and quantity must be in the same unit"),
    Rule("EN16931-P0100", "/*/cbc:InvoiceTypeCode", _type_fits, "this business process has no such invoice"),
    Rule("EN16931-P0101", "/*/cbc:CreditNoteTypeCode", _type_fits, "this business process has no such credit note"),
    *(
        Rule(f"EN16931-{id}", f"//cac:TaxCategory[cbc:TaxExemptionReasonCode='{code}']", _says("cbc:ID", category),
             f"{code} is the reason of category {category}")
        for code, (id, category) in _CATEGORY_OF.items()
    ),
    *(
        Rule(id, _identifiers(scheme), _text_is(fits), message)
        for scheme, (id, message, fits) in NUMBERS.items()
    ),
)  # fmt: skip
