"""A charge of ours from authorisation to CDR, and the Session that tells of it. [mod_sessions_session_status_enum]

    state         event       then
    PENDING       started     ACTIVE       energy may flow; the Session's start is this moment
    PENDING       given_up    INVALID      the driver never plugged in, the station refused
    RESERVATION   started     ACTIVE       by the token that reserved, under the same id
    RESERVATION   released    COMPLETED    nobody came, or it was cancelled
    ACTIVE        metered     ACTIVE
    ACTIVE        stopped     COMPLETED    and its CDR, in the same transaction
    ACTIVE        spoiled     INVALID      what the station told cannot have been: it ended before it began

Any other step is an error (IllegalStep); a station that repeats itself takes no step. COMPLETED and INVALID are ends.

What happens is kept at once (`store.charges`). The Session, which partners see, is told from it: at every step, and
while energy flows at most once in `session_update_every` seconds. What is held back meanwhile has its moment in
`due_at`, so the last state always goes out (`due.py`).

A charge that was allowed and does not begin within AUTHORISED_FOR is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from evmesh.ocpi import wire
from evmesh.ocpi.types import timestamp
from evmesh.ports import Document, Partner
from evmesh.pricing.generation import CannotBePriced, running_cost
from evmesh.roaming.cdrs.issue import cdr_token, issue, tell
from evmesh.roaming.cdrs.periods import Kept, energy_of, periods_of, prices_reservations
from evmesh.roaming.cdrs.place import cdr_location
from evmesh.roaming.node import Node
from evmesh.roaming.publish import publish
from evmesh.roaming.sessions.site import Site, tariffs_at
from evmesh.roaming.tokens.authorise import AUTHORISED_FOR
from evmesh.store import charges
from evmesh.store import partners as known_partners
from evmesh.store.charges import Charge
from evmesh.store.transaction import Tx

STEPS = {
    ("PENDING", "started"): "ACTIVE",
    ("PENDING", "given_up"): "INVALID",
    ("RESERVATION", "started"): "ACTIVE",
    ("RESERVATION", "released"): "COMPLETED",
    ("ACTIVE", "metered"): "ACTIVE",
    ("ACTIVE", "stopped"): "COMPLETED",
    ("ACTIVE", "spoiled"): "INVALID",
}
OPEN = ("PENDING", "RESERVATION", "ACTIVE")


class IllegalStep(Exception):
    """A station told something that cannot follow what it told before."""


class UnknownCharge(LookupError):
    """There is no session of that id."""


def after(state: str, event: str) -> str:
    """The state that an event leads to; IllegalStep when it leads nowhere."""
    try:
        return STEPS[state, event]
    except KeyError:
        raise IllegalStep(f"a session that is {state} cannot be {event}") from None


def known(tx: Tx, session_id: str) -> Charge:
    """The charge; UnknownCharge when there is none."""
    charge = charges.get(tx, session_id)
    if charge is None:
        raise UnknownCharge(f"there is no session {session_id}")
    return charge


def begin(
    tx: Tx,
    node: Node,
    site: Site,
    token: Document,
    auth_method: str,
    reference: str | None,
    *,
    reservation: str | None = None,
    reserved_until: datetime | None = None,
    told: bool = True,
) -> Charge:
    """A charge that is allowed to begin, or, with our id of a reservation, a place that is held until then.

    Not `told`: its Session appears with the next step only.
    """
    at = node.clock()
    charge = Charge(
        session_id=node.new_id(),
        country_code=site.owner[0],
        party_id=site.owner[1],
        location_id=site.location["id"],
        evse_uid=site.evse["uid"],
        connector_id=site.connector["id"],
        state="PENDING" if reservation is None else "RESERVATION",
        token_uid=token["uid"],
        token=token,
        auth_method=auth_method,
        authorization_reference=reference,
        created_at=at,
        start=at,
        currency="",
        zone="UTC",
        cdr_location={},
        tariffs=[],
        reservation=reservation,
        reserved_from=None if reservation is None else at,
        last_updated=at,
        due_at=at + AUTHORISED_FOR if reservation is None else reserved_until,
    )
    charge = placed(tx, charge, site, at)
    charges.put(tx, charge)
    return publish_session(tx, node, charge) if told else charge


def placed(tx: Tx, charge: Charge, site: Site, at: datetime) -> Charge:
    """The charge with its place and tariff as they are at that moment: what its CDR will say. [mod_cdrs_cdr_object]"""
    tariffs = tariffs_at(tx, site, at, charge.token.get("type"))
    location, findings = cdr_location(site.location, site.evse, site.connector)
    tell(f"sessions {charge.session_id}", findings)
    return changed(
        charge,
        location_id=site.location["id"],
        evse_uid=site.evse["uid"],
        connector_id=site.connector["id"],
        cdr_location=location,
        tariffs=tariffs,
        currency=site.currency(tariffs),
        zone=site.zone,
    )


def changed(charge: Charge, **fields: Any) -> Charge:
    return msgspec.structs.replace(charge, **fields)


def authorised(tx: Tx, node: Node, charge: Charge, auth_method: str, reference: str | None) -> Charge:
    """The driver was allowed once more: method and reference are the last ones given. [mod_sessions_session_object]"""
    if charge.state not in OPEN:
        raise IllegalStep(f"a session that is {charge.state} is not authorised any more")
    again = changed(
        charge,
        auth_method=auth_method,
        authorization_reference=charge.authorization_reference if reference is None else reference,
    )
    return charge if again == charge else publish_session(tx, node, again)


def start(tx: Tx, node: Node, charge: Charge, site: Site | None, at: datetime, meter_id: str | None) -> Charge:
    """Energy may flow: the Session is ACTIVE from `at` on."""
    if charge.state == "ACTIVE" and charge.start == at:
        return charge
    state = after(charge.state, "started")
    if site is not None:
        charge = placed(tx, charge, site, at)
    return publish_session(tx, node, changed(charge, state=state, start=at, meter_id=meter_id, due_at=None))


def meter(tx: Tx, node: Node, charge: Charge, at: datetime, value: Document) -> Charge:
    """Keep a reading; tell of it now, or when the partners have heard nothing for a while."""
    after(charge.state, "metered")
    charges.add_reading(tx, charge.session_id, at, value)
    now = node.clock()
    next_word = (charge.told_at or now) + timedelta(seconds=node.settings.session_update_every)
    if now >= next_word:
        return publish_session(tx, node, charge)
    if charge.due_at is None:
        charges.wait_until(tx, charge.session_id, next_word)
        return changed(charge, due_at=next_word)
    return charge


def stop(tx: Tx, node: Node, charge: Charge, at: datetime, value: Document) -> Charge:
    """The charge is over: its last reading, the COMPLETED Session and the CDR, together or not at all."""
    if charge.state in ("COMPLETED", "INVALID") and charge.end == max(at, charge.start):
        return charge
    state = after(charge.state, "stopped")
    if at < charge.start and not charges.readings_of(tx, charge.session_id):
        state = after(charge.state, "spoiled")
        return publish_session(tx, node, changed(charge, state=state, end=charge.start, due_at=None))
    charges.add_reading(tx, charge.session_id, at, value)
    readings = charges.readings_of(tx, charge.session_id)
    # Nothing was read after the end, whatever the station's clock did.
    end = max(charge.start, readings[-1][0])
    return complete(tx, node, changed(charge, state=state, end=end, due_at=None), readings)


def give_up(tx: Tx, node: Node, charge: Charge) -> Charge:
    """It will not begin. A Session that nobody was told of is not told of now."""
    ended = changed(charge, state=after(charge.state, "given_up"), end=node.clock(), due_at=None)
    if charge.told_at is None:
        charges.put(tx, ended)
        return ended
    return publish_session(tx, node, ended)


def release(tx: Tx, node: Node, charge: Charge, at: datetime, *, billed: bool) -> Charge:
    """The place is not held any more. Billed, if its tariff asks for something for having held it."""
    ended = changed(charge, state=after(charge.state, "released"), end=max(at, charge.start), due_at=None)
    if billed and any(prices_reservations(tariff) for tariff in ended.tariffs):
        return complete(tx, node, ended, [])
    return publish_session(tx, node, ended, readings=[])


def complete(tx: Tx, node: Node, charge: Charge, readings: Kept) -> Charge:
    """Tell the ended Session and issue its CDR."""
    partners = known_partners.all_partners(tx)
    periods = periods_of(charge, readings)
    charge = stamped(node, charge)
    held = None
    if periods:
        energy = energy_of(charge, readings)
        held = issue(tx, node, charge, periods, energy, charge.last_updated, partners=partners)
    cost = None if held is None else wire.decode(held.document)["total_cost"]
    return publish_session(tx, node, charge, readings=readings, partners=partners, periods=periods, total_cost=cost)


def publish_session(
    tx: Tx,
    node: Node,
    charge: Charge,
    *,
    readings: Kept | None = None,
    partners: Sequence[Partner] | None = None,
    periods: Sequence[Document] | None = None,
    total_cost: Document | None = None,
) -> Charge:
    """Keep the charge and tell its Session as it now is."""
    charge = stamped(node, charge)
    charge = changed(charge, told_at=charge.last_updated, due_at=charge.due_at if charge.state != "ACTIVE" else None)
    charges.put(tx, charge)
    readings = charges.readings_of(tx, charge.session_id) if readings is None else readings
    partners = known_partners.all_partners(tx) if partners is None else partners
    publish(tx, node, "sessions", session(charge, readings, periods, total_cost), partners=partners)
    return charge


def stamped(node: Node, charge: Charge) -> Charge:
    """With a `last_updated` that never goes back."""
    return changed(charge, last_updated=max(charge.last_updated, node.clock()))


def session(
    charge: Charge,
    readings: Kept,
    periods: Sequence[Document] | None = None,
    total_cost: Document | None = None,
) -> Document:
    """The Session that tells of a charge. [mod_sessions_session_object]"""
    document: Document = {
        "country_code": charge.country_code,
        "party_id": charge.party_id,
        "id": charge.session_id,
        "start_date_time": timestamp(charge.start),
        "kwh": energy_of(charge, readings),
        "cdr_token": cdr_token(charge),
        "auth_method": charge.auth_method,
        "location_id": charge.location_id,
        "evse_uid": charge.evse_uid,
        "connector_id": charge.connector_id,
        "currency": charge.currency,
        "charging_periods": periods_of(charge, readings) if periods is None else list(periods),
        "status": charge.state,
        "last_updated": timestamp(charge.last_updated),
    }
    for name, value in (
        ("authorization_reference", charge.authorization_reference),
        ("meter_id", charge.meter_id),
        ("end_date_time", None if charge.end is None else timestamp(charge.end)),
        ("total_cost", total_cost or _cost_so_far(charge, document, readings)),
    ):
        if value is not None:
            document[name] = value
    return document


def _cost_so_far(charge: Charge, document: Document, readings: Kept) -> Document | None:
    """What it would cost if it ended with its last reading; None while nobody can say. A missing cost is not free."""
    if charge.state != "ACTIVE" or not charge.tariffs or not readings:
        return None
    until = max(charge.start, readings[-1][0])
    try:
        return running_cost(document, charge.tariffs, charge.zone, until=until)
    except CannotBePriced:
        return None


def announce(tx: Tx, node: Node, charge: Charge) -> Charge:
    """Tell the Session of a charge that was begun without telling."""
    return publish_session(tx, node, charge) if charge.told_at is None and charge.state in OPEN else charge
