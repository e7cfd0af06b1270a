"""What a partner wrote gives the terminal no orders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evmesh.base.findings import Finding
from evmesh.cli import output
from tests.cli.conftest import Evmesh
from tests.roaming.calls import cdr, tariff

CLEARS_THE_SCREEN = "\x1b[2JGarage\x07\x9b"


def test_in_tables_and_findings(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["place"], [[CLEARS_THE_SCREEN], ["Örebro"], [None], [7]])
    output.findings([Finding("error", "code", "/name", CLEARS_THE_SCREEN)])

    said = capsys.readouterr().out
    assert [line.rstrip() for line in said.splitlines()] == [
        "place", "�[2JGarage��", "Örebro", "", "7", "error: /name: �[2JGarage�� [code]",
    ]  # fmt: skip


def test_in_what_is_said_of_documents(evmesh: Evmesh, tmp_path: Path) -> None:
    charge, price = tmp_path / "cdr.json", tmp_path / "tariff.json"
    price.write_text(json.dumps(tariff(id=CLEARS_THE_SCREEN, description=CLEARS_THE_SCREEN)))
    charge.write_text(json.dumps(cdr(id=CLEARS_THE_SCREEN)))
    when = ("--start", "2026-03-01T18:00Z", "--energy", "20", "--duration", "2h")
    for words in (
        ("price", charge, "--tariff", price, "--timezone", "Europe/Stockholm"),
        ("explain", price),
        ("quote", price, *when),
    ):
        said = evmesh(*words).out
        assert "�[2JGarage��" in said, words[0]
        assert not {"\x1b", "\x07", "\x9b"} & set(said), words[0]
