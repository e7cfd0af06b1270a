"""What changes for drivers when one tariff replaces another: in money, on typical charges.

Comparing fields says little: a new step_size can weigh more than a new price. So both tariffs quote the same charges,
and the sentences that only one of them has are shown beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from evmesh.pricing.bill import amount_document
from evmesh.pricing.explain import explain
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.quote import quote
from evmesh.pricing.taxes import Amount
from evmesh.pricing.zones import time_zone


class Charge(msgspec.Struct, frozen=True):
    """A typical charge: when it begins on the local clock, what it takes, how fast, and how long the car stays."""

    name: str
    weekday: int
    hour: int
    energy_kwh: int
    power_kw: int
    current_a: int
    stay_minutes: int | None = None


# Currents are summed over the phases: 230 V each up to 22 kW, 400 V of direct current above.
TYPICAL: tuple[Charge, ...] = (
    Charge("shopping: 11 kW, 8 kWh on a weekday at 10:00", 1, 10, 8, 11, 48),
    Charge("at work: 11 kW, 25 kWh from 08:00, stays until 17:00", 2, 8, 25, 11, 48, 540),
    Charge("evening: 22 kW, 30 kWh on a weekday at 18:00", 3, 18, 30, 22, 96),
    Charge("overnight: 11 kW, 45 kWh from 20:00, stays until 07:00", 0, 20, 45, 11, 48, 660),
    Charge("on the road: 150 kW, 50 kWh on a Saturday at 14:00", 5, 14, 50, 150, 375),
    Charge("top-up: 150 kW, 15 kWh on a Sunday at 11:00", 6, 11, 15, 150, 375),
    Charge("overstay: 50 kW, 25 kWh on a weekday at 12:00, stays two hours too long", 1, 12, 25, 50, 125, 150),
    Charge("nothing delivered: plugged in for five minutes", 1, 12, 0, 11, 48, 5),
)


class Compared(msgspec.Struct, frozen=True):
    """A charge under both tariffs."""

    charge: Charge
    before: Amount
    after: Amount

    @property
    def change(self) -> Amount:
        return self.after - self.before

    def document(self) -> dict[str, Any]:
        return {
            "charge": self.charge.name,
            "before": amount_document(self.before),
            "after": amount_document(self.after),
            "change": amount_document(self.change),
        }


class Diff(msgspec.Struct, frozen=True):
    """The charges that were compared, and the sentences that only one tariff has."""

    charges: tuple[Compared, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    currencies: tuple[str, str]

    def document(self) -> dict[str, Any]:
        return {
            "currencies": list(self.currencies),
            "charges": [compared.document() for compared in self.charges],
            "gone": list(self.gone),
            "new": list(self.new),
        }


def diff(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    zone: str,
    *,
    day: date = date(2026, 1, 12),
    charges: Sequence[Charge] = TYPICAL,
    language: str = "en",
    policy: PricingPolicy = STANDARD,
    taxes_known: bool = True,
) -> Diff:
    """Two canonical tariffs compared on typical charges in the week of `day`.

    NotReadable or UnknownZone when there is nothing to compare. Changes between different currencies are not reckoned
    in money: look at `currencies` first.
    """
    sentences = [explain(tariff, language, taxes_known=taxes_known)[1:] for tariff in (before, after)]
    monday = day - timedelta(days=day.weekday())
    clock = time_zone(zone)
    compared = []
    for charge in charges:
        start = datetime.combine(monday + timedelta(days=charge.weekday), time(charge.hour), clock).astimezone(UTC)
        stay = None if charge.stay_minutes is None else timedelta(minutes=charge.stay_minutes)
        amounts = [
            quote(
                tariff,
                start,
                charge.energy_kwh,
                zone,
                power_kw=charge.power_kw,
                current_a=charge.current_a,
                stay=stay,
                policy=policy,
                taxes_known=taxes_known,
            ).total
            for tariff in (before, after)
        ]
        compared.append(Compared(charge, *amounts))
    return Diff(
        tuple(compared),
        tuple(sentence for sentence in sentences[0] if sentence not in sentences[1]),
        tuple(sentence for sentence in sentences[1] if sentence not in sentences[0]),
        (str(before.get("currency")), str(after.get("currency"))),
    )
