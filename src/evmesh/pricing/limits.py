"""min_price and max_price: what the part of a charge that one tariff priced costs at least and at most.

1. Amounts before and after taxes are held against their limits independently, the exact totals, the minimum first and
   the maximum last.
2. A limit that is given before taxes only moves the amount after taxes along, in the charge's own mix of taxes.
3. The amount after taxes never falls below the one before.

The difference becomes a line of the bill, so that its lines always add up. [mod_tariffs_tariff_object]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal

from evmesh.base.findings import Finding
from evmesh.pricing.bill import Line
from evmesh.pricing.plan import Limit, Plan
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.taxes import Amount, TaxShare, factor, total

Doubt = Literal["price_limit_tax_unknown"]


def limit_lines(
    lines: Sequence[Line], plans: Sequence[Plan], chosen: Sequence[int], policy: PricingPolicy
) -> tuple[list[Line], list[Finding]]:
    """What the limits of each tariff change, as lines, and what to say of it.

    A tariff limits what it priced. Where nothing had a price, the first that was `chosen` for a period does.
    """
    if not any(plan.minimum or plan.maximum for plan in plans):
        return [], []
    used = sorted({line.tariff for line in lines if line.tariff is not None})
    found: list[Line] = []
    findings: list[Finding] = []
    for index in used or [index for index in chosen if index >= 0][:1]:
        plan = plans[index]
        own = [line for line in lines if line.tariff == index]
        before = total([line.amount for line in own])
        after, doubt = limited(before, plan.minimum, plan.maximum, _mix(plan, before, own, policy))
        if doubt is not None:
            text = "the limit is given before taxes only and the taxes of the charge are not known"
            findings.append(Finding("warning", doubt, plan.place, text))
        if after != before:
            found.append(_line(index, plan, before, after, own))
            findings.append(Finding("warning", "price_limit_applied", plan.place, found[-1].text))
    if len(used) > 1 and any(plans[index].minimum or plans[index].maximum for index in used):
        text = "several tariffs with price limits: each limits its own part"
        findings.append(Finding("warning", "limits_of_several_tariffs", "/tariffs", text))
    return found, findings


def limited(
    total: Amount, minimum: Limit | None, maximum: Limit | None, factor: Fraction | None
) -> tuple[Amount, Doubt | None]:
    """The total within its limits. `factor` is gross by net of the charge; a doubt says that it was missed."""
    doubt: Doubt | None = None
    if minimum is None and maximum is None:
        return total, None
    for limit, pick in ((minimum, _higher), (maximum, _lower)):
        if limit is not None:
            total, doubted = _held(total, limit, pick, factor)
            doubt = doubt or doubted
    if total.net is not None and total.gross is not None and total.net >= 0 and total.gross < total.net:
        total = Amount(total.net, total.net)
    return total, doubt


def _held(
    total: Amount, limit: Limit, pick: Callable[[Fraction, Fraction], Fraction], factor: Fraction | None
) -> tuple[Amount, Doubt | None]:
    net = total.net if total.net is None or limit.net is None else pick(total.net, limit.net)
    gross = total.gross if total.gross is None or limit.gross is None else pick(total.gross, limit.gross)
    if total.net is None and total.gross is not None and limit.gross is None and limit.net is not None:
        # Only the amount after taxes is known and only the limit before: a minimum still binds from below.
        bound = max(total.gross, limit.net) if pick is _higher else total.gross
        return Amount(None, bound), "price_limit_tax_unknown"
    if total.net is None or total.gross is None:
        return Amount(net, gross), None
    assert net is not None
    if limit.gross is None and net != total.net:
        if factor is None:
            return Amount(net, None), "price_limit_tax_unknown"
        gross = total.gross + (net - total.net) * factor
    elif limit.net is None and gross != total.gross:
        assert gross is not None
        if factor is None:
            return Amount(None, gross), "price_limit_tax_unknown"
        net = total.net + (gross - total.gross) / factor
    return Amount(net, gross), None


def _higher(one: Fraction, other: Fraction) -> Fraction:
    return max(one, other)


def _lower(one: Fraction, other: Fraction) -> Fraction:
    return min(one, other)


def _mix(plan: Plan, before: Amount, lines: Sequence[Line], policy: PricingPolicy) -> Fraction | None:
    """Gross by net of what was priced; of a charge that cost nothing, the one rate that its tariff has."""
    if before.net and before.gross is not None:
        return before.gross / before.net
    used = {(line.element, line.component) for line in lines}
    rates = {
        factor(component, plan.tax, policy)
        for element in plan.elements
        if element.restrictions.kind == ""
        for component in element.components
        if not used or (component.element, component.index) in used
    }
    return rates.pop() if len(rates) == 1 else None


def _line(index: int, plan: Plan, before: Amount, after: Amount, lines: Sequence[Line]) -> Line:
    """The difference as a line, its tax spread over the charge's own taxes."""
    change = after - before
    raised = (change.net or change.gross or 0) > 0
    return Line(
        kind="limit",
        amount=change,
        taxes=_spread(change, lines),
        text="minimum price top-up" if raised else "capped",
        tariff=index,
        tariff_id=plan.id or None,
    )


def _spread(change: Amount, lines: Sequence[Line]) -> tuple[TaxShare, ...]:
    tax = change.tax
    if not tax:
        return ()
    gathered: dict[tuple[str, Fraction | None, str | None], Fraction] = {}
    for line in lines:
        for share in line.taxes:
            key = (share.name, share.percentage, share.account_number)
            gathered[key] = gathered.get(key, Fraction(0)) + share.amount
    whole = sum(gathered.values())
    if not whole:
        only = next(iter(gathered)) if len(gathered) == 1 else ("VAT", None, None)
        return (TaxShare(*only, tax),)
    return tuple(TaxShare(*key, tax * amount / whole) for key, amount in gathered.items())
