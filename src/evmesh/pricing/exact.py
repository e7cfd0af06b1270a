"""Exact figures: how a number of a document becomes a rational, and how a rational becomes digits again.

Money and energy never pass through a float here. A JSON number arrives as `int` or `Decimal` and becomes a `Fraction`
that all arithmetic keeps to the last digit; digits come back only on the way out, rounded by a named rule.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal

Rounding = Literal["half_up", "half_even", "down", "up"]

# Far above any charge on earth, and small enough that a hostile exponent costs nothing.
LARGEST = 10**12
MOST_DECIMALS = 40
_LEAST, _MOST = Decimal(-LARGEST), Decimal(LARGEST)

# How many places the denominators of usual figures need.
_PLACES = {2**twos * 5**fives: max(twos, fives) for twos in range(20) for fives in range(20)}


class NotANumber(ValueError):
    """A figure that cannot be used: not a number, not finite, or of absurd size."""


def number(value: Any) -> Fraction:
    """The exact value of a document's number. NotANumber when it is text, a float, infinite or enormous."""
    if type(value) is int:
        if abs(value) > LARGEST:
            raise NotANumber(f"{shown(value)} is too large")
        return Fraction(value)
    if isinstance(value, Decimal):
        return _of_decimal(value)
    if isinstance(value, float):
        raise NotANumber(f"{value!r} is a float; decode the document with exact numbers")
    raise NotANumber(f"{shown(value)} is not a number")


def usable(value: Any) -> bool:
    """Whether `number` takes the value. ArithmeticError, in a context that traps it, for what is not even a number."""
    if type(value) is int:
        return abs(value) <= LARGEST
    return type(value) is Decimal and _LEAST <= value <= _MOST and printed_decimals(value) <= MOST_DECIMALS


def number_in_text(value: str) -> Fraction:
    """The number that a string holds, as some platforms send prices."""
    try:
        return _of_decimal(Decimal(value.strip()))
    except InvalidOperation:
        raise NotANumber(f"{shown(value)} is not a number") from None


def printed_decimals(value: Any) -> int:
    """How many digits stand behind the point as the number was written: 2 for 0.50, 0 for 3."""
    if not isinstance(value, Decimal):
        return 0
    digits = str(value)
    if "E" in digits:
        exponent = value.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0
    return len(digits.partition(".")[2])


def rounded(value: Fraction, places: int, rounding: Rounding = "half_up") -> Decimal:
    """The value with so many digits behind the point; halves go away from zero unless the rule says otherwise."""
    one = value.denominator
    whole, rest = divmod(abs(value.numerator) * 10**places, one)
    twice = 2 * rest
    if rounding == "half_up":
        whole += twice >= one
    elif rounding == "half_even":
        whole += twice > one or (twice == one and whole % 2 == 1)
    elif rounding == "up":
        whole += rest > 0
    return Decimal(-whole if value < 0 else whole).scaleb(-places)


def decimal_places(value: Fraction) -> int | None:
    """How many digits the value has behind the point; None when they never end."""
    rest = value.denominator
    usual = _PLACES.get(rest)
    if usual is not None:
        return usual
    # A power of two in lowest terms is its own lowest bit.
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return max(twos, fives) if rest == 1 else None


def terminates(value: Fraction) -> bool:
    """Whether the value has a finite decimal expansion."""
    return decimal_places(value) is not None


def decimal_text(value: Fraction) -> str:
    """The value in digits: all of them where they end, 28 significant ones where they do not (61/60)."""
    places = decimal_places(value)
    if places is None:
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).zfill(places + 1)
    whole = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return "-" + whole if value < 0 else whole


def exact_text(value: Fraction) -> str:
    """The value without loss: digits where they end (1.25), else a ratio (61/60)."""
    return decimal_text(value) if terminates(value) else f"{value.numerator}/{value.denominator}"


def _of_decimal(value: Decimal) -> Fraction:
    if not value.is_finite():
        raise NotANumber(f"{value} is not a finite number")
    # The exponent is looked at before the digits are spelt out: 1E+999999999 would fill the memory.
    if value and (value.adjusted() > 12 or abs(value) > LARGEST):
        raise NotANumber(f"{shown(value)} is too large")
    if not value:
        return Fraction(0)
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent < -MOST_DECIMALS:
        kept = "".join(map(str, digits)).rstrip("0")
        if exponent + len(digits) - len(kept) < -MOST_DECIMALS:
            raise NotANumber(f"{shown(value)} has more than {MOST_DECIMALS} digits behind the point")
    return Fraction(value)


def shown(value: Any) -> str:
    """A document's value as a message names it: as JSON writes it, and not at length."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int) and abs(value) >= 10**40:
        text = f"{Decimal(value):.2E}"
    else:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
