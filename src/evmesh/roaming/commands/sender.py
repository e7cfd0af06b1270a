"""Commands that we send as an eMSP, and their results. See `states.py`.

The answer to a command says only that the CPO will try. The result comes later, as a request to the response URL that
the command carried: an address of ours that holds the command's id, which nobody can guess and only the partner that
got the command may use. So whoever waits for a result waits for a change in the database, in this process or another.

A result that comes after its time is kept as `late`: the charge that it speaks of goes on all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from evmesh.ocpi import wire
from evmesh.ocpi.commands import OPERATIONS
from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ocpi.wire import Context, Unsayable
from evmesh.ports import Answer, Call, Document, Handler, Partner, PartnerError, Party, Reply
from evmesh.roaming.commands.states import SENT, UNDER_WAY
from evmesh.roaming.node import Node
from evmesh.store import commands, objects
from evmesh.store.commands import Command
from evmesh.store.transaction import Tx

NAMES = {
    "START_SESSION": "StartSession",
    "STOP_SESSION": "StopSession",
    "UNLOCK_CONNECTOR": "UnlockConnector",
    "RESERVE_NOW": "ReserveNow",
    "CANCEL_RESERVATION": "CancelReservation",
}
LOOK_SECONDS = 5.0


class CannotSend(ValueError):
    """The command cannot be sent as it is; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class CommandTicket:
    """A command on its way. `state` is one of `states.SENT`; `response` is the CommandResponse when there is one."""

    id: str
    partner_id: int
    command: str
    state: str
    response: Document | None
    expires_at: datetime | None

    @property
    def accepted(self) -> bool:
        return self.state not in ("refused", "failed")


async def send(
    node: Node, partner: Partner, command: str, document: Document, timeout: float | None = None
) -> CommandTicket:
    """Send a command; `document` is canonical, without a response_url. Returns with the CPO's answer.

    `timeout` is how long the result may take, in seconds; else the CPO says it. CannotSend when the command cannot be
    said or is not ours to give, PartnerError when the partner cannot be asked or says nothing of use.
    """
    operation = next((o for o in OPERATIONS if o.id == f"commands.receiver.{command.lower()}"), None)
    if operation is None or command not in NAMES:
        raise CannotSend(f"{command} is not a command")
    if operation.releases and partner.dialect.name not in operation.releases:
        raise CannotSend(f"{partner.name} speaks {partner.dialect.name}, which has no {command}")
    owner = await node.store.read(lambda tx: _look_over(tx, node, partner, command, document))
    id = node.new_id()
    url = f"{node.endpoint(partner.dialect.name, 'commands', 'SENDER')}/{command}/{id}"
    request = {**document, "response_url": url}
    token = document.get("token") or {}
    ours = (token["country_code"], token["party_id"]) if token else _speaking(node, partner)
    try:
        body = wire.write(NAMES[command], request, partner.dialect, Context(token_party=ours)).text
    except Unsayable as error:
        raise CannotSend(f"{partner.name} cannot be told: {error}") from None
    seconds = node.settings.command_timeout if timeout is None else timeout
    until = node.clock() + timedelta(seconds=seconds)
    # Before the request leaves: the result may be here before its answer.
    await node.store.write(
        lambda tx: commands.insert(
            tx, id, "sent", partner.id, command, request, state="sending", response_url=url, expires_at=until
        )
    )
    try:
        reply = await node.calls.call(partner, operation.id, body=body, from_party=ours, to_party=owner)
        response = _response(partner, reply)
    except PartnerError:
        await node.store.write(lambda tx: commands.move(tx, id, ["sending"], SENT["sending", "fail"]))
        raise
    return await node.store.write(lambda tx: _answered(tx, node, id, response, timeout))


def _response(partner: Partner, reply: Reply) -> Document:
    """The CommandResponse; a refusal in the envelope counts as one. PartnerError when nothing was understood."""
    if isinstance(reply.data, dict):
        read = wire.read("CommandResponse", reply.data, partner.dialect)
        if read.document is not None and (reply.ok or read.document["result"] != "ACCEPTED"):
            return read.document
    if reply.status_code is not None and 2000 <= reply.status_code < 3000:
        said = reply.message or f"status code {reply.status_code}"
        return {"result": "REJECTED", "message": [{"language": "en", "text": said[:512]}]}
    raise PartnerError(f"{partner.name} answered {reply.http_status} {reply.status_code} {reply.message or ''}".strip())


def _answered(tx: Tx, node: Node, id: str, response: Document, timeout: float | None) -> CommandTicket:
    event = "accept" if response["result"] == "ACCEPTED" else "refuse"
    fields: Document = {"response": response}
    promised = response.get("timeout")
    if timeout is None and promised is not None:
        fields["expires_at"] = node.clock() + timedelta(seconds=float(promised))
    if not commands.move(tx, id, ["sending"], SENT["sending", event], **fields):
        # The result was faster.
        commands.move(tx, id, ["answered"], "answered", response=response)
    return _ticket(_known(tx, id))


async def result(node: Node, ticket: CommandTicket | str) -> Command:
    """Wait until a command has its result or its time is over, also when another process gets it."""
    id = ticket if isinstance(ticket, str) else ticket.id
    seen, wait = 0, 0.0
    while True:
        # Counted before looking, so that what changes after the look is not missed.
        seen = await node.store.changed(seen, wait)
        command = await node.store.read(lambda tx: _known(tx, id))
        if command.state not in UNDER_WAY:
            return command
        wait = LOOK_SECONDS
        if command.expires_at is not None:
            wait = min(wait, (command.expires_at - node.clock()).total_seconds())
        if wait <= 0:
            await node.store.write(lambda tx: _expire(tx, id))
            wait = 0.0


def _known(tx: Tx, id: str) -> Command:
    command = commands.get(tx, id)
    if command is None:
        raise LookupError(f"there is no command {id}")
    return command


def _ticket(command: Command) -> CommandTicket:
    return CommandTicket(
        command.id, command.partner_id, command.command, command.state, command.response, command.expires_at
    )


def _expire(tx: Tx, id: str) -> None:
    commands.move(tx, id, ["waiting"], SENT["waiting", "expire"])
    commands.move(tx, id, ["sending"], SENT["sending", "fail"])


async def expire(node: Node) -> None:
    """End what has waited too long, also where nobody waits for it."""
    over = await node.store.glance(lambda tx: commands.expired(tx, UNDER_WAY, node.clock()))
    if over:

        def run(tx: Tx) -> None:
            for each in over:
                _expire(tx, each.id)

        await node.store.write(run)


def handlers(node: Node) -> dict[str, Handler]:
    async def come(call: Call) -> Answer:
        await take_result(node, call)
        return Answer()

    return {"commands.sender.result": come}


async def take_result(node: Node, call: Call) -> None:
    """The result of a command of ours. NotFound when it is not one that the caller got. [mod_commands_commandresult]

    The same again changes nothing; another one is refused, but that a CPO may cancel a reservation that it had made.
    """
    read = wire.read("CommandResult", call.body, call.dialect)

    def run(tx: Tx) -> None:
        command = commands.get(tx, call.path["command_id"])
        if (
            command is None
            or command.direction != "sent"
            or command.partner_id != call.partner.id
            or command.command.casefold() != call.path["command"].casefold()
        ):
            raise NotFound("no such command was sent to you")
        if read.document is None:
            raise InvalidParameter(read.why())
        event = _event(command, read.document)
        if event is not None:
            commands.move(tx, command.id, [command.state], SENT[command.state, event], result=read.document)

    await node.store.write(run)


def _event(command: Command, come: Document) -> str | None:
    if (command.state, "result") in SENT:
        return "result"
    if command.result is not None and command.result["result"] == come["result"]:
        return None
    withdraws = command.command == "RESERVE_NOW" and come["result"] != "ACCEPTED"
    if withdraws and command.result is not None and command.result["result"] == "ACCEPTED":
        return "withdraw"
    raise InvalidParameter(f"this command is {command.state} and takes no other result")


def _look_over(tx: Tx, node: Node, partner: Partner, command: str, document: Document) -> Party | None:
    """The party of the partner that it is for. CannotSend for what the CPO would have to refuse."""
    token = document.get("token")
    if token is not None and node.ours((token["country_code"], token["party_id"]), "EMSP") is None:
        raise CannotSend(f"the token {token['uid']} is not of a party of ours")
    location = _location(tx, partner, document)
    if location is None:
        owners = partner.parties("CPO")
        return owners[0] if len(owners) == 1 else None
    if command == "START_SESSION" and document.get("connector_id") is None:
        evse = next((e for e in location.get("evses") or () if e["uid"] == document.get("evse_uid")), None)
        if evse is not None and "START_SESSION_CONNECTOR_REQUIRED" in (evse.get("capabilities") or ()):
            raise CannotSend(f"the EVSE {evse['uid']} wants to be told which connector: give a connector_id")
    return location["country_code"], location["party_id"]


def _location(tx: Tx, partner: Partner, document: Document) -> Document | None:
    kind, id = ("sessions", document["session_id"]) if "session_id" in document else ("locations", "")
    id = id or document.get("location_id", "")
    for held in objects.find(tx, kind, id, absent=True) if id else ():
        if held.partner_id == partner.id:
            found: Document = wire.decode(held.document)
            return found
    return None


def _speaking(node: Node, partner: Partner) -> Party | None:
    """Which of our parties speaks, where the command does not say."""
    if partner.our_party is not None:
        return partner.our_party
    mine = [each.party for each in node.parties if each.role == "EMSP"]
    return mine[0] if mine else None
