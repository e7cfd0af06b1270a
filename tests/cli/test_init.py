"""`evmesh init`: a new node, its file for its owner alone."""

import stat
import tomllib
from pathlib import Path

import pytest

from evmesh import config
from tests.cli.conftest import Evmesh

URL = ("--url", "http://127.0.0.1:8100")


def test_a_new_node(evmesh: Evmesh, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "volt"
    made = evmesh(
        "-C", folder, "init", *URL, "--party", "cpo:se:vlt", "--party", "EMSP:SE:VLT", "--name", 'Volt "AB"'
    )  # fmt: skip
    assert made.status == 0
    assert str(folder / "evmesh.toml") in made.out
    settings = config.load(folder, {})
    assert settings.url == "http://127.0.0.1:8100"
    assert [(p.role, *p.party, p.name) for p in settings.parties] == [
        ("CPO", "SE", "VLT", 'Volt "AB"'),
        ("EMSP", "SE", "VLT", 'Volt "AB"'),
    ]
    assert settings.database == f"sqlite:///{folder.resolve()}/evmesh.db"


def test_its_file_is_for_its_owner_alone_and_explains_itself(volt: Path) -> None:
    path = volt / "evmesh.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert text.count("#") > 10
    assert tomllib.loads(text)["secret_key"]
    # What stands in comments are settings that can be switched on as they are.
    switched_on = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("# ") or " = " in line or "[" in line[:3]
    )
    assert {"network", "roaming", "stations"} <= tomllib.loads(switched_on).keys()


def test_each_node_has_a_key_of_its_own(evmesh: Evmesh, tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        evmesh("-C", tmp_path / name, "init", *URL, "--party", "CPO:SE:VLT")
        keys.add(config.load(tmp_path / name, {}).secret_key)
    assert len(keys) == 2
    assert {len(key) for key in keys} == {32}


def test_a_node_that_is_there_is_not_overwritten(evmesh: Evmesh, volt: Path) -> None:
    before = (volt / "evmesh.toml").read_bytes()
    again = evmesh("-C", volt, "init", *URL, "--party", "EMSP:SE:DRV")
    assert "exists already" in again.sentence
    assert (volt / "evmesh.toml").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said(evmesh: Evmesh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        made = evmesh("-C", tmp_path / place, "init", *URL, "--party", "CPO:SE:VLT")
        assert f"{tmp_path / place} cannot be made a folder" in made.sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*URL], "--party"),
        (["--party", "CPO:SE:VLT"], "--url"),
        ([*URL, "--party", "CPO:SE"], "ROLE:CC:PID"),
        ([*URL, "--party", "HUB:SE:VLT"], "role must be one of"),
        ([*URL, "--party", "CPO:SWE:VLT"], "country code"),
        ([*URL, "--party", "CPO:SE:VOLT"], "party id"),
        ([*URL, "--party", "CPO:SE:VLT", "--party", "CPO:SE:vlt"], "twice"),
        (["--url", "volt.example", "--party", "CPO:SE:VLT"], "not a URL"),
        (["--url", "https://me:pw@volt.example", "--party", "CPO:SE:VLT"], "not a URL"),
        ([*URL, "--party", "CPO:SE:VLT", "--database", "mysql://x"], "postgresql://"),
    ],
)
def test_misuse(evmesh: Evmesh, tmp_path: Path, arguments: list[str], words: str) -> None:
    failed = evmesh("-C", tmp_path / "volt", "init", *arguments)
    assert failed.status == 2
    assert words in failed.err
    assert not (tmp_path / "volt").exists()


def test_the_environment_goes_before_the_file(volt: Path) -> None:
    key = config.new_secret_key()
    changed = config.load(volt, {"EVMESH_SECRET_KEY": key, "EVMESH_DATABASE": "postgresql://db/volt"})
    assert changed.database == "postgresql://db/volt"
    assert changed.secret_key != config.load(volt, {}).secret_key
