"""`evmesh import`, `list` and `show`: our own objects from files in every wrapping, and what the node then holds."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evmesh.ocpi.releases import RELEASES
from tests.cli.conftest import Evmesh
from tests.roaming.calls import cdr, location, record, session, tariff, token
from tests.shared import SHARED, needs_shared

VLT = ("SE", "VLT")
THREE = [location(VLT, f"L{n}") for n in range(3)]
ENVELOPE = {"data": THREE, "status_code": 1000, "timestamp": "2026-03-01T12:00:00Z"}


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def lines(*values: Any) -> bytes:
    return b"".join(text(value) + b"\n" for value in values)


WRAPPINGS = {
    "array.json": text(THREE),
    "indented.json": json.dumps(THREE, indent=2).encode(),
    "envelope.json": text(ENVELOPE),
    "indented envelope.json": json.dumps(ENVELOPE, indent=1).encode(),
    "lines.ndjson": lines(*THREE),
    "windows lines.ndjson": lines(*THREE).replace(b"\n", b"\r\n"),
    "no last newline.ndjson": lines(*THREE).rstrip(),
    "blank lines.ndjson": lines(*THREE).replace(b"\n", b"\n\n"),
    "byte order mark.json": b"\xef\xbb\xbf" + text(THREE),
    "array.json.gz": gzip.compress(text(THREE)),
    "lines.ndjson.gz": gzip.compress(lines(*THREE)),
    "envelope.json.gz": gzip.compress(text(ENVELOPE)),
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_every_wrapping(evmesh: Evmesh, volt: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WRAPPINGS[name])
    done = evmesh("-C", volt, "import", "ocpi", "locations", path, "--json")
    assert (done.status, done.err) == (0, "")
    assert (done.json["read"], done.json["created"], done.json["refused"]) == (3, 3, 0)
    assert evmesh("-C", volt, "list", "locations", "--ours", "--json").json == THREE


def test_one_object(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    for indent in (None, 2):
        path = tmp_path / "one.json"
        path.write_text(json.dumps(THREE[0], indent=indent))
        done = evmesh("-C", volt, "import", "ocpi", "locations", path)
        assert done.status == 0
        assert "1 locations read" in done.out


def test_standard_input(evmesh: Evmesh, volt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(lines(*THREE))))
    assert "3 new" in evmesh("-C", volt, "import", "ocpi", "locations", "-").out


def test_the_same_again_changes_nothing_and_an_older_one_is_told(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = tmp_path / "locations.json"
    for document, words in (
        (location(VLT, "L1", at=5), "1 new"),
        (location(VLT, "L1", at=5), "1 the same"),
        (location(VLT, "L1", at=6, name="Renamed"), "1 changed"),
        (location(VLT, "L1", at=4), "1 older than ours"),
    ):
        path.write_bytes(text(document))
        done = evmesh("-C", volt, "import", "ocpi", "locations", path)
        assert (done.status, words in done.out) == (0, True), done
    assert evmesh("-C", volt, "show", "locations", "L1").json["name"] == "Renamed"


def test_a_bad_object_is_reported_with_its_place_and_costs_only_itself(
    evmesh: Evmesh, volt: Path, tmp_path: Path
) -> None:
    without_city = {name: value for name, value in THREE[1].items() if name != "city"}
    foreign = location(("SE", "XYZ"), "L9")
    mixed = [THREE[0], without_city, foreign, "hello", None, {}, THREE[2]]
    path = tmp_path / "mixed.json"
    path.write_bytes(text(mixed))
    done = evmesh("-C", volt, "import", "ocpi", "locations", path)
    assert (done.status, done.err) == (1, "")
    assert f"{path}: item 2: error: /city: " in done.out
    assert f"{path}: item 3: error: /party_id: " in done.out
    assert "SE*XYZ is not one of our parties" in done.out
    assert f"{path}: item 4: error: " in done.out
    assert "7 locations read: 2 new, 0 changed, 0 the same, 0 older than ours, 5 refused" in done.out
    assert [each["id"] for each in evmesh("-C", volt, "list", "locations", "--json").json] == ["L0", "L2"]
    findings = evmesh("-C", volt, "import", "ocpi", "locations", path, "--json").json["findings"]
    assert {"position": "item 2", "pointer": "/city", "severity": "error"}.items() <= findings[0].items()


def test_a_bad_line_costs_only_itself(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(text(THREE[0]) + b"\n{broken\n\n" + text(THREE[2]) + b"\n")
    done = evmesh("-C", volt, "import", "ocpi", "locations", path)
    assert done.status == 1
    assert f"{path}: line 2: error: " in done.out
    assert "2 new" in done.out
    assert "1 refused" in done.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "JSON"),
        (b"[{]", "JSON"),
        (b"hello", "JSON"),
        (b"\x1f\x8b\x08broken", "gzip"),
        (gzip.compress(text(THREE))[:-20], "gzip"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0broken", "gzip"),
        (b"[" * 100_000, "JSON"),
    ],
    ids=["empty", "broken", "text", "no gzip", "half a gzip", "odd gzip", "deep"],
)
def test_a_file_that_is_nothing_of_all_that_is_said(
    evmesh: Evmesh, volt: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    said = evmesh("-C", volt, "import", "ocpi", "locations", path).sentence
    assert words in said
    assert str(path) in said


def test_a_file_that_is_not_there_is_said(evmesh: Evmesh, volt: Path) -> None:
    assert "No such file" in evmesh("-C", volt, "import", "ocpi", "locations", "nothing.json").sentence


def test_misuse(evmesh: Evmesh, volt: Path) -> None:
    assert "evmesh speaks" in evmesh("-C", volt, "import", "ocpi", "locations", "x", "--release", "2.0").misuse
    assert "weather" in evmesh("-C", volt, "import", "ocpi", "weather", "x").misuse


OF_A_CPO = {"locations": location(VLT), "tariffs": tariff(VLT), "sessions": session(VLT), "cdrs": cdr(VLT)}


@pytest.mark.parametrize(
    ("kind", "release"),
    # The driver's card has no number in 2.1.1, so a Session or CDR of ours cannot be taken in from there.
    [(kind, r) for kind in OF_A_CPO for r in RELEASES if r != "2.1.1" or kind not in ("sessions", "cdrs")],
)
def test_every_kind_in_the_words_of_every_release(
    evmesh: Evmesh, volt: Path, tmp_path: Path, kind: str, release: str
) -> None:
    """What `show --release` prints can be taken in again, and is the same then."""
    path = tmp_path / "places.json"
    path.write_bytes(text([location(VLT)]))
    assert evmesh("-C", volt, "import", "ocpi", "locations", path).status == 0
    path.write_bytes(text(OF_A_CPO[kind]))
    assert evmesh("-C", volt, "import", "ocpi", kind, path).status == 0
    id = OF_A_CPO[kind]["id"]
    worded = evmesh("-C", volt, "show", kind, id, "--release", release)
    assert worded.status == 0
    assert ("party_id" in worded.json) == (release != "2.1.1")
    path.write_text(worded.out)
    again = evmesh("-C", volt, "import", "ocpi", kind, path, "--release", release)
    assert again.status == 0, again
    assert "0 refused" in again.out
    assert evmesh("-C", volt, "show", kind, f"SE*VLT*{id}", "--release", release).json == worded.json


def test_tokens_are_of_an_emsp(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(text([token(VLT, "04AB"), token(VLT, "app", "APP_USER")]))
    refused = evmesh("-C", volt, "import", "ocpi", "tokens", path)
    assert (refused.status, "in the role EMSP" in refused.out) == (1, True)
    evmesh("-C", tmp_path / "drv", "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:VLT")
    assert evmesh("-C", tmp_path / "drv", "import", "ocpi", "tokens", path).status == 0
    listed = evmesh("-C", tmp_path / "drv", "list", "tokens")
    assert "2 tokens" in listed.out
    assert evmesh("-C", tmp_path / "drv", "show", "tokens", "04ab").json["type"] == "RFID"


@pytest.fixture
def stocked(evmesh: Evmesh, volt: Path, tmp_path: Path) -> Path:
    for kind, document in OF_A_CPO.items():
        path = tmp_path / "one.json"
        path.write_bytes(text(document))
        assert evmesh("-C", volt, "import", "ocpi", kind, path).status == 0
    return volt


@pytest.mark.parametrize("kind", OF_A_CPO)
def test_lists(evmesh: Evmesh, stocked: Path, kind: str) -> None:
    for whose, count in ((["--ours"], 1), ([], 1), (["--theirs"], 0)):
        listed = evmesh("-C", stocked, "list", kind, *whose)
        assert (listed.status, listed.err) == (0, "")
        assert f"{count} {kind}" in listed.out
        documents = evmesh("-C", stocked, "list", kind, *whose, "--json").json
        assert len(documents) == count
    assert OF_A_CPO[kind]["id"] in evmesh("-C", stocked, "list", kind).out


def test_a_record_of_an_invoice_is_taken_in_for_whom_its_cdrs_name(
    evmesh: Evmesh, stocked: Path, tmp_path: Path
) -> None:
    """Whoever invoices with another system tells partners so what stands on its invoices."""
    path = tmp_path / "records.json"
    path.write_bytes(text([record(VLT, "R1", "C1"), record(VLT, "R2", "C99"), record(("NO", "FJD"), "R3", "C1")]))
    taken = evmesh("-C", stocked, "import", "ocpi", "invoicereconciliation", path)
    assert taken.status == 1
    assert "item 2: error: /cdrs: none of its CDRs is held" in taken.out
    assert "item 3: error: /party_id: NO*FJD is not one of our parties" in taken.out
    listed = evmesh("-C", stocked, "list", "invoicereconciliation")
    assert "INV-R1" in listed.out
    assert "1 invoicereconciliation" in listed.out
    assert evmesh("-C", stocked, "show", "invoicereconciliation", "r1").json["cdrs"] == ["C1"]
    assert "no words" in evmesh("-C", stocked, "show", "invoicereconciliation", "R1", "--release", "2.2.1").sentence


def test_a_list_can_be_cut_short(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_bytes(text([location(VLT, f"L{n:04d}") for n in range(1200)]))
    assert evmesh("-C", volt, "import", "ocpi", "locations", path).status == 0
    assert len(evmesh("-C", volt, "list", "locations", "--json").json) == 1200
    assert len(evmesh("-C", volt, "list", "locations", "--json", "--limit", 700).json) == 700
    assert "exclude" in evmesh("-C", volt, "list", "locations", "--ours", "--theirs").misuse
    assert evmesh("-C", volt, "list", "locations", "--limit", 0).status == 2


def test_show_says_what_there_is_not(evmesh: Evmesh, stocked: Path) -> None:
    assert "there is no CDR NONE" in evmesh("-C", stocked, "show", "cdrs", "NONE").sentence
    assert "there is no CDR SE*XYZ*C1" in evmesh("-C", stocked, "show", "cdrs", "SE*XYZ*C1").sentence
    assert evmesh("-C", stocked, "show", "cdrs", "c1").status == 0
    assert "evmesh speaks" in evmesh("-C", stocked, "show", "cdrs", "C1", "--release", "3.0").misuse


def test_what_a_release_has_no_words_for_is_said(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = tmp_path / "private.json"
    path.write_bytes(text(location(VLT, "HOME", publish=False)))
    assert evmesh("-C", volt, "import", "ocpi", "locations", path).status == 0
    failed = evmesh("-C", volt, "show", "locations", "HOME", "--release", "2.1.1")
    assert "2.1.1 has no words for Location HOME" in failed.sentence
    assert evmesh("-C", volt, "show", "locations", "HOME", "--release", "2.2.1").status == 0


def test_a_reader_who_has_seen_enough_is_no_failure(volt: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_bytes(text([location(VLT, f"L{n:04d}") for n in range(500)]))
    assert evmesh("-C", volt, "import", "ocpi", "locations", path).status == 0
    program = [sys.executable, "-m", "evmesh", "-C", str(volt), "list", "locations", "--json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        said = child.stderr.read()
        assert child.wait() == 0
    assert said == b""


@needs_shared
def test_the_french_register(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    """The first rows of the real one, and one that is no row."""
    with gzip.open(SHARED / "data" / "irve" / "irve-statique.json.gz", "rt", encoding="utf-8") as register:
        some = [line for line, _ in zip(register, range(200), strict=False)]
    path = tmp_path / "irve.ndjson"
    path.write_text("".join([*some, "[]\n"]))
    done = evmesh("-C", volt, "import", "irve", path, "--json")
    # A row that is left out by the reader's policies is no failure of the import.
    assert (done.status, done.err) == (0, "")
    assert done.json["created"] > 20
    assert [each["position"] for each in done.json["findings"] if each["code"] == "not_a_row"] == ["row 201"]
    for document in evmesh("-C", volt, "list", "locations", "--json").json:
        assert document["party_id"] == "VLT"
    again = evmesh("-C", volt, "import", "irve", path, "--json").json
    assert (again["created"], again["replaced"]) == (0, 0)


@needs_shared
def test_the_nordic_register(evmesh: Evmesh, volt: Path, tmp_path: Path) -> None:
    path = SHARED / "data" / "nobil" / "nobil_sample.json"
    done = evmesh("-C", volt, "import", "nobil", path, "--json")
    assert (done.status, done.err) == (0, "")
    assert done.json["created"] > 0
    packed = tmp_path / "nobil.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    again = evmesh("-C", volt, "import", "nobil", packed, "--json").json
    assert (again["created"], again["read"]) == (0, done.json["read"])


def test_a_register_is_of_a_cpo(evmesh: Evmesh, tmp_path: Path) -> None:
    evmesh("-C", tmp_path / "drv", "init", "--url", "http://127.0.0.1:8200", "--party", "EMSP:SE:DRV")
    path = tmp_path / "rows.json"
    path.write_bytes(b"[]")
    for register in ("irve", "nobil"):
        assert "no CPO party" in evmesh("-C", tmp_path / "drv", "import", register, path).sentence


@pytest.mark.parametrize("register", ["irve", "nobil"])
@pytest.mark.parametrize("content", [b"7", b'"x"', b"[1]", b"{}", b"[{}]", b"[[[]]]", b"{", b"\x00"])
def test_odd_registers_end_without_a_traceback(
    evmesh: Evmesh, volt: Path, tmp_path: Path, register: str, content: bytes
) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    done = evmesh("-C", volt, "import", register, path)
    assert done.status in (0, 1)
    assert evmesh("-C", volt, "list", "locations", "--json").json == []
