"""Every operation of the table, tried by every partner on what is another's: it is refused, and nothing changes.

The attempts are made from the table itself. An operation that names its owner in the path is tried with the other
party in the path, and with the caller's own party and the other's object. What names nobody in the path stands in
`ELSEWHERE`, with what a thief would do; an operation that stands nowhere fails the test, so that none is forgotten.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import NotFound, OcpiError
from evmesh.ports import Call, Document, Handler, Partner, Party, Place
from evmesh.roaming import publish
from evmesh.roaming.handlers import all_handlers
from evmesh.roaming.node import Node
from evmesh.store import commands
from evmesh.store.schema import metadata
from tests.roaming.calls import (
    DOCUMENTS,
    EMS,
    NOON,
    OPERATIONS,
    RELEASES,
    VOLTERA,
    befriend,
    call,
    cdr,
    data,
    evse,
    location,
    record,
    say,
    session,
    stamp,
    tariff,
    token,
)

ROAMING = ("locations", "tariffs", "tokens", "sessions", "cdrs", "commands", "invoicereconciliation")
NRD: Party = ("NO", "NRD")
KEPT = ("objects", "deliveries", "told", "aside", "charges", "reservations", "faults")
"""What an attempt must leave as it is. Refused commands are kept for the record, so `commands` is not among it."""

WHOLE = ("Location", "Tariff", "Session", "Token", "InvoiceReconciliationRecord")
"""What names its owner and id in the body as well as in the path."""

BELOW = {"evse_uid": "E1", "connector_id": "1"}


class Willing:
    """Stations that would do anything."""

    def knows(self, place: Place) -> bool:
        return True

    async def start(self, place: Place, session_id: str, token: Document) -> str:
        return "ACCEPTED"

    async def stop(self, place: Place, session_id: str) -> str:
        return "ACCEPTED"

    async def unlock(self, place: Place) -> str:
        return "ACCEPTED"

    async def reserve(self, place: Place, reservation_id: str, token: Document, until: datetime) -> str:
        return "ACCEPTED"

    async def cancel(self, place: Place, reservation_id: str) -> str:
        return "ACCEPTED"


@dataclass
class Town:
    """One node and its partners in one release: two CPOs and two eMSPs, each with something of its own here."""

    node: Node
    release: str
    handlers: dict[str, Handler]
    partners: dict[str, Partner]
    said: dict[tuple[str, str], Document]
    """What each partner pushed, by partner and module."""

    @property
    def has_owners(self) -> bool:
        return dialect(self.release).release.owner_in_object

    def operations(self) -> list[Operation]:
        return [
            each
            for each in OPERATIONS.values()
            if each.module in ROAMING and (not each.releases or self.release in each.releases)
        ]

    async def kept(self) -> dict[str, list[Any]]:
        def run(tx: Any) -> dict[str, list[Any]]:
            return {name: [tuple(row) for row in tx.execute(select(metadata.tables[name]))] for name in KEPT}

        return await self.node.store.read(run)


CPO_A, CPO_B, EMSP_A, EMSP_B = ("SE", "CPA"), ("SE", "CPB"), ("SE", "EMA"), ("SE", "EMB")
PARTIES = {"cpo a": CPO_A, "cpo b": CPO_B, "emsp a": EMSP_A, "emsp b": EMSP_B}
MINE = {"cpo a": ("locations", "tariffs", "sessions", "cdrs"), "cpo b": ("locations", "tariffs", "sessions", "cdrs"),
        "emsp a": ("tokens",), "emsp b": ("tokens",)}  # fmt: skip
RECORDS = "invoicereconciliation"
FIRST_PUSH = {
    "locations": "locations.receiver.put_location",
    "cdrs": "cdrs.receiver.post",
    RECORDS: "invoicereconciliation.receiver.post",
}


@pytest.fixture(params=RELEASES)
async def town(node: Node, request: pytest.FixtureRequest) -> Town:
    release: str = request.param
    node.stations = Willing()  # type: ignore[assignment]
    partners = {
        name: await befriend(node, name, release, ((name.split()[0].upper(), party),))
        for name, party in PARTIES.items()
    }
    found = Town(node, release, all_handlers(node), partners, {})
    able = ["RESERVABLE", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"]
    ours = [
        ("locations", location(evses=[evse("E1", capabilities=able)])), ("tariffs", tariff()),
        ("tokens", token(VOLTERA)), ("locations", location(NRD, "N1")), ("tariffs", tariff(NRD, "N1")),
        ("tokens", token(NRD, "0NRD")),
        ("sessions", session(driver=EMSP_B)), ("cdrs", cdr(driver=EMSP_B)),
    ]  # fmt: skip
    everybody = list(partners.values())
    for kind, document in ours:
        await node.store.write(lambda tx, k=kind, d=document: publish.publish(tx, node, k, d, partners=everybody))
    for name, kinds in MINE.items():
        for kind in (*kinds, *((RECORDS,) if release == "2.3.0" else ())):
            found.said[name, kind] = await say(node, kind, theirs(kind, name), release)
            pushed = list(pushes(found, OPERATIONS[FIRST_PUSH.get(kind, f"{kind}.receiver.put")], name, name))
            for _, each in pushed[:1]:
                assert (await found.handlers[each.operation.id](each)).status_code == 1000
    return found


def theirs(kind: str, name: str) -> Document:
    """An object of a partner. Its ids are its own, so that nobody can mean his own object by naming another's."""
    make: Any = record if kind == RECORDS else DOCUMENTS[kind]
    document: Document = make(PARTIES[name], f"{kind} {name}")
    if kind == "sessions":
        document["location_id"] = f"locations {name}"
    if kind == "cdrs":
        document["cdr_location"]["id"] = f"locations {name}"
    return document


def pushes(town: Town, operation: Operation, caller: str, victim: str) -> Iterator[tuple[str, Call]]:
    """What `caller` could do with `victim`'s object through an operation of a Receiver."""
    partner, party, other = town.partners[caller], PARTIES[caller], PARTIES[victim]
    whole = town.said.get((victim, operation.module))
    if whole is None:
        return
    id = whole.get("id") or whole["uid"]
    ids = [BELOW.get(part[1:-1], id) for part in operation.path.split("/")[3:]]
    body = body_for(operation, whole)
    if not operation.owner_in_path:
        yield "the other's object", call(partner, operation.id, body=body)
        return
    yield "the other party in the path", call(partner, operation.id, *other, *ids, body=body)
    if operation.method != "PUT" or operation.body in ("EVSE", "Connector") or town.has_owners:
        yield "the other's object under the own party", call(partner, operation.id, *party, *ids, body=body)


def body_for(operation: Operation, whole: Document) -> Document | None:
    """A body that would be taken if the object were the caller's: newer, and otherwise a change of something."""
    if operation.body is None:
        return None
    document = deepcopy(whole)
    if operation.body == "EVSE":
        document = document["evses"][0]
    elif operation.body == "Connector":
        document = document["evses"][0]["connectors"][0]
    document["last_updated"] = stamp(30)
    if operation.partial:
        return {name: value for name, value in document.items() if name in ("last_updated", "party_id")}
    return document


def command(town: Town, caller: str, name: str, document: Document) -> Call:
    """A command of the caller, in the words of the release."""
    said = wire.write(name, {"response_url": "https://thief.example/result", **document}, dialect(town.release))
    row = next(each for each in OPERATIONS.values() if each.module == "commands" and each.body == name)
    return call(town.partners[caller], row.id, body=said.document)


def start(town: Town, caller: str) -> Call:
    place = {"location_id": "LOC1", "evse_uid": "E1", "connector_id": "1"}
    return command(town, caller, "StartSession", {"token": token(EMSP_B), **place})


def reserve(town: Town, caller: str) -> Call:
    wish = {"token": token(EMSP_B), "expiry_date": stamp(60), "reservation_id": "7", "location_id": "LOC1"}
    return command(town, caller, "ReserveNow", wish)


def stop(town: Town, caller: str) -> Call:
    return command(town, caller, "StopSession", {"session_id": "S1"})


def preferences(town: Town, caller: str) -> Call:
    return call(town.partners[caller], "sessions.sender.put_charging_preferences", "S1", body={"profile_type": "FAST"})


def result(town: Town, caller: str) -> Call:
    name = "CommandResult" if dialect(town.release).release.has_command_result else "CommandResponse"
    said = wire.write("CommandResult", {"result": "ACCEPTED"}, dialect(town.release)).document
    assert name
    return call(town.partners[caller], "commands.sender.result", "START_SESSION", "ours-to-b", body=said)


ELSEWHERE: dict[str, Callable[[Town, str], Call]] = {
    "commands.receiver.start_session": start,
    "commands.receiver.reserve_now": reserve,
    "commands.receiver.stop_session": stop,
    "sessions.sender.put_charging_preferences": preferences,
    "commands.sender.result": result,
}
"""Calls that name nobody in the path, on what is of the second eMSP (a result: of the second CPO)."""

OWNED_BY_THE_CONNECTION = ("cdrs.receiver.post", "commands.receiver.start_session", "commands.receiver.reserve_now")
"""Their documents have no owner in 2.1.1 but who sends them: another's cannot even be said."""

HARMLESS = {
    "commands.receiver.other": "does nothing, whoever calls",
    "commands.receiver.unlock_connector": "asks a station; another driver's charge is looked for in its own tests",
    "commands.receiver.cancel_reservation": "names a reservation among the caller's own",
    "tokens.sender.authorize": "reads; tested below",
    "locations.sender.get_location": "reads; tested below",
    "locations.sender.get_evse": "reads; tested below",
    "locations.sender.get_connector": "reads; tested below",
}


async def refused(town: Town, given: Call) -> tuple[int, int] | None:
    """HTTP status and OCPI status of a refusal (a command's: its result as an error); None when it was done."""
    try:
        answer = await town.handlers[given.operation.id](given)
    except OcpiError as error:
        return error.http_status, error.status_code
    response = data(answer)
    if given.operation.answer == "CommandResponse" and response["result"] != "ACCEPTED":
        return answer.http_status, 2000
    return None


async def test_no_operation_reaches_what_is_anothers(town: Town, subtests: pytest.Subtests) -> None:
    await ours_to_b(town)
    before = await town.kept()
    tried = 0
    for operation in town.operations():
        if operation.id in HARMLESS or operation.id.endswith("sender.list"):
            continue
        for caller in PARTIES:
            attempts: list[tuple[str, Call]] = []
            if operation.id in ELSEWHERE:
                if caller != ("cpo b" if operation.id == "commands.sender.result" else "emsp b"):
                    attempts.append(("what is another's", ELSEWHERE[operation.id](town, caller)))
            else:
                assert operation.interface == "RECEIVER", f"nobody has thought of {operation.id}"
                for victim in PARTIES:
                    if victim != caller:
                        attempts += pushes(town, operation, caller, victim)
            for how, given in attempts:
                if not town.has_owners and operation.id in OWNED_BY_THE_CONNECTION:
                    continue
                tried += 1
                with subtests.test(f"{operation.id}: {caller}: {how}"):
                    refusal = await refused(town, given)
                    assert refusal is not None
                    if operation.owner_in_path:
                        twice = operation.method == "PUT" and operation.body in WHOLE
                        disagrees = twice and how.startswith("the other's")
                        assert refusal == ((200, 2001) if disagrees else (404, 2000))
                    assert await town.kept() == before
    assert tried > 100


async def ours_to_b(town: Town) -> None:
    """A command of ours that the second CPO got."""
    partner = town.partners["cpo b"]
    await town.node.store.write(
        lambda tx: commands.insert(
            tx, "ours-to-b", "sent", partner.id, "START_SESSION", {}, state="waiting",
            response_url="https://us.example", correlation_id=None, expires_at=NOON,
        )
    )  # fmt: skip


async def test_every_owner_may(town: Town, subtests: pytest.Subtests) -> None:
    """The same attempts by whom it belongs to are done: what is refused above is refused for its caller alone."""
    for operation in town.operations():
        if operation.interface != "RECEIVER" or operation.module == "commands" or operation.method == "DELETE":
            continue
        for owner in PARTIES:
            for _, given in list(pushes(town, operation, owner, owner))[:1]:
                with subtests.test(f"{operation.id}: {owner}"):
                    assert await refused(town, given) is None


async def test_a_driver_of_their_own_may_start_and_reserve(town: Town) -> None:
    for make in (start, reserve):
        assert await refused(town, make(town, "emsp b")) is None


async def shown(town: Town, caller: str, operation: str, *path: str) -> list[Any]:
    query = {"date_from": stamp(-9999)} if operation.endswith("list") else {}
    try:
        found = data(await town.handlers[operation](call(town.partners[caller], operation, *path, query=query)))
    except NotFound:
        return []
    return found if isinstance(found, list) else [found]


async def test_lists_show_nobody_what_is_anothers(town: Town, subtests: pytest.Subtests) -> None:
    all_ours = {"locations": {"LOC1", "N1"}, "tariffs": {"T1", "N1"}, "tokens": {"04AABBCC", "0NRD"}}
    one = {"locations": {"LOC1"}, "tariffs": {"T1"}, "tokens": {"04AABBCC"}}
    free = all_ours if dialect(town.release).release.many_parties else one
    expected = {
        "cpo a": {"tokens": free["tokens"]},
        "cpo b": {"tokens": free["tokens"]},
        "emsp a": {"locations": free["locations"], "tariffs": free["tariffs"]},
        "emsp b": {"locations": free["locations"], "tariffs": free["tariffs"], "sessions": {"S1"}, "cdrs": {"C1"}},
    }
    for caller, sees in expected.items():
        for kind in DOCUMENTS:
            with subtests.test(f"{kind}: {caller}"):
                found = await shown(town, caller, f"{kind}.sender.list")
                assert {each.get("id") or each["uid"] for each in found} == sees.get(kind, set())


async def test_single_locations_are_shown_as_lists_are(town: Town, subtests: pytest.Subtests) -> None:
    for caller in PARTIES:
        listed = {each["id"] for each in await shown(town, caller, "locations.sender.list")}
        for id in ("LOC1", "N1"):
            for operation, path in (
                ("locations.sender.get_location", (id,)),
                ("locations.sender.get_evse", (id, "E1")),
                ("locations.sender.get_connector", (id, "E1", "1")),
            ):
                with subtests.test(f"{operation} {id}: {caller}"):
                    assert bool(await shown(town, caller, operation, *path)) == (id in listed)


async def test_who_may_list_a_token_may_ask_of_it(town: Town, subtests: pytest.Subtests) -> None:
    for caller in PARTIES:
        listed = {each["uid"] for each in await shown(town, caller, "tokens.sender.list")}
        for uid in ("04AABBCC", "0NRD"):
            with subtests.test(f"{uid}: {caller}"):
                given = call(town.partners[caller], "tokens.sender.authorize", uid)
                assert (await refused(town, given) is None) == (uid in listed)


async def test_a_location_of_another_kind_of_partner_stays_unseen(node: Node) -> None:
    """Without any role that receives Locations, nothing is seen, whatever the id."""
    scheduler = await befriend(node, "scsp", roles=(("SCSP", EMS),))
    await node.store.write(lambda tx: publish.publish(tx, node, "locations", location(), partners=[scheduler]))
    town = Town(node, "2.2.1", all_handlers(node), {"scsp": scheduler}, {})

    assert await shown(town, "scsp", "locations.sender.get_location", "LOC1") == []
    assert await shown(town, "scsp", "locations.sender.list") == []
    assert (await town.kept())["deliveries"] == []
