"""Invoice numbers: a pattern, and a series that counts without gaps.

`INV-{year}-{number:05}` counts anew each year, since the year is part of what makes a series. `{partner}` gives each
partner a series of its own, as a self-billed invoice is numbered for the one who is paid.
"""

from __future__ import annotations

import re
from datetime import date
from string import Formatter

from evmesh.billing.errors import CannotInvoice

_FIELDS = ("year", "month", "number", "partner")
_NUMBER = re.compile(r"(?:0?[1-9]\d?)?")


def checked_pattern(pattern: str) -> str:
    """The pattern, if it makes numbers that differ; CannotInvoice says what is wrong with it."""
    try:
        fields = [(name, spec) for _, name, spec, _ in Formatter().parse(pattern) if name is not None]
        if "!" in re.sub(r"{{|}}", "", pattern):
            raise ValueError("nothing is converted")
    except ValueError as error:
        raise CannotInvoice(f"the number pattern {pattern!r} cannot be read: {error}") from None
    for name, spec in fields:
        if name not in _FIELDS:
            raise CannotInvoice(f"the number pattern {pattern!r} may name {', '.join(_FIELDS)}, not {name!r}")
        if spec and (name != "number" or not _NUMBER.fullmatch(spec)):
            raise CannotInvoice(f"the number pattern {pattern!r}: only number takes a width, such as {{number:05}}")
    if [name for name, _ in fields].count("number") != 1:
        raise CannotInvoice(f"the number pattern {pattern!r} must hold {{number}} once, or numbers would repeat")
    return pattern


def series(pattern: str, issued_on: date, partner: str) -> str:
    """What is counted together: the pattern with everything filled in but the number."""
    parts = []
    for text, name, spec, _ in Formatter().parse(checked_pattern(pattern)):
        parts.append(text.replace("{", "{{").replace("}", "}}"))
        if name == "number":
            parts.append("{number" + (f":{spec}" if spec else "") + "}")
        elif name is not None:
            parts.append(_known(name, issued_on, partner))
    return "".join(parts)


def number(series: str, count: int) -> str:
    """The number of that place in the series; the first is 1."""
    return series.format(number=count)


def _known(name: str, issued_on: date, partner: str) -> str:
    return {
        "year": f"{issued_on:%Y}",
        "month": f"{issued_on:%m}",
        "partner": re.sub(r"[^A-Z0-9]+", "-", partner.upper()).strip("-") or "X",
    }[name]
