"""Rounding on the way: the habits of engines that do not wait until the end.

Our own policy rounds nothing inside. A contract may round every line or every period to coins, and reckon taxes on each
piece or on the sum. What that changes becomes lines of its own, so that the bill still adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from evmesh.pricing.bill import Line
from evmesh.pricing.exact import rounded
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.taxes import NOTHING, Amount, total


def rounding_lines(lines: Sequence[Line], policy: PricingPolicy) -> list[Line]:
    """One line with what rounding each line or period changes; none when the policy rounds nothing."""
    if policy.round_each == "nothing":
        return []
    groups: dict[object, list[Line]] = {}
    for number, line in enumerate(lines):
        groups.setdefault(line.period if policy.round_each == "period" else number, []).append(line)
    found = []
    for tariff in sorted({line.tariff or 0 for line in lines}):
        changes = [_change(group, policy) for group in groups.values() if (group[0].tariff or 0) == tariff]
        change = total(changes)
        if change != NOTHING:
            text = f"each {policy.round_each} rounded to {policy.round_each_places} decimals"
            found.append(Line(kind="rounding", amount=change, text=text, tariff=tariff))
    return found


def _change(group: Sequence[Line], policy: PricingPolicy) -> Amount:
    exact = total([line.amount for line in group])
    if exact.net is None:
        return Amount(None, _rounded(exact.gross, policy) - exact.gross if exact.gross is not None else None)
    net = _rounded(exact.net, policy)
    if exact.gross is None:
        return Amount(net - exact.net, None)
    mix = exact.gross / exact.net if exact.net else Fraction(1)
    gross = net * mix if policy.tax_on == "sum" else _rounded(exact.gross, policy)
    return Amount(net - exact.net, gross - exact.gross)


def _rounded(value: Fraction, policy: PricingPolicy) -> Fraction:
    return Fraction(rounded(value, policy.round_each_places, policy.rounding))
