"""Opening times: what is understood, what is not, and that nothing is read otherwise than it was written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.opendata.conversion import SHARED_POLICIES, Findings
from evmesh.opendata.opening_hours import DAYS, MIDNIGHT, Week, hours, read, week

DAY_NAMES = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def said(text: str) -> list[str] | bool:
    """The regular hours as `1 08:00-20:00`; True for always open."""
    open_week = week(text)
    assert open_week is not None, text
    document = hours(open_week)
    if document["twentyfourseven"]:
        assert "regular_hours" not in document
        return True
    return [f"{each['weekday']} {each['period_begin']}-{each['period_end']}" for each in document["regular_hours"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/7", True),
        ("Mo-Fr 09:30-18:00", [f"{day} 09:30-18:00" for day in range(1, 6)]),
        ("Mo 09:00-12:00,Mo 14:00-18:30", ["1 09:00-12:00", "1 14:00-18:30"]),
        ("Sa 14:00-19:00, Sa 09:00-12:00", ["6 09:00-12:00", "6 14:00-19:00"]),
        ("Mo-Tu 08:00-12:00,14:00-18:00", ["1 08:00-12:00", "1 14:00-18:00", "2 08:00-12:00", "2 14:00-18:00"]),
        ("Mo,We 08:00-12:00", ["1 08:00-12:00", "3 08:00-12:00"]),
        ("Su-Mo 10:00-11:00", ["1 10:00-11:00", "7 10:00-11:00"]),
        ("08:30-20:30", [f"{day} 08:30-20:30" for day in range(1, 8)]),
        ("mo 8:00 – 9:00", ["1 08:00-09:00"]),
    ],
)
def test_days_and_times(text: str, expected: Any) -> None:
    assert said(text) == expected


def test_midnight_is_said_as_the_last_minute() -> None:
    assert said("Mo 07:00-00:00") == said("Mo 07:00-24:00") == said("Mo 07:00-23:59") == ["1 07:00-23:59"]


def test_an_end_before_the_beginning_lies_on_the_next_day() -> None:
    assert said("Su 22:00-02:00") == ["1 00:00-02:00", "7 22:00-23:59"]


def test_a_day_and_the_rest_of_the_night_join() -> None:
    assert said("Mo 06:00-23:59,Tu 00:00-01:00") == ["1 06:00-23:59", "2 00:00-01:00"]


@pytest.mark.parametrize("text", ["Mo-Su 00:00-24:00", "00:00-00:00", "Mo-Su 00:00-23:59", "00:00-12:00,12:00-24:00"])
def test_a_week_without_a_closed_minute_is_always_open(text: str) -> None:
    assert said(text) is True


def test_a_comma_adds_and_a_semicolon_replaces() -> None:
    assert said("Mo-Tu 08:00-19:30, Tu 08:00-23:00") == ["1 08:00-19:30", "2 08:00-23:00"]
    assert said("Mo-Tu 08:00-19:30; Tu 10:00-11:00") == ["1 08:00-19:30", "2 10:00-11:00"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mo-Fr",
        "Mo-Fr 08:00",
        "Mo 08:00-08:00",
        "Mo 24:00-08:00",
        "Mo 08:00-25:00",
        "Mo 08:61-09:00",
        "Mo 23:59-24:00",
        "Mo 08:00-12:00,,Tu 08:00-12:00",
        "Mo-Fr 08:00-12:00; PH off",
        "Lu-Ve 08:00-12:00",
        "sunrise-sunset",
        "Parkeringshusets öppettider",
        "Mo ٠٨:٠٠-٠٩:٠٠",
    ],
)
def test_what_is_not_understood_is_not_guessed(text: str) -> None:
    assert week(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "hours_absent"), ("on request", "hours_unreadable"), ("Mo 00:00-00:01", "hours_implausible")],
)
def test_times_that_cannot_be_believed_are_a_finding(text: str, code: str) -> None:
    findings = Findings(SHARED_POLICIES)
    assert read(text, "/rows/1/horaires", findings) is None
    assert [(found.code, found.pointer) for found in findings.found] == [(code, "/rows/1/horaires")]


@given(st.text() | st.text(alphabet="MoTuWeThFrSa0123456789:-,; /"))
def test_no_text_raises(text: str) -> None:
    open_week = week(text)
    if open_week is not None:
        assert_sayable(hours(open_week))


def assert_sayable(document: dict[str, Any]) -> None:
    if document["twentyfourseven"]:
        return
    assert document["regular_hours"]
    for period in document["regular_hours"]:
        assert 1 <= period["weekday"] <= 7
        assert "00:00" <= period["period_begin"] < period["period_end"] <= "23:59"


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """Weeks in their one form: spans in order, apart from each other, none in a day's last minute."""
    days = []
    for _ in DAYS:
        bounds = sorted(draw(st.sets(st.integers(0, MIDNIGHT), max_size=6)))
        pairs = zip(bounds[::2], bounds[1::2], strict=False)
        days.append(tuple((begin, end) for begin, end in pairs if begin < MIDNIGHT - 1 and end != MIDNIGHT - 1))
    return tuple(days)


def written(open_week: Week, *, of_each_day_apart: bool) -> str:
    def clock(minutes: int) -> str:
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    rules = []
    for name, spans in zip(DAY_NAMES, open_week, strict=True):
        times = [f"{clock(begin)}-{clock(end)}" for begin, end in spans]
        if of_each_day_apart:
            rules += [f"{name} {time}" for time in times]
        elif times:
            rules.append(f"{name} {','.join(times)}")
    return (", " if of_each_day_apart else "; ").join(rules)


@given(weeks(), st.booleans())
def test_what_is_written_is_read(open_week: Week, of_each_day_apart: bool) -> None:
    text = written(open_week, of_each_day_apart=of_each_day_apart)
    assert week(text) == (open_week if any(open_week) else None)


@given(weeks().filter(any))
def test_what_is_said_reads_as_the_same_week(open_week: Week) -> None:
    document = hours(open_week)
    assert_sayable(document)
    if not document["twentyfourseven"]:
        rules = [
            f"{DAY_NAMES[each['weekday'] - 1]} {each['period_begin']}-{each['period_end']}"
            for each in document["regular_hours"]
        ]
        assert week(", ".join(rules)) == open_week
