"""Issuing a CDR: at the end of a charge, in the transaction in which its Session is completed.

A CDR never changes, so it is made once, from what was kept as it was when the charge began (place, tariffs, token) and
from the same charging periods that the Session tells: both agree because both are told from one charge.

    the charge                                    its CDR
    priced by the tariff that held at the start   issued
    at a connector without a tariff               issued, costs nothing, a fault says so
    under a tariff that cannot be priced          not issued, a fault says so; `issue` again once that is mended
    a reservation that was never used             issued if the tariff prices reservations [mod_sessions_reservation]
    a Session that became INVALID                 none

It takes the Session's id: there is no second CDR of a charge. Before it is stored it is held against the strictest
reading of the newest release, and said to those who are to get it; what is wrong opens a fault, but a charge that took
place is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.releases import NEWEST, RELEASES
from evmesh.ocpi.types import parse_timestamp, timestamp
from evmesh.ocpi.wire import NeedsObject, Unsayable
from evmesh.ports import Document, Partner
from evmesh.pricing.bill import plain
from evmesh.pricing.exact import rounded
from evmesh.pricing.generation import CannotBePriced, cdr_costs
from evmesh.roaming import kinds, visibility
from evmesh.roaming.node import Node
from evmesh.roaming.publish import our_context, publish
from evmesh.store import faults
from evmesh.store.charges import Charge
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx

log = logging.getLogger(__name__)

FREE: Document = {"before_taxes": 0}
NOT_PRICED = "cdr_not_priced"
NO_TARIFF = "charge_without_tariff"
UNSOUND = "cdr_unsound"
UNSAYABLE = "cdr_unsayable"
"""Kinds of faults; the subject is the CDR."""


def issue(
    tx: Tx,
    node: Node,
    charge: Charge,
    periods: Sequence[Document],
    energy_kwh: Decimal,
    at: datetime,
    *,
    partners: Sequence[Partner],
) -> Held | None:
    """Store the CDR of a charge that has ended, and what partners then lack; None when it cannot be priced yet."""
    if charge.end is None:
        raise ValueError(f"the charge {charge.session_id} has not ended")
    subject = f"cdrs {charge.country_code}*{charge.party_id}*{charge.session_id}"
    cdr = record(charge, periods, energy_kwh, at)
    if not charge.tariffs:
        where = f"{charge.location_id} {charge.evse_uid} {charge.connector_id}"
        faults.open_fault(tx, NO_TARIFF, where, "charged for nothing: no tariff held there when the charge began")
        cdr |= {"total_cost": FREE, "remark": "no tariff held here"}
    else:
        try:
            cdr |= cdr_costs(cdr, None, charge.zone)
        except CannotBePriced as error:
            faults.open_fault(tx, NOT_PRICED, subject, f"no CDR yet: {error}")
            return None
    faults.close_fault(tx, NOT_PRICED, subject)
    return hand_out(tx, node, cdr, partners=partners)


def hand_out(tx: Tx, node: Node, cdr: Document, *, partners: Sequence[Partner]) -> Held:
    """Look a CDR of ours over, store it, and note what partners then lack. Every CDR that we issue goes out here."""
    _look_over(tx, node, cdr, f"cdrs {'*'.join(kinds.owner(cdr))}*{cdr['id']}", partners)
    return publish(tx, node, "cdrs", cdr, partners=partners)


def record(charge: Charge, periods: Sequence[Document], energy_kwh: Decimal, at: datetime) -> Document:
    """The CDR without its costs. [mod_cdrs_cdr_object]"""
    assert charge.end is not None
    # With a priced reservation before it, a CDR begins where that begins.
    start = min([charge.start, *(parse_timestamp(period["start_date_time"]) for period in periods)])
    cdr: Document = {
        "country_code": charge.country_code,
        "party_id": charge.party_id,
        "id": charge.session_id,
        "start_date_time": timestamp(start),
        "end_date_time": timestamp(charge.end),
        "session_id": charge.session_id,
        "cdr_token": cdr_token(charge),
        "auth_method": charge.auth_method,
        "cdr_location": charge.cdr_location,
        "currency": charge.currency,
        "tariffs": charge.tariffs,
        "charging_periods": list(periods),
        "total_energy": energy_kwh,
        "total_time": _hours(start, charge.end),
        "last_updated": timestamp(at),
    }
    parked = [each["volume"] for period in periods for each in period["dimensions"] if each["type"] == "PARKING_TIME"]
    if parked:
        cdr["total_parking_time"] = sum(parked, Decimal(0))
    if charge.authorization_reference is not None:
        cdr["authorization_reference"] = charge.authorization_reference
    if charge.meter_id is not None:
        cdr["meter_id"] = charge.meter_id
    return cdr


def cdr_token(charge: Charge) -> Document:
    """Of what is known of the card, what a Session and a CDR tell. [mod_cdrs_cdr_token_class]"""
    return {name: charge.token[name] for name in TOKEN_FIELDS if charge.token.get(name) is not None}


TOKEN_FIELDS = ("country_code", "party_id", "uid", "type", "contract_id")


def _hours(start: datetime, end: datetime) -> Decimal:
    apart = parse_timestamp(timestamp(end)) - parse_timestamp(timestamp(start))
    milliseconds = apart.days * 86_400_000 + apart.seconds * 1000 + apart.microseconds // 1000
    return plain(rounded(Fraction(milliseconds, 3_600_000), 4))


def _look_over(tx: Tx, node: Node, cdr: Document, subject: str, partners: Sequence[Partner]) -> None:
    """Hold the CDR against the newest release, and against that of each partner that will get it."""
    if not wire.keeps_rules(RELEASES[NEWEST], "CDR", wire.encode(cdr), cdr):
        wrong = [str(finding) for finding in wire.check("CDR", cdr, NEWEST) if finding.severity == "error"]
        if wrong:
            faults.open_fault(tx, UNSOUND, subject, "; ".join(wrong)[:1000])
    for partner in visibility.receivers(node, partners, "cdrs", cdr):
        try:
            written = wire.write("CDR", cdr, partner.dialect, our_context(tx, node, cdr))
        except (Unsayable, NeedsObject) as error:
            faults.open_fault(tx, UNSAYABLE, subject, f"{partner.name} cannot be told: {error}", partner_id=partner.id)
        else:
            tell(subject, written.findings)


def tell(subject: str, findings: Sequence[Finding]) -> None:
    """What a policy changed on the way is for the log."""
    for finding in findings:
        log.info("%s: %s", subject, finding)
