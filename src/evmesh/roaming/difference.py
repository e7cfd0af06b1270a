"""What a PATCH has to carry: the difference between what a partner was last told and what is to be told now.

Both documents are written ones, in the same release. A difference that a PATCH cannot say, or not so that every
reader understands the same (a field that vanished, a charging period that changed, two EVSEs at once), is None: then
the whole object is sent. [transport_and_format_patch]
"""

from __future__ import annotations

from dataclasses import dataclass, field

from evmesh.ocpi.releases import Release
from evmesh.ports import Document

IDENTITY = frozenset({"country_code", "party_id", "id", "uid", "type", "evse_uid"})
"""Fields that name an object. `type` does so for tokens only; elsewhere a whole object does no harm."""

PATCHED = {"sessions": "sessions.receiver.patch", "tokens": "tokens.receiver.patch"}


@dataclass(frozen=True, slots=True)
class Part:
    """A PATCH: its operation, the path below the object's own, and the fields to set."""

    operation: str
    body: Document
    below: dict[str, str] = field(default_factory=dict)


def part(kind: str, told: Document, now: Document, release: Release) -> Part | None:
    """The PATCH that makes `now` of `told`, if there is a safe one."""
    if kind == "locations":
        return _of_location(told, now)
    if kind not in PATCHED:
        return None
    fields = changed(told, now)
    if fields is None or IDENTITY & fields.keys():
        return None
    if kind == "sessions" and release.patch_appends_periods and "charging_periods" in fields:
        before = told.get("charging_periods") or []
        after = now["charging_periods"]
        starts = [period["start_date_time"] for period in after]
        # A start names a period: one that stands twice would arrive once.
        if after[: len(before)] != before or len(set(starts)) < len(starts):
            return None
        fields["charging_periods"] = after[len(before) :]
    return Part(PATCHED[kind], _stamped(fields, now))


def changed(told: Document, now: Document) -> Document | None:
    """The fields that have another value; None when a field vanished, which not every reader takes from a PATCH."""
    if any(value not in (None, []) and now.get(name) in (None, []) for name, value in told.items()):
        return None
    return {name: value for name, value in now.items() if name not in told or told[name] != value}


def _of_location(told: Document, now: Document) -> Part | None:
    fields = changed(told, now)
    if fields is None or IDENTITY & fields.keys():
        return None
    if "evses" not in fields:
        return Part("locations.receiver.patch_location", _stamped(fields, now))
    pair = _only_one(told.get("evses"), now["evses"], "uid")
    if pair is None or not fields.keys() <= {"evses", "last_updated"}:
        return None
    old, new = pair
    # The reader lets the Location's stamp rise to the EVSE's; any other would be lost.
    if new["last_updated"] != now["last_updated"]:
        return None
    below = {"evse_uid": new["uid"]}
    fields = changed(old, new)
    if fields is None or IDENTITY & fields.keys():
        return None
    if "connectors" not in fields:
        return Part("locations.receiver.patch_evse", _stamped(fields, new), below)
    pair = _only_one(old.get("connectors"), new["connectors"], "id")
    if pair is None or not fields.keys() <= {"connectors", "last_updated"}:
        return None
    old, new_connector = pair
    connector_fields = changed(old, new_connector)
    if connector_fields is None or new_connector["last_updated"] != new["last_updated"]:
        return None
    below["connector_id"] = new_connector["id"]
    return Part("locations.receiver.patch_connector", _stamped(connector_fields, new_connector), below)


def _only_one(told: list[Document] | None, now: list[Document], name: str) -> tuple[Document, Document] | None:
    """The one item that differs, as it was and as it is, when the rest is the same in the same order."""
    told = told or []
    if [item[name] for item in told] != [item[name] for item in now]:
        return None
    pairs = [(old, new) for old, new in zip(told, now, strict=True) if old != new]
    return pairs[0] if len(pairs) == 1 else None


def _stamped(fields: Document, now: Document) -> Document:
    return {**fields, "last_updated": now["last_updated"]}
