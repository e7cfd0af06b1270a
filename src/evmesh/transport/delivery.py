"""Delivery: partners get to know what they lack, whatever happens on the way.

A row in the database says *partner P lacks object X as it now is* (`store.deliveries`); it was written in the
transaction that changed the object. `Courier.run` takes rows that are due and, for each:

1. asks what to send *now*: the object may have changed ten times since the row was written, and is told once. A PATCH
   at most at the first try; later the partner's state is not certain enough for one.
2. sends it, with a new X-Request-ID. Nothing is ever repeated word by word.
3. looks up what follows (`outcomes.after`, a table) and writes it down.

        waiting ──due──▶ trying ──▶ delivered     the row is gone, unless the object has changed meanwhile
           ▲               │
           ├───  again  ───┤                      later and later, up to an hour
           ├─── not yet ───┤                      the partner's release can say it from a date on
           ├ needs object ─┤                      another object must be there first; a fault says which
           │               ├──▶ forgone           there is nothing (more) to say in the partner's release
           │               └──▶ refused, doubtful a fault to look at; the next change tries again
           └── restart, lease over ── killed in the middle

A PATCH that is refused is followed at once by a GET, and by a PUT of the whole unless the GET shows that the partner
has exactly that. [transport_and_format_patch]

A partner that does not answer is left alone as a whole, for as long as a single row would be: a thousand rows behind it
do not knock a thousand times. Others notice nothing: each partner has its own places. When it calls us
(`heard_from`), or one try gets through, everything that had failed is tried at once.

What is known only here, in memory, is how often a partner or a row has failed lately, and whether an earlier try may
have arrived. A restart forgets the first, and so tries at once; of the second it assumes the worse.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from evmesh.base.clock import Clock, utc_now
from evmesh.ocpi import wire
from evmesh.ocpi.releases import NeedsObject, Unsayable
from evmesh.ocpi.status_codes import NotJson
from evmesh.ports import NotYet, Partner, PartnerCalls, PartnerError, Push, Reply
from evmesh.store import deliveries, faults, objects, partners
from evmesh.store.database import Store
from evmesh.store.deliveries import Delivery
from evmesh.store.transaction import Tx
from evmesh.transport.answers import retry_after
from evmesh.transport.limits import Limits
from evmesh.transport.metrics import Metrics
from evmesh.transport.outcomes import Again, Attempt, Delivered, Forgone, Outcome, SendWhole, Settled, after, backoff
from evmesh.transport.patience import Patience
from evmesh.transport.routing import OPERATIONS

REFUSED, DOUBTFUL, WAITS = "delivery_refused", "delivery_doubtful", "delivery_waits"
FAULTS = {
    REFUSED: "a partner refuses an object of ours, again and again",
    DOUBTFUL: "nobody knows whether a partner has a CDR: an answer was lost, and the repetition refused",
    WAITS: "an object cannot be told to a partner before another one is known here",
}

MOST_AT_ONCE = 1024
LOOK_AGAIN_SECONDS = 60.0
"""How long to sleep at most when nothing is due."""
LOOK_AT_IDLE_SECONDS = 1.0
"""The same while a partner is invited or suspended: it may be told things from one moment to the next."""
SETTLE_SECONDS = 0.01
"""Changes that follow each other closely are looked at together."""
PARTNERS_SECONDS = 0.5
LONGEST_WAIT_FOR_OBJECT = 60.0

log = logging.getLogger(__name__)


class Prepare(Protocol):
    async def __call__(self, partner: Partner, delivery: Delivery, *, patch_allowed: bool) -> Push | None:
        """What to send now, None when nothing is lacking. Raises NeedsObject, Unsayable, NotYet."""
        ...


def jittered(seconds: float) -> float:
    """About so long: partners that failed together are not tried together for ever."""
    return seconds * random.uniform(0.75, 1.25)


@dataclass(slots=True)
class _Note:
    """What earlier tries of a row showed."""

    failures: int = 0
    refusals: int = 0
    may_have_arrived: bool = False


class Courier:
    """Delivers until it is told to stop. One for each database at a time; leases keep two from doing the same."""

    def __init__(
        self,
        store: Store,
        calls: PartnerCalls,
        prepare: Prepare,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        clock: Clock = utc_now,
        jitter: Callable[[float], float] = jittered,
    ) -> None:
        self._store = store
        self._calls = calls
        self._prepare = prepare
        self._limits = limits or Limits()
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._jitter = jitter
        self._lease_seconds = max(self._limits.delivery_lease_seconds, 4 * self._limits.answer_seconds)
        self._running: dict[int, asyncio.Task[bool]] = {}
        self._places: dict[int, int] = {}
        self._patience = Patience(clock, jitter)
        self._notes: dict[int, _Note] = {}
        self._hurry: set[int] = set()
        self._wake = asyncio.Event()
        self._partners: dict[int, Partner] = {}
        self._partners_until = 0.0
        self._faults: set[tuple[str, str]] = set()
        self._stopping = False

    def heard_from(self, partner_id: int) -> None:
        """The partner has called us, so it is there: what waits because it was not is due."""
        if self._patience.heard_from(partner_id):
            self._hurry.add(partner_id)
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then finish what is on its way, for a while."""
        self._stopping = False
        await self._store.write(deliveries.release_leases)
        opened = await self._store.read(faults.open_faults)
        self._faults = {(fault.kind, fault.subject) for fault in opened if fault.kind in FAULTS}
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
        try:
            change = 0
            while not stop.is_set():
                self._wake.clear()
                sleep = await self._begin()
                change = await self._sleep(change, sleep)
        finally:
            stopping.cancel()
            await self._finish()

    async def _begin(self) -> float:
        """Begin the tries that are due; the seconds until there may be more."""
        while self._hurry:
            await self._store.write(partial(deliveries.hurry, partner_id=self._hurry.pop()))
        if asyncio.get_running_loop().time() >= self._partners_until:
            await self._look_at_partners()
        now = self._clock()
        busy = self._busy(now)
        due_at = await self._store.glance(lambda tx: deliveries.next_due(tx, busy))
        room = MOST_AT_ONCE - len(self._running)
        if room <= 0:
            return LOOK_AGAIN_SECONDS
        if due_at is not None and due_at <= now:
            rows = await self._store.write(
                lambda tx: deliveries.due(tx, now, room, self._lease_seconds, busy, per_partner=self._limits.deliveries)
            )
            if any(row.partner_id not in self._partners for row in rows):
                await self._look_at_partners()
            for row in rows:
                self._start(row)
            # Leases of somebody else may have kept us from all of them.
            return 0.0 if rows else 1.0
        moments = [moment for moment in (due_at, self._patience.next(now)) if moment is not None]
        seconds = min(((moment - now).total_seconds() for moment in moments), default=LOOK_AGAIN_SECONDS)
        idle = any(partner.status != "registered" for partner in self._partners.values())
        return min(max(seconds, 0.0), LOOK_AT_IDLE_SECONDS if idle else LOOK_AGAIN_SECONDS)

    async def _look_at_partners(self) -> None:
        known = await self._store.glance(partners.all_partners)
        self._partners = {partner.id: partner for partner in known}
        self._partners_until = asyncio.get_running_loop().time() + PARTNERS_SECONDS

    def _busy(self, now: datetime) -> set[int]:
        """Partners that can be told nothing just now: away, not registered, or as busy as they may be."""
        busy = {id for id, partner in self._partners.items() if partner.status != "registered"}
        return (
            busy
            | self._patience.away(now)
            | {id for id, taken in self._places.items() if taken >= self._limits.deliveries}
        )

    async def _sleep(self, change: int, seconds: float) -> int:
        """Until something changes in the database or here, or the time is over; the newest change."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return change
        changed = asyncio.create_task(self._store.changed(change, seconds))
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait([changed, woken], return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                change = changed.result()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), SETTLE_SECONDS)
            return change
        finally:
            changed.cancel()
            woken.cancel()

    def _start(self, row: Delivery) -> None:
        if self._stopping:
            return
        before = self._running.get(row.id)
        if before is not None:
            # Its failure is written down already, but it has not quite ended.
            before.add_done_callback(lambda _: self._start(row))
            return
        partner = self._partners.get(row.partner_id)
        self._places[row.partner_id] = self._places.get(row.partner_id, 0) + 1
        task = self._running[row.id] = asyncio.create_task(self._deliver(row, partner))

        def ended(task: asyncio.Task[bool]) -> None:
            del self._running[row.id]
            self._places[row.partner_id] -= 1
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.error("delivery %d could not be written down: its lease must run out", row.id, exc_info=error)
            if task.cancelled() or error is not None or not task.result():
                self._wake.set()

        task.add_done_callback(ended)

    async def _finish(self) -> None:
        """Rows whose try is cancelled stay leased; the next start takes them up."""
        self._stopping = True
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._limits.closing_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _deliver(self, row: Delivery, partner: Partner | None) -> bool:
        """One try. True if the partner's next row has its place already."""
        note = self._notes.setdefault(row.id, _Note(may_have_arrived=row.attempts > 1))
        try:
            if partner is None or partner.status != "registered":
                # Noticed between two looks at the partners: the next one passes it by.
                await self._later(row, note, "the partner is not registered")
                return False
            push, outcome = await self._tell(row, partner, note)
            return await self._conclude(row, partner, note, push, outcome)
        except NotYet as error:
            await self._store.write(partial(deliveries.failed, id=row.id, error=str(error), due_at=error.due_at))
        except NeedsObject as error:
            await self._wait_for_object(row, note, str(error))
        except Unsayable:
            return await self._forgo(row)
        except Exception as error:
            log.exception("delivery %d (%s %d) failed here", row.id, row.kind, row.seq)
            await self._later(row, note, f"failed here: {type(error).__name__}")
        return False

    async def _tell(self, row: Delivery, partner: Partner, note: _Note) -> tuple[Push | None, Outcome]:
        """Tell the partner; what was told in the end, and what follows."""
        push = await self._prepare(partner, row, patch_allowed=row.attempts == 1)
        if push is None:
            return None, Forgone()
        outcome = await self._send(partner, push, note)
        if not isinstance(outcome, SendWhole):
            return push, outcome
        whole = await self._prepare(partner, row, patch_allowed=False)
        if whole is None:
            return None, Forgone()
        return whole, await self._look(partner, whole) or await self._send(partner, whole, note)

    async def _send(self, partner: Partner, push: Push, note: _Note) -> Outcome:
        method = OPERATIONS[push.operation].method
        attempt = Attempt(
            patch=push.patch,
            creates=method == "POST",
            deletes=method == "DELETE",
            may_have_arrived=note.may_have_arrived,
            refusals=note.refusals,
        )
        try:
            reply = await self._calls.call(
                partner,
                push.operation,
                push.path,
                query=push.query,
                body=push.body,
                from_party=push.from_party,
                to_party=push.to_party,
            )
        except PartnerError as error:
            return after(error, attempt)
        return after(reply, attempt, retry_after(reply.headers, self._clock))

    async def _look(self, partner: Partner, whole: Push) -> Outcome | None:
        """What the partner has, after it refused a PATCH: Delivered when it has exactly what it should, None when it
        is to be told the whole."""
        reading = whole.operation.replace(".receiver.put", ".receiver.get")
        if whole.body is None or reading not in OPERATIONS or reading == whole.operation:
            return None
        try:
            reply = await self._calls.call(
                partner,
                reading,
                whole.path,
                query=whole.query,
                from_party=whole.from_party,
                to_party=whole.to_party,
            )
        except PartnerError as error:
            found = after(error, Attempt())
            return found if isinstance(found, Again) else None
        return Delivered() if _holds(reply, whole.body) else None

    async def _conclude(
        self, row: Delivery, partner: Partner, note: _Note, push: Push | None, outcome: Outcome
    ) -> bool:
        if push is None:
            return await self._forgo(row)
        kind = outcome.state if isinstance(outcome, Settled) else type(outcome).__name__.casefold()
        self._metrics.deliveries.labels(kind).inc()
        match outcome:
            case Delivered():
                # Should it fail to be written down, the next try must know.
                note.may_have_arrived = True
                on = await self._end(row, lambda tx: deliveries.delivered(tx, row.id, push.change, push.told))
                if self._patience.answered(partner.id):
                    self._hurry.add(partner.id)
                    self._wake.set()
                return on
            case Settled(state, error):
                log.warning("%s is told no more of %s %d, %s: %s", partner.name, row.kind, row.seq, state, error)
                await self._settle(row, push.change, state, error)
            case Again():
                note.may_have_arrived = note.may_have_arrived or outcome.may_have_arrived
                note.refusals += outcome.refused
                await self._later(row, note, outcome.error, outcome.wait, partner.id if outcome.partner_away else None)
        return False

    async def _later(
        self, row: Delivery, note: _Note, error: str, wait: float | None = None, away: int | None = None
    ) -> None:
        if away is not None:
            due_at = self._patience.failed(away, wait)
        else:
            note.failures += 1
            due_at = self._clock() + timedelta(seconds=self._jitter(backoff(note.failures, wait)))
        await self._store.write(lambda tx: deliveries.failed(tx, row.id, error[:500], due_at))

    async def _forgo(self, row: Delivery) -> bool:
        self._metrics.deliveries.labels("forgone").inc()
        return await self._end(row, lambda tx: deliveries.forgo(tx, row.id, row.change))

    async def _settle(self, row: Delivery, change: int, state: deliveries.Settled, error: str) -> None:
        kind = DOUBTFUL if state == "doubtful" else REFUSED

        def write(tx: Tx) -> str | None:
            if not deliveries.settle(tx, row.id, change, state, error[:500]):
                return None
            subject = _subject(tx, row)
            faults.open_fault(tx, kind, subject, error, partner_id=row.partner_id)
            return subject

        subject = await self._store.write(write)
        if subject is not None:
            self._faults.add((kind, subject))
        self._notes.pop(row.id, None)

    async def _wait_for_object(self, row: Delivery, note: _Note, error: str) -> None:
        note.failures += 1
        seconds = self._jitter(min(backoff(note.failures), LONGEST_WAIT_FOR_OBJECT))
        due_at = self._clock() + timedelta(seconds=seconds)

        def write(tx: Tx) -> str:
            deliveries.failed(tx, row.id, error[:500], due_at)
            subject = _subject(tx, row)
            faults.open_fault(tx, WAITS, subject, error, partner_id=row.partner_id)
            return subject

        self._faults.add((WAITS, await self._store.write(write)))

    async def _end(self, row: Delivery, end: Callable[[Tx], bool]) -> bool:
        """The end of a row, and of the faults about it. There hardly ever are any, so their names are kept at hand.

        In the same transaction the partner's next row begins, and takes over the place; True if there is one.
        """

        now = self._clock()
        goes_on = self._goes_on(row.partner_id, now)

        def write(tx: Tx) -> tuple[list[tuple[str, str]], Delivery | None]:
            end(tx)
            following = deliveries.due_next(tx, row.partner_id, now, self._lease_seconds) if goes_on else None
            if not self._faults:
                return [], following
            subject = _subject(tx, row)
            over = [(kind, subject) for kind in FAULTS if (kind, subject) in self._faults]
            for kind, subject in over:
                faults.close_fault(tx, kind, subject)
            return over, following

        over, following = await self._store.write(write)
        self._faults.difference_update(over)
        self._notes.pop(row.id, None)
        if following is not None:
            self._start(following)
        return following is not None

    def _goes_on(self, partner_id: int, now: datetime) -> bool:
        """Whether a place that becomes free stays with its partner. Not for ever: from time to time the loop has to
        look at what has become of the partners, and who else has waited for a place."""
        partner = self._partners.get(partner_id)
        return (
            not self._stopping
            and partner is not None
            and partner.status == "registered"
            and partner_id not in self._patience.away(now)
            and asyncio.get_running_loop().time() < self._partners_until
            and len(self._running) < MOST_AT_ONCE
        )


def _subject(tx: Tx, row: Delivery) -> str:
    """What a fault about this row is called: the partner and the object, by their names."""
    partner, held = partners.get(tx, row.partner_id), objects.by_seq(tx, row.seq)
    whose = str(row.partner_id) if partner is None else partner.name
    return f"{whose}: {row.kind} {row.seq if held is None else f'{held.owner}*{held.id}'}"


def _holds(reply: Reply, body: bytes) -> bool:
    """Whether the partner showed exactly this document."""
    if not reply.ok:
        return False
    try:
        return bool(reply.data == wire.decode(body))
    except NotJson:
        return False
