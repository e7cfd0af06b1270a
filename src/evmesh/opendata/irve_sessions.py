"""Charging sessions of the French register, to be replayed: what was charged where and when, nothing about whom.

A row is `{"energy": kWh, "start": ms, "end": ms, "id_pdc_itinerance": EVSE}`, moments in milliseconds since 1970 UTC.
Some rows are no sessions that anyone could be charged for; each is classified, none is dropped. Whether its EVSE
exists is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding
from evmesh.opendata.conversion import Findings, Policy, derived_id, number, row_pointer, text

Refusal = Literal["ends_before_start", "negative_energy", "identical_twin"]

SESSION_POLICIES: Mapping[str, Policy] = {
    "unreadable_session": Policy(
        "error", "A row without an EVSE, energy, beginning and end that can be read is no session.", fatal=True
    ),
    "ends_before_start": Policy("error", "A session that ends before it begins cannot be charged."),
    "negative_energy": Policy("error", "A session with less than no energy cannot be charged."),
    "identical_twin": Policy(
        "warning", "The same EVSE, beginning, end and energy again is the same session: the first one counts."
    ),
    "no_duration": Policy("info", "A session that ends in the moment it begins is kept."),
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReplayedSession(msgspec.Struct, frozen=True):
    """A session; `refused` says why it cannot be charged, None that it can.

    The id is made of EVSE, beginning, end and energy: the same at every reading, and the same for identical twins.
    """

    row: int
    id: str
    evse_uid: str
    start: datetime
    end: datetime
    energy_kwh: Decimal
    refused: Refusal | None
    findings: list[Finding]


class UnreadableSession(msgspec.Struct, frozen=True):
    """A row that holds no session."""

    row: int
    findings: list[Finding]


def sessions(rows: Iterable[Any]) -> Iterator[ReplayedSession | UnreadableSession]:
    """The sessions in the order of the rows, energy as exact as the rows hold it (floats by their shortest form)."""
    seen: set[str] = set()
    for row_number, row in enumerate(rows, 1):
        findings = Findings(SESSION_POLICIES)
        session = _session(row_number, row, seen, findings)
        yield UnreadableSession(row_number, findings.found) if session is None else session


def _session(row_number: int, row: Any, seen: set[str], findings: Findings) -> ReplayedSession | None:
    if not isinstance(row, dict):
        findings.say("unreadable_session", row_pointer(row_number), f"a {type(row).__name__} where a row belongs")
        return None
    evse_uid, energy = text(row.get("id_pdc_itinerance")), number(row.get("energy"))
    start, end = _moment(row.get("start")), _moment(row.get("end"))
    if not evse_uid or energy is None or start is None or end is None:
        held = {"id_pdc_itinerance": evse_uid, "energy": energy, "start": start, "end": end}
        missing = next(name for name, value in held.items() if value in (None, ""))
        message = f"{row.get(missing)!r} cannot be read"
        findings.say("unreadable_session", row_pointer(row_number, missing), message)
        return None
    session_id = derived_id("irve session", evse_uid, start.isoformat(), end.isoformat(), str(energy.normalize()))
    refused = _refused(start, end, energy, session_id in seen)
    seen.add(session_id)
    if refused:
        findings.say(refused, row_pointer(row_number), f"{energy} kWh at {evse_uid} from {start} to {end}")
    elif start == end:
        findings.say("no_duration", row_pointer(row_number), f"{energy} kWh at {evse_uid} in no time at {start}")
    return ReplayedSession(row_number, session_id, evse_uid, start, end, energy, refused, findings.found)


def _refused(start: datetime, end: datetime, energy: Decimal, again: bool) -> Refusal | None:
    if end < start:
        return "ends_before_start"
    if energy < 0:
        return "negative_energy"
    return "identical_twin" if again else None


def _moment(value: Any) -> datetime | None:
    milliseconds = number(value)
    if milliseconds is None or milliseconds != milliseconds.to_integral_value():
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except OverflowError:
        return None
