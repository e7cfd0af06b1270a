"""Corrections of our own CDRs. A CDR never changes: it is taken back whole, and its session is billed anew.

    what           its id                      what it says
    the credit     that of the CDR, and -C     as the CDR, but for the total, which is the exact negative
    the new CDR    made from that of the CDR   the same charge, priced anew and checked before it goes out

Each id follows from the CDR's, so none is credited or billed anew twice; the new CDR can itself be corrected. A CDR is
billed anew only when it has been credited: at no time is a session billed twice.

The charging periods are cut again from the meter values where we have them, since another tariff changes its price at
other moments. They stay as they are where the CDR came in from a file.

To a partner on a release without credits the credit cannot be told, and a fault says so: it sees the new CDR beside
the first, and has to hear of the credit in another way. [mod_cdrs_credit_cdrs]
"""

from __future__ import annotations

import uuid

import msgspec

from evmesh.billing.errors import BillingError
from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document
from evmesh.pricing.issuing import credit_cdr, issue_cdr
from evmesh.pricing.plan import embedded_tariffs
from evmesh.roaming import kinds
from evmesh.roaming.cdrs.issue import hand_out
from evmesh.roaming.cdrs.periods import periods_of
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.site import Site
from evmesh.store import charges, ledger, objects, partners, tariff_history
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx

LONGEST_ID = 39
LONGEST_REMARK = 255

_NEW_IDS = uuid.UUID("6f4c0f7e-6a0d-4c55-9f0e-3f6f3f5b8d1c")


class CannotCorrect(BillingError):
    """The CDR is not one that can be credited, or billed anew; the sentence says why."""


def credit(tx: Tx, node: Node, held: Held, *, reason: str | None = None) -> Held:
    """Issue the credit of a CDR of ours. `reason` becomes its remark, the one thing else that it says otherwise."""
    cdr = _wrong(held)
    there = credit_of(tx, held)
    if there is not None:
        raise CannotCorrect(f"{_name(held)} was credited before, by {there.id}")
    if len(_credit_id(held)) > LONGEST_ID:
        raise CannotCorrect(f"{_name(held)}: its id is too long for that of its credit, which adds -C")
    if reason is not None and len(reason) > LONGEST_REMARK:
        raise CannotCorrect(f"the reason is longer than the {LONGEST_REMARK} characters of a remark")
    made = credit_cdr(cdr, id=_credit_id(held), issued_at=node.clock())
    if reason is not None:
        made["remark"] = reason
    return hand_out(tx, node, made, partners=partners.all_partners(tx))


def rebill(tx: Tx, node: Node, held: Held, *, tariff: Document | None = None) -> Held:
    """Issue the CDR that takes the place of one that was credited, under `tariff` (canonical), or under the tariffs
    that it names as they were published when the charge began."""
    cdr = _wrong(held)
    if credit_of(tx, held) is None:
        raise CannotCorrect(f"{_name(held)} is not credited yet: evmesh cdrs credit comes first")
    id = str(uuid.uuid5(_NEW_IDS, held.key))
    if objects.get(tx, "cdrs", _key(held, id)) is not None:
        raise CannotCorrect(f"{_name(held)} was billed anew before, by {id}")
    tariffs = _published(tx, held, cdr) if tariff is None else [_ours(held, tariff)]
    session = {**cdr, "id": cdr.get("session_id"), "charging_periods": _periods(tx, held, cdr, tariffs)}
    try:
        issued = issue_cdr(
            session,
            tariffs,
            cdr["cdr_location"],
            zone_of(tx, held, cdr),
            id=id,
            issued_at=node.clock(),
            signed_data=cdr.get("signed_data"),
        )
    except ValueError as error:
        raise CannotCorrect(f"{_name(held)} cannot be billed anew: {error}") from None
    if cdr.get("home_charging_compensation") is not None:
        issued.cdr["home_charging_compensation"] = cdr["home_charging_compensation"]
    return hand_out(tx, node, issued.cdr, partners=partners.all_partners(tx))


def credit_of(tx: Tx, held: Held) -> Held | None:
    """The credit of a CDR of ours: issued here, or by the system that both came from."""
    issued = objects.get(tx, "cdrs", _key(held, _credit_id(held)))
    if issued is not None:
        return issued
    posted = (name.split("*", 2) for name in ledger.credits_of(tx, held.id))
    keys = (kinds.CANONICAL.key(*name) for name in posted if objects.party(*name[:2]) == held.owner)
    return next((credit for key in keys if (credit := objects.get(tx, "cdrs", key)) is not None), None)


def _wrong(held: Held) -> Document:
    cdr: Document = wire.decode(held.document)
    if held.partner_id != OURS:
        raise CannotCorrect(f"{_name(held)} is a partner's: evmesh cdrs dispute is for those")
    if cdr.get("credit"):
        raise CannotCorrect(f"{_name(held)} is itself a credit")
    return cdr


def _published(tx: Tx, held: Held, cdr: Document) -> list[Document]:
    """The tariffs of the CDR as they were published when the charge began; its own copy of one that was not."""
    carried = {str(each["id"]).casefold(): each for each in embedded_tariffs(cdr)}
    named = {str(period["tariff_id"]).casefold() for period in cdr["charging_periods"] if period.get("tariff_id")}
    start = parse_timestamp(cdr["start_date_time"])
    found = []
    for id in sorted(named or carried):
        version = tariff_history.tariff_at(tx, OURS, held.owner, id, start)
        if version is not None and version.document is not None:
            found.append(wire.decode(version.document))
        elif id in carried:
            found.append(carried[id])
    if not found:
        raise CannotCorrect(f"{_name(held)} has no tariff: one must be given")
    return found


def _ours(held: Held, tariff: Document) -> Document:
    return {**tariff, "country_code": held.country_code, "party_id": held.party_id}


def _periods(tx: Tx, held: Held, cdr: Document, tariffs: list[Document]) -> list[Document]:
    charge = charges.get(tx, str(cdr.get("session_id")))
    if charge is not None and objects.party(charge.country_code, charge.party_id) == held.owner:
        return periods_of(msgspec.structs.replace(charge, tariffs=tariffs), charges.readings_of(tx, charge.session_id))
    known = {str(tariff["id"]).casefold() for tariff in tariffs}
    return [
        period if str(period.get("tariff_id")).casefold() in known else {**period, "tariff_id": tariffs[0]["id"]}
        for period in cdr["charging_periods"]
    ]


def zone_of(tx: Tx, held: Held, cdr: Document) -> str:
    """Whose clock counts for a CDR of ours: the Location's, or its country's where it is no more."""
    place = cdr["cdr_location"]
    location = objects.get(tx, "locations", _key(held, place["id"]), absent=True)
    return Site(place if location is None else wire.decode(location.document), {}, {}).zone


def _credit_id(held: Held) -> str:
    return f"{held.id}-C"


def _key(held: Held, id: str) -> str:
    return kinds.CANONICAL.key(held.country_code, held.party_id, id)


def _name(held: Held) -> str:
    return f"the CDR {held.owner}*{held.id}"
