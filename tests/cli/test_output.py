"""What a partner wrote gives the terminal no orders."""

from __future__ import annotations

import pytest

from evmesh.base.findings import Finding
from evmesh.cli import output

CLEARS_THE_SCREEN = "\x1b[2JGarage\x07\x9b"


def test_in_tables_and_findings(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["place"], [[CLEARS_THE_SCREEN], ["Örebro"], [None], [7]])
    output.findings([Finding("error", "code", "/name", CLEARS_THE_SCREEN)])

    said = capsys.readouterr().out
    assert [line.rstrip() for line in said.splitlines()] == [
        "place", "�[2JGarage��", "Örebro", "", "7", "error: /name: �[2JGarage�� [code]",
    ]  # fmt: skip
