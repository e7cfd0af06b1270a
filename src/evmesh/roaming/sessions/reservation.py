"""A place held for a driver, on our side: what RESERVE_NOW made. [mod_commands_reservenow_object]

    state       event        then         and its Session
    (none)      hold         RESERVED     a new one, RESERVATION
    RESERVED    hold         RESERVED     the same one, moved or prolonged: the same reservation_id came again
    RESERVED    use          USED         ACTIVE, when the driver starts
    RESERVED    expire       EXPIRED      COMPLETED; billed if the tariff asks for it
    RESERVED    cancel       CANCELLED    COMPLETED; the eMSP did it
    RESERVED    withdraw     WITHDRAWN    COMPLETED; we did it, and the eMSP is still to be told
    WITHDRAWN   tell         TOLD

The eMSP's id means nothing but to the eMSP: towards stations a reservation has an id of ours, so two eMSPs may use the
same. An EVSE that is held shows RESERVED.
"""

from __future__ import annotations

from datetime import datetime

from evmesh.ports import Document, Place
from evmesh.roaming.node import Node
from evmesh.roaming.publish import set_evse_status
from evmesh.roaming.sessions import charge as charging
from evmesh.roaming.sessions.site import Site
from evmesh.store import charges, commands, partners
from evmesh.store.charges import Charge
from evmesh.store.commands import Reservation
from evmesh.store.transaction import Tx

STEPS = {
    ("RESERVED", "use"): "USED",
    ("RESERVED", "expire"): "EXPIRED",
    ("RESERVED", "cancel"): "CANCELLED",
    ("RESERVED", "withdraw"): "WITHDRAWN",
    ("WITHDRAWN", "tell"): "TOLD",
}
HELD = "RESERVED"


def place_of(charge: Charge) -> Place:
    return Place(charge.country_code, charge.party_id, charge.location_id, charge.evse_uid, charge.connector_id)


def hold(
    tx: Tx,
    node: Node,
    where: Site,
    partner_id: int,
    reservation_id: str,
    own_id: str,
    token: Document,
    until: datetime,
    reference: str | None,
    response_url: str | None,
) -> Charge:
    """The station holds the place: keep that, and begin or change the Session that tells of it."""
    before = commands.reservation(tx, partner_id, reservation_id)
    charge = None
    if before is not None and before.state == HELD and before.session_key is not None:
        charge = charges.get(tx, before.session_key)
    if charge is not None and charge.state == "RESERVATION":
        if (charge.location_id, charge.evse_uid) != (where.location["id"], where.evse["uid"]):
            show(tx, node, place_of(charge), "RESERVED", "AVAILABLE")
        charge = charging.placed(tx, charge, where, node.clock())
        charge = charging.changed(charge, token=token, token_uid=token["uid"], due_at=until)
        if reference is not None:
            charge = charging.changed(charge, authorization_reference=reference)
        charge = charging.publish_session(tx, node, charge)
    else:
        charge = charging.begin(tx, node, where, token, "COMMAND", reference, reservation=own_id, reserved_until=until)
    commands.put_reservation(
        tx,
        Reservation(
            partner_id=partner_id,
            reservation_id=reservation_id,
            own_id=own_id,
            location_id=where.location["id"],
            evse_uid=where.evse["uid"],
            connector_id=where.connector["id"],
            token=token,
            state=HELD,
            expires_at=until,
            response_url=response_url,
            session_key=charge.session_id,
        ),
    )
    show(tx, node, where.place, "AVAILABLE", "RESERVED")
    return charge


def use(tx: Tx, own_id: str) -> bool:
    """The driver has come; True if that is news."""
    return commands.move_reservation(tx, own_id, [HELD], STEPS[HELD, "use"])


def end(tx: Tx, node: Node, own_id: str, event: str, at: datetime) -> bool:
    """Hold the place no longer, by `expire`, `cancel` or `withdraw`; True if that is news."""
    held = commands.reservation_by_own_id(tx, own_id)
    if held is None or not commands.move_reservation(tx, own_id, [HELD], STEPS[HELD, event]):
        return False
    charge = None if held.session_key is None else charges.get(tx, held.session_key)
    if charge is not None and charge.state == "RESERVATION":
        let_go(tx, node, charge, at, billed=event == "expire")
    return True


def let_go(tx: Tx, node: Node, charge: Charge, at: datetime, *, billed: bool) -> None:
    charging.release(tx, node, charge, at, billed=billed)
    show(tx, node, place_of(charge), "RESERVED", "AVAILABLE")


def show(tx: Tx, node: Node, place: Place, before: str | None, status: str) -> None:
    """Give the EVSE a status, if it has the one before (None: whichever it has)."""
    location = (place.country_code, place.party_id, place.location_id)
    everybody = partners.all_partners(tx)
    set_evse_status(tx, node, location, place.evse_uid, status, node.clock(), before=before, partners=everybody)
