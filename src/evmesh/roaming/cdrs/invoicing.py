"""Invoicing the charges of a month: which CDRs, whose documents, and the numbers that they take.

CDRs that stand on no invoice yet ──▶ drafts, by currency, credits apart ──▶ the official rules ──▶ number and store

Charges that came in after the month was invoiced get an invoice of their own when the month is run again; a run with
nothing new changes nothing. A CDR that no invoice can take is left out and told, and the others are invoiced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from evmesh.billing import einvoice, numbers, rules
from evmesh.billing.draft import Charge, Terms, draft
from evmesh.billing.errors import BillingError, BreaksRules, CannotInvoice
from evmesh.billing.invoice import Company, DirectDebit, Direction, Invoice, Preceding, text
from evmesh.billing.settings import Billing, Customer
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.zones import UnknownZone, time_zone
from evmesh.roaming.cdrs import posting
from evmesh.roaming.cdrs.billable import Chosen, choose
from evmesh.roaming.invoicereconciliation.sender import publish_record, retract_record
from evmesh.store import invoices, objects, partners
from evmesh.store.invoices import Issued, NewInvoice, NumberTaken, Side, State

if TYPE_CHECKING:
    from evmesh.ports import Document, Partner
    from evmesh.roaming.node import Node
    from evmesh.store.database import Store
    from evmesh.store.transaction import Tx

_TRIES = 20
UNNUMBERED = "DRAFT"


class Month(msgspec.Struct, frozen=True):
    """A calendar month, `2026-05`."""

    year: int
    month: int

    @classmethod
    def read(cls, text: str) -> Month:
        """ValueError when it is no month."""
        moment = datetime.strptime(text, "%Y-%m")
        if moment.year == datetime.max.year:
            raise ValueError("a month needs one after it")
        return cls(moment.year, moment.month)

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return (self.first + timedelta(days=32)).replace(day=1) - timedelta(days=1)

    def holds(self, day: str) -> bool:
        """Whether a day, `2026-05-03`, is in it."""
        return day[:7] == f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be invoiced: to a partner, by a partner to us, or to a driver."""

    direction: Direction
    customer: Customer
    partner: Partner | None
    month: Month
    issued_on: date
    per_session: bool = False
    tariffs: Sequence[Document] = ()
    """What a driver pays, instead of what the CDRs cost."""

    @property
    def side(self) -> Side:
        return "driver" if self.direction == "driver" else "partner"

    @property
    def other_party(self) -> str:
        return self.partner.name if self.partner is not None else str(self.customer.contract)


@dataclass(slots=True)
class Result:
    """What came of it. `drafts` is filled instead of `issued` where nothing was to be stored."""

    issued: list[Issued] = field(default_factory=list)
    drafts: list[Invoice] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    already: int = 0
    free: int = 0
    checked: bool = True
    """Whether the official rules were there to check by."""


async def order_for_partner(
    store: Store, billing: Billing, name: str, month: Month, today: date, *, self_billing: bool, per_session: bool
) -> Order:
    """CannotInvoice when there is no such partner, or the settings do not say who it is."""
    known = await store.read(lambda tx: partners.all_partners(tx, removed=True))
    partner = partners.latest(each for each in known if each.name == name)
    if partner is None:
        raise CannotInvoice(f"there is no partner {name}")
    customer = next((each for each in billing.customer if each.partner == name), None)
    if customer is None:
        raise CannotInvoice(f"the settings do not say who {name} is to a tax office: add a [[billing.customer]]")
    return Order(
        direction="self_billing" if self_billing else "sale",
        customer=customer,
        partner=partner,
        month=month,
        issued_on=today,
        per_session=per_session,
    )


def order_for_driver(
    billing: Billing,
    tariffs: Mapping[str, Sequence[Document]],
    contract: str,
    month: Month,
    today: date,
    *,
    per_session: bool,
) -> Order:
    """`tariffs` by the names that the settings give them. CannotInvoice when they do not know the contract."""
    wanted = contract.casefold()
    customer = next((each for each in billing.customer if (each.contract or "").casefold() == wanted), None)
    if customer is None:
        raise CannotInvoice(f"the settings do not say whose contract {contract} is: add a [[billing.customer]]")
    chosen = [tariff for name in customer.tariffs or billing.driver_tariffs for tariff in tariffs[name]]
    currencies = sorted({str(tariff.get("currency")) for tariff in chosen})
    if len(currencies) > 1:
        raise CannotInvoice(f"the tariffs of {customer.name} are in {' and '.join(currencies)}: a driver pays in one")
    return Order(
        direction="driver",
        customer=customer,
        partner=None,
        month=month,
        issued_on=today,
        per_session=per_session,
        tariffs=chosen,
    )


def today(billing: Billing, moment: datetime) -> date:
    """The day at a moment, where the settings' time zone is."""
    return moment.astimezone(zone_of(billing)).date()


def zone_of(billing: Billing) -> tzinfo:
    """Whose months and days they are."""
    try:
        return time_zone(billing.time_zone)
    except UnknownZone as error:
        raise CannotInvoice(f"billing.time_zone: {error}") from None


async def run(
    node: Node,
    billing: Billing,
    orders: Sequence[Order],
    *,
    dry: bool = False,
    found: Callable[[int], None] = lambda count: None,
) -> Result:
    """Invoice what is not invoiced yet: a partner's month, or that of some drivers; `found` hears how many CDRs were
    looked at. Of several drivers, one that cannot be invoiced does not keep the others from their invoices."""
    result = Result(checked=rules.can_check())
    if not orders:
        return result
    chosen = await choose(node.store, orders, zone_of(billing), result, found)
    for order, of_order in zip(orders, chosen, strict=True):
        try:
            await _invoice(node, billing, order, of_order, result, dry)
        except CannotInvoice as error:
            if len(orders) == 1:
                raise
            result.left_out += [(each.charge.key, str(error)) for each in of_order]
    return result


async def _invoice(
    node: Node, billing: Billing, order: Order, chosen: Sequence[Chosen], result: Result, dry: bool
) -> None:
    """Invoices before credit notes."""
    if billing.company is None:
        raise CannotInvoice("the settings do not say who we are to a tax office: add [billing.company]")
    groups = []
    for group in _groups(chosen, order.per_session):
        if any(each.charge.net for each in group):
            groups.append(group)
        else:
            result.free += len(group)
    if len(groups) > 1 and not order.per_session:
        # All of a month or nothing: what one currency lacks is told before another has taken a number.
        for group in groups:
            terms = _terms(billing, billing.company, order, group[0].charge.currency)
            _draft(billing, order, terms, group, UNNUMBERED, (), result.checked)
    for group in groups:
        try:
            terms = _terms(billing, billing.company, order, group[0].charge.currency)
            if dry:
                charges = [each.charge for each in group]
                preceding = await node.store.read(partial(_preceding, charges=charges, side=order.side))
                result.drafts.append(_draft(billing, order, terms, group, UNNUMBERED, preceding, result.checked))
            else:
                result.issued.append(await _issue(node, billing, order, terms, group, result.checked))
        except CannotInvoice as error:
            if not order.per_session:
                raise
            result.left_out += [(each.charge.key, str(error)) for each in group]


async def _issue(
    node: Node, billing: Billing, order: Order, terms: Terms, group: Sequence[Chosen], check: bool
) -> Issued:
    """Draft with the next number, and draft anew when somebody else took it meanwhile."""
    series = numbers.series(_pattern(billing, order, group), order.issued_on, order.other_party)
    charges, seqs = [each.charge for each in group], [each.seq for each in group]
    for _ in range(_TRIES):
        count = await node.store.read(lambda tx: invoices.next_count(tx, series))
        preceding = await node.store.read(lambda tx: _preceding(tx, charges, order.side))
        made = _draft(billing, order, terms, group, numbers.number(series, count), preceding, check)
        new = _new(made, order, series, count)
        try:
            return await node.store.write(partial(_keep, node=node, order=order, made=made, new=new, seqs=seqs))
        except NumberTaken:
            continue
    raise BillingError(f"others keep taking the numbers of {series}: try again")


def _keep(tx: Tx, node: Node, order: Order, made: Invoice, new: NewInvoice, seqs: Sequence[int]) -> Issued:
    """Store an invoice; one between us and a partner is posted, and its record published."""
    issued = invoices.issue(tx, new, seqs, order.side)
    if order.partner is not None:
        posting.invoiced(tx, order.partner.id, made)
        publish_record(tx, node, made.number, seqs, order.partner)
    return issued


def mark(tx: Tx, node: Node, number: str, state: State) -> Issued:
    """Say that an invoice was sent, paid or cancelled; the ledger hears of it, and of a cancelled one the partner."""
    moved = invoices.move(tx, number, state)
    posting.moved(tx, moved)
    if state == "cancelled":
        retract_record(tx, node, number)
    return moved


def _draft(
    billing: Billing,
    order: Order,
    terms: Terms,
    group: Sequence[Chosen],
    number: str,
    preceding: Sequence[Preceding],
    check: bool,
) -> Invoice:
    days = billing.due_days if order.customer.due_days is None else order.customer.due_days
    made = draft(
        [each.charge for each in group],
        terms,
        number=number,
        issued_on=order.issued_on,
        due_on=order.issued_on + timedelta(days=days),
        period=None if order.per_session else (order.month.first, order.month.last),
        preceding=preceding,
    )
    if check:
        must_pass(made)
    return made


def must_pass(invoice: Invoice) -> None:
    """BreaksRules when its documents are not what the official rules let pass."""
    # The annex is no matter of these rules, and a long one would cost them minutes.
    for syntax, written in (("ubl", einvoice.ubl), ("cii", einvoice.cii)):
        broken = rules.breaches(written(invoice, annex=False), syntax)  # type: ignore[arg-type]
        if broken:
            raise BreaksRules(f"invoice {invoice.number} in {syntax.upper()}", broken)


def _terms(billing: Billing, company: Company, order: Order, currency: str) -> Terms:
    places = minor_unit(currency)
    if places is None:
        raise CannotInvoice(f"no currency is called {currency!r}")
    them = order.customer.company
    bought = order.direction == "self_billing"
    return Terms(
        direction=order.direction,
        seller=them if bought else company,
        buyer=company if bought else them,
        buyer_kind="business" if bought else order.customer.kind,
        rules=billing.vat,
        zone=zone_of(billing),
        places=places,
        line_limit=billing.line_limit,
        round_payable=billing.round_payable.get(currency),
        buyer_reference=order.customer.buyer_reference,
        order_reference=order.customer.order_reference,
        contract_reference=order.customer.contract_reference,
        language=order.customer.language,
        paid_by=order.customer.paid_by or billing.drivers_paid_by if order.direction == "driver" else None,
        debit=None if bought or currency != "EUR" else _debit(billing, order.customer),
    )


def _debit(billing: Billing, customer: Customer) -> DirectDebit | None:
    """SEPA, which knows euros alone."""
    if billing.creditor_id is None or customer.mandate is None or customer.iban is None:
        return None
    return DirectDebit(customer.mandate.id, billing.creditor_id)


def _pattern(billing: Billing, order: Order, group: Sequence[Chosen]) -> str:
    credit = group[0].charge.credits is not None
    patterns = billing.numbers
    if order.direction == "self_billing":
        return patterns.self_billed_credit_note if credit else patterns.self_billed
    if order.direction == "driver":
        return patterns.driver_credit_note if credit else patterns.driver
    return patterns.credit_note if credit else patterns.invoice


def _groups(chosen: Sequence[Chosen], per_session: bool) -> list[list[Chosen]]:
    """What stands together on a document: invoices first, so that a credit note can name them."""
    groups: dict[tuple[Any, ...], list[Chosen]] = {}
    for each in sorted(chosen, key=lambda each: (each.charge.start, each.charge.key)):
        charge = each.charge
        key = (charge.credits is not None, charge.currency, (charge.start, charge.key) if per_session else None)
        groups.setdefault(key, []).append(each)
    return [group for _, group in sorted(groups.items())]


def _preceding(tx: Tx, charges: Sequence[Charge], side: Side) -> list[Preceding]:
    """The invoices that the credited CDRs stand on."""
    numbers: dict[str, Preceding] = {}
    for charge in charges:
        if charge.credits is None:
            continue
        country_code, party_id, id = charge.credits.split("*", 2)
        for held in objects.find(tx, "cdrs", id, absent=True):
            if held.owner == objects.party(country_code, party_id) and (there := invoices.of_cdr(tx, held.seq, side)):
                numbers[there.number] = Preceding(there.number, date.fromisoformat(there.issued_on))
    return list(numbers.values())


def _new(made: Invoice, order: Order, series: str, count: int) -> NewInvoice:
    return NewInvoice(
        number=made.number,
        series=series,
        count=count,
        type_code=made.type_code,
        direction=made.direction,
        partner_id=order.partner.id if order.partner is not None else 0,
        other_party=order.other_party,
        issued_on=made.issued_on.isoformat(),
        period_begin=made.period_begin.isoformat(),
        period_end=made.period_end.isoformat(),
        currency=made.currency,
        net=f"{made.net:f}",
        tax=f"{made.tax:f}",
        total=f"{made.total:f}",
        payable=f"{made.payable:f}",
        rounding_difference=f"{made.rounding_difference:f}",
        charges=len(made.rows),
        model=text(made).decode(),
    )
