"""An invoice as PDF/A-3 with its CII inside: Factur-X, which people and machines both read.

`typst` sets the pages from `invoice.typ`; `factur-x` puts the XML and the annex in and says so in the metadata. The
only time that a file bears is the day of issue, so the same invoice gives the same bytes.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.billing import einvoice, typesetting
from evmesh.billing.errors import MissingExtra
from evmesh.billing.invoice import Company, Component, Invoice, Line, Row, remarks
from evmesh.billing.money import rounded
from evmesh.billing.words import Words

MOST_ROWS = 10_000
"""More charge records are attached, not printed: a page takes time and memory, and nobody reads the two hundredth."""
_STRETCH = 50

# factur-x asks the clock of its module: while one file is made it must not be asked for another.
_clock_is_ours = threading.Lock()


def pdf(invoice: Invoice, *, page: str = "a4", annex: bool = True) -> bytes:
    """The file, with the CDRs as CSV inside if `annex`, or if they are too many to be printed. MissingExtra names what
    is not installed."""
    try:
        facturx = importlib.import_module("facturx.facturx")
    except ModuleNotFoundError as error:
        raise MissingExtra("a PDF with the invoice's XML in it", "einvoice") from error
    annex = annex or _too_long(invoice)
    said = _said(invoice, page, annex)
    pages = typesetting.pages("invoice.typ", said, invoice.issued_on, what=f"invoice {invoice.number}")
    moment = datetime.combine(invoice.issued_on, time(), UTC)
    attached = {
        "filedata": einvoice.annex_csv(invoice),
        "description": invoice.words.annex,
        "creation_datetime": moment,
        "modification_datetime": moment,
        "afrelationship": "supplement",
    }
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
            lang=invoice.language,
            attachments={einvoice.ANNEX: attached} if annex else None,
            afrelationship="alternative",
        )
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


def _too_long(invoice: Invoice) -> bool:
    return len(invoice.rows) > MOST_ROWS


def _said(invoice: Invoice, page: str, annex: bool) -> dict[str, Any]:
    """Every word and figure of the pages."""
    day, words = invoice.issued_on, invoice.words
    return {
        "page": page,
        "language": invoice.language,
        "words": {name: text for name, text in msgspec.structs.asdict(words).items() if isinstance(text, str)},
        "title": invoice.title,
        "number": invoice.number,
        "issued": [day.year, day.month, day.day],
        "currency": invoice.currency,
        "seller": _address(invoice.seller, words),
        "buyer": _address(invoice.buyer, words),
        "facts": _facts(invoice, words),
        "lines": [_line(line, words) for line in invoice.lines],
        "vat": [
            {
                "category": each.category,
                "rate": "" if each.category == "O" else _rate(each.rate, words),
                "taxable": words.money(each.taxable),
                "tax": words.money(each.tax),
                "reason": each.reason or each.reason_code,
            }
            for each in invoice.vat
        ],
        "totals": _totals(invoice, words),
        "payment": _payment(invoice, words),
        "remarks": remarks(invoice),
        "annex_about": _annex_about(invoice, words, annex),
        **_annex(invoice, words),
    }


def _annex(invoice: Invoice, words: Words) -> dict[str, Any]:
    """The charges: a table for a company, what each is made of for a driver."""
    rows = () if _too_long(invoice) else invoice.rows
    if invoice.direction == "driver":
        return {"rows": [], "charges": [_charge(row, invoice, words) for row in rows]}
    stretches = [rows[at : at + _STRETCH] for at in range(0, len(rows), _STRETCH)]
    return {"rows": [_columns(stretch, words) for stretch in stretches], "charges": []}


def _annex_about(invoice: Invoice, words: Words, annex: bool) -> str:
    if _too_long(invoice):
        return words.annex_too_long.format(count=len(invoice.rows), file=einvoice.ANNEX)
    about = words.local_times if invoice.direction == "driver" else words.annex_about.format(currency=invoice.currency)
    return f"{about} {words.annex_attached.format(file=einvoice.ANNEX)}" if annex else about


def _columns(rows: Sequence[Row], words: Words) -> list[list[str]]:
    """A stretch of the annex, column by column; what would not fit beside the others is cut. The CSV has all of it."""
    cells = (
        (
            row.line, _cut(row.id, 39), f"{row.start:%Y-%m-%d %H:%M}", f"{row.end:%Y-%m-%d %H:%M}", _cut(row.evse, 20),
            _cut(row.contract, 20), _short(row.energy, words), _short(row.exact_net, words),
        )
        for row in rows
    )  # fmt: skip
    return [list(column) for column in zip(*cells, strict=True)]


def _charge(row: Row, invoice: Invoice, words: Words) -> dict[str, Any]:
    """What a driver must be able to read: where, when, how long, how much energy, and each part of the price."""
    minutes = rounded(Fraction((row.end - row.start) // timedelta(seconds=1), 60), 0)
    until = f"{row.end:%H:%M}" if row.end.date() == row.start.date() else _moment(row.end, words)
    return {
        "place": ", ".join(filter(None, (row.location, row.evse))),
        "facts": [
            f"{_moment(row.start, words)} – {until}",
            f"{words.figure(minutes)} {words.units['min']}",
            f"{_short(row.energy, words)} {words.units['kWh']}",
            words.one_charge.format(id=row.id),
            *([words.tariff.format(id=row.tariff)] if row.tariff else []),
        ],
        "components": [_component(each, invoice, words) for each in row.components],
        "total": _amounts([each.net for each in row.components], [each.gross for each in row.components], words),
    }


def _component(component: Component, invoice: Invoice, words: Words) -> list[str]:
    unit = {"ENERGY": words.units["kWh"], "FLAT": ""}.get(component.what, words.units["h"])
    quantity = "" if component.quantity is None else f"{_short(component.quantity, words)} {unit}".strip()
    price = ""
    if component.price is not None:
        price = f"{words.figure(component.price)} {invoice.currency}" + (f"/{unit}" if unit else "")
        price += f" {words.price_with_vat}" if component.price_has_vat else ""
    return [words.components[component.what], quantity, price, *_amounts([component.net], [component.gross], words)]


def _amounts(nets: Sequence[Decimal], grosses: Sequence[Decimal | None], words: Words) -> list[str]:
    """Before and with VAT, the latter a dash where it is not known."""
    known = [gross for gross in grosses if gross is not None]
    with_vat = _short(sum(known, Decimal(0)), words) if len(known) == len(grosses) else "–"
    return [_short(sum(nets, Decimal(0)), words), with_vat]


def _moment(moment: datetime, words: Words) -> str:
    return f"{words.day(moment.date())} {moment:%H:%M}"


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    if not text:
        return "–"
    return text if len(text) <= most else text[: most - 1] + "…"


def _short(value: Decimal, words: Words) -> str:
    """Exact up to six decimals; what is not says so."""
    if int(value.as_tuple().exponent) >= -6:
        return words.figure(value)
    near = rounded(Fraction(value), 6)
    return words.figure(near) if near == value else f"≈\N{NO-BREAK SPACE}{words.figure(near)}"


def _address(party: Company, words: Words) -> list[str]:
    place = " ".join(filter(None, (party.postcode, party.city)))
    lines = [party.name, party.street, party.street2, place, party.country.upper()]
    if party.legal_id:
        lines.append(f"{words.registration} {party.legal_id}")
    if party.vat_id:
        lines.append(f"{words.vat_number} {party.vat_id}")
    return [line for line in lines if line]


def _facts(invoice: Invoice, words: Words) -> list[list[str]]:
    preceding = (f"{each.number} {words.credits_of} {words.day(each.issued_on)}" for each in invoice.preceding)
    facts = [
        (words.issued, words.day(invoice.issued_on)),
        (words.due, words.day(invoice.due_on) if invoice.due_on else None),
        (words.period, words.days(invoice.period_begin, invoice.period_end)),
        (words.buyer_reference, invoice.buyer_reference),
        (words.order, invoice.order_reference),
        (words.contract, invoice.contract_reference),
        (words.credits, ", ".join(preceding)),
    ]
    return [[name, value] for name, value in facts if value]


def _line(line: Line, words: Words) -> list[str]:
    about = ", ".join(filter(None, (line.description, words.days(line.begin, line.end))))
    vat = "–" if line.category == "O" else f"{line.category} {_rate(line.rate, words)}"
    energy = words.figure(line.energy)
    return [line.id, line.name, about, str(line.charges), energy, vat, words.money(line.amount)]


def _totals(invoice: Invoice, words: Words) -> list[list[str]]:
    rows = [[words.net, words.money(invoice.net)], [words.vat, words.money(invoice.tax)]]
    if invoice.payable_rounding or invoice.paid:
        rows.append([words.total, words.money(invoice.total)])
    if invoice.payable_rounding:
        rows.append([words.rounding, words.money(invoice.payable_rounding)])
    if invoice.how_paid is not None:
        rows.append([invoice.how_paid, words.money(-invoice.paid_amount)])
    what = words.to_credit if invoice.is_credit_note else words.to_pay
    return [*rows, [f"{what}, {invoice.currency}", words.money(invoice.payable)]]


def _payment(invoice: Invoice, words: Words) -> list[list[str]]:
    seller = invoice.seller
    if invoice.debit is not None:
        rows = [(words.debit, invoice.buyer.iban), (words.mandate, invoice.debit.mandate)]
        rows.append((words.creditor, invoice.debit.creditor_id))
    elif not seller.iban or invoice.paid or invoice.is_credit_note:
        rows = []
    else:
        rows = [(words.account, seller.iban), ("BIC", seller.bic), (words.reference, invoice.number)]
    return [[name, value] for name, value in rows if value]


def _rate(rate: Decimal, words: Words) -> str:
    return f"{words.figure(rate)} %"
