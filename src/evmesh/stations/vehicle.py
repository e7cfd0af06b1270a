"""A vehicle as a station meets it: how much it takes, and when it has enough.

    AC   the charger in the car sets the pace, until the battery is nearly full
    DC   full power up to a point, then less and less

All figures are exact, so that the same vehicle charges the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

WATT = Decimal("0.001")
FULL = Decimal(100)
AC_TAPER = Decimal(95)
DC_TAPER = Decimal(60)
LEAST_SHARE = Decimal("0.15")
"""Of its power at the start, what a vehicle still takes just before it is full."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Percentages are of the battery. It asks for power until `wanted_percent`."""

    battery_kwh: Decimal
    percent: Decimal
    ac_kw: Decimal
    dc_kw: Decimal
    wanted_percent: Decimal = FULL

    @property
    def asks(self) -> bool:
        return self.percent < self.wanted_percent

    def power_kw(self, limit_kw: Decimal, dc: bool) -> Decimal:
        """What it draws from a connector that gives so much at most."""
        if not self.asks:
            return Decimal(0)
        most = min(limit_kw, self.dc_kw if dc else self.ac_kw)
        taper = DC_TAPER if dc else AC_TAPER
        if self.percent > taper:
            left = (FULL - self.percent) / (FULL - taper)
            most *= LEAST_SHARE + (1 - LEAST_SHARE) * left
        return most.quantize(WATT)

    def charged(self, energy_kwh: Decimal) -> Vehicle:
        percent = self.percent + energy_kwh * 100 / self.battery_kwh
        return replace(self, percent=min(FULL, percent))

    def wants_kwh(self) -> Decimal:
        return max(Decimal(0), (self.wanted_percent - self.percent) * self.battery_kwh / 100)


MODELS = (
    # battery kWh, AC kW, DC kW
    ("27", "6.6", "46"),
    ("40", "6.6", "50"),
    ("52", "22", "130"),
    ("58", "11", "120"),
    ("64", "11", "170"),
    ("77", "11", "135"),
    ("93", "22", "270"),
)


def any_vehicle(random: Random) -> Vehicle:
    """One of those that come by."""
    battery, ac, dc = map(Decimal, random.choice(MODELS))
    percent = Decimal(random.randrange(5, 60))
    return Vehicle(battery, percent, ac, dc, Decimal(random.choice((80, 80, 90, 100))))
