"""A partner's record recomputed from the CDRs that we hold.

Direct billing: the CDRs are the partner's, which it sent us. Reverse billing: they are ours, charged with the partner's
tokens. What does not fit opens a fault, which ends when it fits: CDRs often come later than the invoice.

| kind of fault | when |
|---|---|
| invoice_cdrs_disagree | a listed CDR is not known, or invoiced twice |
| invoice_disagrees | the amount on the invoice document is not the sum of its CDRs |
"""

from __future__ import annotations

from decimal import Decimal

from evmesh.ocpi import wire
from evmesh.ports import Document, Partner
from evmesh.roaming.invoicereconciliation.compare import TOLERANCE, Comparison, Difference, compare
from evmesh.store import faults, objects
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

KIND = "invoicereconciliation"
WRONG_CDRS = "invoice_cdrs_disagree"
WRONG_AMOUNT = "invoice_disagrees"
AT_ONCE = 500


def compared(tx: Tx, partner: Partner, held: Held) -> Comparison:
    """What the record says against what we hold now."""
    record = wire.decode(held.document)
    ids: list[str] = [str(id) for id in record.get("cdrs") or ()]
    found = {id.casefold(): cdr for id in ids if (cdr := _cdr(tx, partner, held, id)) is not None}
    return compare(ids, found, _elsewhere(tx, held, {id.casefold() for id in ids}))


def look_at(tx: Tx, partner: Partner, held: Held) -> Comparison:
    """The same; opens or closes the fault about the list."""
    comparison = compared(tx, partner, held)
    if comparison.sound:
        faults.close_fault(tx, WRONG_CDRS, _subject(partner, held))
    else:
        faults.open_fault(tx, WRONG_CDRS, _subject(partner, held), str(comparison), partner_id=partner.id)
    return comparison


def invoiced(
    tx: Tx,
    partner: Partner,
    held: Held,
    currency: str | None,
    *,
    before_taxes: Decimal | None = None,
    after_taxes: Decimal | None = None,
    tolerance: Decimal = TOLERANCE,
) -> list[Difference]:
    """What the invoice document says against its CDRs; opens or closes the fault about the amount.

    ValueError when the currency cannot be told.
    """
    comparison = look_at(tx, partner, held)
    apart = comparison.differences(currency, before_taxes=before_taxes, after_taxes=after_taxes, tolerance=tolerance)
    if apart:
        detail = "; ".join(map(str, apart))
        faults.open_fault(tx, WRONG_AMOUNT, _subject(partner, held), detail, partner_id=partner.id)
    else:
        faults.close_fault(tx, WRONG_AMOUNT, _subject(partner, held))
    return apart


def forget(tx: Tx, partner: Partner, held: Held) -> None:
    """The record was an error: nothing is wrong with it any more."""
    for kind in (WRONG_CDRS, WRONG_AMOUNT):
        faults.close_fault(tx, kind, _subject(partner, held))


def _subject(partner: Partner, held: Held) -> str:
    return f"{partner.name}: {KIND} {held.owner}*{held.id}"


def _cdr(tx: Tx, partner: Partner, record: Held, id: str) -> Document | None:
    """The CDR that the record means: of whoever sent the record, else of us with a token of the sender's."""
    ours: Document | None = None
    for held in objects.find(tx, "cdrs", id):
        if held.partner_id == partner.id and held.owner == record.owner:
            document: Document = wire.decode(held.document)
            return document
        if held.partner_id == OURS and held.token_party == record.owner:
            ours = wire.decode(held.document)
    return ours


def _elsewhere(tx: Tx, record: Held, wanted: set[str]) -> dict[str, str]:
    """Which of the CDRs stand on other records of the same party, and on which invoice."""
    found: dict[str, str] = {}
    after = 0
    while some := objects.listing(
        tx, KIND, partner_id=record.partner_id, owner=record.owner, after_seq=after, limit=AT_ONCE
    ):
        after = some[-1].seq
        for held in some:
            if held.seq == record.seq:
                continue
            other = wire.decode(held.document)
            for id in other.get("cdrs") or ():
                if isinstance(id, str) and id.casefold() in wanted:
                    found.setdefault(id.casefold(), str(other.get("invoice_id")))
    return found
