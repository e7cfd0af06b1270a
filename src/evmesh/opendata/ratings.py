"""What a plug can carry: from a power in watts to the phases, volts and amperes that a Connector must say.

Registers tell the power of a charge point, OCPI asks each connector for voltage and current.
[mod_locations_connector_object] The derivation, for P watts:

| plug                   | carries at most    | says                                                             |
|------------------------|--------------------|------------------------------------------------------------------|
| domestic sockets       | 16 A, one phase    | AC_1_PHASE, 230 V                                                |
| Type 1                 | 32 A, one phase    | AC_1_PHASE, 230 V                                                |
| Type 2, P up to 7.4 kW | 32 A, one phase    | AC_1_PHASE, 230 V                                                |
| Type 2, P above        | 63 A, three phases | AC_3_PHASE, 230 V from line to neutral, as OCPI counts voltage   |
| CHAdeMO                | 400 A at 500 V     | DC                                                               |
| CCS, Tesla             | 500 A at 1000 V    | DC, 500 V up to 62.5 kW and 1000 V above                         |

- Alternating current: the smallest usual rating (6, 10, 13, 16, 20, 25, 32, 40, 50, 63 A) whose power reaches P within
  5 %: operators write 7.4 kW for 32 A × 230 V = 7.36 kW, and 23.04 kW for 32 A × 240 V × 3.
- Direct current: a car at 400 V takes P / 400 V amperes; the plug's limit caps that, and so does the voltage.
- max_electric_power is P, or the plug's limit when P is above it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

USUAL_CURRENTS = (6, 10, 13, 16, 20, 25, 32, 40, 50, 63)
LINE_TO_NEUTRAL = 230
ONE_PHASE_UP_TO = 7_400
DC_500_V_UP_TO = 62_500
CAR_VOLTS = 400
ROUNDED_BY = 1.05

TYPE_2 = "IEC_62196_T2"
TYPE_2_COMBO = "IEC_62196_T2_COMBO"

_AC_AMPERES = {"IEC_62196_T1": 32, TYPE_2: 63}
_DC = {"CHADEMO": (500, 400), TYPE_2_COMBO: (1000, 500), "TESLA_S": (1000, 500), "TESLA_R": (500, 200)}


class Rating(NamedTuple):
    """What a connector says about itself; `capped` when the charge point gives more than the plug carries."""

    power_type: str
    volts: int
    amperes: int
    watts: int | None
    capped: bool = False


LEAST = {
    TYPE_2: Rating("AC_1_PHASE", 230, 16, None),
    "IEC_62196_T1": Rating("AC_1_PHASE", 230, 16, None),
    "CHADEMO": Rating("DC", 500, 50, None),
    TYPE_2_COMBO: Rating("DC", 500, 50, None),
    "TESLA_S": Rating("DC", 500, 50, None),
}
"""What is said about a plug when its power is not known."""
LEAST_DOMESTIC = Rating("AC_1_PHASE", 230, 10, None)


@lru_cache(maxsize=4096)
def rating(standard: str, watts: int | None) -> Rating:
    """The rating of a plug at a charge point of `watts` (None: not known)."""
    if watts is None:
        return LEAST.get(standard, LEAST_DOMESTIC)
    if standard in _DC:
        return _direct(watts, *_DC[standard])
    return _alternating(watts, _AC_AMPERES.get(standard, 16))


def _alternating(watts: int, most_amperes: int) -> Rating:
    three_phases = watts > ONE_PHASE_UP_TO and most_amperes > 32
    per_ampere = LINE_TO_NEUTRAL * (3 if three_phases else 1)
    fitting = (a for a in USUAL_CURRENTS if a <= most_amperes and a * per_ampere * ROUNDED_BY >= watts)
    amperes = next(fitting, None)
    power_type = "AC_3_PHASE" if three_phases else "AC_1_PHASE"
    if amperes is None:
        return Rating(power_type, LINE_TO_NEUTRAL, most_amperes, most_amperes * per_ampere, capped=True)
    return Rating(power_type, LINE_TO_NEUTRAL, amperes, watts)


def _direct(watts: int, most_volts: int, most_amperes: int) -> Rating:
    volts = 500 if watts <= DC_500_V_UP_TO else most_volts
    limit = most_volts * most_amperes
    said = min(watts, limit)
    amperes = max(min(-(-said // CAR_VOLTS), most_amperes), -(-said // volts))
    return Rating("DC", volts, amperes, said, capped=watts > limit)
