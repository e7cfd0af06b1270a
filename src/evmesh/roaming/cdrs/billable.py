"""Which CDRs an invoice takes: those of its month that stand on no invoice of that side yet, as charges.

Between us and a partner either may write the invoice: what stands on a record of the partner's is left out and told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from evmesh.billing.draft import Charge, read_charge
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.invoice import read
from evmesh.ocpi.wire import decode
from evmesh.pricing.zones import time_zone
from evmesh.roaming.cdrs import driver_price
from evmesh.store import invoices, objects, recorded_cdrs

if TYPE_CHECKING:
    from evmesh.ports import Document
    from evmesh.roaming.cdrs.invoicing import Order, Result
    from evmesh.store.database import Store
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    seq: int
    charge: Charge


async def choose(
    store: Store, orders: Sequence[Order], zone: tzinfo, result: Result, found: Callable[[int], None]
) -> list[list[Chosen]]:
    """The charges to invoice, for each order: one with a partner, or those of any number of drivers, of one month.

    `result` is told of the others, and `found` how many CDRs were looked at: each once, however many orders there are.
    """
    month = orders[0].month
    since = datetime.combine(month.first, time(), zone).astimezone(UTC)
    until = datetime.combine(month.last + timedelta(days=1), time(), zone).astimezone(UTC)
    look = partial(_page, orders=orders, concerned=_concerned(orders, since, until), zone=zone, result=result)
    chosen: list[list[Chosen]] = [[] for _ in orders]
    for filters in _filters(orders[0]):
        after = 0
        while True:
            page, done, count = await store.read(partial(look, filters=filters, after=after))
            for place, each in page:
                chosen[place].append(each)
            if not count:
                break
            found(count)
            after = done
    return chosen


def _filters(order: Order) -> list[dict[str, Any]]:
    if order.direction == "driver":
        return [{"theirs": True}, {}]
    assert order.partner is not None, "between partners there is one"
    if order.direction == "self_billing":
        return [{"partner_id": order.partner.id}]
    parties = {objects.party(*party) for party in order.partner.parties()}
    return [{"token_party": party} for party in sorted(parties)]


class _Glance(msgspec.Struct):
    """What is asked of every CDR, before the whole is read."""

    end_date_time: datetime
    cdr_token: dict[str, Any] = {}


_glance = msgspec.json.Decoder(_Glance)


def _page(
    tx: Tx,
    *,
    orders: Sequence[Order],
    concerned: Callable[[Held], int | None],
    zone: tzinfo,
    filters: dict[str, Any],
    after: int,
    result: Result,
) -> tuple[list[tuple[int, Chosen]], int, int]:
    held = objects.listing(tx, "cdrs", after_seq=after, limit=AT_ONCE, **filters)
    ours = [(place, each) for each in held if (place := concerned(each)) is not None]
    done = invoices.invoiced(tx, [each.seq for _, each in ours], orders[0].side)
    theirs = recorded_cdrs.listed(tx, {each.seq: each.id for _, each in ours}) if orders[0].side == "partner" else {}
    result.already += len(done)
    chosen = []
    for place, each in ours:
        if each.seq in done:
            continue
        order = orders[place]
        try:
            if each.seq in theirs:
                raise CannotInvoice(f"it stands on the partner's own invoice {theirs[each.seq].upper()}")
            cdr = decode(each.document)
            charge = read_charge(cdr)
            original = _credited(tx, charge, each.partner_id)
            if order.direction == "driver":
                charge = _for_driver(tx, order, each, cdr, charge, original, zone)
            chosen.append((place, Chosen(each.seq, charge)))
        except CannotInvoice as error:
            result.left_out.append((f"{each.owner}*{each.id}", str(error)))
    return chosen, held[-1].seq if held else after, len(held)


def _concerned(orders: Sequence[Order], since: datetime, until: datetime) -> Callable[[Held], int | None]:
    """Which of the orders a CDR is for, by its place among them; None where none is."""
    drivers = {str(order.customer.contract).casefold(): place for place, order in enumerate(orders)}
    of_partner = orders[0].direction != "driver"

    def concerned(held: Held) -> int | None:
        glance = _glance.decode(held.document)
        ended = glance.end_date_time
        if not since <= (ended if ended.tzinfo else ended.replace(tzinfo=UTC)) < until:
            return None
        return 0 if of_partner else drivers.get(str(glance.cdr_token.get("contract_id")).casefold())

    return concerned


def _credited(tx: Tx, charge: Charge, partner_id: int) -> Held | None:
    """The CDR that a credit takes back: of the same owner, and from the same source. CannotInvoice without it."""
    if charge.credits is None:
        return None
    country_code, party_id, id = charge.credits.split("*", 2)
    owner = objects.party(country_code, party_id)
    for held in objects.find(tx, "cdrs", id, partner_id=partner_id, absent=True):
        if held.owner == owner:
            return held
    raise CannotInvoice(f"CDR {charge.key}: credit_reference_id: no CDR is called {charge.credits}")


def _for_driver(
    tx: Tx, order: Order, held: Held, cdr: Document, charge: Charge, original: Held | None, zone: tzinfo
) -> Charge:
    """What the driver pays, or gets back, with moments by the clock of the place. CannotInvoice for a charge at a
    person's home, which is to be paid to the driver; a company's contract is invoiced for it. [mod_cdrs_cdr_object]"""
    if cdr.get("home_charging_compensation") and order.customer.kind == "consumer":
        raise CannotInvoice(f"CDR {charge.key}: home_charging_compensation: it is to be paid to the driver")
    clock = driver_price.clock_of(cdr, _zone_told(tx, held, cdr))
    if original is not None and (invoiced := _as_invoiced(tx, original, charge)) is not None:
        charge = driver_price.taken_back(charge, invoiced)
    elif original is not None and order.tariffs:
        before = decode(original.document)
        made = driver_price.by_tariffs(before, read_charge(before), order.tariffs, clock)
        charge = driver_price.taken_back(charge, made)
    elif order.tariffs:
        charge = driver_price.by_tariffs(cdr, charge, order.tariffs, clock)
    else:
        charge = driver_price.passed_on(cdr, charge)
    return driver_price.at_place(charge, zone if clock is None else time_zone(clock))


def _zone_told(tx: Tx, held: Held, cdr: Document) -> str | None:
    """The time zone of the Location, which a CDR does not carry."""
    id = str((cdr.get("cdr_location") or {}).get("id"))
    found = objects.find(tx, "locations", id, partner_id=held.partner_id, absent=True)
    location = next((each for each in found if each.owner == held.owner), None)
    return None if location is None else decode(location.document).get("time_zone")


def _as_invoiced(tx: Tx, original: Held, credit: Charge) -> Charge | None:
    """What a credited CDR costs on the driver's invoice, if it stands on one."""
    issued = invoices.of_cdr(tx, original.seq, "driver")
    if issued is None:
        return None
    invoice = read(invoices.model(tx, issued.id))
    row = next(each for each in invoice.rows if each.key == credit.credits)
    return driver_price.as_invoiced(credit, row, invoice.currency)
