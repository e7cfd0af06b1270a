"""`evmesh cdrs check` with processes of its own: what many CDRs need, tried on a few."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evmesh.cli import checking
from tests.cli.conftest import Evmesh
from tests.cli.partners_cdrs import SORTS, befriended, bill, received


def test_other_processes_find_what_this_one_finds(
    evmesh: Evmesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "driver"
    evmesh("-C", folder, "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:DRV")
    befriended(folder)
    received(folder, *(bill(id, hour, **fields) for hour, (id, fields) in enumerate(SORTS.items())))
    before = evmesh("-C", folder, "cdrs", "list", "--json").json
    # As in a database of a time before verdicts.
    with closing(sqlite3.connect(folder / "evmesh.db")) as database, database:
        database.execute("DELETE FROM cdr_verdicts")
    monkeypatch.setattr(checking, "FEW", 0)
    monkeypatch.setattr(checking, "AT_ONCE", 3)

    found = evmesh("-C", folder, "cdrs", "check", "--json").json

    assert found == {"checked": 5, "verdicts": dict.fromkeys(found["verdicts"], 1)}
    after = evmesh("-C", folder, "cdrs", "list", "--json").json
    assert [(each["cdr"], each["verdict"]) for each in after] == [(each["cdr"], each["verdict"]) for each in before]
