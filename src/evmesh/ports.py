"""Everything that is asked of the outside world, and what the floors hand each other, one short shape each.

`roaming` says what to do in each module; `transport` carries it; `stations` are where energy flows. None imports
another: they meet in `platform.py` through what stands here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from evmesh.ocpi.dialect import Dialect, dialect
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import is_success

Document = dict[str, Any]
Party = tuple[str, str]
"""(country_code, party_id), as written."""

PartnerStatus = Literal["invited", "registered", "suspended", "removed"]


class Partner(msgspec.Struct, kw_only=True):
    """The platform at the other end of a connection.

    `roles` and `endpoints` are what it told us (CredentialsRole and Endpoint documents). `our_role` and `our_party`
    say what it sees of us where a connection has one party only (2.1.1), and are None where it sees all.
    `id` is 0 until it is stored.
    """

    id: int = 0
    name: str
    status: PartnerStatus = "invited"
    release: str | None = None
    base64_token: bool = True
    our_role: str | None = None
    our_party: Party | None = None
    versions_url: str | None = None
    hub_party_id: str | None = None
    roles: list[Document] = []
    endpoints: list[Document] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def dialect(self) -> Dialect:
        """How it speaks; ValueError while that is not known."""
        if self.release is None:
            raise ValueError(f"{self.name} has not registered yet")
        return dialect(self.release, self.base64_token)

    def parties(self, role: str | None = None) -> list[Party]:
        """Its parties, in a role when one is given."""
        return [(r["country_code"], r["party_id"]) for r in self.roles if role is None or r.get("role") == role]

    def plays(self, *roles: str) -> bool:
        return any(r.get("role") in roles for r in self.roles)

    def owns(self, party: Party) -> bool:
        """Whether the party is one of its own; parties compare without case. [credentials_credentials_role_class]"""
        wanted = (party[0].casefold(), party[1].casefold())
        return any((a.casefold(), b.casefold()) == wanted for a, b in self.parties())

    def endpoint(self, module: str, interface: str | None) -> str | None:
        """The URL of its interface of a module, None when it has none."""
        for each in self.endpoints:
            if each["identifier"].casefold() == module and interface in (None, each.get("role"), ""):
                return str(each["url"])
            if each["identifier"].casefold() == module and each.get("role") is None:
                return str(each["url"])
        return None


@dataclass(slots=True)
class Call:
    """One request of a partner, authenticated and matched to its operation: what a handler gets.

    `body` is the raw text, parsed by whoever knows its object. `partner` may be one that is only invited, for calls of
    `versions` and `credentials`; for these, `dialect` has the release of the URL, whatever the partner spoke before.
    `token` is what the caller presented, in clear: GET credentials says it back. [credentials_get_method]
    """

    operation: Operation
    partner: Partner
    dialect: Dialect
    path: dict[str, str]
    query: dict[str, str]
    body: bytes = b""
    url: str = ""
    token: str = field(default="", repr=False)
    token_hash: str = ""
    request_id: str | None = None
    correlation_id: str | None = None
    from_party: Party | None = None
    to_party: Party | None = None

    @property
    def owner(self) -> Party:
        """The party in the path; KeyError where the path has none."""
        return self.path["country_code"], self.path["party_id"]


@dataclass(slots=True)
class PageHeaders:
    """What a paged answer says about itself. `next_query` replaces offset and limit in the Link, filters are kept."""

    total: int
    limit: int
    next_query: dict[str, str] | None = None


@dataclass(slots=True)
class Answer:
    """What a handler gives back. `data` may be JSON text (bytes), passed on as it is; None sends no data at all."""

    data: Any = None
    status_code: int = 1000
    http_status: int = 200
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    page: PageHeaders | None = None


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(slots=True)
class Reply:
    """What a partner answered. `data` is decoded with exact numbers; `items` holds each list item as raw text."""

    http_status: int
    status_code: int | None
    message: str | None = None
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Delivered only when HTTP and OCPI both say so."""
        return 200 <= self.http_status < 300 and self.status_code is not None and is_success(self.status_code)


class PartnerError(Exception):
    """A partner could not be asked.

        PartnerError
        ├── Unreachable      no connection, a time-out, a connection closed half-way: the request may have arrived
        ├── Nonsense         an answer came that is no OCPI envelope (HTML, broken JSON, a loop of links)
        ├── NoSuchEndpoint   it does not offer the module
        └── Forbidden        the operator's policy keeps us from calling that address

    `retry_after` is in seconds, when the partner named a time.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(PartnerError):
    pass


class Nonsense(PartnerError):
    pass


class NoSuchEndpoint(PartnerError):
    pass


class Forbidden(PartnerError):
    pass


class PartnerCalls(Protocol):
    """Calling partners. Each request gets a new X-Request-ID; nothing is retried unless the method is safe."""

    async def call(
        self,
        partner: Partner,
        operation: str,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        url: str | None = None,
        correlation_id: str | None = None,
        from_party: Party | None = None,
        to_party: Party | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """One operation of the table at a partner; `url` overrides the address (a response_url). PartnerError."""
        ...

    def pages(
        self,
        partner: Partner,
        operation: str,
        *,
        query: Mapping[str, str] | None = None,
        limit: int | None = None,
        to_party: Party | None = None,
    ) -> AsyncIterator[Reply]:
        """All pages of a list, by following Link. PartnerError when one breaks off, loops or leads elsewhere."""
        ...

    async def permit(self, url: str) -> None:
        """Forbidden when the operator's policy keeps us from calling that address; nothing is sent."""
        ...

    async def fetch(self, url: str, token: str, *, base64_token: bool) -> Reply:
        """A GET outside the table, before anything is known of a partner (versions, version details)."""
        ...

    async def register(self, method: str, url: str, token: str, body: bytes | None, *, base64_token: bool) -> Reply:
        """A credentials call during a handshake, with an explicit token."""
        ...


@dataclass(frozen=True, slots=True)
class Push:
    """One request that tells a partner what it lacks of an object.

    `told` is what to remember once it arrived (None: the partner then holds nothing of the object any more), `change`
    the object's change that it speaks of. A `patch` that is refused is followed by the whole object. The parties say
    who speaks to whom, where neither the path nor the partner's roles do.
    """

    operation: str
    path: dict[str, str]
    change: int
    query: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    told: str | None = None
    patch: bool = False
    from_party: Party | None = None
    to_party: Party | None = None


class NotYet(Exception):
    """The partner's release can say the object from `due_at` on: a tariff that begins to hold then."""

    def __init__(self, due_at: datetime) -> None:
        super().__init__(f"not to be said before {due_at.isoformat()}")
        self.due_at = due_at


CommandOutcome = Literal[
    "ACCEPTED", "CANCELED_RESERVATION", "EVSE_OCCUPIED", "EVSE_INOPERATIVE", "FAILED", "NOT_SUPPORTED", "REJECTED",
    "TIMEOUT", "UNKNOWN_RESERVATION",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """An EVSE of ours, and the connector when one is meant."""

    country_code: str
    party_id: str
    location_id: str
    evse_uid: str
    connector_id: str | None = None


class Stations(Protocol):
    """What can be asked of our stations. Every call answers when the station has: with the outcome, never an
    exception for something that stations do (being occupied, broken, silent)."""

    def knows(self, place: Place) -> bool: ...

    async def start(self, place: Place, session_id: str, token: Document) -> CommandOutcome: ...

    async def stop(self, place: Place, session_id: str) -> CommandOutcome: ...

    async def unlock(self, place: Place) -> CommandOutcome: ...

    async def reserve(self, place: Place, reservation_id: str, token: Document, until: datetime) -> CommandOutcome: ...

    async def cancel(self, place: Place, reservation_id: str) -> CommandOutcome: ...


@dataclass(frozen=True, slots=True)
class MeterValue:
    """A reading at a moment. `energy_kwh` is the register since the session began; `charging` whether the vehicle
    draws or asks for power."""

    at: datetime
    energy_kwh: Decimal
    power_kw: Decimal
    charging: bool
    current_a: Decimal | None = None
    state_of_charge: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """May this card charge here? `session_id` is the session to report under when it may."""

    allowed: bool
    reason: str
    session_id: str | None = None
    info: str | None = None


class StationEvents(Protocol):
    """What stations tell us. All of it is on disk when a call returns."""

    async def authorise(self, place: Place, uid: str, token_type: str) -> Authorisation:
        """A card was held to the reader: by whitelist, or asked of the eMSP in real time."""
        ...

    async def started(self, session_id: str, place: Place, at: datetime, meter_id: str | None) -> None: ...

    async def metered(self, session_id: str, value: MeterValue) -> None: ...

    async def stopped(self, session_id: str, value: MeterValue, reason: str | None) -> None:
        """The session is over: it becomes a CDR."""
        ...

    async def status(self, place: Place, status: str, at: datetime) -> None:
        """An EVSE changed its status (AVAILABLE, CHARGING, OUTOFORDER, ...)."""
        ...

    async def reservation_ended(self, reservation_id: str, at: datetime, used: bool) -> None: ...
