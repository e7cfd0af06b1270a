"""How much a vehicle takes."""

from decimal import Decimal
from random import Random

import pytest

from evmesh.stations.vehicle import Vehicle, any_vehicle


def vehicle(percent: str, **fields: Decimal) -> Vehicle:
    return Vehicle(Decimal(60), Decimal(percent), Decimal(11), Decimal(120), **fields)


@pytest.mark.parametrize(
    ("percent", "limit", "dc", "kw"),
    [
        ("10", "22", False, "11"),
        ("10", "7.4", False, "7.4"),
        ("94", "22", False, "11"),
        ("97.5", "22", False, "6.325"),
        ("10", "50", True, "50"),
        ("10", "300", True, "120"),
        ("80", "300", True, "69"),
        ("100", "300", True, "0"),
    ],
)
def test_the_power_curve(percent: str, limit: str, dc: bool, kw: str) -> None:
    assert vehicle(percent).power_kw(Decimal(limit), dc) == Decimal(kw)


def test_it_takes_until_it_has_what_it_wants() -> None:
    hungry = vehicle("20", wanted_percent=Decimal(80))
    assert hungry.wants_kwh() == 36

    fed = hungry.charged(Decimal(36))
    assert (fed.percent, fed.asks, fed.power_kw(Decimal(22), False)) == (80, False, 0)
    assert vehicle("99").charged(Decimal(5)).percent == 100


def test_those_that_come_by_are_told_by_the_seed() -> None:
    first, again = Random(7), Random(7)
    assert [any_vehicle(first) for _ in range(5)] == [any_vehicle(again) for _ in range(5)]
