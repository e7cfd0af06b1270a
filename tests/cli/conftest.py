"""The program, called as people and scripts call it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evmesh.cli.app import run


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def misuse(self) -> str:
        """What was said of a command line that cannot be, without its line breaks."""
        assert (self.status, self.out) == (2, ""), self
        return " ".join(self.err.split())

    @property
    def sentence(self) -> str:
        """The one sentence on stderr of a command that failed; nothing else was said there, and no traceback."""
        assert self.status == 1, self
        assert self.err.startswith("evmesh: "), self
        assert self.err.count("\n") == 1, self.err
        return self.err


Evmesh = Callable[..., Ran]


@pytest.fixture
def evmesh(capsys: pytest.CaptureFixture[str]) -> Evmesh:
    """One command, in this process."""

    def ran(*arguments: object) -> Ran:
        capsys.readouterr()
        status = run([str(each) for each in arguments])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return ran


@pytest.fixture
def volt(evmesh: Evmesh, tmp_path: Path) -> Path:
    """The folder of a CPO that does not run."""
    folder = tmp_path / "volt"
    made = evmesh("-C", folder, "init", "--url", "http://127.0.0.1:8100", "--party", "CPO:SE:VLT")
    assert made.status == 0, made
    return folder
