"""What a driver pays for a charge: by our own tariffs where the settings name some, else what the CDR costs us.

The charging periods are priced anew by the engine that prices everything else. They may name tariffs of the operator,
which are none of the driver's: ours are chosen by their type and validity. The charge is in our tariffs' currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing.draft import Charge
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.invoice import Component, Row
from evmesh.billing.money import decimal, exact, rounded
from evmesh.pricing.bill import Bill, Line
from evmesh.pricing.price import price
from evmesh.pricing.taxes import total
from evmesh.pricing.zones import UnknownZone, time_zone, zone_of_country

Document = Mapping[str, Any]

DECIMALS = 12
"""A price that contains VAT, or one for some seconds, may have no end in decimals: it is cut here, far below a cent."""

_TOTALS = {
    "FLAT": ("total_fixed_cost", None),
    "ENERGY": ("total_energy_cost", "total_energy"),
    "TIME": ("total_time_cost", "total_time"),
    "PARKING_TIME": ("total_parking_cost", "total_parking_time"),
    "RESERVATION_TIME": ("total_reservation_cost", None),
}


def clock_of(cdr: Document, zone: str | None) -> str | None:
    """The time zone of a charge: the Location's, else its country's where that has one; None when neither is known."""
    try:
        if zone:
            time_zone(zone)
            return zone
    except UnknownZone:
        pass  # a partner's word
    return zone_of_country(str((cdr.get("cdr_location") or {}).get("country")))


def by_tariffs(cdr: Document, charge: Charge, tariffs: Sequence[Document], zone: str | None) -> Charge:
    """The charge at the price of these tariffs, of one currency. CannotInvoice when they cannot price it: nothing is
    free because it was not understood."""
    periods = [
        {name: value for name, value in period.items() if name != "tariff_id"}
        for period in cdr.get("charging_periods") or ()
    ]
    currency = str(tariffs[0].get("currency"))
    bill = price({**cdr, "currency": currency, "charging_periods": periods}, tariffs, zone)
    if (reason := _refusal(bill, charge)) is not None:
        raise CannotInvoice(f"CDR {charge.key}: the driver's tariffs do not price it: {reason}")
    components = _of_bill(bill, tariffs)
    named = sorted({line.tariff_id for line in bill.lines if line.tariff_id})
    return _priced(charge, components, currency, ", ".join(named))


def passed_on(cdr: Document, charge: Charge) -> Charge:
    """The charge at what it costs us, with the parts that the CDR names; those of a credit as they are given back."""
    sign = 1 if charge.credits is None else -1
    components, left = [], sign * charge.net
    for what, (cost, volume) in _TOTALS.items():
        amount = (cdr.get(cost) or {}).get("before_taxes")
        if amount is None:
            continue
        try:
            net, quantity = sign * exact(amount), exact(cdr.get(volume, 0)) if volume else None
        except ValueError as error:
            raise CannotInvoice(f"CDR {charge.key}: {cost}: {error}") from None
        of = None if quantity is None else decimal(quantity)
        components.append(Component(what=what, net=decimal(net), quantity=of))
        left -= net
    if left:
        components.append(Component(what="OTHER", net=decimal(left)))
    return replace(charge, components=tuple(components))


def taken_back(credit: Charge, original: Charge) -> Charge:
    """A credit gives back what the driver was charged, whatever the operator gives back to us."""
    given = replace(credit, tariff=original.tariff, currency=original.currency, components=original.components)
    return replace(given, net=-original.net)


def as_invoiced(credit: Charge, row: Row, currency: str) -> Charge:
    """What was charged, as it stands on the driver's invoice."""
    return replace(credit, net=Fraction(row.exact_net), tariff=row.tariff, currency=currency, components=row.components)


def at_place(charge: Charge, zone: tzinfo) -> Charge:
    """With moments by the clock that the driver saw, each with its distance from UTC: a night may have 25 hours."""
    start, end = (moment.astimezone(zone) for moment in (charge.start, charge.end))
    return replace(charge, start=_fixed(start), end=_fixed(end))


def _fixed(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta(0)))


def _refusal(bill: Bill, charge: Charge) -> str | None:
    wrong = [finding.message for finding in bill.findings if finding.severity == "error"]
    if wrong:
        return wrong[0]
    if bill.total.net is None:
        return "the amount before VAT is not known"
    if charge.energy and not bill.total_energy:
        return "its charging periods name no energy"
    if not any(line.kind == "price" for line in bill.lines):
        return "no price applies to it"
    return None


def _of_bill(bill: Bill, tariffs: Sequence[Document]) -> list[Component]:
    """The lines of the bill, those of the same price together. With VAT only where the tariffs speak of it."""
    taxed = any(line.vat is not None for line in bill.lines)
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in bill.lines:
        has_vat = line.tariff is not None and tariffs[line.tariff].get("tax_included") == "YES"
        groups.setdefault((line.dimension or line.kind.upper(), line.price, line.vat, has_vat), []).append(line)
    found = []
    for (what, each, _, has_vat), lines in groups.items():
        amount = total([line.amount for line in lines])
        assert amount.net is not None, "the total before VAT is known, so its parts are"
        found.append(
            Component(
                what=what,
                net=_cut(amount.net),
                gross=_cut(amount.gross) if taxed and amount.gross is not None else None,
                quantity=None
                if each is None
                else _cut(sum((line.billed or Fraction(0) for line in lines), Fraction(0))),
                price=None if each is None else _cut(each),
                price_has_vat=has_vat,
            )
        )
    return found


def _priced(charge: Charge, components: Sequence[Component], currency: str, tariff: str) -> Charge:
    net = sum((Fraction(each.net) for each in components), Fraction(0))
    return replace(charge, net=net, currency=currency, tariff=tariff, components=tuple(components))


def _cut(value: Fraction) -> Decimal:
    return decimal(Fraction(rounded(value, DECIMALS)))
