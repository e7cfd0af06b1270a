"""The database: `Store` runs transaction functions, and answers only when what they wrote is on disk.

    store = await Store.open("sqlite:////var/lib/evmesh/evmesh.db", secret_key)
    held = await store.read(lambda tx: objects.get(tx, "tariffs", key))
    outcome, held = await store.write(lambda tx: objects.put(tx, "tariffs", ...))

A transaction function is plain and synchronous; its first argument is the transaction (see `transaction`). Functions
that write run one after another, many sharing one commit (see `batch`), so whoever reads inside `write` decides on
what is true; functions that only read run beside them and see the last commit. Neither may wait for anything else.
A function runs in another thread on SQLite (but see `glance`), on the event loop on PostgreSQL; one that writes runs
once, one that reads may run again when the connection was lost.

Other processes may use the same database meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from evmesh.base.clock import Clock, utc_now
from evmesh.store.batch import Request
from evmesh.store.errors import CannotOpen, StoreClosed
from evmesh.store.secrets import Secrets
from evmesh.store.transaction import Surroundings
from evmesh.store.watch import Watch

T = TypeVar("T")


class Backend(Protocol):
    """One kind of database."""

    async def start(self) -> None: ...
    def write(self, request: Request) -> None: ...
    async def read(self, run: Callable[[Connection], Any]) -> Any: ...
    async def glance(self, run: Callable[[Connection], Any]) -> Any: ...
    async def look(self) -> int: ...
    async def close(self) -> None: ...


class Store:
    """An open database. Belongs to the event loop that opened it."""

    def __init__(self) -> None:
        raise TypeError("open a store with `await Store.open(url, secret_key)`")

    _backend: Backend
    _watch: Watch
    _closed: bool

    @classmethod
    async def open(cls, url: str, secret_key: bytes, *, clock: Clock = utc_now) -> Store:
        """Open the database at `sqlite:///PATH` or `postgresql://…`, bringing its schema up to date.

        Raises `CannotOpen` or `SchemaTooNew`.
        """
        surroundings = Surroundings(clock, Secrets(secret_key))
        self = object.__new__(cls)
        self._closed = False
        if path := sqlite_path(url):
            from evmesh.store.sqlite import SqliteBackend, create, migrate_file

            create(path)
            await asyncio.to_thread(migrate_file, path)
            self._backend = SqliteBackend(path, surroundings, self._committed)
        elif dsn := postgresql_dsn(url):
            from evmesh.store.postgresql import PostgresqlBackend, migrate_database

            await migrate_database(dsn)
            self._backend = PostgresqlBackend(dsn, surroundings, self._committed)
        else:
            raise CannotOpen(f"{url.partition(':')[0]}: a database is sqlite:///PATH or postgresql://…")
        await self._backend.start()
        self._watch = Watch(await self._backend.look(), self._backend.look)
        return self

    async def write(self, run: Callable[[Connection], T]) -> T:
        """Run a function that may write; when this returns, what it wrote is on disk.

        What the function raises undoes what it did, and only that, and is raised here. `Unavailable` means that the
        database could not commit. A caller who is cancelled before his turn has written nothing; after that, all.
        """
        if self._closed:
            raise StoreClosed("the store is closed")
        request = Request(run, asyncio.get_running_loop().create_future())
        self._backend.write(request)
        value: T = await request.answer
        return value

    async def read(self, run: Callable[[Connection], T]) -> T:
        """Run a function that only reads; all its queries see the same moment."""
        if self._closed:
            raise StoreClosed("the store is closed")
        value: T = await self._backend.read(run)
        return value

    async def glance(self, run: Callable[[Connection], T]) -> T:
        """The same for a few look-ups by key. SQLite answers these on the event loop itself, which takes a fraction of
        the way to another thread and back; a list, or a translation of many objects, would hold everybody up."""
        if self._closed:
            raise StoreClosed("the store is closed")
        value: T = await self._backend.glance(run)
        return value

    async def changed(self, after: int, timeout: float) -> int:
        """Wait until there is a change numbered above `after`, or the time is over; return the newest number.

        A change of this process is noticed at once, one of another process within a third of a second.
        """
        if self._closed:
            raise StoreClosed("the store is closed")
        return await self._watch.past(after, timeout)

    async def close(self) -> None:
        """Finish what was accepted; then everything asked raises `StoreClosed`. A second time does nothing."""
        if not self._closed:
            self._closed = True
            await self._watch.close()
            await self._backend.close()

    def _committed(self, change: int) -> None:
        self._watch.tell(change)


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///PATH` URL, relative to the current folder; None for any other URL."""
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme == "sqlite" and path else None


def postgresql_dsn(url: str) -> str | None:
    """The URL as the driver takes it; None for any other database's."""
    scheme, separator, rest = url.partition("://")
    known = scheme in ("postgresql", "postgres", "postgresql+asyncpg")
    return f"postgresql://{rest}" if separator and known else None
