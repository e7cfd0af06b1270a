"""What is posted in the ledger, in the transaction in which it happens.

    what happens                                 what is posted
    a CDR of ours, with a token of a partner     receivable cdr
    a CDR of a partner                           payable cdr
    an invoice of ours to a partner              receivable invoice; it gathers its CDRs
    an invoice that we write for a partner       payable invoice; it gathers its CDRs
    such an invoice is cancelled                 its entry is taken back, its CDRs are free for another
    such an invoice is paid                      payment, of what is open

A charge with a token of our own is owed by no partner, and a driver's invoice is to none: neither is in this book. What
costs nothing is not posted. Partners' own invoices: `roaming/invoicereconciliation/incoming.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from evmesh.billing import checks, ledger
from evmesh.billing.errors import BillingError
from evmesh.billing.invoice import Invoice
from evmesh.billing.ledger import Entry, Side
from evmesh.ports import Document, Partner
from evmesh.roaming.node import Node
from evmesh.store import ledger as book
from evmesh.store import objects, partners
from evmesh.store.invoices import Issued
from evmesh.store.ledger import Posted
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx


def claimed(tx: Tx, partner: Partner, held: Held, cdr: Document) -> None:
    """A partner's CDR is new here."""
    entry = _of_cdr("payable", held, cdr)
    if entry is not None:
        book.post(tx, partner.id, entry)


def charged(tx: Tx, node: Node, held: Held, cdr: Document, known: Sequence[Partner]) -> None:
    """A CDR of ours was stored. One that replaces another before it was billed takes that back; `known` are the
    partners at hand."""
    partner = _who_pays(tx, node, held, known)
    if partner is None:
        return
    entry = _of_cdr("receivable", held, cdr)
    if entry is not None and book.post(tx, partner.id, entry) is not None:
        return
    before = book.find(tx, partner.id, "receivable", "cdr", subject(held))
    if before is not None and before.entry != entry and before.gathered_by is None:
        book.reverse(tx, before)
        if entry is not None:
            book.post(tx, partner.id, entry)


def subject(held: Held) -> str:
    """How the book names a CDR."""
    return f"{held.owner}*{held.id}"


def _of_cdr(side: Side, held: Held, cdr: Document) -> Entry | None:
    net = checks.net_total(cdr)
    if not net:
        return None
    takes_back = cdr.get("credit_reference_id") if cdr.get("credit") else None
    return ledger.cdr(side, subject(held), str(cdr.get("currency")), net, takes_back=takes_back)


def _who_pays(tx: Tx, node: Node, held: Held, known: Sequence[Partner]) -> Partner | None:
    """The partner whose token it was."""
    country_code, _, party_id = (held.token_party or "").partition("*")
    if not party_id or node.ours((country_code, party_id)) is not None:
        return None
    party = country_code, party_id
    at_hand = next((each for each in known if each.owns(party)), None)
    return at_hand or next((each for each in partners.all_partners(tx) if each.owns(party)), None)


def invoiced(tx: Tx, partner_id: int, invoice: Invoice) -> None:
    """An invoice between us and a partner was issued. A CDR that is older than the partner's connection is posted with
    it, and taken back where it was posted for a former connection. BilledAlready when one stands on an invoice in the
    book."""
    side: Side = "payable" if invoice.direction == "self_billing" else "receivable"
    sign = -1 if invoice.is_credit_note else 1
    cdrs = [
        ledger.cdr(side, _named(row.key), invoice.currency, sign * Fraction(row.exact_net))
        for row in invoice.rows
        if row.exact_net
    ]
    posted = book.find_all(tx, partner_id, f"{side} cdr", [entry.subject for entry in cdrs])
    there = {each.entry.subject for each in posted}
    missing = [entry for entry in cdrs if entry.subject not in there]
    subjects = [entry.subject for entry in missing]
    former = _of_former_connections(tx, f"{side} cdr", subjects)
    for each in former:
        if each.gathered_by is None:
            book.reverse(tx, each)
    book.post_all(tx, partner_id, missing)
    posted += book.find_all(tx, partner_id, f"{side} cdr", subjects)
    posted += [each for each in former if each.gathered_by is not None]
    billed = [each for each in posted if each.gathered_by is not None]
    if billed:
        other = next(each for each in book.invoices(tx) if each.id == billed[0].gathered_by)
        raise book.BilledAlready(
            f"{len(billed)} of {len(posted)} CDRs stand on an invoice already, such as {billed[0].entry.subject} on "
            f"{other.entry.subject}"
        )
    entry = ledger.invoice(
        side,
        invoice.number,
        invoice.currency,
        ledger.total(each.entry for each in posted),
        net=sign * Fraction(invoice.net),
        tax=sign * Fraction(invoice.tax),
        rounding=sign * Fraction(invoice.payable_rounding),
        day=invoice.issued_on,
    )
    id = book.post(tx, partner_id, entry)
    if id is None:
        raise BillingError(f"the ledger has an invoice {invoice.number} that the partner wrote: see evmesh reconcile")
    book.gather(tx, [each.id for each in posted], id)


def _of_former_connections(tx: Tx, kind: str, subjects: Sequence[str]) -> list[Posted]:
    """What stands in the book for partners that were removed; one of them may have come back."""
    gone = [each.id for each in partners.all_partners(tx, removed=True) if each.status == "removed"]
    return [posted for id in gone for posted in book.find_all(tx, id, kind, subjects)]


def _named(key: str) -> str:
    country_code, party_id, id = key.split("*", 2)
    return f"{objects.party(country_code, party_id)}*{id}"


def moved(tx: Tx, invoice: Issued) -> None:
    """An invoice of ours, or that we wrote, was cancelled or paid."""
    side: Side = "payable" if invoice.direction == "self_billing" else "receivable"
    posted = book.find(tx, invoice.partner_id, side, "invoice", invoice.number)
    if posted is None:
        return
    if invoice.state == "cancelled":
        book.reverse(tx, posted)
    elif invoice.state == "paid":
        book.pay(tx, posted)
