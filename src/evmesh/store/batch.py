"""Group commit: what several callers want to write goes to disk together.

1. The writer takes the first request that waits and begins a transaction.
2. It runs that request and all that arrive meanwhile, each in its own savepoint: one that fails is undone alone.
3. It commits, and only then does any caller get an answer.

A sync to disk costs the same for one request and for a hundred, so many callers at once are several times faster
than a commit each, and a lone caller waits no longer than for its own commit. A batch ends when nobody waits or after
a fortieth of a second, so that an early caller's answer does not wait for ever later ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection

from evmesh.store.transaction import begin_changes, end_changes, forget_changes

BATCH_SECONDS = 0.025


@dataclass(slots=True, eq=False)
class Request:
    """One caller's function and what became of it."""

    run: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """On the caller's event loop, after the commit. A caller that has gone away is not told."""
        if self.answer.done():
            return
        if self.error is None:
            self.answer.set_result(self.value)
        else:
            self.answer.set_exception(self.error)


class Savepoints(Protocol):
    """How a database marks a place to return to; the driver's own way, since it happens for every request."""

    def begin(self, tx: Connection) -> None: ...
    def keep(self, tx: Connection) -> None: ...
    def undo(self, tx: Connection) -> None: ...


@dataclass(slots=True)
class Batch:
    first: Request
    take: Callable[[], Request | None]
    """The next request that waits, or None."""

    taken: list[Request] = field(default_factory=list)
    change: int = 0

    def run(self, tx: Connection, savepoints: Savepoints) -> None:
        """Write and commit. What is raised concerns all of the batch: none of it is known to be kept."""
        try:
            with tx.begin():
                begun_at = begin_changes(tx)
                for request in self._requests():
                    savepoints.begin(tx)
                    try:
                        request.value = request.run(tx)
                    except Exception as error:
                        request.error = error
                        savepoints.undo(tx)
                    else:
                        savepoints.keep(tx)
                self.change = end_changes(tx, begun_at)
        finally:
            forget_changes(tx)

    def fail(self, error: Exception, cause: Exception) -> None:
        error.__cause__ = cause
        self.change = 0
        # The first may not have been taken yet, when the transaction did not even begin.
        self.taken = self.taken or [self.first]
        for request in self.taken:
            request.value, request.error = None, error

    def settle(self) -> None:
        for request in self.taken:
            request.settle()

    def _requests(self) -> Iterator[Request]:
        until = time.monotonic() + BATCH_SECONDS
        request: Request | None = self.first
        while request is not None:
            self.taken.append(request)
            if not request.answer.cancelled():
                yield request
            request = self.take() if time.monotonic() < until else None
