"""Is a CDR plausible, whatever it costs? What stands in it, held against what else is known.

| what | code |
|---|---|
| the card is not one of ours | `unknown_token` |
| the partner told us its Locations, and this place is none of them | `unknown_location`, `unknown_evse` |
| more energy than the connector can give in that time | `more_than_the_connector_gives` |
| the partner tells Sessions, and told none of this charge | `no_session` |
| the Session that it told was another card's | `session_of_other_token` |
| the Session that it told has another authorization reference | `authorised_otherwise` |
| the Session that it told ended with other energy | `session_energy_differs` |
| the same session is billed by another CDR | `session_billed_twice` |
| the same card, or the same EVSE, charged elsewhere at that time | `token_overlaps`, `evse_overlaps` |
| it came very late, or ends in the future | `late`, `in_the_future` |
| a credit of other money than the CDR that it takes back | `credit_of_other_amount`, `credit_of_other_currency` |
| a credit of what was taken back already | `credited_twice` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Any

from evmesh.base.findings import Finding
from evmesh.billing.money import decimal, exact, number
from evmesh.ocpi.types import parse_timestamp

Document = Mapping[str, Any]

POWER_MARGIN = Decimal("1.1")
"""Meters and rated power both have tolerances."""
ENERGY_MARGIN = Decimal("0.01")
"""By how much of it a Session's last word may differ from the CDR."""
_EXACT = Context(prec=400, traps=[Inexact])
CLOCKS_APART = timedelta(minutes=5)
PHASES = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known around a CDR. None: nothing is known, so nothing is said.

    The sequences name other CDRs: of the same session, and at the same time of the same card and at the same EVSE.
    """

    received_at: datetime
    late_after: timedelta = timedelta(days=30)
    token_known: bool | None = None
    location_known: bool | None = None
    evse_known: bool | None = None
    power_kw: Decimal | None = None
    session: Document | None = None
    session_expected: bool = False
    same_session: Sequence[str] = ()
    same_token: Sequence[str] = ()
    same_evse: Sequence[str] = ()
    credits_before: Sequence[str] = ()


def implausible(cdr: Document, known: Circumstances) -> list[Finding]:
    """What about a canonical CDR is hard to believe."""
    return [*_whose(known), *_session(cdr, known), *_how_much(cdr, known), *_twice(cdr, known), *_when(cdr, known)]


def _whose(known: Circumstances) -> Iterator[Finding]:
    if known.token_known is False:
        yield Finding("warning", "unknown_token", "/cdr_token", "the card is not one that we know")
    if known.location_known is False:
        yield Finding("warning", "unknown_location", "/cdr_location/id", "the partner never told us this Location")
    elif known.evse_known is False:
        yield Finding("warning", "unknown_evse", "/cdr_location/evse_uid", "its Location has no such EVSE")


def _session(cdr: Document, known: Circumstances) -> Iterator[Finding]:
    if known.session is None:
        if known.session_expected:
            yield Finding("warning", "no_session", "/session_id", "the partner told no Session of this charge")
        return
    reference = "authorization_reference"
    for code, place, billed, told in (
        ("session_of_other_token", "/cdr_token/uid", _card(cdr), _card(known.session)),
        ("authorised_otherwise", f"/{reference}", cdr.get(reference), known.session.get(reference)),
    ):
        if billed and told and str(billed).casefold() != str(told).casefold():
            yield Finding("warning", code, place, f"{billed}, its Session has {told}")


def _card(document: Document) -> Any:
    token = document.get("cdr_token")
    return token.get("uid") if isinstance(token, Mapping) else None


def _how_much(cdr: Document, known: Circumstances) -> Iterator[Finding]:
    energy, hours = _measure(cdr.get("total_energy")), _measure(cdr.get("total_time"))
    if energy is None:
        return
    session = known.session or {}
    # Its CDR may well come before its last word.
    told = _measure(session.get("kwh")) if session.get("status") == "COMPLETED" else None
    with localcontext(_EXACT):
        most = None if hours is None or not known.power_kw else known.power_kw * hours
        too_much = most is not None and energy > most * POWER_MARGIN + ENERGY_MARGIN
        apart = told is not None and abs(told - energy) > max(energy * ENERGY_MARGIN, ENERGY_MARGIN)
    if too_much and most is not None:
        at_most = decimal(round(Fraction(most), 3))
        text = f"{_digits(energy)} kWh, where the connector gives at most {at_most} in that time"
        yield Finding("warning", "more_than_the_connector_gives", "/total_energy", text)
    if apart and told is not None:
        text = f"{_digits(energy)} kWh, its Session ended with {_digits(told)}"
        yield Finding("warning", "session_energy_differs", "/total_energy", text)


def _twice(cdr: Document, known: Circumstances) -> Iterator[Finding]:
    if cdr.get("credit"):
        if known.credits_before:
            text = f"taken back before, by {_listed(known.credits_before)}"
            yield Finding("error", "credited_twice", "/credit_reference_id", text)
        return
    if known.same_session:
        text = f"the session is billed by {_listed(known.same_session)} as well"
        yield Finding("error", "session_billed_twice", "/session_id", text)
    for others, code, place, text in (
        (known.same_token, "token_overlaps", "/cdr_token", "the same card charged at that time in"),
        (known.same_evse, "evse_overlaps", "/cdr_location/evse_uid", "the same EVSE is billed for that time in"),
    ):
        if others:
            yield Finding("warning", code, place, f"{text} {_listed(others)}")


def _when(cdr: Document, known: Circumstances) -> Iterator[Finding]:
    try:
        end = parse_timestamp(str(cdr.get("end_date_time")))
    except ValueError:
        return
    if end > known.received_at + CLOCKS_APART:
        yield Finding("warning", "in_the_future", "/end_date_time", "the charge had not ended when its CDR came")
    elif known.received_at - end > known.late_after:
        days = (known.received_at - end).days
        yield Finding("warning", "late", "/end_date_time", f"it came {days} days after the charge")


def credit_mismatch(credit: Document, original: Document) -> list[Finding]:
    """How a credit fails to take back exactly what was claimed. [mod_cdrs_credit_cdrs]"""
    if credit.get("currency") != original.get("currency"):
        text = f"{credit.get('currency')} takes back {original.get('currency')}"
        return [Finding("error", "credit_of_other_currency", "/currency", text)]
    given, claimed = net_total(credit), net_total(original)
    if given is None or claimed is None or given == -claimed:
        return []
    text = f"{decimal(given)} takes back {decimal(claimed)}; a credit is always whole"
    return [Finding("error", "credit_of_other_amount", "/total_cost", text)]


def rated_power_kw(connector: Document) -> Decimal | None:
    """What a canonical Connector can give; None where it does not say. [mod_locations_connector_object]"""
    most = _measure(connector.get("max_electric_power"))
    volts, amperes = _measure(connector.get("max_voltage")), _measure(connector.get("max_amperage"))
    with localcontext(_EXACT):
        if most:
            return most / 1000
        if not volts or not amperes:
            return None
        return volts * amperes * PHASES.get(str(connector.get("power_type")), 1) / 1000


def net_total(cdr: Document) -> Fraction | None:
    """The claim before taxes; None when it names none."""
    total = cdr.get("total_cost")
    return figure(total.get("before_taxes")) if isinstance(total, Mapping) else None


def figure(value: Any) -> Fraction | None:
    """The exact value of a document's number; None when it is none."""
    try:
        return exact(value)
    except ValueError:
        return None


def _measure(value: Any) -> Decimal | None:
    """The same as it is written: many are only compared."""
    try:
        return number(value)
    except ValueError:
        return None


def _digits(value: Decimal) -> Decimal:
    """Without zeros at the end."""
    return decimal(Fraction(value))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
