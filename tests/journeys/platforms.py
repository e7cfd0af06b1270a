"""Whole platforms in this process, each on a real socket with its own database, behind a gate of its own.

    market.platform(...)   one that runs
    market.connect(...)    two that have registered with each other
    platform.until(...)    waits for what a test expects to be true of a platform's database

Nothing is waited for by time: `until` looks again whenever the database changes.
"""

from __future__ import annotations

import asyncio
import base64
import io
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
from yarl import URL

from evmesh import platform
from evmesh.config import Settings, parse_party
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.platform import Running
from evmesh.ports import Document, Partner
from evmesh.roaming import importing, kinds, partners, publish
from evmesh.roaming.importing import Candidate, Imported
from evmesh.roaming.node import Node, Roaming
from evmesh.sandbox import city
from evmesh.store import deliveries, faults, objects, pulls
from evmesh.store import partners as kept
from evmesh.store.faults import Fault
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx, current_change
from tests.journeys.gate import Exchange, Gate
from tests.roaming.calls import cdr

T = TypeVar("T")
Lookup = Callable[..., Document | None]

RELEASES = ("2.1.1", "2.2.1", "2.3.0")


class HasParty(Protocol):
    @property
    def party(self) -> tuple[str, str]: ...


def before_now(**ago: float) -> datetime:
    """A whole second so long ago: what platforms say of objects lies in the past."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**ago)


MORNING = before_now(hours=5)
PATIENCE = 30.0
"""Seconds after which something that should happen is taken not to."""

LOOK_AGAIN = 0.05
"""What changes without a number (a delivery's end, a pull's record) is looked for so often."""


@dataclass
class Platform:
    """One platform. `node` is the running one; None while it is down."""

    name: str
    settings: Settings
    gate: Gate
    running: Running | None = None
    _serving: asyncio.Task[None] | None = None

    @property
    def node(self) -> Node:
        assert self.running is not None, f"{self.name} is down"
        return self.running.node

    @property
    def party(self) -> tuple[str, str]:
        return self.settings.parties[0].party

    async def start(self) -> None:
        """Come up, at the same place as before."""
        came_up: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
        self._serving = asyncio.create_task(
            platform.serve(self.settings, host="127.0.0.1", port=self.gate.inside, ready=came_up.set_result)
        )
        await asyncio.wait({came_up, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            await self._serving
        self.running = came_up.result()
        if not self.gate.is_open:
            await self.gate.open()

    async def stop(self) -> None:
        """Go down as SIGTERM would have it: nobody is there any more."""
        await self.gate.shut()
        if self.running is not None and self._serving is not None:
            self.running.stop()
            self.running = None
            await self._serving

    async def read(self, ask: Callable[[Tx], T]) -> T:
        return await self.node.store.read(ask)

    async def until(self, ask: Callable[[Tx], T], seconds: float = PATIENCE) -> T:
        """What `ask` finds in the database, as soon as it is something."""
        store = self.node.store
        found: T | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    seen = await store.read(current_change)
                    found = await store.read(ask)
                    if found:
                        return found
                    await store.changed(seen, LOOK_AGAIN)
        except TimeoutError:
            raise AssertionError(f"{self.name} waited in vain; the last look found {found!r}") from None

    async def publish(self, kind: str, *documents: Document) -> Imported:
        """What `evmesh import ocpi` does with objects of ours."""
        found = (Candidate(f"object {n}", document) for n, document in enumerate(documents))
        imported = await importing.take(self.node, kind, found)
        assert imported.refused == 0, imported.findings
        return imported

    async def withdraw(self, kind: str, id: str) -> None:
        """One object of ours is no more."""

        def run(tx: Tx) -> None:
            (held,) = (each for each in objects.find(tx, kind, id) if each.partner_id == 0)
            publish.retract(tx, self.node, held)

        await self.node.store.write(run)

    async def set_status(self, location_id: str, evse_uid: str, status: str) -> None:
        """An EVSE of ours has another status from now on."""

        def run(tx: Tx) -> None:
            at = datetime.now(UTC)
            everybody = kept.all_partners(tx)
            place = (*self.party, location_id)
            assert publish.set_evse_status(tx, self.node, place, evse_uid, status, at, partners=everybody)

        await self.node.store.write(run)

    async def ours(self, kind: str) -> dict[str, Document]:
        """Our own objects by id, canonical."""
        return await self.read(lambda tx: by_id(objects.listing(tx, kind, limit=10_000)))

    async def theirs(self, kind: str, partner: str | None = None) -> dict[str, Document]:
        """What partners gave us, by id, canonical; of one partner when it is named."""

        def run(tx: Tx) -> dict[str, Document]:
            if partner is None:
                return by_id(objects.listing(tx, kind, theirs=True, limit=10_000))
            return by_id(objects.listing(tx, kind, partner_id=named(tx, partner).id, limit=10_000))

        return await self.read(run)

    async def has(self, kind: str, *ids: str) -> None:
        """Wait until these are all that partners gave us of a kind."""
        await self.until(lambda tx: by_id(objects.listing(tx, kind, theirs=True, limit=10_000)).keys() == set(ids))

    async def partner(self, name: str) -> Partner:
        return await self.read(lambda tx: named(tx, name))

    async def token_for(self, name: str) -> str:
        """What we call a partner with."""
        token = await self.read(lambda tx: kept.their_token(tx, named(tx, name).id))
        assert token is not None
        return token

    async def told_everything(self, *partners: str) -> None:
        """Wait until nobody, or none of these, lacks anything of ours."""

        def nothing_lacking(tx: Tx) -> bool:
            wanted = {named(tx, each).id for each in partners}
            return not any(
                count.waiting + count.trying
                for id, count in deliveries.counts(tx).items()
                if not wanted or id in wanted
            )

        await self.until(nothing_lacking)

    async def pulled(self, partner: str, *modules: str) -> None:
        """Wait until these modules were pulled from a partner to the end."""

        def all_of_them(tx: Tx) -> bool:
            done = {pull.module for pull in pulls.all_pulls(tx, named(tx, partner).id) if pull.outcome == "complete"}
            return done >= set(modules)

        await self.until(all_of_them)

    async def faults(self) -> list[Fault]:
        return await self.read(faults.open_faults)


def named(tx: Tx, name: str) -> Partner:
    partner = kept.by_name(tx, name)
    assert partner is not None, f"no partner is named {name}"
    return partner


def by_id(held: Iterable[Held]) -> dict[str, Document]:
    return {each.id: wire.decode(each.document) for each in held}


@dataclass
class Market:
    """The platforms of one test, by their names."""

    folder: Path
    platforms: dict[str, Platform] = field(default_factory=dict)

    async def platform(
        self,
        name: str,
        *parties: str,
        database: str | None = None,
        roaming: Roaming | None = None,
        **settings: Any,
    ) -> Platform:
        """A platform that runs. `parties` are written as for `evmesh init`; `settings` are fields of `Settings`."""
        gate = Gate()
        built = Settings(
            url=gate.url,
            name=name,
            parties=tuple(parse_party(each, name) for each in parties),
            database=database or f"sqlite:///{self.folder / name}.db",
            secret_key=secrets.token_bytes(32),
            folder=self.folder,
            roaming=roaming or Roaming(),
        )
        made = self.platforms[name] = Platform(name, replace(built, **settings), gate)
        await made.start()
        return made

    async def connect(
        self, inviting: Platform, joining: Platform, release: str = "2.2.1", *, us: str | None = None
    ) -> None:
        """The second platform registers with the first; each is known to the other by its name."""
        role, party = parsed(us) if us else (None, None)
        invitation = await partners.invite(inviting.node, joining.name, as_role=role, as_party=party)
        await partners.connect(
            joining.node, invitation.versions_url, invitation.token, name=inviting.name, release=release
        )

    async def pair(
        self,
        release: str,
        *,
        locations: int = 3,
        databases: tuple[str | None, str | None] = (None, None),
        **settings: Any,
    ) -> tuple[Platform, Platform]:
        """A CPO with a small city and an eMSP with four cards, registered with each other, everything pulled.

        `settings` are the CPO's.
        """
        volt = await self.platform("volt", "CPO:SE:VLT", database=databases[0], **settings)
        driver = await self.platform("driver", "EMSP:SE:DRV", database=databases[1])
        await volt.publish("tariffs", *city.tariffs(volt.party, MORNING))
        await volt.publish("locations", *city.locations(volt.party, MORNING, count=locations))
        await driver.publish("tokens", *city.tokens(driver.party, MORNING, count=4))
        await self.connect(volt, driver, release)
        await driver.pulled("volt", "locations", "tariffs")
        await volt.pulled("driver", "tokens")
        return volt, driver

    async def close(self) -> None:
        await asyncio.gather(*(each.stop() for each in self.platforms.values()))


def parsed(text: str) -> tuple[str, tuple[str, str]]:
    role, country_code, party_id = text.split(":")
    return role, (country_code, party_id)


def as_heard(kind: str, document: Document, release: str, lookup: Lookup = lambda *key: None) -> Document:
    """What a partner of that release knows of an object: said by us, read by it."""
    name, owner = kinds.NAMES[kind], kinds.owner(document)
    driver = document.get("cdr_token", document)
    context = wire.Context(owner=owner, token_party=(driver["country_code"], driver["party_id"]), lookup=lookup)
    said = wire.write(name, document, dialect(release), context).document
    heard = wire.read(name, said, dialect(release), context).document
    assert heard is not None
    return normal(heard)


def all_heard(kind: str, documents: Mapping[str, Document], release: str) -> dict[str, Document]:
    return {id: as_heard(kind, document, release) for id, document in documents.items()}


def charged(id: str, cpo: HasParty, emsp: HasParty) -> Document:
    """The CDR of a charge at the first EVSE of the CPO's city, by the eMSP's first card."""
    document = cdr(cpo.party, id, emsp.party)
    place = {**document["cdr_location"], "id": "L001", "evse_uid": "E00101", "evse_id": "SE*VLT*E00101"}
    card = city.tokens(emsp.party, MORNING, count=2)[0]
    named = {name: card[name] for name in document["cdr_token"]}
    return {**document, "cdr_location": place, "cdr_token": named}


def normal(document: Document) -> Document:
    """As it is when it has been text: dates and numbers spelled the one way."""
    decoded: Document = wire.decode(wire.encode(document))
    return decoded


async def raw(
    method: str,
    url: str,
    token: str | None = None,
    *,
    body: bytes | None = None,
    base64_token: bool = True,
    headers: dict[str, str] | None = None,
    content_type: str | None = "application/json",
) -> Exchange:
    """One request by somebody who is no platform; what came back stands in the exchange."""
    given = dict(headers or {})
    if token is not None:
        given["Authorization"] = "Token " + (base64.b64encode(token.encode()).decode() if base64_token else token)
    if body is not None and content_type is not None:
        given["Content-Type"] = content_type
    exchange = Exchange(method, url, given, body or b"")
    skipped = () if content_type else ("Content-Type",)
    content = None if body is None else io.BytesIO(body)
    async with (
        aiohttp.ClientSession(skip_auto_headers=skipped) as session,
        session.request(method, URL(url, encoded=True), headers=given, data=content, allow_redirects=False) as reply,
    ):
        exchange.status, exchange.answer_headers = reply.status, reply.headers.copy()
        exchange.answer = await reply.read()
    return exchange
