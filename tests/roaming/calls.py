"""A node to try rules on, partners of it, and the calls they make: everything but HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.schema import CHAPTERS
from evmesh.ports import Answer, Call, Document, Handler, Partner, PartnerError, Party, Reply
from evmesh.roaming import kinds
from evmesh.roaming.node import Node, OurParty
from evmesh.roaming.publish import our_context
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RELEASES = ("2.1.1", "2.2.1", "2.3.0")
MODULES = ("locations", "tariffs", "sessions", "cdrs", "tokens", "commands")
VOLTERA: Party = ("SE", "VLT")
"""Our own party in most tests, CPO and eMSP."""
EMS: Party = ("SE", "EMS")
"""The partner's party in most tests."""


def operations() -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for chapter in CHAPTERS:
        module = __import__(f"evmesh.ocpi.{chapter}", fromlist=["OPERATIONS"])
        found |= {operation.id: operation for operation in getattr(module, "OPERATIONS", ())}
    return found


OPERATIONS = operations()


class Clock:
    """Shows the moment that a test has set."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


@dataclass
class Asked:
    """One call that we made to a partner."""

    partner: str
    operation: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    to_party: Party | None = None


@dataclass
class Peers:
    """Partners that answer what a test has laid down: `replies` one call each by operation, `lists` whole lists."""

    replies: dict[str, list[Reply | PartnerError]] = field(default_factory=dict)
    lists: dict[str, list[Reply | PartnerError]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def call(
        self,
        partner: Partner,
        operation: str,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        to_party: Party | None = None,
        **rest: Any,
    ) -> Reply:
        said = None if body is None else wire.decode(body)
        self.asked.append(Asked(partner.name, operation, dict(path or {}), dict(query or {}), said, to_party))
        waiting = self.replies.get(operation)
        answer = waiting.pop(0) if waiting else Reply(200, 1000)
        if isinstance(answer, PartnerError):
            raise answer
        return answer

    async def pages(
        self,
        partner: Partner,
        operation: str,
        *,
        query: Mapping[str, str] | None = None,
        limit: int | None = None,
        to_party: Party | None = None,
    ) -> AsyncIterator[Reply]:
        self.asked.append(Asked(partner.name, operation, {}, dict(query or {}), None, to_party))
        for page in self.lists.get(operation, [Reply(200, 1000, data=[])]):
            if isinstance(page, PartnerError):
                raise page
            yield page

    async def permit(self, url: str) -> None:
        """Every address may be called."""

    async def fetch(self, url: str, token: str, *, base64_token: bool) -> Reply:
        raise NotImplementedError

    async def register(self, method: str, url: str, token: str, body: bytes | None, *, base64_token: bool) -> Reply:
        raise NotImplementedError


def page(*items: Document, total: int | None = None) -> Reply:
    """A page as the client hands it on: decoded from text, so that numbers are exact."""
    headers = {} if total is None else {"X-Total-Count": str(total)}
    return Reply(200, 1000, data=wire.decode(wire.encode(list(items))), headers=headers)


OUR_PARTIES = (
    OurParty("CPO", *VOLTERA, "Voltera"),
    OurParty("EMSP", *VOLTERA, "Voltera"),
    OurParty("CPO", "NO", "NRD", "Nord"),
)


def new_node(store: Store, clock: Clock, calls: Any = None, parties: Iterable[OurParty] = OUR_PARTIES) -> Node:
    given: Any = calls or Peers()
    return Node("https://us.example", tuple(parties), store, given, clock=clock)


async def befriend(
    node: Node,
    name: str = "ems",
    release: str = "2.2.1",
    roles: Iterable[tuple[str, Party]] = (("EMSP", EMS),),
    *,
    our_party: Party = VOLTERA,
    modules: Iterable[str] = MODULES,
) -> Partner:
    """A registered partner that offers both interfaces of every module. In 2.1.1 it sees `our_party` alone."""
    roles = list(roles)
    url = f"https://{name}.example/ocpi/{release}"
    one = not dialect(release).release.many_parties
    opposite = "CPO" if roles[0][0] == "EMSP" else "EMSP"
    interfaces = (None,) if one else ("SENDER", "RECEIVER")
    endpoints = [
        {"identifier": module, "url": f"{url}/{module}"} | ({} if role is None else {"role": role})
        for module in modules
        for role in interfaces
    ]
    documents = [
        {"role": role, "country_code": party[0], "party_id": party[1], "business_details": {"name": name}}
        for role, party in roles
    ]
    fields = {
        "status": "registered",
        "release": release,
        "base64_token": dialect(release).base64_token,
        "our_role": opposite if one else None,
        "our_party": our_party if one else None,
        "roles": documents,
        "endpoints": endpoints,
        "versions_url": f"https://{name}.example/ocpi/versions",
    }
    return await node.store.write(lambda tx: partners.insert(tx, name, **fields))


def call(
    partner: Partner,
    operation: str,
    *path: str,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    to_party: Party | None = None,
) -> Call:
    """A call of the partner. `path` are the values of the operation's path parameters, in order; a body that is not
    bytes is encoded."""
    row = OPERATIONS[operation]
    names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
    return Call(
        operation=row,
        partner=partner,
        dialect=partner.dialect,
        path=dict(zip(names, path, strict=True)),
        query=dict(query or {}),
        body=body if isinstance(body, bytes) else b"" if body is None else wire.encode(body),
        url=f"https://us.example/ocpi/{partner.release}{'/'.join(quote(part) for part in path)}",
        to_party=to_party,
    )


async def answer(handlers: Mapping[str, Handler], given: Call) -> Answer:
    return await handlers[given.operation.id](given)


def data(given: Answer) -> Any:
    """The data of an answer, decoded."""
    return wire.decode(given.data) if isinstance(given.data, bytes) else given.data


async def say(node: Node, kind: str, document: Document, release: str) -> Document:
    """A canonical document in the words of a release, as a partner would send it."""

    def run(tx: Tx) -> Document:
        return wire.write(kinds.NAMES[kind], document, dialect(release), our_context(tx, node, document)).document

    return await node.store.read(run)


def document_of(held: Held | None) -> Document:
    assert held is not None
    document: Document = wire.decode(held.document)
    return document


# Canonical documents, small and complete. Each call gives a new one.


def stamp(minutes: float = 0) -> str:
    """So many minutes after noon."""
    return (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def location(owner: Party = VOLTERA, id: str = "LOC1", *, at: float = 0, **fields: Any) -> Document:
    document = {
        "country_code": owner[0],
        "party_id": owner[1],
        "id": id,
        "publish": True,
        "name": "Harbour",
        "address": "Quay 1",
        "city": "Malmö",
        "postal_code": "211 20",
        "country": "SWE",
        "coordinates": {"latitude": "55.604981", "longitude": "13.003822"},
        "evses": [evse("E1", at=at), evse("E2", at=at)],
        "time_zone": "Europe/Stockholm",
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def evse(uid: str = "E1", status: str = "AVAILABLE", *, at: float = 0, **fields: Any) -> Document:
    document = {
        "uid": uid,
        "evse_id": f"SE*VLT*E{uid}",
        "status": status,
        "connectors": [connector("1", at=at), connector("2", at=at)],
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def connector(id: str = "1", *, at: float = 0, **fields: Any) -> Document:
    document = {
        "id": id,
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["T1"],
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def tariff(owner: Party = VOLTERA, id: str = "T1", *, at: float = 0, **fields: Any) -> Document:
    component = {"type": "ENERGY", "price": 4, "vat": 25, "step_size": 1}
    document = {
        "country_code": owner[0],
        "party_id": owner[1],
        "id": id,
        "currency": "SEK",
        "elements": [{"price_components": [component]}],
        "tax_included": "NO",
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def token(owner: Party = EMS, uid: str = "04AABBCC", type: str = "RFID", *, at: float = 0, **fields: Any) -> Document:
    document = {
        "country_code": owner[0],
        "party_id": owner[1],
        "uid": uid,
        "type": type,
        "contract_id": f"{owner[0]}-{owner[1]}-C{uid}",
        "issuer": "EMS",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def cdr_token(owner: Party = EMS, uid: str = "04AABBCC") -> Document:
    whole = token(owner, uid)
    return {name: whole[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}


def period(minutes: float = 0, kwh: int = 1) -> Document:
    return {"start_date_time": stamp(minutes), "dimensions": [{"type": "ENERGY", "volume": kwh}]}


def session(owner: Party = VOLTERA, id: str = "S1", driver: Party = EMS, *, at: float = 0, **fields: Any) -> Document:
    document = {
        "country_code": owner[0],
        "party_id": owner[1],
        "id": id,
        "start_date_time": stamp(),
        "kwh": 1,
        "cdr_token": cdr_token(driver),
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "SEK",
        "charging_periods": [period()],
        "status": "ACTIVE",
        "last_updated": stamp(at),
    }
    return {**document, **fields}


def cdr(owner: Party = VOLTERA, id: str = "C1", driver: Party = EMS, *, at: float = 0, **fields: Any) -> Document:
    place = location(owner)
    document = {
        "country_code": owner[0],
        "party_id": owner[1],
        "id": id,
        "start_date_time": stamp(-60),
        "end_date_time": stamp(),
        "cdr_token": cdr_token(driver),
        "auth_method": "WHITELIST",
        "cdr_location": {
            **{name: place[name] for name in ("id", "address", "city", "postal_code", "country", "coordinates")},
            "evse_uid": "E1",
            "evse_id": "SE*VLT*EE1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "SEK",
        "charging_periods": [period(-60)],
        "total_cost": {"before_taxes": 4, "taxes": [{"name": "VAT", "amount": 1}]},
        "total_energy": 1,
        "total_time": 1,
        "last_updated": stamp(at),
    }
    return {**document, **fields}


DOCUMENTS = {"locations": location, "tariffs": tariff, "tokens": token, "sessions": session, "cdrs": cdr}


def record(owner: Party = VOLTERA, id: str = "R1", *cdrs: str, at: float = 0, **fields: Any) -> Document:
    """Not among `DOCUMENTS`: only 2.3.0 has records of invoices."""
    document = {"country_code": owner[0], "party_id": owner[1], "id": id, "invoice_id": f"INV-{id}"}
    return {**document, "cdrs": list(cdrs or ("C1",)), "last_updated": stamp(at), **fields}


def with_fields(document: Document, **fields: Any) -> Document:
    return {**deepcopy(document), **fields}
