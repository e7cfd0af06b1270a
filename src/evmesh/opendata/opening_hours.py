"""Opening times as registers write them, in the small part of OpenStreetMap's language that they use.

Understood: `24/7`; rules parted by commas or semicolons; each rule has days (`Mo`, `Mo-Fr`, `Fr-Mo`, several of them,
none for every day) and times (`08:00-12:00`, several of them). All else reads as None rather than as a guess.

1. A comma adds; a semicolon begins a rule that replaces what was said before about the days that it names.
2. Times without days belong to the days before them: `Mo-Fr 08:00-12:00,14:00-18:00`.
3. 23:59, 24:00 and 00:00 at the end mean midnight; `00:00-00:00` is the whole day. An end before its beginning lies
   on the next day.
4. OCPI has no 24:00: midnight is said as 23:59, the last minute there is, and times over midnight are said as two
   periods. A week that is never closed is said as twentyfourseven. [mod_locations_hours_class]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from evmesh.opendata.conversion import Findings

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
MIDNIGHT = 24 * 60
IMPLAUSIBLE_MINUTES = 60

Span = tuple[int, int]
"""Minutes of the day, begin before end, end at most MIDNIGHT."""
Week = tuple[tuple[Span, ...], ...]
"""Seven days, Monday first; the spans of a day are in order and do not touch."""

_DAY = "|".join(DAYS)
_ITEM = re.compile(
    rf"(?:(?P<first>{_DAY})(?:\s*-\s*(?P<last>{_DAY}))?)?\s*"
    r"(?:(?P<begin>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d))?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def week(text: str) -> Week | None:
    """The week that a text describes; None when it is not understood, or never open."""
    text = text.strip().casefold().replace("–", "-").replace("\u00a0", " ")
    if text == "24/7":
        return (((0, MIDNIGHT),),) * 7
    said: dict[int, list[Span]] = {}
    for rule in text.strip(";, ").split(";"):
        read = _rule(rule)
        if read is None:
            return None
        said.update(read)
    result = _spread(said)
    return result if any(result) else None


def _rule(text: str) -> dict[int, list[Span]] | None:
    """The spans of each day of a rule; a span may end after midnight."""
    said: dict[int, list[Span]] = {}
    days: set[int] = set()
    timed = True
    for item in text.split(","):
        match = _ITEM.fullmatch(item.strip())
        if match is None or not item.strip():
            return None
        if match["first"]:
            # Days that no time followed yet collect: `Mo,We,Fr 08:00-12:00`.
            days = (set() if timed else days) | _days(match["first"], match["last"])
            timed = False
        if match["begin"]:
            span = _span(match["begin"], match["end"])
            if span is None:
                return None
            timed = True
            for day in days or range(7):
                said.setdefault(day, []).append(span)
    return said if timed else None


def _days(first: str, last: str | None) -> set[int]:
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % 7 + 1 if last else 1
    return {(start + offset) % 7 for offset in range(count)}


def _span(begin: str, end: str) -> Span | None:
    start, stop = _minutes(begin), _minutes(end)
    if start is None or stop is None or start == MIDNIGHT:
        return None
    if stop == MIDNIGHT - 1:
        stop = MIDNIGHT
    if stop == start:
        return (0, MIDNIGHT) if start == 0 else None
    return (start, stop if stop > start else stop + MIDNIGHT)


def _minutes(clock: str) -> int | None:
    hours, minutes = (int(part) for part in clock.split(":"))
    result = hours * 60 + minutes
    return result if minutes < 60 and result <= MIDNIGHT else None


def _spread(said: dict[int, list[Span]]) -> Week:
    """Spans put on the days that they fall on, joined where they touch."""
    days: list[list[Span]] = [[] for _ in DAYS]
    for day, spans in said.items():
        for begin, end in spans:
            days[day].append((begin, min(end, MIDNIGHT)))
            if end > MIDNIGHT:
                days[(day + 1) % 7].append((0, end - MIDNIGHT))
    return tuple(_joined(spans) for spans in days)


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for begin, end in sorted(spans):
        # OCPI cannot say a period that begins in the day's last minute.
        if begin >= MIDNIGHT - 1:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return tuple(joined)


def read(text: str, where: str, findings: Findings) -> dict[str, Any] | None:
    """The Hours object of the text; None, with a finding at `where`, when it does not say any that can be believed."""
    if not text:
        findings.say("hours_absent", where, "no opening times")
        return None
    open_week = week(text)
    if open_week is None:
        findings.say("hours_unreadable", where, f"{text!r}")
        return None
    if sum(end - begin for spans in open_week for begin, end in spans) < IMPLAUSIBLE_MINUTES:
        findings.say("hours_implausible", where, f"{text!r}")
        return None
    return hours(open_week)


def hours(open_week: Week) -> dict[str, Any]:
    """The week as an Hours object. [mod_locations_hours_class]"""
    if all(spans == ((0, MIDNIGHT),) for spans in open_week):
        return {"twentyfourseven": True}
    regular = [
        {"weekday": weekday, "period_begin": _clock(begin), "period_end": _clock(end)}
        for weekday, spans in enumerate(open_week, 1)
        for begin, end in spans
    ]
    return {"twentyfourseven": False, "regular_hours": regular}


def _clock(minutes: int) -> str:
    minutes = min(minutes, MIDNIGHT - 1)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
