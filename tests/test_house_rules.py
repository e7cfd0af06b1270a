"""Rules of the house that no linter knows. Each check is also shown a text that breaks its rule."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "evmesh"
MODULES = sorted(SOURCE.rglob("*.py"))

RELEASES = {"2.1.1", "2.2.1", "2.3.0"}
RELEASE_NAME = re.compile(r"(?:^|_)v?2_(?:1_1|2_1|3_0)$", re.IGNORECASE)

DATABASE_PACKAGES = {"sqlalchemy", "alembic", "asyncpg", "sqlite3"}
SQL = re.compile(
    r"\s*(?:SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|VIEW|DATABASE)\s|PRAGMA\s)",
    re.IGNORECASE | re.DOTALL,
)

MOST_LINES = 800
VAGUE_WORDS = {"manager", "managers", "helper", "helpers", "util", "utils"}
VAGUE_NAMES = VAGUE_WORDS | {"common", "core"}

PURE_FLOORS = ("base", "ocpi", "pricing", "loads", "billing")

# Committed text is for every reader on every machine: it names no private folder and no package index
# (where packages come from is the installer's business), refers to no ticket, and leaves no reminders.
UNWELCOME = re.compile(
    r"(?<![\w.~-])/(?:root|work)/|py(?:pi|thonhosted)\.org|registry\.npmjs|deb\.debian"
    r"|\b(?:issue|ticket|pull request) #?\d|\b(?:TODO|FIXME)\b"
)


def release_comparisons(tree: ast.AST) -> Iterator[int]:
    """Lines where a release is compared by its name; code asks the dialect what it can instead."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands: list[ast.AST] = [node.left, *node.comparators]
        elif isinstance(node, ast.match_case):
            operands = [node.pattern]
        else:
            continue
        if any(_names_release(part) for operand in operands for part in _literal_parts(operand)):
            yield operands[0].lineno  # type: ignore[attr-defined]


def _literal_parts(node: ast.AST) -> Iterator[ast.AST]:
    """The node, and what it holds when it is a literal collection; not the arguments of a call."""
    yield node
    if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.MatchOr | ast.MatchSequence | ast.MatchValue):
        for child in ast.iter_child_nodes(node):
            yield from _literal_parts(child)


def _names_release(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return text in RELEASES
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return bool(RELEASE_NAME.search(name))
    return False


def sql(tree: ast.AST) -> Iterator[int]:
    """Lines that import a database package or hold a statement."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                packages = {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module), level=0):
                packages = {module.partition(".")[0]}
            case ast.Constant(value=str(text)) if SQL.match(text):
                yield node.lineno
                continue
            case _:
                continue
        if packages & DATABASE_PACKAGES:
            yield node.lineno


def offences(rule: Callable[[ast.AST], Iterator[int]], *allowed: str) -> list[str]:
    """`file:line` of each breach in the source, outside the folders and files that are allowed to."""
    found = []
    for path in MODULES:
        place = path.relative_to(SOURCE).as_posix()
        if not place.startswith(allowed):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [f"src/evmesh/{place}:{line}" for line in rule(tree)]
    return found


def committed_texts() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a git checkout to know which files are committed: {error}")
    this_file = Path(__file__).resolve()
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and path.resolve() != this_file]


def test_releases_are_compared_only_where_releases_are_described() -> None:
    assert offences(release_comparisons, "ocpi/releases/", "ocpi/dialect.py") == []


@pytest.mark.parametrize(
    "breach",
    [
        'version == "2.1.1"',
        '"2.2.1" != version',
        'version in ("2.2.1", other)',
        'version < "2.3.0"',
        "release is Release.V2_1_1",
        "release in {V_2_2_1}",
        'match version:\n    case "2.1.1" | "2.2.1":\n        pass',
    ],
)
def test_a_comparison_with_a_release_is_seen(breach: str) -> None:
    assert list(release_comparisons(ast.parse(breach)))


@pytest.mark.parametrize("harmless", ['version = "2.1.1"', 'read(document, "2.2.1") == expected', 'x == "2.1"'])
def test_naming_a_release_is_no_comparison(harmless: str) -> None:
    assert list(release_comparisons(ast.parse(harmless))) == []


def test_sql_is_spoken_only_by_the_store() -> None:
    assert offences(sql, "store/") == []


@pytest.mark.parametrize(
    "breach",
    [
        "import sqlalchemy as sa",
        "from sqlalchemy.dialects import sqlite",
        "import json, sqlite3",
        'cursor.execute("SELECT id FROM cdrs")',
        'run(f"delete from {table}")',
    ],
)
def test_sql_is_seen(breach: str) -> None:
    assert list(sql(ast.parse(breach)))


@pytest.mark.parametrize("harmless", ['"Select a tariff."', "import json", "from . import sqlalchemy_free"])
def test_english_is_no_sql(harmless: str) -> None:
    assert list(sql(ast.parse(harmless))) == []


def test_no_source_file_is_two_files() -> None:
    long = {path.name: lines for path in MODULES if (lines := len(path.read_bytes().splitlines())) > MOST_LINES}
    assert long == {}


def test_modules_are_named_for_what_they_hold() -> None:
    names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(SOURCE).parts}
    assert {name for name in names if name in VAGUE_NAMES or VAGUE_WORDS & set(name.split("_"))} == set()


def test_every_pure_floor_is_in_the_contract_of_the_pure() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (listed,) = (contract["source_modules"] for contract in contracts if contract["id"] == "pure")
    standing = {f"evmesh.{floor}" for floor in PURE_FLOORS if (SOURCE / floor / "__init__.py").exists()}
    assert standing - set(listed) == set()


def test_committed_text_is_for_every_reader() -> None:
    found = []
    for path in committed_texts():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or another binary
        place = path.relative_to(ROOT)
        found += [f"{place}:{number}" for number, line in enumerate(lines, 1) if UNWELCOME.search(line)]
    assert found == []


@pytest.mark.parametrize("breach", ["see /root/notes", "FIXME later", "fixes issue #7"])
def test_unwelcome_text_is_seen(breach: str) -> None:
    assert UNWELCOME.search(breach)
