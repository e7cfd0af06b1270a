"""The restrictions of a tariff element as Python expressions, for the code that a plan becomes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.pricing.exact import decimal_text, terminates
from evmesh.pricing.plan import DAY, Restrictions

_LONGEST = 10**10


class Conditions:
    """Writes conditions. Constants get names; the names are what the code can see."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def constant(self, value: Any) -> str:
        """The name under which the function finds a value."""
        name = f"C{len(self.names)}"
        self.names[name] = value
        return name

    def decimal(self, value: Fraction) -> str:
        """The name of an exact decimal."""
        assert terminates(value)
        return self.constant(Decimal(decimal_text(value)))

    def condition(self, each: Restrictions, at: str = "") -> str:
        """A Python expression; "True" when it always holds."""
        parts = self.clock(each, at)
        for least, value, most in (
            (each.min_kwh, f"so_far{at}", each.max_kwh),
            (each.min_power, "low_w", None),
            (None, "high_w", each.max_power),
            (each.min_current, "low_a", None),
            (None, "high_a", each.max_current),
        ):
            known = "" if value.startswith("so_far") else f"{value} is not None and "
            if least is not None:
                parts.append(f"{known}{value} >= {self.decimal(least)}")
            if most is not None:
                parts.append(f"{known}{value} < {self.decimal(most)}")
        for word, seconds in ((">=", each.min_duration), ("<", each.max_duration)):
            if seconds is not None:
                parts.append(f"passed{at} {word} {self.constant(_span(seconds))}")
        return " and ".join(parts) or "True"

    def clock(self, each: Restrictions, at: str) -> list[str]:
        parts: list[str] = []
        start, end = each.start_time, each.end_time
        if (start, end) != (None, None) and start != end:
            start, end = start or 0, end or DAY
            if start < end:
                parts.append(f"{start} <= minute{at} < {end}")
            else:
                parts.append(f"(minute{at} >= {start} or minute{at} < {end})")
        if each.start_date is not None:
            parts.append(f"day{at} >= {each.start_date.toordinal()}")
        if each.end_date is not None:
            parts.append(f"day{at} < {each.end_date.toordinal()}")
        if each.days:
            # Ordinal 1 was a Monday.
            parts.append(f"(day{at} - 1) % 7 in {self.constant(each.days)}")
        return parts


def _span(seconds: int) -> timedelta:
    return timedelta(seconds=min(seconds, _LONGEST))
