"""Pulling what partners own: everything, or what changed since the last time. [transport_and_format_pull_and_push]

1. Pages are followed one by one; each is stored in one transaction before the next is asked for.
2. What cannot be read is kept aside with its findings and costs only itself.
3. What is not the partner's is refused, and a fault says so.
4. A pull of everything that came to its end is the truth about Locations and tariffs: what it did not show is
   marked as gone. One that broke off, looped, was filtered, showed something without a readable name or less
   than it counted removes nothing. What is kept aside counts as shown; what was pushed meanwhile stays; what is
   gone comes back when it is seen again. [mod_locations_get_method]
5. The next pull asks from the newest `last_updated` seen, less an overlap: partners' clocks and their own
   transactions make objects appear a little behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.roles import RECEIVERS, SENDERS
from evmesh.ocpi.status_codes import OcpiError
from evmesh.ocpi.types import timestamp
from evmesh.ports import Document, Partner, PartnerError, Party, Reply
from evmesh.roaming import receive
from evmesh.roaming.cdrs import check
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.invoicereconciliation.receiver import KIND as RECORDS
from evmesh.roaming.invoicereconciliation.receiver import has_cdrs
from evmesh.roaming.node import Node
from evmesh.store import aside, faults, objects, partners, pulls, tariff_history
from evmesh.store.objects import Outcome
from evmesh.store.transaction import Tx, current_change

MODULES = ("locations", "tariffs", "tokens", "sessions", "cdrs", "invoicereconciliation")
"""What can be pulled, in the order in which it is: each refers to what comes before it."""

REMOVED_BY_ABSENCE = frozenset({"locations", "tariffs"})
OVERLAP = timedelta(hours=1)
PAGE = 250
EVER = "2010-01-01T00:00:00Z"
"""Sessions are asked for from a date; OCPI is younger than this one."""

EVERYTHING_EVERY = timedelta(days=1)
AFTER_A_FAILURE = 900.0
"""Seconds until the next try when a pull broke off."""
SOON = 1.0
"""The same for the first one of a connection; then as long again as it has failed. Whoever invited may know that the
partner is registered before the partner does, and be refused."""

LONGEST_WAIT = 60.0
SWARM = 0.5
FINDINGS_KEPT = 200

log = logging.getLogger(__name__)


@dataclass(slots=True)
class PullResult:
    """What a pull did. `complete` is False when it broke off; `detail` then says why. `total` is what the partner
    says it has, when it says so."""

    partner: str
    module: str
    full: bool
    complete: bool = False
    detail: str | None = None
    pages: int = 0
    total: int | None = None
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    stale: int = 0
    aside: int = 0
    foreign: int = 0
    removed: int = 0
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    """What was odd, by the name of the object: the first of them."""

    @property
    def seen(self) -> int:
        return self.created + self.replaced + self.unchanged + self.stale + self.aside + self.foreign

    def note(self, name: str, findings: Iterable[Finding]) -> None:
        room = FINDINGS_KEPT - len(self.findings)
        self.findings.extend((name, finding) for finding, _ in zip(findings, range(room), strict=False))


Progress = Callable[[PullResult], None]
"""Called after each page with the counts so far."""


def modules(node: Node, partner: Partner) -> list[str]:
    """What we can pull from the partner: it is a Sender of it, one of our parties is a Receiver."""
    return [
        module
        for module in MODULES
        if partner.plays(*SENDERS[module])
        and any(node.plays(role) for role in RECEIVERS[module])
        and partner.endpoint(module, "SENDER") is not None
    ]


async def everything(node: Node, partner: Partner, *, full: bool, progress: Progress | None = None) -> list[PullResult]:
    """Every module that can be pulled from the partner, one after the other."""
    return [await pull(node, partner, module, full=full, progress=progress) for module in modules(node, partner)]


async def pull(
    node: Node, partner: Partner, module: str, *, full: bool, progress: Progress | None = None
) -> PullResult:
    """Pull one module: everything, or what changed since the last complete pull (everything if there was none).

    A partner that fails is no exception: the result and the record of pulls say so, and a fault is open until a pull
    comes to its end.
    """
    former = await node.store.read(lambda tx: pulls.get(tx, partner.id, module))
    same = former is not None and former.connection == connection(partner, module)
    watermark = former.watermark if former is not None and same else None
    result = PullResult(partner.name, module, full or watermark is None)
    run = _Run(node, partner, module, result, await node.store.read(current_change), node.clock())
    query = {}
    if watermark is not None and not result.full:
        query["date_from"] = timestamp(watermark - OVERLAP)
    elif module == "sessions":
        query["date_from"] = EVER
    if result.full:
        await node.store.write(lambda tx: aside.clear(tx, partner.id, module))
    try:
        for party in _addressees(partner, module):
            if party is None or party not in run.owners:
                await run.follow(query, party, progress)
        result.complete = True
    except (PartnerError, Broken) as error:
        result.detail = str(error) or type(error).__name__
    await node.store.write(run.end)
    return result


async def run(node: Node, stop: asyncio.Event, *, chance: Callable[[], float] = random.random) -> None:
    """Pull from every partner when its time has come, until `stop` is set.

    That is at once after a registration or when the connection has changed, then every `pull_every` seconds give or
    take a tenth; once a day everything of what can be gone. A partner that is slow delays no other.
    """
    under_way: dict[int, asyncio.Task[None]] = {}
    stopping = asyncio.ensure_future(stop.wait())
    spread: _Spread = {}
    try:
        while not stop.is_set():
            seen = await node.store.read(current_change)
            plan = await node.store.read(partial(_plan, node=node, spread=spread, chance=chance))
            under_way = {id: task for id, task in under_way.items() if not task.done()}
            for partner, wanted in plan.due:
                if partner.id not in under_way:
                    under_way[partner.id] = asyncio.create_task(_pull_due(node, partner, wanted))
            changed = asyncio.ensure_future(node.store.changed(seen, plan.wait))
            await asyncio.wait({stopping, changed, *under_way.values()}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            # Changes come in swarms; one look at partners after each swarm is enough.
            await asyncio.wait({stopping}, timeout=SWARM)
    finally:
        stopping.cancel()
        for task in under_way.values():
            task.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)


_Spread = dict[tuple[int, str], tuple[datetime | None, float]]
"""By partner and module: the pull that the next one follows, and how late within the tolerated time that one is."""


@dataclass(slots=True)
class _Plan:
    """What to pull now, by partner, and for how many seconds nothing else falls due by itself."""

    due: list[tuple[Partner, list[tuple[str, bool]]]] = field(default_factory=list)
    wait: float = LONGEST_WAIT


def _plan(tx: Tx, node: Node, spread: _Spread, chance: Callable[[], float]) -> _Plan:
    plan, moment = _Plan(), node.clock()
    done = {(pull.partner_id, pull.module): pull for pull in pulls.all_pulls(tx)}
    for partner in partners.all_partners(tx):
        if partner.status != "registered":
            continue
        wanted: list[tuple[str, bool]] = []
        for module in modules(node, partner):
            last = done.get((partner.id, module))
            since = None if last is None else last.completed_at
            if (partner.id, module) not in spread or spread[partner.id, module][0] != since:
                spread[partner.id, module] = since, chance()
            anew = last is not None and last.connection != connection(partner, module)
            due = _due(node, partner, last, anew, spread[partner.id, module][1])
            left = (due - moment).total_seconds()
            if left <= 0:
                full_at = None if last is None else last.full_at
                wanted.append((module, anew or full_at is None or _may_be_gone(module, moment - full_at)))
            else:
                plan.wait = min(plan.wait, left)
        if wanted:
            plan.due.append((partner, wanted))
    return plan


def _may_be_gone(module: str, since_full: timedelta) -> bool:
    return module in REMOVED_BY_ABSENCE and since_full >= EVERYTHING_EVERY


def _due(node: Node, partner: Partner, last: pulls.Pull | None, anew: bool, share: float) -> datetime:
    every = node.settings.pull_every
    if last is None:
        begun = partner.updated_at or partner.created_at or node.clock()
        return begun if node.settings.pull_on_registration else begun + timedelta(seconds=every)
    if anew and last.outcome == "complete":
        return last.completed_at
    if last.outcome == "broken":
        every = min(every, AFTER_A_FAILURE)
        if anew and partner.updated_at is not None:
            every = min(every, max(SOON, (last.completed_at - partner.updated_at).total_seconds()))
    return last.completed_at + timedelta(seconds=every * (0.9 + 0.2 * share))


async def _pull_due(node: Node, partner: Partner, wanted: list[tuple[str, bool]]) -> None:
    for module, full in wanted:
        try:
            await pull(node, partner, module, full=full)
        except Exception:
            # Our failure, not the partner's: said in the log, and tried again like a pull that broke off.
            log.exception("pulling %s from %s failed", module, partner.name)
            failed = partial(pulls.record, partner_id=partner.id, module=module, outcome="broken")
            await node.store.write(failed)


class Broken(Exception):
    """The partner answered something that is no page."""


def connection(partner: Partner, module: str) -> str:
    """What a pull depends on: when it changes, what was pulled before may not be all."""
    parties = sorted({party for role in SENDERS[module] for party in partner.parties(role)})
    seen = [partner.release, partner.our_party, parties, partner.endpoint(module, "SENDER")]
    return hashlib.sha256(wire.encode(seen)).hexdigest()[:16]


def _addressees(partner: Partner, module: str) -> list[Party | None]:
    """Whom to ask. A platform with several parties may answer for all of them at once, or only for the one asked."""
    if not partner.dialect.release.has_routing_headers:
        return [None]
    parties = dict.fromkeys(party for role in SENDERS[module] for party in partner.parties(role))
    return list(parties) if len(parties) > 1 else [None]


@dataclass(slots=True)
class _Run:
    """One pull under way."""

    node: Node
    partner: Partner
    module: str
    result: PullResult
    begun_at_change: int
    begun_at: datetime
    present: set[str] = field(default_factory=set)
    owners: set[Party] = field(default_factory=set)
    newest: datetime | None = None
    certain: bool = True
    """Whether what was not shown is not there."""

    async def follow(self, query: Mapping[str, str], party: Party | None, progress: Progress | None) -> None:
        """All pages that one party shows."""
        operation = f"{self.module}.sender.list"
        before = self.result.seen
        total = None
        async for reply in self.node.calls.pages(self.partner, operation, query=query, limit=PAGE, to_party=party):
            items = _items(reply)
            total = _total(reply)
            await self.node.store.write(partial(self.take, items=items))
            self.result.pages += 1
            self.result.total = total
            if progress is not None:
                progress(self.result)
        shown = self.result.seen - before
        if total is not None and shown < total:
            self.certain = False
            self.result.detail = f"{total} objects were announced and {shown} shown"

    def take(self, tx: Tx, items: list[Any]) -> None:
        """Store a page; Broken when the connection has ended meanwhile."""
        if self._ended(tx):
            raise Broken("the connection has ended")
        before = aside.keys(tx, self.partner.id, self.module)
        for item in items:
            name = self._name(item)
            try:
                rule = has_cdrs if self.module == RECORDS else None
                accepted = receive.accept(
                    tx, self.partner, self.partner.dialect, self.module, item, rule=rule, listed_at=self.begun_at_change
                )
            except receive.Foreign as error:
                self.result.foreign += 1
                self.result.note(name, [Finding("error", "foreign", "/party_id", error.message, True)])
                continue
            except OcpiError as error:
                self._keep_aside(tx, name, item, error)
                continue
            held = accepted.held
            went_before = held.absent_since is not None and held.change <= self.begun_at_change
            if accepted.outcome is Outcome.STALE and went_before:
                objects.come_back(tx, held.seq)
                if self.module == "tariffs":
                    tariff_history.add(tx, held)
            if self.module == "cdrs" and accepted.stored:
                check.received(tx, self.node, self.partner, self.partner.dialect, held, accepted.findings)
            elif self.module == RECORDS and accepted.stored:
                incoming.told(tx, self.partner, held)
            self.result.note(name, accepted.findings)
            self.present.add(held.key)
            self.owners.add((held.country_code, held.party_id))
            setattr(self.result, accepted.outcome.value, getattr(self.result, accepted.outcome.value) + 1)
            self.newest = max(self.newest or held.last_updated, held.last_updated)
            if held.key in before:
                aside.clear(tx, self.partner.id, self.module, held.key)

    def _keep_aside(self, tx: Tx, name: str, item: Any, error: OcpiError) -> None:
        findings = getattr(error, "findings", None) or [Finding("error", "refused", "", error.message, True)]
        key = self._key(tx, item)
        if key is None:
            self.certain = False
        else:
            self.present.add(key)
        aside.keep(tx, self.partner.id, self.module, key, wire.encode(item).decode(), findings)
        self.result.aside += 1
        self.result.note(name, findings)

    def _name(self, item: Any) -> str:
        said = item if isinstance(item, dict) else {}
        return str(said.get("id") or said.get("uid") or "?")[:50]

    def _key(self, tx: Tx, item: Any) -> str | None:
        """The key of what cannot be read, as far as its name can."""
        spoken = self.partner.dialect
        if not isinstance(item, dict):
            return None
        owner = _owner(item) if spoken.release.owner_in_object else self.partner.parties()[0]
        ids = [item.get(name) for name in (("uid", "type") if self.module == "tokens" else ("id",))]
        if owner is None or not all(isinstance(each, str) and each.isprintable() for each in ids):
            return None
        named = [str(each) for each in ids]
        held = receive.theirs(tx, self.partner, spoken, self.module, owner, named, absent=True)
        return spoken.key(*owner, *named) if held is None else held.key

    def _ended(self, tx: Tx) -> bool:
        now = partners.get(tx, self.partner.id)
        return now is None or now.status == "removed"

    def end(self, tx: Tx) -> None:
        """Draw the conclusions, and write down how it went. Of a connection that has ended there is nothing to write:
        should the partner come back, everything is to be pulled."""
        result, partner, module = self.result, self.partner, self.module
        if self._ended(tx):
            result.complete = False
            return
        subject = f"{module} of {partner.name}"
        if result.complete:
            if result.full and module in REMOVED_BY_ABSENCE and self.certain:
                gone = objects.mark_absent(tx, module, partner.id, self.present, unchanged_since=self.begun_at_change)
                result.removed = len(gone)
                for seq in gone if module == "tariffs" else ():
                    held = objects.by_seq(tx, seq)
                    assert held is not None, "what is gone is marked, not deleted"
                    tariff_history.deleted(tx, held)
            faults.close_fault(tx, "pull_broken", subject)
        else:
            faults.open_fault(tx, "pull_broken", subject, str(result.detail), partner_id=partner.id)
        if result.foreign:
            detail = f"{result.foreign} objects in its list belong to parties that are not its own"
            faults.open_fault(tx, "foreign_objects", subject, detail, partner_id=partner.id)
        elif result.complete and result.full:
            faults.close_fault(tx, "foreign_objects", subject)
        pulls.record(
            tx,
            partner.id,
            module,
            "complete" if result.complete else "broken",
            # A stamp from the future would hide what changes until then.
            watermark=min(self.newest, self.begun_at) if result.complete and self.newest is not None else None,
            full=result.complete and result.full,
            connection=connection(partner, module) if result.complete else None,
            detail=result.detail,
        )


def _items(reply: Reply) -> list[Any]:
    if not reply.ok:
        raise Broken(f"HTTP {reply.http_status}, status {reply.status_code}: {reply.message or 'no message'}")
    if not isinstance(reply.data, list):
        raise Broken("the data of a page is no list")
    return reply.data


def _total(reply: Reply) -> int | None:
    for name, value in reply.headers.items():
        if name.casefold() == "x-total-count":
            with contextlib.suppress(ValueError):
                return int(value)
    return None


def _owner(item: Document) -> Party | None:
    country_code, party_id = item.get("country_code"), item.get("party_id")
    return (country_code, party_id) if isinstance(country_code, str) and isinstance(party_id, str) else None
