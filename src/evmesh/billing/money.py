"""Cents and what lies beneath them: exact sums, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

LARGEST = Decimal(10**12)
"""Above any charge on earth; small enough that a hostile exponent costs nothing."""
_MOST_DECIMALS = 40


def number(value: Any) -> Decimal:
    """A document's number; ValueError when it is none, or absurd."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    if not value:
        return Decimal(0)
    found = Decimal(value)
    if not found.is_finite():
        raise ValueError(f"{value} is not a finite number")
    if not -LARGEST <= found <= LARGEST or int(found.as_tuple().exponent) < -_MOST_DECIMALS:
        raise ValueError(f"{str(value)[:40]} is out of all proportion")
    return found


def exact(value: Any) -> Fraction:
    """The same to reckon with."""
    return Fraction(number(value))


def decimal(value: Fraction) -> Decimal:
    """The same value with all its digits; ValueError for one that no decimals hold, such as a third."""
    places, scaled = 0, value
    while scaled.denominator != 1:
        scaled *= 10
        places += 1
        if places > 4 * _MOST_DECIMALS:
            raise ValueError(f"{value} has no end in decimals")
    return _scaled(scaled.numerator, places)


def rounded(value: Fraction, places: int) -> Decimal:
    """So many digits behind the point; halves go away from zero."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return _scaled(-whole if value < 0 else whole, places)


def _scaled(whole: int, places: int) -> Decimal:
    """Made of its digits, so that no context's precision matters."""
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -places))
