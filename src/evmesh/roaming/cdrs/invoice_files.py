"""The documents of an invoice as it goes out: made once from what was stored, then kept and given out unchanged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from evmesh.billing import einvoice, rules
from evmesh.billing.errors import BreaksRules, CannotInvoice
from evmesh.billing.invoice import Invoice, read
from evmesh.billing.pdf import pdf
from evmesh.billing.settings import Billing
from evmesh.store import invoices, partners

if TYPE_CHECKING:
    from evmesh.roaming.cdrs.invoicing import Month
    from evmesh.store.database import Store
    from evmesh.store.invoices import Issued

Format = Literal["pdf", "ubl", "cii", "json", "csv"]
SUFFIXES: dict[Format, str] = {"pdf": ".pdf", "ubl": ".ubl.xml", "cii": ".cii.xml", "json": ".json", "csv": ".csv"}


async def listed(
    store: Store, *, partner: str | None = None, month: Month | None = None, state: str | None = None
) -> list[Issued]:
    """Invoices in the order in which they were issued: of one partner or driver, of charges of a month, in a state.
    CannotInvoice when nobody is called so."""
    found: list[Issued] = []
    names = {each.name for each in await store.read(lambda tx: partners.all_partners(tx, removed=True))}
    last = 0
    while page := await store.read(partial(invoices.listing, after_id=last, limit=500)):
        last = page[-1].id
        names.update(each.other_party for each in page)
        found += [
            each
            for each in page
            if partner in (None, each.other_party)
            and state in (None, each.state)
            and (month is None or month.holds(each.period_end))
        ]
    if partner is not None and partner not in names:
        raise CannotInvoice(f"there is no partner {partner}, and no invoice to a driver of that contract")
    return found


async def stored(store: Store, number: str) -> tuple[Issued, Invoice]:
    """The invoice of that number; NoSuchInvoice."""
    issued = await store.read(lambda tx: invoices.by_number(tx, number))
    return issued, read(await store.read(lambda tx: invoices.model(tx, issued.id)))


async def document(store: Store, billing: Billing, number: str, format: Format) -> bytes:
    """The file in that format. An XML that the official rules refuse is not given out: BreaksRules."""
    issued, invoice = await stored(store, number)
    if format == "json":
        return (await store.read(lambda tx: invoices.model(tx, issued.id))).encode() + b"\n"
    if format == "csv":
        return einvoice.annex_csv(invoice)
    kept = await store.read(lambda tx: invoices.document(tx, issued.id, format))
    if kept is None:
        kept = made(invoice, billing, format)
        content = kept
        await store.write(lambda tx: invoices.keep_document(tx, issued.id, format, content))
    return kept


def made(invoice: Invoice, billing: Billing, format: Literal["pdf", "ubl", "cii"]) -> bytes:
    """The document anew: the same bytes as before."""
    if format == "pdf":
        return pdf(invoice, page=billing.page, annex=billing.attach_cdrs)
    content = (einvoice.ubl if format == "ubl" else einvoice.cii)(invoice, annex=billing.attach_cdrs)
    if rules.can_check() and (broken := rules.breaches(content, format)):
        raise BreaksRules(f"invoice {invoice.number} in {format.upper()}", broken)
    return content
