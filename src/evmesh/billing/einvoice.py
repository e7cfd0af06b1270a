"""An invoice as UBL (Peppol BIS Billing 3) and as CII (Factur-X, the profile EN 16931).

`factur-x` writes both from the numbered terms of EN 16931. A document without the addresses or the reference
that Peppol wants cannot travel there; it is then a plain EN 16931 invoice in UBL.
"""

from __future__ import annotations

import csv
import importlib
import io
from decimal import Decimal
from types import ModuleType
from typing import Any

from evmesh.billing import peppol
from evmesh.billing.errors import MissingExtra
from evmesh.billing.invoice import Company, Invoice, Line, VatTotal, remarks
from evmesh.billing.sheets import no_formula

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SEPA, _CREDIT_TRANSFER, _DIRECT_DEBIT = "58", "30", "59"

ANNEX = "cdrs.csv"
COLUMNS = (
    "line", "cdr", "id", "start", "end", "location", "evse", "contract", "tariff", "energy_kwh", "net_exact",
)  # fmt: skip


def ubl(invoice: Invoice, *, annex: bool = True) -> bytes:
    """UBL 2.1: an Invoice or a CreditNote. MissingExtra without factur-x."""
    facturx = writer("an invoice in UBL")
    from lxml import etree

    terms = _terms(invoice, annex)
    customization, process = _peppol(invoice)
    if process:
        terms["BT-23"] = process
    written = facturx.generate_ubl_xml(terms, level="en16931", check_xsd=False, check_schematron=False)
    tree = etree.fromstring(written)
    # factur-x knows no specification identifier but the plain one.
    (found,) = tree.xpath("/*/*[local-name()='CustomizationID']")
    found.text = customization
    for needless in tree.xpath("/*/*[local-name()='UBLVersionID']"):  # UBL-CR-002
        tree.remove(needless)
    # It takes every rounding for euros.
    for rounding in tree.xpath("//*[local-name()='PayableRoundingAmount']"):
        rounding.set("currencyID", invoice.currency)
    return _bytes(tree)


def cii(invoice: Invoice, *, annex: bool = True) -> bytes:
    """UN/CEFACT Cross Industry Invoice D22B in the profile EN 16931. MissingExtra without factur-x."""
    facturx = writer("an invoice in CII")
    from lxml import etree

    terms = _terms(invoice, annex)
    written = facturx.generate_cii_xml(terms, level="en16931", check_xsd=False, check_schematron=False)
    tree = etree.fromstring(written)
    # An empty group is marked as nil by the writer, which the schema does not allow.
    for empty in tree.xpath("//*[@xsi:nil]", namespaces={"xsi": _XSI}):
        del empty.attrib[f"{{{_XSI}}}nil"]
    return _bytes(tree)


def writer(what: str) -> ModuleType:
    """factur-x's module that writes; MissingExtra names the extra that brings it."""
    try:
        return importlib.import_module("facturx.generate_xml")
    except ModuleNotFoundError as error:
        raise MissingExtra(what, "einvoice") from error


def annex_csv(invoice: Invoice) -> bytes:
    """One row per CDR; amounts before VAT with all their digits."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for row in invoice.rows:
        cells = (
            row.line, row.key, row.id, _moment(row.start), _moment(row.end), row.location, row.evse, row.contract,
            row.tariff,
        )  # fmt: skip
        rows.writerow([*map(no_formula, cells), f"{row.energy:f}", f"{row.exact_net:f}"])
    return text.getvalue().encode()


def _moment(moment: Any) -> str:
    return str(moment.isoformat()).replace("+00:00", "Z")


def _bytes(tree: Any) -> bytes:
    from lxml import etree

    found: bytes = etree.tostring(tree, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return found


def for_peppol(invoice: Invoice) -> bool:
    """Whether both parties have an address there, and the buyer a reference. (PEPPOL-EN16931-R003, R010, R020)"""
    addresses = all(party.endpoint and party.endpoint_scheme for party in (invoice.seller, invoice.buyer))
    return addresses and bool(invoice.buyer_reference or invoice.order_reference)


def _peppol(invoice: Invoice) -> tuple[str, str | None]:
    if not for_peppol(invoice):
        return peppol.EN16931, None
    if invoice.direction == "self_billing":
        return peppol.SELF_BILLING, peppol.SELF_BILLING_PROCESS
    return peppol.BILLING, peppol.BILLING_PROCESS


def _terms(invoice: Invoice, annex: bool) -> dict[str, Any]:
    """The business terms and groups, by their numbers, as factur-x takes them."""
    outside = any(each.category == "O" for each in invoice.vat)
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": invoice.type_code,
        "BT-5": invoice.currency,
        "BT-9": invoice.due_on,
        "BT-10": invoice.buyer_reference,
        "BT-12": invoice.contract_reference,
        "BT-13": invoice.order_reference,
        "BT-20": _payment_terms(invoice),
        "BT-24": peppol.EN16931,
        "BT-73": invoice.period_begin,
        "BT-74": invoice.period_end,
        "BT-106": _amount(invoice.net),
        "BT-109": _amount(invoice.net),
        "BT-110": _amount(invoice.tax),
        "BT-112": _amount(invoice.total),
        "BT-113": _amount(invoice.paid_amount) if invoice.paid else None,
        "BT-114": _amount(invoice.payable_rounding) if invoice.payable_rounding else None,
        "BT-115": _amount(invoice.payable),
        # Peppol lets one note pass. (PEPPOL-EN16931-R002)
        "BG-1": [{"BT-22": "\n".join(remarks(invoice))}] if remarks(invoice) else None,
        "BG-3": [{"BT-25": each.number, "BT-26": each.issued_on} for each in invoice.preceding],
        "BG-4": _party(invoice.seller, outside),
        "BG-7": _party(invoice.buyer, outside),
        "BG-23": [_vat(each) for each in invoice.vat],
        "BG-25": [_line(each) for each in invoice.lines],
    }
    if invoice.delivery_country:
        terms["BG-13"] = {"name": invoice.buyer.name, "country_code": invoice.delivery_country}
    if invoice.debit is not None:
        terms |= {
            "BT-81": _DIRECT_DEBIT,
            "BT-83": invoice.number,
            "BT-89": invoice.debit.mandate,
            "BT-90": invoice.debit.creditor_id,
            "BT-91": (invoice.buyer.iban or "").replace(" ", ""),
        }
    elif invoice.seller.iban and not invoice.paid and not invoice.is_credit_note:
        terms |= {
            "BT-81": _SEPA if invoice.currency == "EUR" else _CREDIT_TRANSFER,
            "BT-83": invoice.number,
            "BT-84": invoice.seller.iban.replace(" ", ""),
            "BT-85": invoice.seller.name,
            "BT-86": invoice.seller.bic,
        }
    if annex:
        terms["BG-24"] = [
            {
                "BT-122": "CDRs",
                "BT-123": invoice.words.annex,
                "BT-125": annex_csv(invoice),
                "BT-125-1": "text/csv",
                "BT-125-2": ANNEX,
            }
        ]
    return {name: value for name, value in terms.items() if value not in (None, [])}


def _payment_terms(invoice: Invoice) -> str | None:
    words = invoice.words
    if invoice.how_paid is not None:
        return invoice.how_paid
    if invoice.due_on is None:
        return words.set_off
    return (words.collected_on if invoice.debit else words.payable_until).format(date=words.day(invoice.due_on))


def _party(party: Company, outside: bool) -> dict[str, Any]:
    """Where a supply is outside the scope of VAT, nobody's VAT number may be named. (BR-O-02)"""
    found: dict[str, Any] = {
        "name": party.name,
        "country_code": party.country.upper(),
        "city": party.city,
        "postcode": party.postcode,
        "addr_l1": party.street,
        "addr_l2": party.street2,
        "vat_identifier": None if outside else party.vat_id,
        "legal_identifier": party.legal_id,
        "legal_identifier_schemeid": party.legal_scheme,
        "einvoicing_addr": party.endpoint,
        "einvoicing_addr_schemeid": party.endpoint_scheme,
    }
    contact = {"name": party.contact, "phone": party.phone, "email": party.email}
    if any(contact.values()):
        found["contacts"] = [{name: value for name, value in contact.items() if value}]
    return {name: value for name, value in found.items() if value}


def _vat(total: VatTotal) -> dict[str, Any]:
    found = {
        "BT-116": _amount(total.taxable),
        "BT-117": _amount(total.tax),
        "BT-118": total.category,
        "BT-119": None if total.category == "O" else f"{total.rate:f}",
        "BT-120": total.reason,
        "BT-121": total.reason_code,
    }
    return {name: value for name, value in found.items() if value is not None}


def _line(line: Line) -> dict[str, Any]:
    found = {
        "BT-126": line.id,
        "BT-129": _amount(line.quantity),
        "BT-130": line.unit,
        "BT-131": _amount(line.amount),
        "BT-134": line.begin,
        "BT-135": line.end,
        "BT-146": _amount(abs(line.amount)),
        "BT-149": _amount(abs(line.quantity)),
        "BT-151": line.category,
        "BT-152": None if line.category == "O" else f"{line.rate:f}",
        "BT-153": line.name,
        "BT-154": line.description,
    }
    return {name: value for name, value in found.items() if value is not None}


def _amount(value: Decimal) -> str:
    return f"{value:f}"
