"""Hours as printed, seconds as meant.

OCPI writes durations in hours, mostly with four digits: five minutes are 0.0833, and 0.0833 h is not five minutes.
Taken literally, a step_size of five minutes would bill some of them as ten. So the clock decides where it can:

1. The period's own length, when it agrees with the printed hours to within the last printed digit.
2. Else the nearest whole second that does.
3. Else the hours as they stand.

Trailing zeros get lost on the way (0.50 arrives as 0.5), so fewer than two printed digits count as two; and more than
nine are a float's noise, not a measurement. [mod_cdrs_cdr_dimension_class]
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.pricing.exact import number, printed_decimals

HOUR = 3600
MICRO = 1_000_000
HOUR_MICROSECONDS = HOUR * MICRO
FEWEST_DIGITS = 2
MOST_DIGITS = 9


def seconds_meant(printed: Any, length: Fraction, *, literally: bool = False) -> Fraction:
    """The seconds that the printed hours stand for in a period of that many seconds.

    >>> from decimal import Decimal
    >>> seconds_meant(Decimal("0.0834"), Fraction(300))
    Fraction(300, 1)
    """
    seconds = number(printed) * HOUR
    if literally:
        return seconds
    digit = Fraction(HOUR, 10 ** min(max(printed_decimals(printed), FEWEST_DIGITS), MOST_DIGITS))
    if abs(seconds - length) < digit:
        return length
    whole = Fraction(round(seconds))
    return whole if abs(whole - seconds) < digit else seconds


def microseconds(span: timedelta) -> int:
    """A span of time without a float."""
    return (span.days * 86_400 + span.seconds) * MICRO + span.microseconds


def microseconds_meant(printed: Decimal | int, length: int) -> int | None:
    """The same in whole microseconds; None where they are not whole."""
    off = abs(printed * HOUR_MICROSECONDS - length)
    if not off or off * 10 ** min(max(printed_decimals(printed), FEWEST_DIGITS), MOST_DIGITS) < HOUR_MICROSECONDS:
        return length
    if not printed:
        return 0
    found = seconds_meant(printed, Fraction(length, MICRO)) * MICRO
    return int(found) if found.denominator == 1 else None
