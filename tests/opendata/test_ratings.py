"""From a charge point's power to what its plugs say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.opendata.ratings import TYPE_2, TYPE_2_COMBO, Rating, rating


@pytest.mark.parametrize(
    ("standard", "watts", "expected"),
    [
        (TYPE_2, 3_700, Rating("AC_1_PHASE", 230, 16, 3_700)),
        (TYPE_2, 7_400, Rating("AC_1_PHASE", 230, 32, 7_400)),
        (TYPE_2, 11_000, Rating("AC_3_PHASE", 230, 16, 11_000)),
        (TYPE_2, 22_000, Rating("AC_3_PHASE", 230, 32, 22_000)),
        (TYPE_2, 23_040, Rating("AC_3_PHASE", 230, 32, 23_040)),
        (TYPE_2, 43_000, Rating("AC_3_PHASE", 230, 63, 43_000)),
        (TYPE_2, 150_000, Rating("AC_3_PHASE", 230, 63, 43_470, capped=True)),
        ("DOMESTIC_E", 2_300, Rating("AC_1_PHASE", 230, 10, 2_300)),
        ("DOMESTIC_E", 22_000, Rating("AC_1_PHASE", 230, 16, 3_680, capped=True)),
        ("IEC_62196_T1", 22_000, Rating("AC_1_PHASE", 230, 32, 7_360, capped=True)),
        ("CHADEMO", 50_000, Rating("DC", 500, 125, 50_000)),
        ("CHADEMO", 300_000, Rating("DC", 500, 400, 200_000, capped=True)),
        (TYPE_2_COMBO, 50_000, Rating("DC", 500, 125, 50_000)),
        (TYPE_2_COMBO, 150_000, Rating("DC", 1000, 375, 150_000)),
        (TYPE_2_COMBO, 350_000, Rating("DC", 1000, 500, 350_000)),
        (TYPE_2_COMBO, 800_000, Rating("DC", 1000, 500, 500_000, capped=True)),
        (TYPE_2, None, Rating("AC_1_PHASE", 230, 16, None)),
        ("DOMESTIC_E", None, Rating("AC_1_PHASE", 230, 10, None)),
    ],
)
def test_power_as_voltage_and_current(standard: str, watts: int | None, expected: Rating) -> None:
    assert rating(standard, watts) == expected


@given(
    st.sampled_from([TYPE_2, TYPE_2_COMBO, "CHADEMO", "DOMESTIC_E", "IEC_62196_T1", "TESLA_S"]),
    st.integers(1, 5_000_000),
)
def test_voltage_and_current_allow_the_power_that_is_said(standard: str, watts: int) -> None:
    said = rating(standard, watts)
    phases = 3 if said.power_type == "AC_3_PHASE" else 1
    assert said.watts is not None
    assert said.watts <= watts
    assert said.watts <= said.volts * said.amperes * phases * 1.05
    assert said.capped == (said.watts < watts)
