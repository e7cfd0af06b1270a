"""A node in a process of its own, as its operator runs it: to be stopped, or killed, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

START_SECONDS = 30.0


class Process:
    """`evmesh serve` on the settings in a folder. `log` holds all that it said on stderr."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.log = folder / "serve.log"
        self._port = [] if port is None else ["--port", str(port)]
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Come up; what it says first on stdout."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "evmesh", "-C", str(self.folder), "serve", "--host", "127.0.0.1", *self._port],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        assert self._child.stdout is not None
        said = await asyncio.wait_for(asyncio.to_thread(self._child.stdout.readline), START_SECONDS)
        assert said, self.log.read_text()
        return said.decode()

    async def kill(self) -> None:
        """As when the power fails."""
        await self._signalled(signal.SIGKILL)

    async def stop(self) -> int:
        """As the operator does; its exit status."""
        return await self._signalled(signal.SIGTERM)

    async def _signalled(self, number: signal.Signals) -> int:
        assert self._child is not None
        self._child.send_signal(number)
        status = await asyncio.wait_for(asyncio.to_thread(self._child.wait), START_SECONDS)
        self._close()
        return status

    def _close(self) -> None:
        if self._child is not None and self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None

    def end(self) -> None:
        """At the end of a test, whatever happened in it."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._close()
