"""Platforms wired to each other without HTTP: a request of one is a handler call at the other, in the same event loop.

Tokens are checked as a server checks them, callbacks arrive while a request is still open, and every request stands
in `World.log`. What the network and strange platforms do is told to the world: who is down, whose answer gets lost,
what some URL answers instead.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from evmesh.ocpi import wire
from evmesh.ocpi.credentials import OPERATIONS as CREDENTIALS
from evmesh.ocpi.dialect import dialect, releases_best_first
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.status_codes import OcpiError
from evmesh.ocpi.versions import OPERATIONS as VERSIONS
from evmesh.ports import Call, Forbidden, Handler, Nonsense, NoSuchEndpoint, Partner, PartnerCalls, Reply, Unreachable
from evmesh.roaming import versions
from evmesh.roaming.credentials import server, tokens
from evmesh.roaming.credentials.server import OnRegistered
from evmesh.roaming.node import Node, OurParty
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.secrets import hash_of

BY_METHOD = {each.method: each for each in CREDENTIALS}
LIST, DETAILS = VERSIONS

BASE64, PLAIN = True, False


@dataclass(frozen=True)
class Request:
    """One request as it went over the wire; `base64` is the form that its token had."""

    method: str
    url: str
    token: str
    base64: bool
    body: Any = None


Answering = Callable[[Request], Awaitable[Reply]]


@dataclass
class World:
    """All platforms, by the start of their URLs."""

    places: dict[str, Answering] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    loses_answer: Callable[[Request], bool] = lambda request: False
    instead: Callable[[Request], Reply | Exception | None] = lambda request: None
    forbidden: set[str] = field(default_factory=set)

    async def ask(self, method: str, url: str, token: str, body: Any = None, *, base64_token: bool = True) -> Reply:
        request = Request(method, url, token, base64_token, body)
        self.permit(url)
        self.log.append(request)
        start = next((each for each in self.places if url.startswith(f"{each}/")), None)
        if start is None or start in self.down:
            raise Unreachable(f"no connection to {urlsplit(url).netloc}")
        told = self.instead(request)
        if isinstance(told, Exception):
            raise told
        reply = told if told is not None else await self.places[start](request)
        if self.loses_answer(request):
            raise Unreachable(f"{urlsplit(url).netloc} broke off")
        return reply

    def permit(self, url: str) -> None:
        if urlsplit(url).hostname in self.forbidden:
            raise Forbidden(f"{url} is a private address")

    def requests(self, start: str) -> list[tuple[str, str]]:
        """(method, path) of what the platform was asked."""
        return [(each.method, each.url.removeprefix(start)) for each in self.log if each.url.startswith(f"{start}/")]


@dataclass
class Wires(PartnerCalls):
    """One node's way to the others."""

    world: World
    store: Store

    async def call(
        self,
        partner: Partner,
        operation: str,
        path: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        url: str | None = None,
        **_: Any,
    ) -> Reply:
        module, *rest = operation.split(".")
        found = url or partner.endpoint(module, rest[0].upper())
        token = await self.store.read(lambda tx: partners.their_token(tx, partner.id))
        if found is None or token is None:
            raise NoSuchEndpoint(f"{partner.name} does not offer {module}")
        return await self.world.ask("GET", found, token, body, base64_token=partner.base64_token)

    async def pages(self, partner: Partner, operation: str, **_: Any) -> AsyncIterator[Reply]:
        yield await self.call(partner, operation)

    async def permit(self, url: str) -> None:
        self.world.permit(url)

    async def fetch(self, url: str, token: str, *, base64_token: bool) -> Reply:
        return await self.world.ask("GET", url, token, base64_token=base64_token)

    async def register(self, method: str, url: str, token: str, body: bytes | None, *, base64_token: bool) -> Reply:
        return await self.world.ask(
            method, url, token, None if body is None else wire.decode(body), base64_token=base64_token
        )


def party(text: str) -> OurParty:
    """`CPO:SE:VLT` as a party of ours."""
    role, country_code, party_id = text.split(":")
    return OurParty(role, country_code, party_id, f"{party_id.title()} {role}", "https://example.com")


def platform(
    world: World,
    store: Store,
    url: str,
    *parties: str,
    releases: tuple[str, ...] | None = None,
    on_registered: OnRegistered | None = None,
    forms: tuple[bool, ...] = (BASE64, PLAIN),
) -> Node:
    """A node of evmesh that the others reach at its URL. `forms` are the forms of a token that it takes."""
    node = Node(
        url=url,
        parties=tuple(party(each) for each in parties),
        store=store,
        calls=Wires(world, store),
        releases=releases or releases_best_first(),
    )
    handlers = versions.handlers(node) | server.handlers(node, on_registered)

    async def answer(request: Request) -> Reply:
        return await serve(node, handlers, request, forms)

    world.places[url] = answer
    return node


async def serve(node: Node, handlers: Mapping[str, Handler], request: Request, forms: tuple[bool, ...]) -> Reply:
    """What the server in front of a node does with a request. Other modules than versions and credentials answer
    with nothing but success."""
    if request.base64 not in forms:
        # Taken literally, the other form is a token that nobody has.
        return Reply(401, 2000, "unknown token")
    path = urlsplit(request.url).path.removeprefix("/ocpi/").rstrip("/").split("/")
    operation = operation_of(request.method, path)
    found = await tokens.recognise(node.store, request.token, operation)
    if found is None:
        return Reply(401, 2000, "unknown token")
    partner, _ = found
    release = path[0] if path != ["versions"] else partner.release or releases_best_first()[0]
    handler = handlers.get(operation.id)
    if handler is None:
        return Reply(200, 1000, None, [])
    call = Call(
        operation,
        partner,
        dialect(release, partner.base64_token),
        {},
        {},
        b"" if request.body is None else wire.encode(request.body),
        url=request.url,
        token=request.token,
        token_hash=hash_of(request.token),
    )
    try:
        answer = await handler(call)
    except OcpiError as error:
        return Reply(error.http_status, error.status_code, error.message)
    return Reply(answer.http_status, answer.status_code, None, wire.decode(wire.encode(answer.data)))


def operation_of(method: str, path: list[str]) -> Operation:
    match path:
        case ["versions"]:
            return LIST
        case [_]:
            return DETAILS
        case [_, "credentials"]:
            return BY_METHOD[method]
        case [_, interface, module, *_]:
            return Operation(f"{module}.{interface}.get", "GET", "")
    raise Nonsense(f"nothing is at {path}")


@dataclass
class Peer:
    """Somebody else's platform, as simple as can be: it takes the tokens in `accepted` in the forms that it knows, and
    answers what its fields say."""

    url: str
    release: str = "2.2.1"
    releases: tuple[str, ...] = ("2.1.1", "2.2.1", "2.3.0")
    roles: tuple[tuple[str, str, str], ...] = (("EMSP", "DE", "DRV"),)
    modules: tuple[tuple[str, str], ...] = (("locations", "RECEIVER"), ("tokens", "SENDER"))
    accepted: set[str] = field(default_factory=set)
    forms: tuple[bool, ...] = (BASE64, PLAIN)
    gives: str = "token-c-of-the-peer"
    hub_party_id: str | None = None
    asked: list[Request] = field(default_factory=list)

    @property
    def versions_url(self) -> str:
        return f"{self.url}/odd/path/versions"

    def in_world(self, world: World) -> "Peer":
        world.places[self.url] = self.answer
        return self

    def credentials(self, token: str, /, **changed: Any) -> dict[str, Any]:
        """Its credentials in the words of its release."""
        many = dialect(self.release).release.many_parties
        rows = [
            {
                "role": role,
                "country_code": country,
                "party_id": party_id,
                "business_details": {"name": f"The {party_id}"},
            }
            for role, country, party_id in self.roles
        ]
        document: dict[str, Any] = {"token": token, "url": self.versions_url}
        if many:
            document["roles"] = rows
        else:
            document |= {name: value for name, value in rows[0].items() if name != "role"}
        if self.hub_party_id:
            document["hub_party_id"] = self.hub_party_id
        return document | changed

    def versions(self) -> Any:
        return [{"version": each, "url": f"{self.url}/v/{each}/details"} for each in self.releases]

    def endpoints(self, release: str) -> list[dict[str, Any]]:
        rows = [("credentials", "RECEIVER"), *self.modules]
        found = [{"identifier": m, "role": role, "url": f"{self.url}/x/{release}/{m}/{role[0]}"} for m, role in rows]
        if not dialect(release).release.has_interface_roles:
            found = [{name: row[name] for name in ("identifier", "url")} for row in found]
        return found

    async def answer(self, request: Request) -> Reply:
        if request.base64 not in self.forms or request.token not in self.accepted:
            return Reply(401, None, "<html>who are you?</html>")
        self.asked.append(request)
        path = request.url.removeprefix(self.url).strip("/").split("/")
        match path:
            case ["odd", "path", "versions"]:
                return Reply(200, 1000, None, self.versions())
            case ["v", release, "details"]:
                return Reply(200, 1000, None, {"version": release, "endpoints": self.endpoints(release)})
            case ["x", _, "credentials", _] if request.method in ("POST", "PUT"):
                self.accepted.add(self.gives)
                return Reply(200, 1000, None, self.credentials(self.gives))
            case ["x", _, "credentials", _] if request.method == "DELETE":
                self.accepted.clear()
                return Reply(200, 1000)
        return Reply(200, 1000, None, [])
