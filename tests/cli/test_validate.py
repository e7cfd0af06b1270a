"""`evmesh validate`: over the specification's own examples, and over what people have at hand."""

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Evmesh
from tests.roaming.calls import location
from tests.shared import SHARED, needs_shared

EXAMPLES = SHARED / "spec" / "examples"

UNKNOWN_FIELDS_ARE_WELCOME = {
    f"2.3.0-bookings/bookings__{name}.json"
    for name in (
        "Booking_patch__booking_patch_example_evse_uid",
        "BookingRequest_patch__booking_request_patch_example_timeslot",
        "BookingRequest_patch__booking_request_patch_example_tokens",
    )
}
"""The list calls a field that the object does not have an error; 2.3.0 has readers accept it, so we only mention it."""


@dataclass(frozen=True)
class Example:
    """`object` is what the file holds, alone, in a list, in an envelope or as a `partial` one."""

    file: str
    release: str
    object: str
    partial: bool
    wrapped: bool
    valid: bool


def examples() -> list[Any]:
    """The specification's examples of whole objects; fragments of objects have no name to be checked by."""
    if not EXAMPLES.is_dir():
        return []
    found = []
    for each in json.loads((EXAMPLES / "index.json").read_text())["examples"]:
        kind, _, part = each["kind"].partition(".")
        wrapped = re.fullmatch(r"\[(\w+)\]|Response<\[?(\w+)\]?>", kind)
        if kind.startswith("fragment:"):
            continue
        name = kind if wrapped is None else wrapped[1] or wrapped[2].replace("error", "Response")
        release = each["version"].partition("-")[0]
        valid = each["valid"] or each["file"] in UNKNOWN_FIELDS_ARE_WELCOME
        example = Example(each["file"], release, name, part == "patch", wrapped is not None, valid)
        found.append(pytest.param(example, id=each["file"]))
    return found


@needs_shared
@pytest.mark.parametrize("example", examples())
def test_the_examples_of_the_specification(evmesh: Evmesh, example: Example) -> None:
    """As good, or as bad, as the list beside them says."""
    path, more = EXAMPLES / example.file, ["--patch"] if example.partial else []
    checked = evmesh("validate", path, "--object", example.object, "--release", example.release, *more, "--json")
    assert checked.json["valid"] == (checked.status == 0)
    assert checked.json["valid"] == example.valid, checked.json["findings"]
    for finding in checked.json["findings"]:
        assert finding["pointer"] == "" or finding["pointer"].startswith("/")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "location.json"
    path.write_text(json.dumps(location()))
    return path


def of(*more: str, release: str = "2.3.0") -> tuple[str, ...]:
    return ("--object", "Location", "--release", release, *more)


def test_a_good_document(evmesh: Evmesh, good: Path) -> None:
    checked = evmesh("validate", good, *of())
    assert (checked.status, checked.err) == (0, "")
    assert "a good Location" in checked.out


def test_a_bad_document_is_told_with_pointers(evmesh: Evmesh, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    bad = location(country="Sverige", evses=[{"uid": "E1", "connectors": "none"}])
    path.write_text(json.dumps(bad))
    checked = evmesh("validate", path, *of())
    assert (checked.status, checked.err) == (1, "")
    for place in ("/country", "/evses/0/status", "/evses/0/connectors"):
        assert f"error: {place}: " in checked.out
    findings = evmesh("validate", path, *of("--json")).json["findings"]
    assert {f["pointer"] for f in findings if f["severity"] == "error"} >= {"/country", "/evses/0/status"}


def test_lists_and_envelopes_are_checked_item_by_item(evmesh: Evmesh, tmp_path: Path) -> None:
    items = [location(), location(city=None), location()]
    path = tmp_path / "many.json"
    for content, place in (
        (items, "/1/city"),
        ({"data": items, "status_code": 1000, "timestamp": "2026-03-01T12:00:00Z"}, "/data/1/city"),
    ):
        path.write_text(json.dumps(content))
        found = evmesh("validate", path, *of("--json"))
        assert found.status == 1
        assert {f["pointer"] for f in found.json["findings"] if f["severity"] == "error"} == {place}


def test_standard_input(evmesh: Evmesh, monkeypatch: pytest.MonkeyPatch) -> None:
    content = SimpleNamespace(buffer=io.BytesIO(json.dumps(location()).encode()))
    monkeypatch.setattr("sys.stdin", content)
    assert evmesh("validate", "-", *of()).status == 0


def test_a_patch_may_be_partial(evmesh: Evmesh, tmp_path: Path) -> None:
    path = tmp_path / "patch.json"
    path.write_text('{"name": "New", "last_updated": "2026-03-01T12:00:00Z"}')
    assert evmesh("validate", path, *of()).status == 1
    assert evmesh("validate", path, *of("--patch")).status == 0


def test_names_and_releases_are_forgiving_and_helpful(evmesh: Evmesh, good: Path) -> None:
    assert evmesh("validate", good, "--object", "location", "--release", "2.3.0").status == 0
    lost = evmesh("validate", good, "--object", "Lokation", "--release", "2.3.0")
    assert "did you mean Location" in lost.misuse
    lost = evmesh("validate", good, "--object", "Location", "--release", "2.4")
    assert "evmesh speaks" in lost.misuse


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "JSON"), (b"", "JSON"), (b"\xff\xfe\x00", "JSON"), (b"[" * 100_000, "deep")],
    ids=["broken", "empty", "binary", "deep"],
)  # fmt: skip
def test_what_is_no_json_is_said(evmesh: Evmesh, tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    failed = evmesh("validate", path, *of())
    assert words in failed.sentence


def test_a_file_that_is_not_there_is_said(evmesh: Evmesh, tmp_path: Path) -> None:
    assert "No such file" in evmesh("validate", tmp_path / "nothing.json", *of()).sentence
    assert "directory" in evmesh("validate", tmp_path, *of()).sentence


@pytest.mark.parametrize("content", ["null", "7", '"text"', "[]", "{}", "[null]", '{"id": 1e999}'])
def test_any_json_gets_findings_and_no_traceback(evmesh: Evmesh, tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    checked = evmesh("validate", path, *of())
    assert checked.status == (0 if content == "[]" else 1)
    assert "Traceback" not in checked.err
