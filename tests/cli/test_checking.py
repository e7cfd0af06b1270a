"""`evmesh cdrs check` with processes of its own: what many CDRs need, tried on a few."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from evmesh.cli import checking
from evmesh.store.errors import Unavailable
from tests.cli.conftest import Evmesh
from tests.cli.partners_cdrs import SORTS, befriended, bill, received


@pytest.fixture
def folder(evmesh: Evmesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A driver's company with a CDR of each sort; they are judged by one process beside this one, by threes."""
    folder = tmp_path / "driver"
    evmesh("-C", folder, "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:DRV")
    befriended(folder)
    received(folder, *(bill(id, hour, **fields) for hour, (id, fields) in enumerate(SORTS.items())))
    monkeypatch.setattr(checking, "FEW", 0)
    monkeypatch.setattr(checking, "AT_ONCE", 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    return folder


def test_another_process_finds_what_this_one_finds(evmesh: Evmesh, folder: Path) -> None:
    before = evmesh("-C", folder, "cdrs", "list", "--json").json
    # As in a database of a time before verdicts.
    with closing(sqlite3.connect(folder / "evmesh.db")) as database, database:
        database.execute("DELETE FROM cdr_verdicts")

    found = evmesh("-C", folder, "cdrs", "check", "--json").json

    assert found == {"checked": 5, "verdicts": dict.fromkeys(found["verdicts"], 1)}
    after = evmesh("-C", folder, "cdrs", "list", "--json").json
    assert [(each["cdr"], each["verdict"]) for each in after] == [(each["cdr"], each["verdict"]) for each in before]


def test_stretches_that_fail_together_are_one_failure(
    evmesh: Evmesh, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def failing(*_: Any) -> Iterator[checking.Run]:
        async def run(stretch: Any) -> Any:
            await asyncio.sleep(0)
            raise Unavailable(f"after {stretch.after}")

        yield run

    monkeypatch.setattr(checking, "_hands", failing)

    assert "after 0" in evmesh("-C", folder, "cdrs", "check").sentence
    gc.collect()
    assert [each.message for each in caplog.records if each.name == "asyncio"] == []
