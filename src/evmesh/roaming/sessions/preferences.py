"""What a driver wishes of a charge, and whether it can be. [mod_sessions_charging_preferences_response_enum]

    the wish                                             the answer
    a profile that no tariff of the connector prices     PROFILE_TYPE_NOT_SUPPORTED
    CHEAP or GREEN without a departure time              DEPARTURE_REQUIRED
    CHEAP or GREEN without an energy need                ENERGY_NEED_REQUIRED
    more energy than the connector gives until then      NOT_POSSIBLE
    anything else                                        ACCEPTED

Every profile that is offered has its price: REGULAR always, another when the connector has a tariff of its type, or one
without a type, which holds for all. [mod_tariffs_tariff_type_enum]
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document

PLANNED = ("CHEAP", "GREEN")
"""Profiles that shift a charge in time, and so must know how much time there is."""

PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


def respond(wishes: Document, connector: Document, tariffs: Sequence[Document], at: datetime) -> str:
    """The ChargingPreferencesResponse to canonical ChargingPreferences."""
    profile = wishes["profile_type"]
    if profile != "REGULAR" and not any(each.get("type") in (None, f"PROFILE_{profile}") for each in tariffs):
        return "PROFILE_TYPE_NOT_SUPPORTED"
    departure = wishes.get("departure_time")
    need = wishes.get("energy_need")
    if profile in PLANNED and departure is None:
        return "DEPARTURE_REQUIRED"
    if profile in PLANNED and need is None:
        return "ENERGY_NEED_REQUIRED"
    if departure is not None:
        left = Decimal(str((parse_timestamp(departure) - at).total_seconds())) / 3600
        if left <= 0 or (need is not None and Decimal(need) > left * power_kw(connector)):
            return "NOT_POSSIBLE"
    return "ACCEPTED"


def power_kw(connector: Document) -> Decimal:
    """What the connector gives at most. A voltage of three phases is the one between a phase and neutral."""
    most = connector.get("max_electric_power")
    if most:
        return Decimal(most) / 1000
    phases = PHASES.get(connector.get("power_type", ""), 1)
    return Decimal(connector["max_voltage"]) * Decimal(connector["max_amperage"]) * phases / 1000
