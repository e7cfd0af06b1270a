"""`evmesh retract`: our own objects that are no more."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Evmesh
from tests.roaming.calls import location, tariff, token

VLT = ("SE", "VLT")
DOCUMENTS = {"locations": location(VLT), "tariffs": tariff(VLT), "tokens": token(VLT)}


@pytest.fixture
def both(evmesh: Evmesh, tmp_path: Path) -> Path:
    """The folder of a platform that is a CPO and an eMSP."""
    made = evmesh("-C", tmp_path, "init", "--url", "http://127.0.0.1:8100", "--party", "CPO:SE:VLT",
                  "--party", "EMSP:SE:VLT")  # fmt: skip
    assert made.status == 0, made
    return tmp_path


def put(evmesh: Evmesh, both: Path, kind: str, *documents: object) -> None:
    path = both / "in.json"
    path.write_text(json.dumps(documents))
    assert evmesh("-C", both, "import", "ocpi", kind, path).status == 0


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_is_retracted_stands_in_no_list_and_can_come_back(evmesh: Evmesh, both: Path, kind: str) -> None:
    document = DOCUMENTS[kind]
    id = document.get("id") or document["uid"]
    put(evmesh, both, kind, document)

    done = evmesh("-C", both, "retract", kind, f"se*vlt*{id}", "--json")

    assert done.json == {"kind": kind, "id": f"SE*VLT*{id}", "told": []}
    assert evmesh("-C", both, "list", kind, "--json").json == []
    assert f"none of our {kind} is called {id}" in evmesh("-C", both, "retract", kind, id).sentence
    put(evmesh, both, kind, document | {"last_updated": "2030-01-01T00:00:00Z"})
    assert f"SE*VLT*{id} is no longer among our {kind}" in evmesh("-C", both, "retract", kind, id).out


def test_what_was_charged_is_not_taken_back(evmesh: Evmesh, both: Path) -> None:
    assert "cdrs" in evmesh("-C", both, "retract", "cdrs", "CDR1").misuse
