"""Timestamps: written in one form only, read in every form that names a moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ocpi.types import parse_timestamp, timestamp
from tests.ocpi.documents import quick

NOON = datetime(2026, 5, 11, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-05-11T12:00:00Z"),
        (NOON.replace(microsecond=250_000), "2026-05-11T12:00:00.250Z"),
        (NOON.replace(microsecond=999), "2026-05-11T12:00:00Z"),
        (NOON.replace(microsecond=999_999), "2026-05-11T12:00:00.999Z"),
        (datetime(2026, 5, 11, 14, 0, tzinfo=timezone(timedelta(hours=2))), "2026-05-11T12:00:00Z"),
        (datetime(14, 1, 2, 3, 4, 5, tzinfo=UTC), "0014-01-02T03:04:05Z"),
    ],
)
def test_a_moment_is_written_in_utc(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text


def test_a_moment_without_a_zone_is_nobodys() -> None:
    with pytest.raises(ValueError, match="zone"):
        timestamp(datetime(2026, 5, 11))


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-11T12:00:00Z",
        "2026-05-11T12:00:00",
        "2026-05-11T12:00:00.000Z",
        "2026-05-11T12:00:00.0000000Z",
        "2026-05-11t12:00:00z",
        "2026-05-11 12:00:00",
        "2026-05-11 12:00:00+00",
        "2026-05-11T12:00Z",
        "2026-05-11T14:00:00+02:00",
        "2026-05-11T14:00:00+0200",
        "2026-05-11T06:30:00.000-05:30",
        " 2026-05-11T12:00:00Z ",
        "2026-05-11T11:59:60Z",
    ],
)
def test_every_way_to_name_a_moment_is_understood(text: str) -> None:
    assert parse_timestamp(text) == NOON
    assert parse_timestamp(text).tzinfo is UTC


def test_fractions_are_kept_to_the_microsecond() -> None:
    assert parse_timestamp("2026-05-11T12:00:00.1234567Z").microsecond == 123_456
    assert parse_timestamp("2026-05-11T12:00:00.5Z").microsecond == 500_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-05-11",
        "12:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-05-11T24:00:00Z",
        "2026-05-11T12:00:99Z",
        "2026-05-11T12:00:00+99:99",
        "2026-05-11T12:00:00ZZ",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-05-11T12:00:00Z",
        "1778500800",
    ],
)
def test_what_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


@quick(300)
@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))])
    )
)
def test_what_is_written_is_read_again_to_the_millisecond(moment: datetime) -> None:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return
    text = timestamp(moment)
    assert len(text) <= 25
    assert text.endswith("Z")
    assert parse_timestamp(text) == moment - timedelta(microseconds=moment.microsecond % 1000)
