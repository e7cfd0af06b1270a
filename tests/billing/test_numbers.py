"""Numbers come from a pattern; what is filled in besides the number makes a series."""

from datetime import date

import pytest

from evmesh.billing.errors import CannotInvoice
from evmesh.billing.numbers import checked_pattern, number, series

DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("INV-{year}-{number:05}", "INV-2026-00007"),
        ("{number}", "7"),
        ("{year}{month}/{number:03}", "202606/007"),
        ("SB-{partner}-{number}", "SB-DRIVE-CO-7"),
        ("{{x}}{number}", "{x}7"),
    ],
)
def test_a_pattern_is_filled_in(pattern: str, made: str) -> None:
    assert number(series(pattern, DAY, "Drive & Co"), 7) == made


def test_a_year_begins_a_series() -> None:
    assert series("{year}-{number}", DAY, "x") != series("{year}-{number}", date(2027, 1, 1), "x")


@pytest.mark.parametrize(
    "pattern", ["INV-1", "{number}{number}", "{number:>9999999}", "{number!r}", "{number.real}", "{oops}{number}", "{"]
)
def test_a_pattern_that_would_not_count(pattern: str) -> None:
    with pytest.raises(CannotInvoice):
        checked_pattern(pattern)
