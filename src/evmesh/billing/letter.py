"""The letter that tells a partner of a dispute: what its CDR claims, what was expected, line by line, what is asked.

It is made of the dispute and its CDR alone, so the same dispute gives the same letter: as PDF/A-3 with the report of
the check attached, or as plain text. What the check found is quoted as it found it, in English.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.billing import typesetting
from evmesh.billing.dispute import Dispute
from evmesh.billing.invoice import Company
from evmesh.billing.money import rounded
from evmesh.billing.words import LANGUAGES, Language, Words

Document = Mapping[str, Any]
Rows = tuple[tuple[str, ...], ...]

PARTS = {
    "total_fixed_cost": "FLAT",
    "total_energy_cost": "ENERGY",
    "total_time_cost": "TIME",
    "total_parking_cost": "PARKING_TIME",
    "total_reservation_cost": "RESERVATION",
}
"""The part costs of a CDR, and what they are for."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Every word and figure, ready to print. Tables begin with their heads; an empty one is left out."""

    language: Language
    day: date
    title: str
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    facts: Rows
    opening: tuple[str, ...]
    compared: Rows
    lines_title: str
    lines: Rows
    closing: tuple[str, ...]
    evidence: str
    """The report of the check, as JSON text."""


def letter(
    dispute: Dispute,
    cdr: Document,
    *,
    sender: Company,
    recipient: Company,
    answer_within: timedelta,
    habits: Sequence[str] = (),
    language: Language = "en",
) -> Letter:
    """The letter about a dispute and its canonical CDR, of the day on which it was sent, or else opened. `habits` are
    those that explain the claim, in words of the language."""
    says, words = _SAYS[language], LANGUAGES[language]
    sent = next((step for step in dispute.history if step.event == "send"), dispute.history[0])
    day = datetime.fromisoformat(sent.at).astimezone(UTC)
    bill = dispute.evidence.get("bill") or {}
    return Letter(
        language=language,
        day=day.date(),
        title=says["title"].format(number=dispute.id),
        sender=_address(sender),
        recipient=_address(recipient),
        facts=tuple(_facts(dispute, cdr, day.date(), says, words)),
        opening=tuple(_opening(dispute, habits, says, words)),
        compared=_compared(dispute, cdr, bill, says, words),
        lines_title=says["lines"],
        lines=_lines(bill, says, words),
        closing=(
            says["asks"].format(day=words.day((day + answer_within).date())),
            says["attached"].format(file=evidence_name(dispute.id)),
        ),
        evidence=json.dumps(dispute.evidence, ensure_ascii=False, indent=2, sort_keys=True, default=str),
    )


def evidence_name(number: int) -> str:
    """What the report is called where it is attached."""
    return f"dispute-{number}.json"


def text(made: Letter) -> str:
    """The letter as plain text, 80 columns where the words allow it."""
    parts = [
        made.title,
        "\n".join(made.sender),
        "\n".join(made.recipient),
        _columns(made.facts, head=False),
        *made.opening,
        _columns(made.compared, head=True),
        made.lines_title + "\n" + _columns(made.lines, head=True) if made.lines else "",
        *made.closing,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def pdf(made: Letter, number: int) -> bytes:
    """The letter as PDF/A-3 with the report attached; MissingExtra without typst."""
    said = msgspec.to_builtins(made) | {"day": [made.day.year, made.day.month, made.day.day]}
    return typesetting.pages(
        "letter.typ",
        said,
        made.day,
        what=f"the letter about dispute {number}",
        evidence=made.evidence,
        file=evidence_name(number),
    )


def _address(company: Company) -> tuple[str, ...]:
    place = " ".join(filter(None, (company.postcode, company.city)))
    lines = (company.name, company.street, company.street2, place, company.country.upper(), company.email)
    return tuple(line for line in lines if line)


def _facts(
    dispute: Dispute, cdr: Document, day: date, says: Mapping[str, str], words: Words
) -> Iterator[tuple[str, str]]:
    place, token = cdr.get("cdr_location") or {}, cdr.get("cdr_token") or {}
    where = [place.get(name) for name in ("name", "address", "city", "evse_id")]
    tariffs = dict.fromkeys(str(each.get("id")) for each in cdr.get("tariffs") or ())
    energy = cdr.get("total_energy")
    for name, value in (
        (words.issued, words.day(day)),
        ("CDR", dispute.cdr),
        (says["session"], cdr.get("session_id")),
        (words.contract, token.get("contract_id")),
        (says["place"], ", ".join(str(each) for each in where if each)),
        (says["time"], f"{cdr.get('start_date_time')} – {cdr.get('end_date_time')}"),
        (words.components["ENERGY"], None if energy is None else f"{words.figure(Decimal(energy))} kWh"),
        (says["tariff"], ", ".join(tariffs)),
    ):
        if value:
            yield name, str(value)


def _opening(dispute: Dispute, habits: Sequence[str], says: Mapping[str, str], words: Words) -> Iterator[str]:
    report = dispute.evidence
    money = {
        "claimed": _amount(dispute.claimed, words),
        "expected": _amount(dispute.expected, words),
        "currency": dispute.currency,
    }
    yield says["dear"]
    if dispute.amount:
        apart = says["more" if dispute.amount > 0 else "less"].format(
            amount=_amount(abs(dispute.amount), words), currency=dispute.currency
        )
        yield says["differs"].format(cdr=dispute.cdr, by=says[report.get("by") or "own_tariff"], apart=apart, **money)
    else:
        yield says["objects"].format(cdr=dispute.cdr, reason=dispute.reason.replace("_", " "), **money)
    if habits:
        yield says["habit"].format(habits="; ".join(habits))
    found = [
        f"– {finding['message']} ({finding['code']}, {finding['pointer'] or '/'})"
        for level in (report.get("levels") or {}).values()
        for finding in level.get("findings") or ()
        if finding["severity"] != "info"
    ]
    if found:
        yield "\n".join([says["found"], *found])
    if dispute.history[0].note:
        yield dispute.history[0].note


def _compared(dispute: Dispute, cdr: Document, bill: Document, says: Mapping[str, str], words: Words) -> Rows:
    """What the CDR claims for each part, and what was expected; before taxes."""
    subtotals = bill.get("subtotals") or {}
    rows = [("", says["claimed"], says["expected"], says["difference"])]
    for field, component in PARTS.items():
        claimed, expected = _net(cdr.get(field)), _net(subtotals.get(field))
        if claimed is not None or expected is not None:
            rows.append((words.components[component], *_three(claimed, expected, words)))
    adjusted = _net(bill.get("price_limit_adjustment"))
    if adjusted is not None:
        rows.append((words.components["LIMIT"], "", _amount(adjusted, words), ""))
    total = says["total"].format(currency=dispute.currency)
    return *rows, (total, *_three(dispute.claimed, dispute.expected, words))


def _three(claimed: Decimal | None, expected: Decimal | None, words: Words) -> tuple[str, str, str]:
    apart = None if claimed is None or expected is None else claimed - expected
    return _amount(claimed, words), _amount(expected, words), _amount(apart, words)


def _lines(bill: Document, says: Mapping[str, str], words: Words) -> Rows:
    """The lines of what was expected, with the element of the tariff that each comes from."""
    rows = []
    for line in bill.get("lines") or ():
        what = str(line.get("dimension") or line["kind"].upper())
        billed, price = line.get("billed"), line.get("price")
        unit = {"ENERGY": words.units["kWh"], "FLAT": ""}.get(what, words.units["h"])
        reckoned = [] if billed is None or not unit else [words.figure(Decimal(billed)), unit, "×"]
        rows.append((
            "" if line.get("period") is None else str(line["period"] + 1),
            words.components.get(what, what),
            "" if price is None else " ".join([*reckoned, words.figure(Decimal(price))]),
            "" if line.get("vat") is None else f"{words.figure(Decimal(line['vat']))} %",
            "" if line.get("element") is None else says["element"].format(
                tariff=line.get("tariff_id") or line.get("tariff"), element=line["element"] + 1
            ),
            _amount(_net(line), words),
        ))  # fmt: skip
    head = (says["period"], words.component, says["reckoned"], words.vat, says["clause"], words.before_vat)
    return (head, *rows) if rows else ()


def _net(amount: Any) -> Decimal | None:
    """The side before taxes of a Price, or of amounts as text."""
    given = amount.get("before_taxes") if isinstance(amount, Mapping) else None
    return None if given is None else Decimal(given)


def _amount(value: Decimal | None, words: Words) -> str:
    """With two decimals, or four where it has more; the report has every digit."""
    if value is None:
        return "–"
    cents, near = rounded(Fraction(value), 2), rounded(Fraction(value), 4)
    return words.money(cents if cents == near else near)


def _columns(rows: Sequence[Sequence[str]], *, head: bool) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if head:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


_SAYS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "Dispute {number}",
        "session": "Session",
        "place": "Place",
        "time": "Time (UTC)",
        "tariff": "Tariff",
        "dear": "Dear partner,",
        "differs": "we dispute your CDR {cdr}. It claims {claimed} {currency} before taxes. By {by} we expected "
        "{expected} {currency}: it claims {apart}.",
        "objects": "we dispute your CDR {cdr} of {claimed} {currency} before taxes: {reason}.",
        "price_list": "the prices agreed between us",
        "pushed_tariff": "the tariff that you had told us",
        "own_tariff": "the tariff that the CDR carries",
        "more": "{amount} {currency} too much",
        "less": "{amount} {currency} too little",
        "habit": "The claim comes out exactly with: {habits}.",
        "found": "Our check found:",
        "claimed": "Claimed",
        "expected": "Expected",
        "difference": "Difference",
        "total": "Total before taxes, {currency}",
        "lines": "What we expected, line by line",
        "period": "Period",
        "reckoned": "Reckoned",
        "clause": "By",
        "element": "{tariff}, element {element}",
        "asks": "Please take the CDR back with a credit CDR and bill the session anew, or tell us why you do not "
        "agree, by {day}.",
        "attached": "The whole report of our check is attached as {file}.",
    },
    "sv": {
        "title": "Tvist {number}",
        "session": "Session",
        "place": "Plats",
        "time": "Tid (UTC)",
        "tariff": "Taxa",
        "dear": "Hej,",
        "differs": "vi bestrider er CDR {cdr}. Den begär {claimed} {currency} före skatt. Enligt {by} räknade vi med "
        "{expected} {currency}: den begär {apart}.",
        "objects": "vi bestrider er CDR {cdr} på {claimed} {currency} före skatt: {reason}.",
        "price_list": "priserna som vi har avtalat",
        "pushed_tariff": "taxan som ni hade meddelat oss",
        "own_tariff": "taxan som CDR:en bär med sig",
        "more": "{amount} {currency} för mycket",
        "less": "{amount} {currency} för lite",
        "habit": "Beloppet blir exakt det begärda med: {habits}.",
        "found": "Vår kontroll fann:",
        "claimed": "Begärt",
        "expected": "Väntat",
        "difference": "Skillnad",
        "total": "Summa före skatt, {currency}",
        "lines": "Vad vi räknade med, rad för rad",
        "period": "Period",
        "reckoned": "Beräkning",
        "clause": "Enligt",
        "element": "{tariff}, element {element}",
        "asks": "Var vänliga och ta tillbaka CDR:en med en krediterande CDR och debitera sessionen på nytt, eller "
        "berätta varför ni inte håller med, senast {day}.",
        "attached": "Hela rapporten från vår kontroll är bifogad som {file}.",
    },
}
