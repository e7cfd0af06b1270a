"""The specification's facts, examples and validator, from the reference material beside the checkout."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.shared import SHARED

SPEC = SHARED / "spec"
RELEASES = ("2.1.1", "2.2.1", "2.3.0")
EXTENSIONS = {"2.3.0": ("ocpi-2.3.0-bookings.json",)}


@cache
def _validator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_validator", SPEC / "tools" / "validator.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(release: str) -> list[Path]:
    return [SPEC / name for name in (f"ocpi-{release}.json", *EXTENSIONS.get(release, ()))]


@cache
def facts(release: str) -> dict[str, Any]:
    """Objects and enums of a release, what extends it merged in, and what it forgot set right."""
    # The validator leaves its files to the garbage collector, which would warn; the facts are read and closed here.
    merged: dict[str, Any] = json.loads(files(release)[0].read_text(encoding="utf-8"))
    for path in files(release)[1:]:
        extension = json.loads(path.read_text(encoding="utf-8"))
        for part in ("objects", "enums", "enum_info"):
            merged[part].update(extension[part])
        for name, changed in extension.get("changed_objects", {}).items():
            merged["objects"][name]["fields"].update(changed["add_fields"])
        for name, changed in extension.get("changed_enums", {}).items():
            merged["enums"][name] = merged["enums"][name] + changed["add_values"]
        merged["modules"] = merged["modules"] + extension["modules"]
    return merged


def endpoints(release: str) -> dict[str, dict[str, Any]]:
    return {e["id"]: e for module in facts(release)["modules"] for e in module["endpoints"]}


def validate(release: str, name: str, text: bytes, *, partial: bool = False) -> list[str]:
    """The errors that the reference validator sees in a document of the release."""
    found = _validator().validate(facts(release), name, json.loads(text), partial=partial)
    return [f"{path}: {message}" for severity, path, message in found if severity == "error"]


@cache
def examples() -> list[dict[str, Any]]:
    """The index of the specification's own examples; each entry's `text` is the file."""
    index = json.loads((SPEC / "examples" / "index.json").read_text(encoding="utf-8"))["examples"]
    return [{**entry, "text": (SPEC / "examples" / entry["file"]).read_bytes()} for entry in index]
