"""An invoice as PDF/A-3 with its CII inside: Factur-X, which people and machines both read.

`typst` sets the pages from `invoice.typ`; `factur-x` puts the XML and the annex in and says so in the metadata. The
only time that a file bears is the day of issue, so the same invoice gives the same bytes.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from typing import Any

from evmesh.billing import einvoice
from evmesh.billing.errors import BillingError, MissingExtra
from evmesh.billing.invoice import Company, Invoice, Line, Row, remarks
from evmesh.billing.money import rounded

_STRETCH = 50

# factur-x asks the clock of its module: while one file is made it must not be asked for another.
_clock_is_ours = threading.Lock()


def pdf(invoice: Invoice, *, page: str = "a4", annex: bool = True) -> bytes:
    """The file. MissingExtra names what is not installed."""
    try:
        facturx = importlib.import_module("facturx.facturx")
    except ModuleNotFoundError as error:
        raise MissingExtra("a PDF with the invoice's XML in it", "einvoice") from error
    pages = typeset(invoice, page=page)
    moment = datetime.combine(invoice.issued_on, time(), UTC)
    attached = {"filedata": einvoice.annex_csv(invoice), "description": "Charge records", "creation_datetime": moment,
                "modification_datetime": moment, "afrelationship": "supplement"}  # fmt: skip
    with _clock_at(facturx, moment):
        made: bytes = facturx.generate_from_binary(
            pages,
            einvoice.cii(invoice, annex=False),
            flavor="factur-x",
            level="en16931",
            check_xsd=False,
            check_schematron=False,
            pdf_metadata={
                "author": invoice.seller.name,
                "keywords": "Factur-X, " + invoice.title,
                "title": f"{invoice.seller.name}: {invoice.title} {invoice.number}",
                "subject": f"{invoice.title} {invoice.number} of {invoice.issued_on}",
            },
            lang="en",
            attachments={einvoice.ANNEX: attached} if annex else None,
            afrelationship="alternative",
        )
    return made


def typeset(invoice: Invoice, *, page: str = "a4") -> bytes:
    """The pages alone, as PDF/A-3."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise MissingExtra("an invoice as PDF", "pdf") from error
    template = resources.files("evmesh.billing").joinpath("invoice.typ").read_bytes()
    compiler = typst.Compiler(template, ignore_system_fonts=True, sys_inputs={"data": json.dumps(_said(invoice, page))})
    try:
        made = compiler.compile(
            format="pdf",
            pdf_standards="a-3b",
            timestamp=datetime.combine(invoice.issued_on, time(), UTC),
            pdf_tags=False,
        )
    except typst.TypstError as error:
        raise BillingError(f"invoice {invoice.number} cannot be set as PDF: {error}") from error
    assert isinstance(made, bytes), "one PDF is one text of bytes"
    return made


@contextmanager
def _clock_at(facturx: Any, moment: datetime) -> Iterator[None]:
    """factur-x writes the time of day into each file and takes none as argument."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return moment.astimezone(tz)

    with _clock_is_ours:
        real, facturx.datetime = facturx.datetime, Stopped
        try:
            yield
        finally:
            facturx.datetime = real


def _said(invoice: Invoice, page: str) -> dict[str, Any]:
    """Every word and figure of the pages."""
    day = invoice.issued_on
    return {
        "page": page,
        "title": invoice.title,
        "number": invoice.number,
        "issued": [day.year, day.month, day.day],
        "currency": invoice.currency,
        "seller": _address(invoice.seller),
        "buyer": _address(invoice.buyer),
        "facts": _facts(invoice),
        "lines": [_line(line) for line in invoice.lines],
        "vat": [
            {
                "category": each.category,
                "rate": "" if each.category == "O" else _rate(each.rate),
                "taxable": money(each.taxable),
                "tax": money(each.tax),
                "reason": each.reason or each.reason_code,
            }
            for each in invoice.vat
        ],
        "totals": _totals(invoice),
        "payment": _payment(invoice),
        "remarks": remarks(invoice),
        "annex": einvoice.ANNEX,
        "rows": [_columns(invoice.rows[at : at + _STRETCH]) for at in range(0, len(invoice.rows), _STRETCH)],
    }


def _columns(rows: Sequence[Row]) -> list[list[str]]:
    """A stretch of the annex, column by column; what would not fit beside the others is cut. The CSV has all of it."""
    cells = (
        (
            row.line, _cut(row.id, 39), f"{row.start:%Y-%m-%d %H:%M}", f"{row.end:%Y-%m-%d %H:%M}", _cut(row.evse, 20),
            _cut(row.contract, 20), _short(row.energy), _short(row.exact_net),
        )
        for row in rows
    )  # fmt: skip
    return [list(column) for column in zip(*cells, strict=True)]


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    if not text:
        return "–"
    return text if len(text) <= most else text[: most - 1] + "…"


def _short(value: Decimal) -> str:
    """Exact up to six decimals; what is not says so."""
    near = rounded(Fraction(value), 6)
    return figure(near) if near == value else f"≈ {figure(near)}"


def _address(party: Company) -> list[str]:
    place = " ".join(filter(None, (party.postcode, party.city)))
    lines = [party.name, party.street, party.street2, place, party.country.upper()]
    if party.legal_id:
        lines.append(f"Reg. no. {party.legal_id}")
    if party.vat_id:
        lines.append(f"VAT no. {party.vat_id}")
    return [line for line in lines if line]


def _facts(invoice: Invoice) -> list[list[str]]:
    preceding = ", ".join(f"{each.number} of {each.issued_on}" for each in invoice.preceding)
    facts: list[tuple[str, date | str | None]] = [
        ("Issued", invoice.issued_on),
        ("Due", invoice.due_on),
        ("Period", f"{invoice.period_begin} to {invoice.period_end}"),
        ("Your reference", invoice.buyer_reference),
        ("Order", invoice.order_reference),
        ("Contract", invoice.contract_reference),
        ("Credits", preceding or None),
    ]
    return [[name, str(value)] for name, value in facts if value is not None]


def _line(line: Line) -> list[str]:
    period = f"{line.begin}" if line.begin == line.end else f"{line.begin} to {line.end}"
    about = ", ".join(filter(None, (line.description, period)))
    vat = "–" if line.category == "O" else f"{line.category} {_rate(line.rate)}"
    return [line.id, line.name, about, str(line.charges), figure(line.energy), vat, money(line.amount)]


def _totals(invoice: Invoice) -> list[list[str]]:
    rows = [["Total before VAT", money(invoice.net)], ["VAT", money(invoice.tax)]]
    if invoice.payable_rounding or invoice.paid:
        rows.append(["Total with VAT", money(invoice.total)])
    if invoice.payable_rounding:
        rows.append(["Rounding", money(invoice.payable_rounding)])
    if invoice.paid:
        rows.append(["Paid", money(-invoice.paid_amount)])
    what = "To your credit" if invoice.is_credit_note else "To pay"
    return [*rows, [f"{what}, {invoice.currency}", money(invoice.payable)]]


def _payment(invoice: Invoice) -> list[list[str]]:
    seller = invoice.seller
    if not seller.iban or invoice.paid or invoice.is_credit_note:
        return []
    rows = [["Account (IBAN)", seller.iban], ["BIC", seller.bic or ""], ["Reference", invoice.number]]
    return [row for row in rows if row[1]]


def _rate(rate: Decimal) -> str:
    return f"{figure(rate)} %"


def money(value: Decimal) -> str:
    """With all decimals of the coin, thousands apart: 12 345.60."""
    return f"{value:,f}".replace(",", " ").replace("-", "−")


def figure(value: Decimal) -> str:
    """Without needless zeros."""
    text = f"{value:,f}".replace(",", " ").replace("-", "−")
    return text.rstrip("0").rstrip(".") if "." in text else text
