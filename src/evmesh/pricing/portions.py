"""Pricing many charges in portions: one pure function, run here, in other processes or on other machines.

A portion is the JSON of charges, as they stand in a column of a file. What comes back does not depend on how the
charges were divided or who priced them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from evmesh.pricing.compiled import Compiled, compile_plan
from evmesh.pricing.plan import read_plan
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.records import Totals, read_record

Priced = tuple[str | None, str | None, Decimal | None, Decimal | None]
"""A CDR's id and currency, and its price before and after taxes; None is unknown."""


@dataclass(frozen=True, slots=True)
class Task:
    """By what charges are priced: a tariff as JSON text, the zone, the policy."""

    tariff: str
    zone: str | None
    policy: PricingPolicy
    taxes_known: bool = True


class Unreadable(ValueError):
    """The tariff cannot be priced by; the text says why."""


def price_portion(task: Task, texts: Sequence[str]) -> list[Priced]:
    """The prices of charges, in their order, under the task's tariff, whichever one their periods name."""
    from evmesh.pricing.batch import price_records

    engine = _engine(task)
    cdrs = [_decoder.decode(text) for text in texts]
    found: list[Totals | None] = [None] * len(cdrs)
    places, records = [], []
    for place, (text, cdr) in enumerate(zip(texts, cdrs, strict=True)):
        try:
            record = read_record(text)
        except msgspec.ValidationError:
            found[place] = engine.totals_of(_unnamed(cdr))
            continue
        for period in record.charging_periods:
            period.tariff_id = None
        places.append(place)
        records.append(record)
    for place, totals in zip(places, price_records(engine, records), strict=True):
        found[place] = totals
    policy = task.policy
    answers: list[Priced] = []
    for cdr, each in zip(cdrs, found, strict=True):
        assert each is not None, "every charge was priced or refused"
        sign = -1 if cdr.get("credit") else 1
        net, gross = each.rounded(policy.places, policy.rounding)
        answers.append((_text(cdr, "id"), _text(cdr, "currency"), _signed(net, sign), _signed(gross, sign)))
    return answers


@lru_cache(maxsize=4)
def _engine(task: Task) -> Compiled:
    tariff = _decoder.decode(task.tariff)
    # Whether it was valid then is not the question.
    whenever = {name: value for name, value in tariff.items() if name not in ("start_date_time", "end_date_time")}
    plan, findings = read_plan(whenever, taxes_known=task.taxes_known)
    if plan is None:
        raise Unreadable("; ".join(str(finding) for finding in findings if finding.fatal))
    if plan.local and task.zone is None:
        raise Unreadable("the tariff depends on the clock of the place: name a time zone")
    return compile_plan(plan, task.zone, task.policy)


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _unnamed(cdr: Mapping[str, Any]) -> dict[str, Any]:
    periods = [
        {name: value for name, value in period.items() if name != "tariff_id"} if isinstance(period, dict) else period
        for period in cdr.get("charging_periods") or ()
    ]
    return {**cdr, "charging_periods": periods}


def _text(cdr: Mapping[str, Any], name: str) -> str | None:
    value = cdr.get(name)
    return None if value is None else str(value)


def _signed(amount: Decimal | None, sign: int) -> Decimal | None:
    return None if amount is None else amount * sign
