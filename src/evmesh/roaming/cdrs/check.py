"""What happens when a CDR of a partner has been stored, pushed or pulled, in the same transaction.

1. What is known around it is gathered: the card, the place, the Session, the tariffs as they were told when the charge
   began, other CDRs of that time, the CDR that a credit takes back.
2. It is judged (`judge`), and the verdict kept. A verdict refuses nothing: somebody claims money, and gets an answer
   when the claim has been looked at.
3. What it claims is posted in the ledger, once; a record of an invoice that waits for it is looked at again.
4. A dispute that waits for it goes on: a credit, or the CDR that bills the session anew.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from evmesh.base.findings import Finding
from evmesh.billing import checks
from evmesh.billing.checks import Circumstances
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect, dialect
from evmesh.ocpi.types import parse_timestamp, timestamp
from evmesh.ports import Document, Partner
from evmesh.roaming import kinds, receive
from evmesh.roaming.cdrs import disputes, posting
from evmesh.roaming.cdrs.judge import Case, Judgement, judge
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.node import Node
from evmesh.store import faults, objects, tariff_history, verdicts
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx, now
from evmesh.store.verdicts import Verdict

UNKNOWN_TOKEN = "cdr_of_unknown_token"
UNKNOWN_ORIGINAL = "credit_of_unknown_cdr"
"""Kinds of faults; the subject is the CDR."""

NO_CARD = "AD_HOC_USER"
"""A token type that stands for whoever paid at the station: many charge with it at once."""

log = logging.getLogger(__name__)


def received(
    tx: Tx, node: Node, partner: Partner, spoken: Dialect, held: Held, findings: Sequence[Finding] = ()
) -> Verdict:
    """A partner's CDR is new here."""
    cdr = wire.decode(held.document)
    original = _original(tx, partner, spoken, cdr)
    verdict = _judged(tx, node, partner, spoken, held, cdr, original, findings, received_at=now(tx))
    _faults(tx, partner, held, cdr, verdict, original)
    posting.claimed(tx, partner, held, cdr)
    incoming.arrived(tx, held)
    disputes.heard(tx, node, partner, held, verdict, original)
    return verdict


def again(tx: Tx, node: Node, partner: Partner, held: Held) -> Verdict:
    """Judge anew a CDR that we hold; its tariffs are still those of its time. Nothing else happens."""
    spoken = dialect(held.release)
    cdr = wire.decode(held.document)
    body = wire.decode(held.wire_or_document)
    owner = kinds.owner(cdr)
    findings = wire.read("CDR", body, spoken, receive.their_context(tx, partner, owner)).findings
    former = verdicts.get(tx, held.seq)
    received_at = held.last_updated if former is None else parse_timestamp(former.report["received_at"])
    original = _original(tx, partner, spoken, cdr)
    return _judged(tx, node, partner, spoken, held, cdr, original, findings, received_at=received_at)


def _judged(
    tx: Tx,
    node: Node,
    partner: Partner,
    spoken: Dialect,
    held: Held,
    cdr: Document,
    original: Held | None,
    findings: Sequence[Finding],
    *,
    received_at: datetime,
) -> Verdict:
    start, end = _moment(cdr.get("start_date_time"), held), _moment(cdr.get("end_date_time"), held)
    place = cdr.get("cdr_location") or {}
    token = cdr.get("cdr_token") or {}
    contract = disputes.contract_of(node, partner)
    location = _location(tx, partner, spoken, held, place)
    pushed, later = _pushed(tx, partner, held, cdr, start)
    verdict = {
        "token": None if token.get("type") == NO_CARD else _folded(token.get("uid") or token.get("contract_id")),
        "evse": _folded(f"{held.owner}*{place.get('id')}*{place.get('evse_uid')}") if place.get("evse_uid") else None,
        "session": _folded(cdr.get("session_id")),
    }
    around = verdicts.neighbours(tx, held.seq, partner.id, start=start, end=end, **verdict)
    evse = None if location is None else location.evses.get(str(place.get("evse_uid")).casefold())
    told = partner.endpoint("locations", "SENDER") is not None
    session = _session(tx, partner, spoken, held, cdr)
    circumstances = Circumstances(
        received_at=received_at,
        late_after=contract.late_after,
        token_known=_known(tx, node, token),
        location_known=None if location is None and not told else location is not None,
        evse_known=None if location is None else evse is not None,
        power_kw=None if evse is None else evse.get(str(place.get("connector_id")).casefold()),
        session=session,
        session_expected=cdr.get("session_id") is not None and partner.endpoint("sessions", "SENDER") is not None,
        **_others(tx, around, verdict, start, end, is_credit=bool(cdr.get("credit"))),
    )
    case = Case(
        cdr=cdr,
        release=held.release,
        circumstances=circumstances,
        read=findings,
        zone=None if location is None else location.zone,
        pushed=pushed,
        later=later,
        original=None if original is None else wire.decode(original.document),
        contract=contract,
    )
    judged = _safely(case, held)
    kept = Verdict(
        seq=held.seq,
        partner_id=partner.id,
        verdict=judged.verdict,
        currency=str(cdr.get("currency")),
        start=start,
        end=end,
        is_credit=bool(cdr.get("credit")),
        checked_at=now(tx),
        report=judged.report | {"received_at": timestamp(received_at)},
        **verdict,
    )
    verdicts.put(tx, kept)
    return kept


def _safely(case: Case, held: Held) -> Judgement:
    """A claim is kept even where judging it fails: that is our mistake, and the log has it."""
    try:
        return judge(case)
    except Exception as error:
        log.exception("the CDR %s*%s could not be judged", held.owner, held.id)
        finding = {"severity": "error", "code": "not_judged", "pointer": "", "message": str(error)[:200]}
        levels = {"well_formed": {"outcome": "not_checked", "findings": [finding]}}
        nothing: Document = {"claimed": None, "expected": None, "difference": None, "habits": []}
        return Judgement("cannot_be_priced", {"verdict": "cannot_be_priced", "by": None, **nothing, "levels": levels})


def _faults(tx: Tx, partner: Partner, held: Held, cdr: Document, verdict: Verdict, original: Held | None) -> None:
    subject = f"cdrs {held.owner}*{held.id}"
    codes = {each["code"] for each in verdict.report["levels"].get("plausible", {}).get("findings", ())}
    if "unknown_token" in codes:
        token = cdr.get("cdr_token") or {}
        who = token.get("uid") or token.get("contract_id")
        detail = f"{partner.name} charges us for a token that we do not know: {who}"
        faults.open_fault(tx, UNKNOWN_TOKEN, subject, detail, partner_id=partner.id)
    if cdr.get("credit") and cdr.get("credit_reference_id") is not None and original is None:
        detail = f"{partner.name} credits the CDR {cdr['credit_reference_id']}, which we do not have"
        faults.open_fault(tx, UNKNOWN_ORIGINAL, subject, detail, partner_id=partner.id)


def _original(tx: Tx, partner: Partner, spoken: Dialect, cdr: Document) -> Held | None:
    """What a credit takes back."""
    reference = cdr.get("credit_reference_id")
    if not cdr.get("credit") or reference is None:
        return None
    return receive.theirs(tx, partner, spoken, "cdrs", kinds.owner(cdr), (reference,))


def _known(tx: Tx, node: Node, token: Document) -> bool:
    """Whether it is a token of ours. 2.1.1 names the contract only."""
    if token.get("party_id") and node.ours((token.get("country_code", ""), token["party_id"])) is None:
        return False
    if not token.get("uid"):
        held = objects.token_of_contract(tx, token.get("contract_id", ""))
        return held is not None and held.partner_id == OURS
    return any(held.partner_id == OURS for held in objects.find(tx, "tokens", token["uid"], absent=True))


class _Place:
    """What of a Location matters for a charge: its zone, and for each EVSE what its connectors give, in kW."""

    __slots__ = ("evses", "zone")

    def __init__(self, document: Document) -> None:
        self.zone: str | None = document.get("time_zone")
        self.evses: dict[str, dict[str, Fraction | None]] = {
            str(evse.get("uid")).casefold(): {
                str(each.get("id")).casefold(): checks.rated_power_kw(each) for each in evse.get("connectors") or ()
            }
            for evse in document.get("evses") or ()
        }


@functools.lru_cache(2048)
def _place(text: str) -> _Place:
    """A busy place is charged at again and again: its text is read once."""
    return _Place(wire.decode(text))


def _location(tx: Tx, partner: Partner, spoken: Dialect, held: Held, place: Document) -> _Place | None:
    if not place.get("id"):
        return None
    owner = (held.country_code, held.party_id)
    found = receive.theirs(tx, partner, spoken, "locations", owner, (str(place["id"]),), absent=True)
    return None if found is None else _place(found.document)


def _session(tx: Tx, partner: Partner, spoken: Dialect, held: Held, cdr: Document) -> Document | None:
    if cdr.get("session_id") is None:
        return None
    owner = (held.country_code, held.party_id)
    found = receive.theirs(tx, partner, spoken, "sessions", owner, (cdr["session_id"],), absent=True)
    return None if found is None else wire.decode(found.document)


def _pushed(tx: Tx, partner: Partner, held: Held, cdr: Document, start: datetime) -> tuple[list[Document] | None, bool]:
    """The tariffs that the CDR names, as they were when the charge began; and whether one of them was told only
    later. None when the partner never told one of them."""
    ids = {period.get("tariff_id") for period in cdr.get("charging_periods") or ()}
    if ids <= {None}:
        ids = {tariff.get("id") for tariff in cdr.get("tariffs") or ()}
    found, later = [], False
    for id in sorted(str(each) for each in ids - {None}):
        version = tariff_history.tariff_at(tx, partner.id, held.owner, id, start)
        if version is None:
            version, later = tariff_history.first_version(tx, partner.id, held.owner, id), True
        if version is None:
            return None, False
        found.append(_tariff(version.document))
    return found or None, later


@functools.lru_cache(2048)
def _tariff(text: str) -> Document:
    document: Document = wire.decode(text)
    return document


def _others(
    tx: Tx,
    around: Sequence[verdicts.Neighbour],
    mine: dict[str, str | None],
    start: datetime,
    end: datetime,
    *,
    is_credit: bool,
) -> dict[str, Any]:
    """The names of other CDRs. One that was taken back, and what took it back, do not count."""

    def same(one: verdicts.Neighbour) -> tuple[Any, ...]:
        return one.partner_id, one.token, one.evse, one.session, one.start, one.end

    if is_credit:
        before = [
            each
            for each in around
            if each.is_credit and (each.token, each.evse, each.session, each.start, each.end)
            == (mine["token"], mine["evse"], mine["session"], start, end)
        ]  # fmt: skip
        return {"credits_before": _names(tx, before)} if before else {}
    taken_back = [same(each) for each in around if each.is_credit]
    left = []
    for each in around:
        if each.is_credit:
            continue
        if same(each) in taken_back:
            taken_back.remove(same(each))
        else:
            left.append(each)
    if not left:
        return {}
    session = [each for each in left if mine["session"] is not None and each.session == mine["session"]]
    rest = [each for each in left if each not in session]
    return {
        "same_session": _names(tx, session),
        "same_token": _names(tx, [each for each in rest if mine["token"] and each.token == mine["token"]]),
        "same_evse": _names(tx, [each for each in rest if mine["evse"] and each.evse == mine["evse"]]),
    }


def _names(tx: Tx, others: Sequence[verdicts.Neighbour]) -> list[str]:
    return [held.id for each in others if (held := objects.by_seq(tx, each.seq)) is not None]


def _moment(text: Any, held: Held) -> datetime:
    try:
        return parse_timestamp(text)
    except (TypeError, ValueError):
        return held.last_updated


def _folded(text: Any) -> str | None:
    return None if text is None else str(text).casefold()
