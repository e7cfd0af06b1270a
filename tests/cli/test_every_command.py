"""What holds of every command: it explains itself with examples, and misuse and mistakes end as they should."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from evmesh import __version__
from evmesh.cli.app import app
from tests.cli.conftest import Evmesh


def commands() -> Iterator[list[str]]:
    """The words of each command, families included."""

    def below(command: Any, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, child in getattr(command, "commands", {}).items():
            yield from below(child, [*words, name])

    return below(typer.main.get_command(app), [])


def families() -> set[tuple[str, ...]]:
    return {tuple(words[:-1]) for words in commands() if words}


COMMANDS = list(commands())
SINGLE = [words for words in COMMANDS if tuple(words) not in families()]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_explains(evmesh: Evmesh, words: list[str]) -> None:
    shown = evmesh(*words, "--help")
    assert shown.status == 0
    assert shown.err == ""
    assert "Usage: evmesh" in shown.out


@pytest.mark.parametrize("words", SINGLE, ids=" ".join)
def test_help_has_an_example_of_the_command(evmesh: Evmesh, words: list[str]) -> None:
    lines = evmesh(*words, "--help").out.splitlines()
    examples = [line.strip() for line in lines if line.strip().startswith(("evmesh ", "curl "))]
    assert any(" ".join(words) in line for line in examples), lines


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_misuse(evmesh: Evmesh, words: list[str]) -> None:
    shown = evmesh(*words, "--no-such-option")
    assert shown.status == 2
    assert "no-such-option" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("words", sorted(families()), ids=" ".join)
def test_a_family_without_a_command_shows_what_there_is(evmesh: Evmesh, words: tuple[str, ...]) -> None:
    shown = evmesh(*words)
    assert shown.status == 2
    assert "Commands:" in shown.out + shown.err


def test_an_unknown_command_is_misuse(evmesh: Evmesh) -> None:
    assert evmesh("charge").status == 2
    assert evmesh("partner", "befriend").status == 2


def test_the_version_is_told(evmesh: Evmesh) -> None:
    shown = evmesh("--version")
    assert (shown.status, shown.out) == (0, f"evmesh {__version__}\n")


NEED_A_NODE = [
    ["serve"],
    ["partner", "invite", "driver"],
    ["partner", "connect", "http://127.0.0.1:1/ocpi/versions", "--token", "x"],
    ["partner", "list"],
    ["partner", "show", "driver"],
    ["partner", "update", "driver"],
    ["partner", "rotate", "driver"],
    ["partner", "remove", "driver"],
    ["list", "cdrs"],
    ["show", "cdrs", "C1"],
    ["faults"],
    ["command", "stop-session", "--partner", "volt", "--session", "S1"],
]


@pytest.mark.parametrize("words", NEED_A_NODE, ids=" ".join)
def test_a_folder_without_a_node_is_said(evmesh: Evmesh, words: list[str], tmp_path: Path) -> None:
    failed = evmesh("-C", tmp_path, *words)
    assert "there is no node here" in failed.sentence
    assert "evmesh init" in failed.sentence


@pytest.mark.parametrize("words", NEED_A_NODE, ids=" ".join)
def test_a_broken_settings_file_is_said_with_its_place(evmesh: Evmesh, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "evmesh.toml").write_text("url = 7\n[[[\n")
    failed = evmesh("-C", tmp_path, *words)
    assert str(tmp_path / "evmesh.toml") in failed.sentence
    assert "line 2" in failed.sentence


@pytest.mark.parametrize("words", NEED_A_NODE, ids=" ".join)
def test_a_database_that_cannot_be_opened_is_said(evmesh: Evmesh, words: list[str], volt: Path) -> None:
    (volt / "evmesh.db").mkdir()
    assert "evmesh.db" in evmesh("-C", volt, *words).sentence


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("secretkey = 'x'", "did you mean secret_key"),
        ("[network]\nalow = []", "did you mean allow"),
        ("[roaming]\npull_every = 'often'", "pull_every"),
        ("[stations]\nsimulate = 1", "simulate"),
    ],
)
def test_a_wrong_setting_is_said(evmesh: Evmesh, volt: Path, line: str, words: str) -> None:
    path = volt / "evmesh.toml"
    text = path.read_text()
    path.write_text(f"{line}\n{text}" if not line.startswith("[") else f"{text}\n{line}\n")
    assert words in evmesh("-C", volt, "partner", "list").sentence
