"""Nodes in processes of their own, as `evmesh serve` runs them, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evmesh import config
from evmesh.cli.app import run
from evmesh.ocpi import wire
from evmesh.ports import Document
from tests.journeys.gate import free_port
from tests.journeys.processes import Process


class Served:
    """A node that was made with `evmesh init` and runs until `stop`."""

    def __init__(self, folder: Path, *parties: str, settings: str = "") -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        words = [word for party in parties for word in ("--party", party)]
        assert run(["-C", str(folder), "init", "--url", self.url, "--name", folder.name, *words]) == 0
        with (folder / config.FILE).open("a") as file:
            file.write(settings)
        self.process = Process(folder)
        self.said = ""

    def start(self) -> Served:
        self.said = asyncio.run(self.process.start())
        return self

    def stop(self) -> int:
        return asyncio.run(self.process.stop())

    def end(self) -> None:
        self.process.end()

    def take_in(self, kind: str, *documents: Document) -> None:
        """`evmesh import ocpi`."""
        path = self.folder / f"{kind}.json"
        path.write_bytes(wire.encode(documents))
        assert run(["-C", str(self.folder), "import", "ocpi", kind, str(path)]) == 0

    def drive(self, what: str, **hand: str) -> dict[str, object]:
        """What a simulated driver does there."""
        from evmesh.stations.controls import key_of

        key = key_of(config.load(self.folder, {}).secret_key)
        request = urllib.request.Request(
            f"{self.url}/simulator/{what}", json.dumps(hand).encode(), {"Authorization": f"Token {key}"}
        )
        with urllib.request.urlopen(request) as answer:
            found: dict[str, object] = json.load(answer)
        return found


@contextmanager
def serving(*nodes: Served) -> Iterator[None]:
    """They run while the block does, end in order, and nothing of ours failed meanwhile."""
    try:
        for node in nodes:
            node.start()
        yield
        assert [node.stop() for node in nodes] == [0 for _ in nodes]
        for node in nodes:
            assert "Traceback" not in node.process.log.read_text()
    finally:
        for node in nodes:
            node.end()
