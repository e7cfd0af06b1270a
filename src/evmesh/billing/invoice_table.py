"""Invoices as tables: one row for each invoice, or for each of its lines, in columns that stay what they are.

Amounts are as they stand on the document: a credit note says what is given back as positive amounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from evmesh.billing.columns import Cell, Column
from evmesh.billing.invoice import Invoice

_ABOUT = (
    Column("number"),
    Column("type_code"),
    Column("direction"),
    Column("other_party"),
    Column("state"),
    Column("issued_on", "day"),
    Column("currency"),
)
"""What every row of both tables begins with."""

INVOICES = (
    *_ABOUT,
    Column("due_on", "day"),
    Column("period_begin", "day"),
    Column("period_end", "day"),
    Column("charges", "number"),
    Column("energy_kwh", "number"),
    Column("net", "number"),
    Column("vat", "number"),
    Column("total", "number"),
    Column("payable_rounding", "number"),
    Column("payable", "number"),
    Column("exact_net", "number"),
    Column("rounding_difference", "number"),
    Column("seller"),
    Column("seller_vat_id"),
    Column("buyer"),
    Column("buyer_vat_id"),
    Column("buyer_reference"),
    Column("paid_by"),
    Column("credits"),
)

LINES = (
    *_ABOUT,
    Column("line"),
    Column("supply"),
    Column("description"),
    Column("charges", "number"),
    Column("energy_kwh", "number"),
    Column("net", "number"),
    Column("vat_category"),
    Column("vat_rate", "number"),
    Column("begin", "day"),
    Column("end", "day"),
)


def invoice_row(invoice: Invoice, *, other_party: str, state: str) -> tuple[Cell, ...]:
    """The cells of INVOICES."""
    return (
        *_about(invoice, other_party, state),
        invoice.due_on,
        invoice.period_begin,
        invoice.period_end,
        Decimal(len(invoice.rows)),
        sum((line.energy for line in invoice.lines), Decimal(0)),
        invoice.net,
        invoice.tax,
        invoice.total,
        invoice.payable_rounding,
        invoice.payable,
        invoice.exact_net,
        invoice.rounding_difference,
        invoice.seller.name,
        invoice.seller.vat_id,
        invoice.buyer.name,
        invoice.buyer.vat_id,
        invoice.buyer_reference,
        invoice.paid_by,
        " ".join(each.number for each in invoice.preceding) or None,
    )


def line_rows(invoice: Invoice, *, other_party: str, state: str) -> Iterator[tuple[Cell, ...]]:
    """The cells of LINES, for each line."""
    for line in invoice.lines:
        yield (
            *_about(invoice, other_party, state),
            line.id,
            line.name,
            line.description,
            Decimal(line.charges),
            line.energy,
            line.amount,
            line.category,
            line.rate,
            line.begin,
            line.end,
        )


def _about(invoice: Invoice, other_party: str, state: str) -> tuple[Cell, ...]:
    kind = invoice.type_code, invoice.direction
    return (invoice.number, *kind, other_party, state, invoice.issued_on, invoice.currency)
