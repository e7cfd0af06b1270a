"""What is known around a partner's CDR: the card, the place, the Session, the tariffs as they were told when the charge
began, other CDRs of that time, the CDR that a credit takes back.

Charges have much in common: what many of them share is looked up once, by whoever looks around many in one
transaction. Nothing here writes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from evmesh.base.findings import Finding
from evmesh.billing import checks
from evmesh.billing.checks import Circumstances
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document, Partner
from evmesh.roaming import kinds, receive
from evmesh.roaming.cdrs import disputes
from evmesh.roaming.cdrs.judge import Case, Told
from evmesh.roaming.node import Node
from evmesh.store import objects, tariff_history, verdicts
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.tariff_history import Version
from evmesh.store.transaction import Tx
from evmesh.store.verdicts import Charge, Neighbour

NO_CARD = "AD_HOC_USER"
"""A token type that stands for whoever paid at the station: many charge with it at once."""

_EVER = datetime.max.replace(tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Seen(NamedTuple):
    """A CDR with what it is judged by; `original` is what a credit takes back."""

    held: Held
    case: Case
    charge: Charge
    original: Held | None


class Around:
    """Looks around CDRs within one transaction."""

    def __init__(self, tx: Tx, node: Node) -> None:
        self.tx = tx
        self.node = node
        self._known: dict[Any, Any] = {}
        self._versions: dict[tuple[int, str, str], list[_Reign]] = {}
        self._cards: dict[str, bool] = {}
        self._without_session: set[str] = set()

    def ahead(self, cdrs: Sequence[Document]) -> None:
        """Ask at once what looking around each of these would ask: which cards are ours, and which Sessions there are
        not."""
        cards = {str((cdr.get("cdr_token") or {}).get("uid")).casefold() for cdr in cdrs}
        ours = objects.held_ids(self.tx, "tokens", cards, partner_id=OURS)
        self._cards = {card: card in ours for card in cards}
        sessions = {str(cdr.get("session_id")).casefold() for cdr in cdrs}
        self._without_session = sessions - objects.held_ids(self.tx, "sessions", sessions)

    def look(
        self,
        partner: Partner,
        spoken: Dialect,
        held: Held,
        cdr: Document,
        findings: Sequence[Finding],
        *,
        received_at: datetime,
        alone: bool = False,
    ) -> Seen:
        """What there is to see around a CDR. `findings` are those of its reading. Where it is known to be `alone`, no
        other CDRs are looked for."""
        charge = _charge(held, cdr)
        place = cdr.get("cdr_location") or {}
        contract = disputes.contract_of(self.node, partner)
        location = self._location(partner, spoken, held, place)
        evse = None if location is None else location.evses.get(str(place.get("evse_uid")).casefold())
        told = partner.endpoint("locations", "SENDER") is not None
        pushed, told_then = self._pushed(partner, held, cdr, charge.start)
        original = self._original(partner, spoken, cdr)
        circumstances = Circumstances(
            received_at=received_at,
            late_after=contract.late_after,
            token_known=self._token_known(cdr.get("cdr_token") or {}),
            location_known=None if location is None and not told else location is not None,
            evse_known=None if location is None else evse is not None,
            power_kw=None if evse is None else evse.get(str(place.get("connector_id")).casefold()),
            session=self._session(partner, spoken, held, cdr),
            session_expected=cdr.get("session_id") is not None and partner.endpoint("sessions", "SENDER") is not None,
            **({} if alone else self._others(charge)),
        )
        case = Case(
            cdr=cdr,
            release=held.release,
            circumstances=circumstances,
            read=findings,
            zone=None if location is None else location.zone,
            pushed=pushed,
            told=told_then,
            original=None if original is None else wire.decode(original.document),
            contract=contract,
        )
        return Seen(held, case, charge, original)

    def _original(self, partner: Partner, spoken: Dialect, cdr: Document) -> Held | None:
        """What a credit takes back."""
        reference = cdr.get("credit_reference_id")
        if not cdr.get("credit") or reference is None:
            return None
        return receive.theirs(self.tx, partner, spoken, "cdrs", kinds.owner(cdr), (reference,))

    def _token_known(self, token: Document) -> bool:
        """Whether it is a token of ours. 2.1.1 names the contract only."""
        named = token.get("country_code", ""), token.get("party_id"), token.get("uid"), token.get("contract_id", "")
        if named not in self._known:
            self._known[named] = self._of_ours(*named)
        known: bool = self._known[named]
        return known

    def _of_ours(self, country_code: str, party_id: str | None, uid: str | None, contract_id: str) -> bool:
        if party_id and self.node.ours((country_code, party_id)) is None:
            return False
        if not uid:
            held = objects.token_of_contract(self.tx, contract_id)
            return held is not None and held.partner_id == OURS
        ours = self._cards.get(uid.casefold())
        return bool(objects.find(self.tx, "tokens", uid, partner_id=OURS, absent=True)) if ours is None else ours

    def _location(self, partner: Partner, spoken: Dialect, held: Held, place: Document) -> _Place | None:
        if not place.get("id"):
            return None
        id, owner = str(place["id"]), (held.country_code, held.party_id)
        key = (partner.id, spoken.name, *owner, id)
        if key not in self._known:
            found = receive.theirs(self.tx, partner, spoken, "locations", owner, (id,), absent=True)
            self._known[key] = None if found is None else _place(found.document)
        location: _Place | None = self._known[key]
        return location

    def _session(self, partner: Partner, spoken: Dialect, held: Held, cdr: Document) -> Document | None:
        if cdr.get("session_id") is None or str(cdr["session_id"]).casefold() in self._without_session:
            return None
        owner = (held.country_code, held.party_id)
        found = receive.theirs(self.tx, partner, spoken, "sessions", owner, (cdr["session_id"],), absent=True)
        return None if found is None else wire.decode(found.document)

    def _pushed(
        self, partner: Partner, held: Held, cdr: Document, start: datetime
    ) -> tuple[list[Document] | None, Told]:
        """The tariffs that the CDR names, as they were when the charge began; and whether one of them was told only
        later. None when the partner never told one of them, or had deleted one."""
        ids = {period.get("tariff_id") for period in cdr.get("charging_periods") or ()}
        if ids <= {None}:
            ids = {tariff.get("id") for tariff in cdr.get("tariffs") or ()}
        reigns = [self._reign(partner.id, held.owner, id, start) for id in sorted(map(str, ids - {None}))]
        told = {reign.told for reign in reigns}
        documents = [_tariff(reign.document) for reign in reigns if reign.document is not None]
        if not documents or len(documents) < len(reigns):
            return None, "deleted" if "deleted" in told else "in_time"
        return documents, "later" if "later" in told else "in_time"

    def _reign(self, partner_id: int, owner: str, id: str, moment: datetime) -> _Reign:
        """The version of a tariff that counts for a charge of that moment."""
        known = self._versions.setdefault((partner_id, owner, id.casefold()), [])
        for reign in known:
            if reign.begin <= moment < reign.end:
                return reign
        version = tariff_history.tariff_at(self.tx, partner_id, owner, id, moment)
        following = tariff_history.first_after(self.tx, partner_id, owner, id, moment)
        counts = version or following
        known.append(
            _Reign(
                begin=_NEVER if version is None else version.at,
                end=_EVER if following is None else following.at,
                document=None if counts is None else counts.document,
                told=_told(version, following),
            )
        )
        return known[-1]

    def _others(self, charge: Charge) -> dict[str, Any]:
        """The names of other CDRs. One that was taken back, and what took it back, do not count."""
        around = verdicts.neighbours(self.tx, charge)

        def same(one: Neighbour) -> tuple[Any, ...]:
            return one.partner_id, one.token, one.evse, one.session, one.start, one.end

        if charge.is_credit:
            mine = charge.token, charge.evse, charge.session, charge.start, charge.end
            before = [each for each in around if each.is_credit and same(each)[1:] == mine]
            return {"credits_before": self._names(before)} if before else {}
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
        session = [each for each in left if charge.session is not None and each.session == charge.session]
        rest = [each for each in left if each not in session]
        return {
            "same_session": self._names(session),
            "same_token": self._names([each for each in rest if charge.token and each.token == charge.token]),
            "same_evse": self._names([each for each in rest if charge.evse and each.evse == charge.evse]),
        }

    def _names(self, others: Sequence[Neighbour]) -> list[str]:
        return [held.id for each in others if (held := objects.by_seq(self.tx, each.seq)) is not None]


def _charge(held: Held, cdr: Document) -> Charge:
    place = cdr.get("cdr_location") or {}
    token = cdr.get("cdr_token") or {}
    return Charge(
        seq=held.seq,
        partner_id=held.partner_id,
        currency=str(cdr.get("currency")),
        start=_moment(cdr.get("start_date_time"), held),
        end=_moment(cdr.get("end_date_time"), held),
        token=None if token.get("type") == NO_CARD else _folded(token.get("uid") or token.get("contract_id")),
        evse=_folded(f"{held.owner}*{place.get('id')}*{place.get('evse_uid')}") if place.get("evse_uid") else None,
        session=_folded(cdr.get("session_id")),
        is_credit=bool(cdr.get("credit")),
    )


class _Place:
    """What of a Location matters for a charge: its zone, and for each EVSE what its connectors give, in kW."""

    __slots__ = ("evses", "zone")

    def __init__(self, document: Document) -> None:
        self.zone: str | None = document.get("time_zone")
        self.evses: dict[str, dict[str, Decimal | None]] = {
            str(evse.get("uid")).casefold(): {
                str(each.get("id")).casefold(): checks.rated_power_kw(each) for each in evse.get("connectors") or ()
            }
            for evse in document.get("evses") or ()
        }


@functools.lru_cache(8192)
def _place(text: str) -> _Place:
    """A busy place is charged at again and again: its text is read once."""
    return _Place(wire.decode(text))


class _Reign:
    """From when until when charges begin for which a version of a tariff counts. `document` is None where there never
    was one, or none any more."""

    __slots__ = ("begin", "document", "end", "told")

    def __init__(self, *, begin: datetime, end: datetime, document: str | None, told: Told) -> None:
        self.begin, self.end, self.document, self.told = begin, end, document, told


def _told(version: Version | None, following: Version | None) -> Told:
    if version is None:
        return "in_time" if following is None else "later"
    return "deleted" if version.document is None else "in_time"


@functools.lru_cache(2048)
def _tariff(text: str) -> Document:
    document: Document = wire.decode(text)
    return document


def _moment(text: Any, held: Held) -> datetime:
    try:
        return parse_timestamp(text)
    except (TypeError, ValueError):
        return held.last_updated


def _folded(text: Any) -> str | None:
    return None if text is None else str(text).casefold()
