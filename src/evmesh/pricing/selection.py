"""Which tariff prices a period. [mod_cdrs_charging_period_class]

1. A period that names a `tariff_id` takes that tariff (ids ignore case); of several versions with the same id, the one
   valid when the charge started. An id that is not among the tariffs leaves the period unpriced: a finding, never zero.
2. When no period names one, the first tariff that was valid at the start of the charge prices all of it: first among
   those of the type that the charge asks for, then those without a type, then any.
3. A period that names none among others that do has no tariff and is free.
4. Validity is looked at once, at the start: what the driver accepted stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from evmesh.base.findings import Finding
from evmesh.pricing.plan import Plan
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.timeline import Timeline

# A card payment has tariffs of its own. [mod_tariffs_tariff_type_enum]
_TYPE_OF_TOKEN = {"AD_HOC_USER": "AD_HOC_PAYMENT"}
UNKNOWN_TARIFF = -2
NO_TARIFF = -1


def assign(timeline: Timeline, plans: Sequence[Plan], policy: PricingPolicy) -> tuple[list[int], list[Finding]]:
    """For each period the index of its plan, NO_TARIFF when it is free, UNKNOWN_TARIFF when it cannot be priced."""
    findings: list[Finding] = []
    if all(period.tariff_id is None for period in timeline.periods):
        return _without_ids(timeline, plans, policy, findings), findings
    chosen: list[int] = []
    told: set[str] = set()
    for period in timeline.periods:
        if period.tariff_id is not None:
            index = _by_id(period.tariff_id, plans, timeline.start)
            if period.tariff_id.casefold() not in told:
                told.add(period.tariff_id.casefold())
                _remark(index, period.tariff_id, period.pointer, plans, timeline, policy, findings)
            chosen.append(index)
        elif policy.period_without_tariff == "choose":
            chosen.append(_best(timeline, plans, policy, timeline.start))
        else:
            if "" not in told:
                told.add("")
                message = "names no tariff where other periods do: it is free"
                findings.append(Finding("warning", "period_without_tariff", period.pointer, message))
            chosen.append(NO_TARIFF)
    return chosen, findings


def _without_ids(
    timeline: Timeline, plans: Sequence[Plan], policy: PricingPolicy, findings: list[Finding]
) -> list[int]:
    if policy.tariff_choice == "period_start":
        chosen = [_best(timeline, plans, policy, period.start) for period in timeline.periods]
    else:
        chosen = [_best(timeline, plans, policy, timeline.start)] * len(timeline.periods)
    if UNKNOWN_TARIFF in chosen:
        if plans:
            text = f"none of {len(plans)} tariffs was valid at {timeline.start:%Y-%m-%d %H:%M} UTC"
            findings.append(Finding("error", "no_valid_tariff", "/tariffs", text, fatal=True))
        else:
            findings.append(Finding("error", "no_tariff", "/tariffs", "no tariff to price by", fatal=True))
    return chosen


def _best(timeline: Timeline, plans: Sequence[Plan], policy: PricingPolicy, moment: datetime) -> int:
    valid = [index for index, plan in enumerate(plans) if policy.validity == "ignore" or plan.valid_at(moment)]
    wanted = policy.tariff_type or _TYPE_OF_TOKEN.get(timeline.token_type, "REGULAR")
    for fits in (wanted, ""):
        for index in valid:
            if plans[index].type == fits:
                return index
    return valid[0] if valid else UNKNOWN_TARIFF


def _by_id(tariff_id: str, plans: Sequence[Plan], start: datetime) -> int:
    named = [index for index, plan in enumerate(plans) if plan.id.casefold() == tariff_id.casefold()]
    if not named:
        return UNKNOWN_TARIFF
    return next((index for index in named if plans[index].valid_at(start)), named[0])


def _remark(
    index: int,
    tariff_id: str,
    place: str,
    plans: Sequence[Plan],
    timeline: Timeline,
    policy: PricingPolicy,
    findings: list[Finding],
) -> None:
    at = place + "/tariff_id"
    if index == UNKNOWN_TARIFF:
        text = f"tariff {tariff_id} is not among the tariffs: the period is not priced"
        findings.append(Finding("error", "unknown_tariff", at, text))
    elif policy.validity == "keep" and not plans[index].valid_at(timeline.start):
        text = f"tariff {tariff_id} was not valid when the charge started"
        findings.append(Finding("warning", "tariff_not_valid", at, text))
