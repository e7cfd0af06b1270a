"""What the documents say is there, is there; and what is there, they say."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import typer

from evmesh import config
from evmesh.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def commands() -> list[str]:
    def below(command: object, words: str) -> Iterator[str]:
        children = getattr(command, "commands", None)
        if children is None:
            yield words
        else:
            for name, child in children.items():
                yield from below(child, f"{words} {name}")

    return list(below(typer.main.get_command(app), "evmesh"))


def test_commands_are_documented() -> None:
    """docs/commands.md names every command, and none that does not exist."""
    documented = re.findall(r"^\| `(evmesh [a-z -]+)`", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(commands())


def settings() -> list[str]:
    tables = {
        "network": config.NetworkTable, "roaming": config.RoamingTable, "limits": config.LimitsTable,
        "stations": config.StationsTable, "metrics": config.MetricsTable,
        "billing": config.Billing,
    }  # fmt: skip
    names = [name for name in config.File.__struct_fields__ if name not in tables]
    return names + [f"{table}.{name}" for table, cls in tables.items() for name in cls.__struct_fields__]


def test_settings_are_documented() -> None:
    """docs/running.md has a row for every setting of evmesh.toml."""
    text = (DOCS / "running.md").read_text()
    assert [name for name in settings() if f"`{name}`" not in text] == []
    assert issubclass(config.File, msgspec.Struct)


def test_faults_are_documented() -> None:
    """docs/faults.md has a row for every kind of fault that the code opens."""
    documented = set(re.findall(r"^\| `(\w+)`", (DOCS / "faults.md").read_text(), re.MULTILINE))
    source = "\n".join(path.read_text() for path in (ROOT / "src/evmesh").rglob("*.py"))
    constants = dict(re.findall(r'^([A-Z_]+) = "([a-z_]+)"$', source, re.MULTILINE))
    several = re.findall(r'^([A-Z_, ]+) = ((?:"[a-z_]+"(?:, )?)+)$', source, re.MULTILINE)
    for names, values in several:
        constants |= dict(zip(names.split(", "), re.findall(r'"([a-z_]+)"', values), strict=True))
    opened = re.findall(r"open_fault\(tx, (\"?\w+\"?),", source)
    kinds = {constants.get(name, name).strip('"') for name in opened if name != "kind"}
    kinds |= {constants["REFUSED"], constants["DOUBTFUL"]}
    assert kinds == documented


@pytest.mark.parametrize("document", sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")]), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A link inside the project leads to a file that exists."""
    targets = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []
