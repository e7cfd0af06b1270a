"""min_price and max_price: what the part of a charge that one tariff priced costs at least and at most.

1. Amounts before and after taxes are held against their limits independently, the exact totals, the minimum first and
   the maximum last.
2. A limit that is given before taxes only moves the amount after taxes along, in the charge's own mix of taxes.
3. The amount after taxes never falls below the one before.

The difference becomes a line of the bill, so that its lines always add up. [mod_tariffs_tariff_object]
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from evmesh.pricing.plan import Limit
from evmesh.pricing.taxes import Amount

Doubt = Literal["price_limit_tax_unknown"]


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
