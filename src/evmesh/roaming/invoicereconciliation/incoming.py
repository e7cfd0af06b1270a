"""Partners' invoices: what their records list, what the documents say, and what of it stands in the ledger.

    what happens                             what follows
    a record comes, changes                  its list is held against our CDRs, the amounts against their sum
    a person says what the document says     the invoice is posted and gathers the CDRs of its records
    other amounts are said                   the first entry is taken back, another posted
    a CDR comes that a record waits for      the same is looked at again, once none is missing any more
    a record is deleted                      the last one takes the invoice with it, out of the book
    the invoice is paid                      payment, of what is open

Records and amounts come in any order. An invoice is a partner's, by its number without case (the book has it in
capitals); it may have a record for each of the partner's parties. What it asks for beyond its CDRs is posted on
`differences`, and a fault says so:

| kind of fault | when |
|---|---|
| invoice_disagrees | the amount on the invoice document is not the sum of its CDRs |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from evmesh.billing import ledger
from evmesh.billing.errors import BillingError
from evmesh.billing.ledger import Entry, Side
from evmesh.billing.money import decimal
from evmesh.ocpi import wire
from evmesh.ports import Partner
from evmesh.roaming.cdrs import posting
from evmesh.roaming.invoicereconciliation import reconcile
from evmesh.roaming.invoicereconciliation.compare import Comparison, Difference, together
from evmesh.store import faults, invoices, objects, partners, recorded_cdrs
from evmesh.store import ledger as book
from evmesh.store.ledger import Posted
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx, now

WRONG_AMOUNT = "invoice_disagrees"
SIDES: tuple[Side, ...] = ("payable", "receivable")
"""A partner bills us its charges, or writes our invoice to it for ours (reverse billing)."""


class CannotReconcile(BillingError):
    """The invoice is not known, or not a partner's; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an invoice document says. `after_taxes` is None where no tax stands on it."""

    currency: str
    before_taxes: Decimal
    after_taxes: Decimal | None
    day: date

    @property
    def tax(self) -> Fraction:
        return Fraction(0) if self.after_taxes is None else Fraction(self.after_taxes) - Fraction(self.before_taxes)


@dataclass(frozen=True, slots=True)
class Received:
    """A partner's invoice. `said` is None until somebody told what stands on it; `differences` are of that from the
    CDRs, and nothing while no record has come. `open`: what is to be paid yet."""

    partner: Partner
    number: str
    side: Side
    records: tuple[Held, ...]
    comparison: Comparison
    said: Said | None
    differences: tuple[Difference, ...]
    open: Decimal

    @property
    def agrees(self) -> bool:
        return self.comparison.sound and not self.differences


def told(tx: Tx, partner: Partner, record: Held) -> None:
    """A record came, or has changed."""
    before = recorded_cdrs.invoice_of(tx, record.seq)
    number = _number(record)
    look_at(tx, partner, number, record)
    if before not in (None, number.casefold()):
        look_at(tx, partner, str(before))


def forgotten(tx: Tx, partner: Partner, record: Held) -> None:
    """A record was deleted: it was an error, and so was its invoice when that has no other."""
    number = _number(record)
    shared = {seq for others in recorded_cdrs.sharing(tx, record.seq).values() for seq in others}
    reconcile.forget(tx, partner, record)
    if recorded_cdrs.records_of(tx, partner.id, number.casefold()):
        look_at(tx, partner, number)
    else:
        withdraw(tx, partner, number)
    for seq in sorted(shared):
        other = objects.by_seq(tx, seq)
        if other is not None and other.partner_id == partner.id:
            look_at(tx, partner, _number(other))


def arrived(tx: Tx, cdr: Held) -> None:
    """A CDR is new here: is it one that a record waits for?"""
    for seq in recorded_cdrs.awaiting(tx, cdr.id):
        record = objects.by_seq(tx, seq)
        if record is None or not reconcile.means(record, cdr):
            continue
        if recorded_cdrs.arrived(tx, seq, cdr.id, cdr.seq):
            partner = partners.get(tx, record.partner_id)
            assert partner is not None, "partners stay in the table"
            look_at(tx, partner, _number(record))


def known(tx: Tx) -> list[tuple[Partner, str]]:
    """Every invoice that a record or the book tells of."""
    found: dict[tuple[int, str], None] = dict.fromkeys(recorded_cdrs.invoices(tx))
    for posted in book.invoices(tx):
        if not _we_wrote(tx, posted):
            found.setdefault((posted.partner_id, posted.entry.subject.casefold()))
    named = {each.id: each for each in partners.all_partners(tx, removed=True)}
    return [(named[partner_id], number) for partner_id, number in found]


def look_at(tx: Tx, partner: Partner, number: str, new: Held | None = None) -> Received:
    """Hold the invoice against our CDRs, and bring its faults and its entry up to date; `new` is a record of it that
    has just come."""
    listed = _listed(tx, partner, number, new)
    posted = _posted(tx, partner, number)
    return _settled(tx, partner, number, listed, posted, None if posted is None else _said(posted.entry))


def say(
    tx: Tx,
    partner: Partner,
    number: str,
    *,
    before_taxes: Decimal,
    after_taxes: Decimal | None = None,
    currency: str | None = None,
    day: date | None = None,
) -> Received:
    """What the invoice document says; `currency` is the CDRs' where it is not said, `day` today. The same again changes
    nothing, other amounts take the place of the former. CannotReconcile when the currency cannot be told, or when we
    wrote an invoice of that number."""
    listed = _listed(tx, partner, number)
    posted = _posted(tx, partner, number)
    before = None if posted is None else _said(posted.entry)
    if currency is None and before is not None and len(listed.comparison.sums) != 1:
        currency = before.currency
    try:
        currency = listed.comparison.currency(currency)
    except ValueError as error:
        raise CannotReconcile(f"invoice {number}: {error}") from None
    day = day or (now(tx).date() if before is None else before.day)
    said = Said(currency, before_taxes, None if after_taxes == before_taxes else after_taxes, day)
    return _settled(tx, partner, number, listed, posted, said)


def pay(tx: Tx, partner: Partner, number: str, day: date | None = None) -> Decimal:
    """The invoice was paid: how much of it was open. CannotReconcile when nobody said what stands on it."""
    posted = _posted(tx, partner, number)
    if posted is None:
        raise CannotReconcile(f"invoice {number} of {partner.name}: say first what it amounts to")
    return book.pay(tx, posted, day)


def withdraw(tx: Tx, partner: Partner, number: str) -> bool:
    """The invoice was an error; False when it was not in the book."""
    faults.close_fault(tx, WRONG_AMOUNT, _subject(partner, number))
    posted = _posted(tx, partner, number)
    if posted is None:
        return False
    book.reverse(tx, posted)
    return True


@dataclass(frozen=True, slots=True)
class _Listed:
    records: tuple[Held, ...]
    comparison: Comparison
    cdrs: list[Held]


def _listed(tx: Tx, partner: Partner, number: str, new: Held | None = None) -> _Listed:
    """The records of an invoice, each looked at anew."""
    seqs = {*recorded_cdrs.records_of(tx, partner.id, number.casefold()), *([] if new is None else [new.seq])}
    records = [held for seq in sorted(seqs) if (held := objects.by_seq(tx, seq)) is not None]
    looked = [reconcile.look_at(tx, partner, held) for held in records]
    cdrs = [cdr for _, each in looked for cdr in each]
    return _Listed(tuple(records), together([comparison for comparison, _ in looked]), cdrs)


def _settled(
    tx: Tx, partner: Partner, number: str, listed: _Listed, posted: Posted | None, said: Said | None
) -> Received:
    ours = any(cdr.partner_id == OURS for cdr in listed.cdrs)
    side: Side = "receivable" if ours or not (listed.cdrs or partner.plays("CPO")) else "payable"
    differences: list[Difference] = []
    left = Decimal(0)
    if said is not None:
        if listed.records:
            differences = listed.comparison.differences(
                said.currency, before_taxes=said.before_taxes, after_taxes=said.after_taxes
            )
        posted = _post(tx, partner, number, side, listed, posted, said)
        left = ledger.still_open(posted.entry, book.payments(tx, posted))
    if differences:
        detail = "; ".join(map(str, differences))
        faults.open_fault(tx, WRONG_AMOUNT, _subject(partner, number), detail, partner_id=partner.id)
    else:
        faults.close_fault(tx, WRONG_AMOUNT, _subject(partner, number))
    name = _number(listed.records[0]) if listed.records else number.upper()
    return Received(partner, name, side, listed.records, listed.comparison, said, tuple(differences), left)


def _post(
    tx: Tx, partner: Partner, number: str, side: Side, listed: _Listed, before: Posted | None, said: Said
) -> Posted:
    """The entry of the invoice as it is now, with the CDRs that stand on no other."""
    subjects = [posting.subject(cdr) for cdr in listed.cdrs]
    mine = [
        posted
        for posted in book.find_all(tx, partner.id, f"{side} cdr", subjects)
        if posted.gathered_by in (None, before and before.id) and posted.entry.currency == said.currency
    ]
    gathered, net = ledger.total(posted.entry for posted in mine), Fraction(said.before_taxes)
    rounds = bool(mine) and abs(net - gathered) <= listed.comparison.tolerance(said.currency)
    entry = ledger.invoice(
        side,
        number.upper(),
        said.currency,
        gathered,
        net=net,
        tax=said.tax,
        left_over="rounding" if rounds else "differences",
        day=said.day,
    )
    ids = {posted.id for posted in mine}
    if before is not None:
        if before.entry == entry and book.gathered(tx, before.id) == ids:
            return before
        book.reverse(tx, before)
    id = book.post(tx, partner.id, entry)
    if id is None:
        raise CannotReconcile(f"invoice {number} is one that we wrote ourselves: see `evmesh invoice show`")
    book.gather(tx, sorted(ids), id)
    return Posted(id, partner.id, now(tx), entry, None)


def _posted(tx: Tx, partner: Partner, number: str) -> Posted | None:
    """What stands in the book of the partner's invoice. Numbers are kept in capitals."""
    for side in SIDES:
        found = book.find(tx, partner.id, side, "invoice", number.upper())
        if found is not None and not _we_wrote(tx, found):
            return found
    return None


def _we_wrote(tx: Tx, posted: Posted) -> bool:
    issued = invoices.find(tx, posted.entry.subject)
    direction = "self_billing" if posted.entry.side == "payable" else "sale"
    return issued is not None and (issued.partner_id, issued.direction) == (posted.partner_id, direction)


def _said(entry: Entry) -> Said:
    tax = Fraction(entry.on("vat_paid")) - Fraction(entry.on("vat_owed"))
    total = Fraction(ledger.owed(entry))
    assert entry.day is not None, "an invoice has a day"
    return Said(entry.currency, decimal(total - tax), decimal(total) if tax else None, entry.day)


def _number(record: Held) -> str:
    return reconcile.invoice_id(wire.decode(record.document))


def _subject(partner: Partner, number: str) -> str:
    return f"{partner.name}: invoice {number.upper()}"
