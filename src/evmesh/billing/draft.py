"""From CDRs to an invoice: what stands on a line, what bears which VAT, and what the cents leave over.

Every line is the exact sum of its charges, rounded once; the total before VAT is the sum of these lines, and VAT is
reckoned for each category and rate on the sum of its lines, as EN 16931 wants it (BR-CO-10, BR-S-09). So an invoice
differs by some cents from what its CDRs say exactly: that difference is kept, to the last digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing.countries import two_letters
from evmesh.billing.errors import CannotInvoice
from evmesh.billing.invoice import (
    Company,
    Component,
    DirectDebit,
    Direction,
    Invoice,
    Line,
    Preceding,
    Row,
    TypeCode,
    VatTotal,
)
from evmesh.billing.money import decimal, exact, rounded
from evmesh.billing.vat import BuyerKind, VatRule, must_name, rule_for
from evmesh.billing.words import LANGUAGES, Language, PaidBy, Words
from evmesh.ocpi.types import parse_timestamp

MOST_PLACES = 2
"""EN 16931 knows no amounts with more decimals (BR-DEC), even for a dinar of 1000 fils."""

# Prices that contain VAT have no end in decimals without it, so a driver's amounts are cut, far beneath this.
_HAIR = Fraction(1, 10**6)

# Partners' texts may hold what XML does not. [XML 1.0, 2.2]
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_TYPE_CODES: dict[tuple[bool, bool], TypeCode] = {
    (False, False): "380",
    (False, True): "381",
    (True, False): "389",
    (True, True): "261",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """What an invoice takes from a CDR. `net` is exact and as the CDR says it: negative in a credit."""

    key: str
    id: str
    start: datetime
    end: datetime
    place: str
    location_id: str
    location: str
    evse: str
    contract: str
    tariff: str
    energy: Fraction
    net: Fraction
    currency: str
    credits: str | None
    """The key of the CDR that it takes back."""
    components: tuple[Component, ...] = ()
    """What a driver's price is made of."""

    @property
    def told(self) -> Fraction | None:
        """What a driver was told to pay, VAT included; the cents of the invoice give way to it."""
        known = [each.gross for each in self.components if each.gross is not None]
        return sum(map(Fraction, known), Fraction(0)) if known and len(known) == len(self.components) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Between whom, and how. `places`: the decimals of the currency's coin. `zone`: whose days they are. `paid_by`: how
    it has been paid already."""

    direction: Direction
    seller: Company
    buyer: Company
    buyer_kind: BuyerKind = "business"
    rules: Sequence[VatRule]
    zone: tzinfo = UTC
    places: int = 2
    line_limit: int = 20
    round_payable: Decimal | None = None
    buyer_reference: str | None = None
    order_reference: str | None = None
    contract_reference: str | None = None
    language: Language = "en"
    paid_by: PaidBy | None = None
    debit: DirectDebit | None = None
    notes: tuple[str, ...] = ()


def read_charge(cdr: Mapping[str, Any]) -> Charge:
    """A canonical CDR. CannotInvoice names the CDR and the field that an invoice could not do without."""
    key = f"{cdr.get('country_code')}*{cdr.get('party_id')}*{cdr.get('id')}"

    def amount(value: Any, field: str) -> Fraction:
        try:
            return exact(value)
        except ValueError as error:
            raise CannotInvoice(f"CDR {key}: {field}: {error}") from None

    location = cdr.get("cdr_location") or {}
    place = two_letters(str(location.get("country")))
    if place is None:
        raise CannotInvoice(f"CDR {key}: cdr_location.country: no country is called {location.get('country')!r}")
    total = cdr.get("total_cost") or {}
    net = amount(total.get("before_taxes"), "total_cost.before_taxes")
    is_credit = bool(cdr.get("credit"))
    credits = cdr.get("credit_reference_id")
    if is_credit and not credits:
        raise CannotInvoice(f"CDR {key}: credit_reference_id: a credit must say which CDR it takes back")
    if is_credit and net > 0:
        raise CannotInvoice(f"CDR {key}: total_cost.before_taxes: a credit gives back, so {net} cannot be above 0")
    try:
        start, end = (parse_timestamp(str(cdr.get(field))) for field in ("start_date_time", "end_date_time"))
    except ValueError as error:
        raise CannotInvoice(f"CDR {key}: start_date_time, end_date_time: {error}") from None
    if end < start:
        raise CannotInvoice(f"CDR {key}: end_date_time: it ends before it starts")
    token = cdr.get("cdr_token") or {}
    tariffs = sorted({str(tariff.get("id")) for tariff in cdr.get("tariffs") or ()})
    return Charge(
        key=key,
        id=_text(cdr.get("id")),
        start=start,
        end=end,
        place=place,
        location_id=str(location.get("id")),
        location=", ".join(_text(location[each]) for each in ("name", "address", "city") if location.get(each)),
        evse=_text(location.get("evse_id") or location.get("evse_uid") or ""),
        contract=_text(token.get("contract_id") or ""),
        tariff=_text(", ".join(tariffs)),
        energy=amount(cdr.get("total_energy", 0), "total_energy"),
        net=net,
        currency=str(cdr.get("currency")),
        credits=f"{cdr.get('country_code')}*{cdr.get('party_id')}*{credits}" if is_credit else None,
    )


def _text(value: Any) -> str:
    return _NOT_IN_XML.sub("", str(value))


def draft(
    charges: Sequence[Charge],
    terms: Terms,
    *,
    number: str,
    issued_on: date,
    due_on: date | None,
    period: tuple[date, date] | None = None,
    preceding: Sequence[Preceding] = (),
) -> Invoice:
    """One invoice, or a credit note when all charges are credits. CannotInvoice when they make none.

    The same charges in another order make the same invoice. Without a period it is that of the charges.
    """
    credit = _must_fit_together(charges)
    sign = -1 if credit else 1
    places = min(terms.places, MOST_PLACES)
    ordered = sorted(charges, key=lambda charge: (charge.start, charge.key))
    days = {charge.key: charge.end.astimezone(terms.zone).date() for charge in ordered}
    rules = {charge.key: _rule(charge, terms, days[charge.key]) for charge in ordered}
    for category in sorted({rule.category for rule in rules.values()}):
        must_name(category, terms.seller, terms.buyer)
    lines, line_of = _lines(ordered, rules, days, terms, sign, places)
    vat = _vat(lines, rules.values(), places)
    net = sum((line.amount for line in lines), _nothing(places))
    tax = sum((each.tax for each in vat), _nothing(places))
    exact_net = decimal(sign * sum((charge.net for charge in ordered), Fraction(0)))
    total = net + tax
    told = _told(ordered, rules, sign)
    payable = _payable(Fraction(total) if told is None else told, terms.round_payable, places)
    return Invoice(
        number=number,
        type_code=_TYPE_CODES[terms.direction == "self_billing", credit],
        direction=terms.direction,
        issued_on=issued_on,
        due_on=None if credit or terms.paid_by else due_on,
        period_begin=min(days.values()) if period is None else period[0],
        period_end=max(days.values()) if period is None else period[1],
        currency=ordered[0].currency,
        places=places,
        language=terms.language,
        seller=terms.seller,
        buyer=terms.buyer,
        buyer_reference=terms.buyer_reference,
        order_reference=terms.order_reference,
        contract_reference=terms.contract_reference,
        delivery_country=_delivery_country(ordered, rules),
        preceding=tuple(sorted(preceding, key=lambda each: (each.issued_on, each.number))),
        notes=terms.notes,
        paid_by=terms.paid_by,
        debit=None if credit or terms.paid_by else terms.debit,
        lines=tuple(lines),
        vat=tuple(vat),
        rows=tuple(_row(charge, line_of[charge.key], sign) for charge in ordered),
        net=net,
        tax=tax,
        total=total,
        payable_rounding=payable - total,
        payable=_nothing(places) if terms.paid_by else payable,
        exact_net=exact_net,
        rounding_difference=decimal(Fraction(net) - Fraction(exact_net)),
    )


def _must_fit_together(charges: Sequence[Charge]) -> bool:
    """Whether they are credits; CannotInvoice when they cannot stand on one invoice."""
    if not any(charge.net for charge in charges):
        raise CannotInvoice("there is nothing to invoice: " + ("every charge is free" if charges else "no charges"))
    currencies = sorted({charge.currency for charge in charges})
    if len(currencies) > 1:
        raise CannotInvoice(f"an invoice has one currency, not {' and '.join(currencies)}")
    keys = [charge.key for charge in charges]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise CannotInvoice(f"CDR {twice} would stand on the invoice twice")
    credits = {charge.credits is not None for charge in charges}
    if len(credits) > 1:
        raise CannotInvoice("credits stand on a credit note of their own, not among charges")
    return credits.pop()


def _rule(charge: Charge, terms: Terms, day: date) -> VatRule:
    return rule_for(terms.rules, terms.seller.country, terms.buyer.country, terms.buyer_kind, charge.place, day)


def _lines(
    charges: Sequence[Charge],
    rules: Mapping[str, VatRule],
    days: Mapping[str, date],
    terms: Terms,
    sign: int,
    places: int,
) -> tuple[list[Line], dict[str, str]]:
    """The lines, and on which of them each charge stands."""
    groups: dict[tuple[Any, ...], list[Charge]] = {}
    for charge in charges:
        rule = rules[charge.key]
        alike = (charge.location, charge.location_id, charge.tariff, rule.category, rule.rate)
        groups.setdefault(alike if len(charges) > terms.line_limit else (charge.start, charge.key), []).append(charge)
    words = LANGUAGES[terms.language]
    lines: list[Line] = []
    line_of: dict[str, str] = {}
    for place, (_, group) in enumerate(sorted(groups.items()), 1):
        rule = rules[group[0].key]
        energy = sum((charge.energy for charge in group), Fraction(0))
        amount = rounded(sign * sum((charge.net for charge in group), Fraction(0)), places)
        quantity, unit = _quantity(energy, len(group), amount)
        lines.append(
            Line(
                id=str(place),
                name=words.charging_at.format(place=group[0].location)[:250],
                description=_about(group, words),
                quantity=quantity,
                unit=unit,
                charges=len(group),
                energy=decimal(energy),
                amount=amount,
                category=rule.category,
                rate=rule.rate,
                begin=min(days[charge.key] for charge in group),
                end=max(days[charge.key] for charge in group),
            )
        )
        line_of |= {charge.key: str(place) for charge in group}
    return lines, line_of


def _about(group: Sequence[Charge], words: Words) -> str:
    one = len(group) == 1
    about = words.one_charge.format(id=group[0].id) if one else words.many_charges.format(count=len(group))
    return f"{about}, {words.tariff.format(id=group[0].tariff)}" if group[0].tariff else about


def _quantity(energy: Fraction, charges: int, amount: Decimal) -> tuple[Decimal, Any]:
    """In kWh where energy was sold, else in charges. A price is never negative (BR-27), so the quantity is."""
    count, unit = (abs(energy), "KWH") if energy else (Fraction(charges), "C62")
    return decimal(-count if amount < 0 else count), unit


def _vat(lines: Sequence[Line], rules: Any, places: int) -> list[VatTotal]:
    reasons: dict[tuple[str, Decimal], dict[str, list[str]]] = {}
    for rule in rules:
        said = reasons.setdefault((rule.category, rule.rate), {"reason": [], "reason_code": []})
        for name, texts in said.items():
            if (text := getattr(rule, name)) and text not in texts:
                texts.append(text)
    sums: dict[tuple[Any, Decimal], Decimal] = {}
    for line in lines:
        key = (line.category, line.rate)
        sums[key] = sums.get(key, _nothing(places)) + line.amount
    if len(sums) > 1 and any(category == "O" for category, _ in sums):
        others = sorted(category for category, _ in sums if category != "O")
        raise CannotInvoice(f"VAT category O cannot stand on one invoice with {' and '.join(others)} (BR-O-11)")
    return [
        VatTotal(
            category=category,
            rate=rate,
            taxable=taxable,
            tax=rounded(Fraction(taxable) * Fraction(rate) / 100, places),
            reason="; ".join(reasons[category, rate]["reason"]) or None,
            reason_code=next(iter(reasons[category, rate]["reason_code"]), None),
        )
        for (category, rate), taxable in sorted(sums.items())
    ]


def _told(charges: Sequence[Charge], rules: Mapping[str, VatRule], sign: int) -> Fraction | None:
    """What the driver was told to pay, where that is known of every charge. CannotInvoice where the VAT of the prices
    is not that of the rules: whichever is wrong, the driver must not find out."""
    total = Fraction(0)
    for charge in charges:
        told = charge.told
        if told is None:
            return None
        rate = rules[charge.key].rate
        with_vat = sign * charge.net * (1 + Fraction(rate) / 100)
        if abs(with_vat - told) > _HAIR:
            raise CannotInvoice(
                f"CDR {charge.key}: the driver's tariff makes {rounded(told, MOST_PLACES)} {charge.currency} "
                f"with VAT, and the {rate} % of [[billing.vat]] make {rounded(with_vat, MOST_PLACES)} {charge.currency}"
            )
        total += told
    return total


def _payable(total: Fraction, step: Decimal | None, places: int) -> Decimal:
    if step is None:
        return rounded(total, places)
    return rounded(int(rounded(total / Fraction(step), 0)) * Fraction(step), places)


def _delivery_country(charges: Sequence[Charge], rules: Mapping[str, VatRule]) -> str | None:
    """Where it was delivered to, if that is one country; an intra-Community supply must say it (BR-IC-12)."""
    places = sorted({charge.place for charge in charges})
    if len(places) > 1 and any(rule.category == "K" for rule in rules.values()):
        raise CannotInvoice(f"an intra-Community supply (K) is delivered to one country, not {' and '.join(places)}")
    return places[0] if len(places) == 1 else None


def _row(charge: Charge, line: str, sign: int) -> Row:
    return Row(
        key=charge.key,
        id=charge.id,
        line=line,
        start=charge.start,
        end=charge.end,
        location=charge.location,
        evse=charge.evse,
        contract=charge.contract,
        tariff=charge.tariff,
        energy=decimal(charge.energy),
        exact_net=decimal(sign * charge.net),
        components=charge.components,
    )


def _nothing(places: int) -> Decimal:
    return rounded(Fraction(0), places)
