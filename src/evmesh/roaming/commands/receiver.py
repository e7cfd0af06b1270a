"""Commands that eMSPs send to our stations: the answer at once. The result comes later (`carry_out.py`).

    what is wrong                                              the answer
    the body cannot be read, or its response_url not be called  2001
    a command that we do not have, an EVSE that cannot do it    NOT_SUPPORTED
    no such Location, EVSE or connector of ours                 REJECTED, 2003
    a token that is not the caller's                            REJECTED
    another eMSP's session, or an EVSE where one goes on        REJECTED
    no such session                                             UNKNOWN_SESSION
    nothing                                                     ACCEPTED, and in how many seconds the result comes

ACCEPTED says that the station will be asked, not that it will do it. An unknown reservation is for the result to say.
The token of a command is the eMSP's affair: it is neither checked nor stored. [mod_commands_commandresponsetype_enum]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from evmesh.ocpi import wire
from evmesh.ocpi.status_codes import SUCCESS, UNKNOWN_LOCATION, InvalidParameter
from evmesh.ocpi.types import parse_timestamp
from evmesh.ocpi.wire import Context
from evmesh.ports import Answer, Call, Document, Forbidden, Handler, Party, Place, Stations
from evmesh.roaming import kinds, receive
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.charge import OPEN
from evmesh.roaming.sessions.reservation import place_of
from evmesh.roaming.sessions.site import Site, evses, site
from evmesh.store import charges, commands, objects
from evmesh.store.charges import Charge
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx


class Refused(Exception):
    """The command is not accepted; this is what the answer says."""

    def __init__(self, result: str, message: str, status_code: int = SUCCESS) -> None:
        super().__init__(message)
        self.result, self.message, self.status_code = result, message, status_code


@dataclass(frozen=True, slots=True)
class Taking:
    """A command while it is looked at."""

    node: Node
    stations: Stations
    call: Call
    document: Document

    @property
    def token_party(self) -> Party:
        token = self.document["token"]
        return token.get("country_code", ""), token.get("party_id", "")


Decided = Document
"""What was decided beyond what the command says: where, and of which party of ours."""
Check = Callable[[Tx, Taking], Decided]


def handlers(node: Node) -> dict[str, Handler]:
    def handler(command: str, name: str, check: Check) -> Handler:
        async def handle(call: Call) -> Answer:
            return await take(node, call, command, name, check)

        return handle

    async def other(call: Call) -> Answer:
        return _answer(node, call, "NOT_SUPPORTED", f"{call.path['command'][:40]} is not a command that we know")

    table = {f"commands.receiver.{command.lower()}": handler(command, *how) for command, how in COMMANDS.items()}
    return {**table, "commands.receiver.other": other}


async def take(node: Node, call: Call, command: str, name: str, check: Check) -> Answer:
    """Look at a command, keep it, answer. Once it is kept it will be carried out."""
    read = wire.read(name, call.body, call.dialect, Context(token_party=_only_party(call)))
    if read.document is None:
        raise InvalidParameter(read.why())
    document = read.document
    try:
        await node.calls.permit(document["response_url"])
    except Forbidden as error:
        raise InvalidParameter(f"/response_url: {error}") from None
    if node.stations is None:
        return _answer(node, call, "NOT_SUPPORTED", "there are no stations here")
    taking = Taking(node, node.stations, call, document)

    def run(tx: Tx) -> Refused | None:
        try:
            decided, refused = check(tx, taking), None
        except Refused as error:
            decided, refused = {}, error
        commands.insert(
            tx,
            node.new_id(),
            "received",
            call.partner.id,
            command,
            {**document, **decided},
            state="accepted" if refused is None else "refused",
            response_url=document["response_url"],
            correlation_id=call.correlation_id,
            expires_at=node.clock() + timedelta(seconds=node.settings.command_timeout),
        )
        return refused

    refused = await node.store.write(run)
    if refused is not None:
        return _answer(node, call, refused.result, refused.message, refused.status_code)
    return _answer(node, call, "ACCEPTED")


def _only_party(call: Call) -> Party | None:
    """Whose tokens a 2.1.1 connection speaks of: its documents do not say."""
    if call.dialect.release.owner_in_object:
        return None
    parties = call.partner.parties("EMSP") or call.partner.parties()
    return parties[0] if parties else None


def _answer(node: Node, call: Call, result: str, message: str | None = None, status_code: int = SUCCESS) -> Answer:
    response: Document = {"result": result, "timeout": math.ceil(node.settings.command_timeout)}
    if message is not None:
        response["message"] = [{"language": "en", "text": message[:512]}]
    said = wire.write("CommandResponse", response, call.dialect).document
    return Answer(said, status_code=status_code, message=message)


def _start_session(tx: Tx, taking: Taking) -> Decided:
    _own_token(taking)
    where = _somewhere(tx, taking)
    if where.can("START_SESSION_CONNECTOR_REQUIRED") and taking.document.get("connector_id") is None:
        raise Refused("REJECTED", f"{where.evse['uid']} must be told which connector")
    return _decided(where)


def _stop_session(tx: Tx, taking: Taking) -> Decided:
    session_id = taking.document["session_id"]
    same = taking.call.dialect.same_id
    held = next(
        (h for h in objects.find(tx, "sessions", session_id) if h.partner_id == OURS and same(h.id, session_id)), None
    )
    if held is None:
        raise Refused("UNKNOWN_SESSION", f"no session {session_id} is known")
    charge = charges.get(tx, held.id)
    if not _is_theirs(taking, held.token_party):
        raise Refused("REJECTED", f"the session {session_id} is not one of your drivers'")
    if charge is None or charge.state not in OPEN:
        raise Refused("REJECTED", f"the session {session_id} is over")
    return {"session_id": charge.session_id, **_at(place_of(charge))}


def _unlock_connector(tx: Tx, taking: Taking) -> Decided:
    where = _somewhere(tx, taking)
    if not where.can("UNLOCK_CAPABLE"):
        raise Refused("NOT_SUPPORTED", f"{where.evse['uid']} cannot be unlocked")
    for charge in charges.at_evse(tx, where.location["id"], where.evse["uid"], ("ACTIVE",)):
        if not _is_theirs(taking, _token_party(charge)):
            raise Refused("REJECTED", f"another driver charges at {where.evse['uid']}")
    return _decided(where)


def _reserve_now(tx: Tx, taking: Taking) -> Decided:
    _own_token(taking)
    if parse_timestamp(taking.document["expiry_date"]) <= taking.node.clock():
        raise Refused("REJECTED", "the expiry_date is over")
    return _decided(_somewhere(tx, taking, "RESERVABLE"))


def _cancel_reservation(tx: Tx, taking: Taking) -> Decided:
    return {}


COMMANDS: dict[str, tuple[str, Check]] = {
    "START_SESSION": ("StartSession", _start_session),
    "STOP_SESSION": ("StopSession", _stop_session),
    "UNLOCK_CONNECTOR": ("UnlockConnector", _unlock_connector),
    "RESERVE_NOW": ("ReserveNow", _reserve_now),
    "CANCEL_RESERVATION": ("CancelReservation", _cancel_reservation),
}


def _own_token(taking: Taking) -> None:
    if not taking.call.partner.owns(taking.token_party):
        raise Refused("REJECTED", f"the token is of {'*'.join(taking.token_party)}, which is not one of your parties")


def _is_theirs(taking: Taking, token_party: str | None) -> bool:
    return token_party in [objects.party(*each) for each in taking.call.partner.parties()]


def _token_party(charge: Charge) -> str:
    return objects.party(charge.token.get("country_code", ""), charge.token.get("party_id", ""))


def _decided(where: Site) -> Decided:
    return _at(where.place)


def _at(place: Place) -> Decided:
    return {
        "country_code": place.country_code,
        "party_id": place.party_id,
        "location_id": place.location_id,
        "evse_uid": place.evse_uid,
        "connector_id": place.connector_id,
    }


def _somewhere(tx: Tx, taking: Taking, capability: str | None = None) -> Site:
    """Where it is to be: as the command says, or, where it leaves the EVSE to us, at the best one of the Location."""
    location = _location(tx, taking)
    owner = kinds.owner(location)
    uid = taking.document.get("evse_uid")
    connector_id = taking.document.get("connector_id")
    uids = [uid] if uid is not None else [evse["uid"] for evse in evses(location)]
    found = [
        where for each in uids if (where := site(tx, Place(*owner, location["id"], each, connector_id))) is not None
    ]
    if not found:
        raise Refused("REJECTED", f"{location['id']} has no such EVSE or connector", UNKNOWN_LOCATION)
    able = [where for where in found if capability is None or where.can(capability)]
    if not able:
        raise Refused("NOT_SUPPORTED", f"{location['id']} has no EVSE there that is {capability}")
    reached = [where for where in able if taking.stations.knows(where.place)]
    if not reached:
        raise Refused("NOT_SUPPORTED", f"no station at {location['id']} takes commands")
    return min(reached, key=lambda where: _rank(tx, taking, where))


def _rank(tx: Tx, taking: Taking, where: Site) -> int:
    """What was reserved for this card comes first, then what is free."""
    uid = (taking.document.get("token") or {}).get("uid", "")
    for charge in charges.at_evse(tx, where.location["id"], where.evse["uid"], ("RESERVATION",)):
        if charge.token_uid == uid.casefold():
            return 0
    return 1 if where.evse["status"] == "AVAILABLE" else 2


def _location(tx: Tx, taking: Taking) -> Document:
    wanted = taking.document["location_id"]
    for party in _parties(taking):
        held = objects.get(tx, "locations", kinds.CANONICAL.key(*party, wanted), OURS)
        if held is not None:
            location: Document = wire.decode(held.document)
            return location
    raise Refused("REJECTED", f"no Location {wanted} is known", UNKNOWN_LOCATION)


def _parties(taking: Taking) -> list[Party]:
    """Our parties whose Locations the caller may mean, the one that it addresses first."""
    only, addressed = taking.call.partner.our_party, taking.call.to_party
    mine = [each.party for each in taking.node.parties if each.role == "CPO"]
    seen = [each for each in mine if only is None or receive.same_party(each, only)]
    return sorted(seen, key=lambda each: addressed is None or not receive.same_party(each, addressed))
