"""A bill for people: a table of its lines, the total, and the verdict on what a CDR claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.base.findings import Finding
from evmesh.cli import output

if TYPE_CHECKING:
    from datetime import datetime

    from evmesh.pricing.bill import Bill, Line
    from evmesh.pricing.check import Check
    from evmesh.pricing.taxes import Amount

Language = Annotated[str, typer.Option(help="The language of what people read: en or sv.")]

LABELS: dict[str, dict[str, str]] = {
    "en": {
        "period": "period", "from": "from", "what": "what", "used": "billed × price",
        "net": "before taxes", "vat": "VAT", "gross": "after taxes", "total": "Total", "unknown": "not known",
        "empty": "Nothing on the bill.",
        "agrees": "The CDR says {claim}: that agrees.",
        "within_tolerance": "The CDR says {claim}, {difference}: within tolerance.",
        "explained": "The CDR says {claim}, {difference}: explained by {habits}.",
        "differs": "The CDR says {claim}, {difference}: no known habit explains it.",
        "apart": "The CDR says {claim}, {difference}.",
        "partly": "The total is that of the periods that could be priced; the rest is missing.",
        "not_comparable": "The CDR says {claim}: nothing to hold against a price known on the other side of the taxes.",
        "credit": "It is a credit: what is refunded is the negative of this.",
        "more": "{amount} more", "less": "{amount} less", "same": "the same",
    },
    "sv": {
        "period": "period", "from": "från", "what": "vad", "used": "debiterat × pris",
        "net": "före skatt", "vat": "moms", "gross": "efter skatt", "total": "Summa", "unknown": "okänt",
        "empty": "Inget att betala för.",
        "agrees": "CDR:en anger {claim}: det stämmer.",
        "within_tolerance": "CDR:en anger {claim}, {difference}: inom toleransen.",
        "explained": "CDR:en anger {claim}, {difference}: det förklaras av {habits}.",
        "differs": "CDR:en anger {claim}, {difference}: ingen känd vana förklarar det.",
        "apart": "CDR:en anger {claim}, {difference}.",
        "partly": "Summan gäller de perioder som gick att prissätta; resten saknas.",
        "not_comparable": "CDR:en anger {claim}: inget att jämföra med ett pris som är känt på andra sidan skatten.",
        "credit": "Den är en kreditering: det som återbetalas är detta med omvänt tecken.",
        "more": "{amount} mer", "less": "{amount} mindre", "same": "samma",
    },
}  # fmt: skip


def known_language(name: str) -> str:
    """The language that a user named, as its two letters; misuse when there are no words in it."""
    from evmesh.pricing.words import words

    try:
        words(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--language") from None
    return name.lower().partition("-")[0]


def show_bill(bill: Bill, language: str, charge: Mapping[str, Any] | None = None) -> None:
    """The lines of a bill and its total. `charge` tells when its periods began."""
    labels = LABELS[language]
    if not bill.priced:
        return
    if not bill.lines:
        print(labels["empty"])
    starts = _starts(bill, charge)
    columns = ["period", *(["from"] if starts else []), "what", "used", "net", "vat", "gross"]
    rows = [_row(line, bill, language, starts) for line in bill.lines]
    total = {"what": labels["total"], "net": money(bill.total.net, bill.currency, language)}
    total["gross"] = money(bill.total.gross, bill.currency, language)
    rows.append(total)
    for column in ("period", "net", "vat", "gross"):
        width = max(len(text) for text in (labels[column], *(row.get(column, "") for row in rows)))
        for row in rows:
            row[column] = row.get(column, "").rjust(width)
    output.table([labels[column] for column in columns], [[row.get(column, "") for column in columns] for row in rows])


def heading(bill: Bill, charge: Mapping[str, Any]) -> str:
    """`CDR-1, from 2026-01-12 10:00 to 13:12, Europe/Berlin, in EUR`, as far as it is known."""
    began, ended = _local(bill, charge.get("start_date_time")), _local(bill, charge.get("end_date_time"))
    said = [str(charge.get("id") or "CDR")]
    if began is not None and ended is not None:
        same_day = began.date() == ended.date()
        said.append(f"{began:%Y-%m-%d %H:%M} – {ended:%H:%M}" if same_day else f"{began:%F %H:%M} – {ended:%F %H:%M}")
    return ", ".join([*said, bill.zone or "UTC", bill.currency])


def _starts(bill: Bill, charge: Mapping[str, Any] | None) -> list[str]:
    """When each period began, on the clock that the bill goes by; with the day where that is not one and the same."""
    periods = (charge or {}).get("charging_periods") or []
    moments = [_local(bill, period.get("start_date_time")) for period in periods if isinstance(period, Mapping)]
    if len(moments) < len(periods):
        return []
    form = "%H:%M" if len({moment.date() for moment in moments if moment}) <= 1 else "%m-%d %H:%M"
    return [moment.strftime(form) if moment else "" for moment in moments]


def _local(bill: Bill, text: Any) -> datetime | None:
    from datetime import UTC

    from evmesh.ocpi.types import parse_timestamp
    from evmesh.pricing.zones import UnknownZone, time_zone

    try:
        return parse_timestamp(text).astimezone(UTC if bill.zone is None else time_zone(bill.zone))
    except (UnknownZone, ValueError, TypeError, AttributeError, OverflowError):
        return None


def _row(line: Line, bill: Bill, language: str, starts: Sequence[str]) -> dict[str, str]:
    from evmesh.pricing.explain import what_for
    from evmesh.pricing.words import words

    says = words(language)
    row = {"net": money(line.amount.net, bill.currency, language)}
    row["gross"] = money(line.amount.gross, bill.currency, language)
    if line.dimension is None or line.volume is None or line.billed is None or line.price is None:
        raised = (line.amount.net or line.amount.gross or 0) > 0
        key = "rounding" if line.kind == "rounding" else "limit_up" if raised else "limit_down"
        return row | {"what": says[key]}
    if line.period is not None:
        row["period"] = str(line.period + 1)
        row["from"] = starts[line.period] if line.period < len(starts) else ""
    row["what"] = what_for(line, says)
    unit = {"ENERGY": "kWh", "FLAT": ""}.get(line.dimension, "h")
    if unit:
        stepped = f"{figure(line.volume, language)} → " if line.surplus else ""
        row["used"] = f"{stepped}{figure(line.billed, language)} {unit} × {figure(line.price, language, most=9)}"
    if line.vat is not None:
        row["vat"] = f"{figure(line.vat, language)} %"
    return row


def show_findings(findings: Sequence[Finding], *, all: bool) -> None:
    """What is odd; remarks that only matter to who asks why are left out, but nothing is free without a word."""
    shown = [finding for finding in findings if all or finding.severity != "info" or finding.code == "price_gap"]
    if shown:
        output.findings(shown)


def conclusion(found: Check, cdr: Mapping[str, Any], language: str, *, searched: bool) -> Iterator[str]:
    """What the CDR claims and what becomes of it; nothing where there is nothing to hold the claim against.

    `searched` says that habits were looked for.
    """
    from evmesh.pricing.habit_words import in_words

    labels = LABELS[language]
    currency = found.bill.currency
    if found.claim is not None and found.difference is not None:
        key = "apart" if found.verdict == "differs" and not searched else found.verdict
        yield labels[key].format(
            claim=both(found.claim.amount, currency, language),
            difference=_difference(found.difference, currency, language),
            habits="; ".join(in_words(habit.code, habit.text, language) for habit in found.habits),
        )
    elif found.bill.priced and any(finding.code == "unknown_tariff" for finding in found.findings):
        yield labels["partly"]
    elif found.bill.priced and found.claim is not None:
        yield labels["not_comparable"].format(claim=both(found.claim.amount, currency, language))
    if cdr.get("credit"):
        yield labels["credit"]


def _difference(difference: Amount, currency: str, language: str) -> str:
    """`1.20 EUR less`, of the amount before taxes where that differs."""
    labels = LABELS[language]
    net = difference.net
    side, apart = ("", net) if net or difference.gross is None else (" " + labels["gross"], difference.gross)
    if not apart:
        return labels["same"]
    amount = f"{money(abs(apart), currency, language)} {currency}"
    return labels["more" if apart > 0 else "less"].format(amount=amount) + side


def both(amount: Amount, currency: str, language: str) -> str:
    """`8.15 EUR before taxes, 9.86 EUR after taxes`: the sides that are known."""
    labels = LABELS[language]
    sides = [("net", amount.net), ("gross", amount.gross)]
    said = [f"{money(side, currency, language)} {currency} {labels[name]}" for name, side in sides if side is not None]
    return ", ".join(said) or labels["unknown"]


def money(value: Fraction | None, currency: str, language: str) -> str:
    """An amount with at least the digits of the currency's coins and at most four, or more where it has more."""
    from evmesh.pricing.currencies import minor_unit

    if value is None:
        return "?"
    coins = minor_unit(currency) or 0
    return figure(value, language, least=coins, most=max(coins, 4))


def figure(value: Fraction, language: str, *, least: int = 0, most: int = 4) -> str:
    from evmesh.pricing.exact import rounded
    from evmesh.pricing.words import words

    whole, _, digits = f"{rounded(value, most):f}".partition(".")
    digits = digits.rstrip("0").ljust(least, "0")
    return f"{whole}{words(language)['decimal_point']}{digits}" if digits else whole
