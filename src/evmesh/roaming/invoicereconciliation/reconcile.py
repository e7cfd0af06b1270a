"""A partner's record recomputed from the CDRs that we hold.

Direct billing: the CDRs are the partner's, which it sent us. Reverse billing: they are ours, charged with the partner's
tokens. A list that does not fit opens the fault `invoice_cdrs_disagree`, which ends when it fits: CDRs often come later
than the invoice.
"""

from __future__ import annotations

from collections.abc import Mapping

from evmesh.ocpi import wire
from evmesh.ports import Document, Partner
from evmesh.roaming.invoicereconciliation.compare import Comparison, compare
from evmesh.store import faults, objects, recorded_cdrs
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

KIND = "invoicereconciliation"
WRONG_CDRS = "invoice_cdrs_disagree"


def look_at(tx: Tx, partner: Partner, record: Held) -> tuple[Comparison, list[Held]]:
    """What the record says against what we hold now, and the CDRs that it means; opens or closes the fault."""
    said = wire.decode(record.document)
    ids = [str(id) for id in said.get("cdrs") or ()]
    meant = {id.casefold(): _cdr(tx, record, id) for id in ids}
    seqs = {id: None if cdr is None else cdr.seq for id, cdr in meant.items()}
    recorded_cdrs.keep(tx, record.seq, partner.id, invoice_id(said).casefold(), seqs)
    known = {id: cdr for id, cdr in meant.items() if cdr is not None}
    documents = {id: wire.decode(cdr.document) for id, cdr in known.items()}
    comparison = compare(ids, documents, _elsewhere(tx, record))
    if comparison.sound:
        faults.close_fault(tx, WRONG_CDRS, _subject(partner, record))
    else:
        faults.open_fault(tx, WRONG_CDRS, _subject(partner, record), str(comparison), partner_id=partner.id)
    return comparison, list(known.values())


def forget(tx: Tx, partner: Partner, record: Held) -> None:
    """The record was an error: nothing is wrong with it any more."""
    recorded_cdrs.forget(tx, record.seq)
    faults.close_fault(tx, WRONG_CDRS, _subject(partner, record))


def invoice_id(record: Document) -> str:
    return str(record.get("invoice_id"))


def means(record: Held, cdr: Held) -> bool:
    """Whether a CDR of an id that the record lists is the one that it means: the sender's, or one of ours that was
    charged with a token of the sender's."""
    if cdr.partner_id == record.partner_id:
        return cdr.owner == record.owner
    return cdr.partner_id == OURS and cdr.token_party == record.owner


def _cdr(tx: Tx, record: Held, id: str) -> Held | None:
    """The CDR that the record means, the sender's before one of ours."""
    found = [cdr for cdr in objects.find(tx, "cdrs", id) if means(record, cdr)]
    return max(found, key=lambda cdr: cdr.partner_id, default=None)


def _elsewhere(tx: Tx, record: Held) -> Mapping[str, str]:
    """Which of the CDRs stand on other records of the same party, and on which invoice."""
    found: dict[str, str] = {}
    for id, others in recorded_cdrs.sharing(tx, record.seq).items():
        for seq in others:
            other = objects.by_seq(tx, seq)
            if other is not None and (other.partner_id, other.owner) == (record.partner_id, record.owner):
                found.setdefault(id, invoice_id(wire.decode(other.document)))
    return found


def _subject(partner: Partner, record: Held) -> str:
    return f"{partner.name}: {KIND} {record.owner}*{record.id}"
