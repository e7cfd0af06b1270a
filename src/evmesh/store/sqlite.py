"""SQLite: one writer thread, a few reader threads, one file that other processes may open as well.

WAL lets readers go on while somebody writes; `synchronous=FULL` puts every commit on disk before it is reported.
`BEGIN IMMEDIATE` takes the right to write at the start: a transaction that began as a reader and wants to write later
can be refused without waiting. Python's driver begins nothing by itself (`isolation_level=None`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from evmesh.store.batch import Batch, Request
from evmesh.store.errors import CannotOpen, Unavailable
from evmesh.store.migrations import HEAD, migrate, version_of
from evmesh.store.prepared import DRIVER
from evmesh.store.transaction import Surroundings, surround

READERS = 4
CACHE_KB = 16_000
# To what length the log is cut back after a burst; while it is in use it may be longer.
LOG_BYTES = 64_000_000
BUSY_SECONDS = 30.0
RETRY_SECONDS = 0.001
# A batch that kept the lock longer than this steps aside for a moment, or another process might never get it.
LONG_SECONDS = 0.02
ASIDE_SECONDS = 0.003


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for locks, and never begins or ends a transaction by itself."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = {-CACHE_KB}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    return connection


def create(path: Path) -> None:
    """Make sure that the file is there, readable by its owner alone, and in WAL mode."""
    if str(path) in ("", ".", ":memory:"):
        raise CannotOpen("the store needs a file: sqlite:///PATH")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = connect(path)
        try:
            until = time.monotonic() + BUSY_SECONDS
            while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError:  # SQLite does not wait for this lock by itself
                    if time.monotonic() > until:
                        raise
                    time.sleep(RETRY_SECONDS)
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotOpen(f"the database {path} cannot be opened: {reason}") from error


def migrate_file(path: Path) -> None:
    """Bring the schema up to date, taking the right to write only when there is something to do."""
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    with engine.connect() as tx:
        if version_of(tx) == HEAD:
            return
    event.listen(engine, "begin", _begin_immediately)
    try:
        with engine.begin() as tx:
            migrate(tx)
    except sqlite3.Error as error:
        raise CannotOpen(f"the database {path} cannot be prepared: {error}") from error


class SqliteBackend:
    """What `Store` asks of a database; see `database`."""

    def __init__(self, path: Path, surroundings: Surroundings, committed: Callable[[int], None]) -> None:
        self._path = path
        self._surroundings = surroundings
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._engine = self._new_engine()
        self._writing_engine = self._new_engine(_begin_immediately)
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="evmesh store writer", daemon=True)
        self._questions: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read_all, name="evmesh store reader", daemon=True) for _ in range(READERS)
        ]
        self._glancing: Connection | None = None
        self._looking = connect(path)
        self._seen_version = -1
        self._seen_change = 0

    async def start(self) -> None:
        for thread in (self._writer, *self._readers):
            thread.start()

    def write(self, request: Request) -> None:
        self._requests.put(request)

    async def read(self, run: Callable[[Connection], Any]) -> Any:
        question = Request(run, self._loop.create_future())
        self._questions.put(question)
        return await question.answer

    async def glance(self, run: Callable[[Connection], Any]) -> Any:
        if self._glancing is None:
            self._glancing = self._reading()
            _driver(self._glancing).execute("PRAGMA busy_timeout = 0")
        try:
            return _read(self._glancing, run)
        except (sqlite3.OperationalError, OperationalError):
            return await self.read(run)  # locked for a moment: waiting is for threads

    async def look(self) -> int:
        """The newest change number. A first question says whether anybody committed since the last look."""
        try:
            (version,) = self._looking.execute("PRAGMA data_version").fetchone()
            if version != self._seen_version:
                (self._seen_change,) = self._looking.execute("SELECT value FROM counter").fetchone()
                self._seen_version = version
        except sqlite3.Error:
            pass  # locked for a moment, or worse: whoever reads or writes is told
        return self._seen_change

    async def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        self._requests.put(None)
        for _ in self._readers:
            self._questions.put(None)
        for thread in (self._writer, *self._readers):
            await asyncio.to_thread(thread.join)
        _let_go(self._glancing)
        self._looking.close()

    def _read_all(self) -> None:
        """A reader thread. It connects when it is first asked."""
        tx: Connection | None = None
        while (question := self._questions.get()) is not None:
            if question.answer.cancelled():
                continue
            try:
                tx = tx or self._reading()
                question.value = _read(tx, question.run)
            except Exception as error:
                question.error = error
            try:
                self._loop.call_soon_threadsafe(question.settle)
            except RuntimeError:
                break  # the loop has ended without closing the store; nobody is left to answer
        _let_go(tx)

    def _reading(self) -> Connection:
        tx = self._engine.connect()
        _driver(tx).execute("PRAGMA query_only = ON")
        return tx

    def _write_all(self) -> None:
        """The writer thread."""
        closing = False

        def take() -> Request | None:
            nonlocal closing
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return None
            closing = closing or request is None
            return request

        tx: Connection | None = None
        while not closing and (first := self._requests.get()) is not None:
            began = time.monotonic()
            batch = Batch(first, take)
            try:
                tx = tx or self._writing_engine.connect()
                batch.run(tx, Savepoints())
            except Exception as error:
                batch.fail(Unavailable(f"{self._path} could not be written: {error}"), error)
                _let_go(tx)
                tx = None
            try:
                self._loop.call_soon_threadsafe(self._settle, batch)
            except RuntimeError:
                break  # the loop has ended without closing the store; nobody is left to answer
            if time.monotonic() - began > LONG_SECONDS:
                time.sleep(ASIDE_SECONDS)
        _let_go(tx)

    def _settle(self, batch: Batch) -> None:
        self._committed(batch.change)
        batch.settle()

    def _new_engine(self, begin: Callable[[Connection], None] | None = None) -> Engine:
        engine = create_engine("sqlite://", creator=lambda: connect(self._path), poolclass=NullPool)
        if begin is not None:
            event.listen(engine, "begin", begin)

        @event.listens_for(engine, "connect")
        def opened(connection: Any, record: Any) -> None:
            surround(record.info, self._surroundings)
            record.info[DRIVER] = connection

        return engine


def _let_go(tx: Connection | None) -> None:
    """Also of a connection that fails even at closing."""
    if tx is not None:
        with contextlib.suppress(Exception):
            tx.close()


def _read(tx: Connection, run: Callable[[Connection], Any]) -> Any:
    """Run a function that sees one moment. The driver is told so directly: what SQLAlchemy does besides takes longer
    than most questions."""
    driver = _driver(tx)
    driver.execute("BEGIN")
    try:
        return run(tx)
    finally:
        tx.rollback()
        driver.rollback()


def _begin_immediately(tx: Connection) -> None:
    """Ask often: SQLite's own waiting sleeps up to a tenth of a second between two questions."""
    driver = _driver(tx)
    driver.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(RETRY_SECONDS)


def _driver(tx: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = tx.connection.driver_connection  # type: ignore[assignment]
    return driver


class Savepoints:
    """Places to return to."""

    def begin(self, tx: Connection) -> None:
        _driver(tx).execute("SAVEPOINT request")

    def keep(self, tx: Connection) -> None:
        _driver(tx).execute("RELEASE request")

    def undo(self, tx: Connection) -> None:
        # After an error such as a full disk SQLite has undone everything; then this fails, and with it the batch.
        driver = _driver(tx)
        driver.execute("ROLLBACK TO request")
        driver.execute("RELEASE request")
