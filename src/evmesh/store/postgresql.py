"""PostgreSQL: one writing connection with group commit, a pool of reading ones, through asyncpg.

Transaction functions are synchronous and run on the event loop; SQLAlchemy's `run_sync` lets the loop go on while one
of them waits for the server. A writing transaction holds the counter's row from its beginning, so writers of several
processes follow each other; reading ones see one moment (REPEATABLE READ) and can change nothing.

A server that was restarted meanwhile is found again: a connection that turns out to be dead before anything was
written is replaced, once, without anybody noticing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from evmesh.store.batch import Batch, Request
from evmesh.store.errors import CannotOpen, Unavailable
from evmesh.store.migrations import HEAD, migrate, version_of
from evmesh.store.schema import counter
from evmesh.store.transaction import Surroundings, surround

READERS = 4
CONNECT_SECONDS = 10.0
# A server that was unplugged never says so.
COMMAND_SECONDS = 120.0
# Any number that nothing else in the database uses: who holds this lock may change the schema.
SCHEMA_LOCK = 0x65766D657368


async def migrate_database(dsn: str) -> None:
    """Bring the schema up to date; of several processes that start at once, one does it and the others wait."""
    engine = _engine(dsn, command_s=None, poolclass=NullPool)  # building an index takes as long as it takes
    try:
        async with engine.begin() as tx:
            if await tx.run_sync(version_of) == HEAD:
                return
            await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
            await tx.run_sync(migrate)
    except (OSError, TimeoutError, asyncpg.PostgresError, SQLAlchemyError) as error:
        raise CannotOpen(f"the database {_without_password(dsn)} cannot be opened: {_reason(error)}") from error


class PostgresqlBackend:
    """What `Store` asks of a database; see `database`."""

    def __init__(self, dsn: str, surroundings: Surroundings, committed: Callable[[int], None]) -> None:
        self._name = _without_password(dsn)
        self._committed = committed
        self._writing_engine = _engine(dsn, poolclass=NullPool)
        # The connection used last knows the statements best.
        self._engine = _engine(dsn, pool_size=READERS, max_overflow=READERS, pool_use_lifo=True)
        for engine in (self._writing_engine, self._engine):
            event.listen(engine.sync_engine, "connect", lambda _, record: surround(record.info, surroundings))
        event.listen(self._engine.sync_engine, "connect", _only_read)
        self._requests: asyncio.Queue[Request | None] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._seen_change = 0

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write_all(), name="evmesh store writer")

    def write(self, request: Request) -> None:
        self._requests.put_nowait(request)

    async def read(self, run: Callable[[Connection], Any]) -> Any:
        for attempt in (1, 2):
            try:
                async with self._engine.connect() as tx:
                    return await tx.run_sync(run)
            except (OSError, TimeoutError, DBAPIError) as error:
                if isinstance(error, DBAPIError) and not error.connection_invalidated:
                    raise
                # A pool does not know which of its connections a restart of the server has ended.
                if attempt == 2:
                    raise Unavailable(f"{self._name} does not answer: {_reason(error)}") from error
        raise AssertionError("unreachable")

    async def glance(self, run: Callable[[Connection], Any]) -> Any:
        return await self.read(run)

    async def look(self) -> int:
        # While nobody answers, whoever waits goes on waiting; whoever reads or writes is told.
        with contextlib.suppress(Unavailable):
            self._seen_change = await self.read(lambda tx: tx.scalars(select(counter.c.value)).one())
        return self._seen_change

    async def close(self) -> None:
        """Finish what was accepted, then hang up."""
        self._requests.put_nowait(None)
        if self._writer is not None:
            await self._writer
        await self._writing_engine.dispose()
        await self._engine.dispose()

    async def _write_all(self) -> None:
        tx: AsyncConnection | None = None
        closing = False

        def take() -> Request | None:
            nonlocal closing
            if self._requests.empty():
                return None
            request = self._requests.get_nowait()
            closing = closing or request is None
            return request

        while not closing and (first := await self._requests.get()) is not None:
            batch = Batch(first, take)
            for attempt in (1, 2):
                try:
                    tx = tx or await self._writing_engine.connect()
                    await tx.run_sync(batch.run, Savepoints())
                    break
                except Exception as error:
                    await _hang_up(tx)
                    tx = None
                    if batch.taken or attempt == 2:
                        batch.fail(Unavailable(f"{self._name} could not be written: {_reason(error)}"), error)
                        break
            self._committed(batch.change)
            batch.settle()
        await _hang_up(tx)


class Savepoints:
    """Places to return to within one batch.

    Each costs a question to the server, so keeping one and beginning the next are asked together, and one that was
    returned to serves again.
    """

    def __init__(self) -> None:
        self._begin = "SAVEPOINT request"

    def begin(self, tx: Connection) -> None:
        if self._begin:
            _ask(tx, self._begin)

    def keep(self, tx: Connection) -> None:
        self._begin = "RELEASE SAVEPOINT request; SAVEPOINT request"

    def undo(self, tx: Connection) -> None:
        _ask(tx, "ROLLBACK TO SAVEPOINT request")
        self._begin = ""


def _ask(tx: Connection, command: str) -> None:
    # Without preparing a statement, which takes one command only and one more question.
    tx.connection.dbapi_connection.run_async(lambda driver: driver.execute(command))  # type: ignore[union-attr]


def _engine(dsn: str, command_s: float | None = COMMAND_SECONDS, **options: Any) -> AsyncEngine:
    async def connect(*_: Any, **__: Any) -> Any:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=command_s,
            server_settings={"application_name": "evmesh"},
        )

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, **options)


def _only_read(connection: Any, _: Any) -> None:
    connection.set_isolation_level("repeatable_read")
    connection.readonly = True


async def _hang_up(tx: AsyncConnection | None) -> None:
    if tx is not None:
        await tx.invalidate()
        await tx.close()


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error) or type(error).__name__


def _without_password(dsn: str) -> str:
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0]
