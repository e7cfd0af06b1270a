"""The quick yes: of most CDRs there is nothing to say but that they are right.

One tariff, or one set of the same, is made ready once. A CDR is then held against it with whole numbers: its total and
its part costs are what the tariff gives, nothing in it contradicts anything else, and the reference engine would have
no error and no warning about it. A no says nothing: `check()` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from fractions import Fraction
from typing import Any

import msgspec

from evmesh.base.findings import Finding
from evmesh.pricing.consistency import unremarkable
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.exact import printed_decimals, usable
from evmesh.pricing.plan import read_plan
from evmesh.pricing.plan_code import NotPlain
from evmesh.pricing.plan_watched import PARTS, WatchfulWriter
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.records import plain_record
from evmesh.pricing.taxes import Amount
from evmesh.pricing.zones import UnknownZone, time_zone

Document = Mapping[str, Any]
Exact = Decimal | int
Pair = tuple[Exact | None, Exact | None]
"""Before and after taxes, times the scale; None is unknown."""

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
_NOT_PRICED = "total_reservation_cost"
_MOST_DIGITS = 9


class Agreed(msgspec.Struct, frozen=True):
    """What a CDR claims, and what it costs: the same to the digits of the claim."""

    claimed: Amount
    expected: Amount


class Quick:
    """The tariffs of CDRs, ready to say yes. `findings` are those about the tariffs themselves."""

    def __init__(self, tariffs: Sequence[Any], zone: str | None, policy: PricingPolicy, *, taxes_known: bool) -> None:
        self.zone = zone
        self.findings: tuple[Finding, ...] = ()
        self._run = None
        if len(tariffs) != 1:
            return
        plan, findings = read_plan(tariffs[0], place="/tariffs/0", taxes_known=taxes_known)
        self.findings = tuple(findings)
        places = None if plan is None else minor_unit(plan.currency)
        if plan is None or places is None:
            return
        self._places = places
        try:
            if zone is not None:
                time_zone(zone)
            self._scale, source, names = WatchfulWriter(plan, zone, policy).written()
        except UnknownZone:
            return
        exec(compile(source, "<tariff>", "exec"), names)
        self._run = names["totals"]

    def agreed(self, cdr: Document) -> Agreed | None:
        """The amounts, when that is all there is to say; None when it is not, or cannot be told quickly."""
        if self._run is None:
            return None
        with localcontext(_EXACT):
            try:
                record = plain_record(cdr)
                if record is None or not unremarkable(cdr, record) or (self.zone is None and _names_a_zone(cdr)):
                    return None
                whole, *parts = self._run(record)
                return self._held(cdr, whole, parts)
            except (NotPlain, ArithmeticError, LookupError, TypeError, ValueError):
                return None

    def _held(self, cdr: Document, whole: Pair, parts: Sequence[Pair]) -> Agreed | None:
        claim = self._claim(cdr["total_cost"])
        if claim is None or whole[0] is None or not self._gives(claim, whole):
            return None
        for field, part in zip((*PARTS, _NOT_PRICED), (*parts, (0, 0)), strict=True):
            price = cdr.get(field)
            if price is not None:
                of_part = self._claim(price)
                if of_part is None or not self._gives(of_part, part):
                    return None
        return Agreed(_amount(claim[:2], 1), _amount(whole, self._scale))

    def _claim(self, price: Any) -> tuple[Exact, Exact | None, int] | None:
        """Before and after taxes, and in how many digits."""
        net = price["before_taxes"]
        taxes = [tax["amount"] for tax in price.get("taxes") or ()]
        if not usable(net) or not all(map(usable, taxes)):
            return None
        digits = max(self._places, printed_decimals(net), *map(printed_decimals, taxes), 0)
        return (net, sum(taxes, net) if taxes else None, digits) if digits <= _MOST_DIGITS else None

    def _gives(self, claim: tuple[Exact, Exact | None, int], amounts: Pair) -> bool:
        """Whether our amounts, rounded to the digits of the claim, are the claim; halves go up."""
        *claimed, digits = claim
        for ours, theirs in zip(amounts, claimed, strict=True):
            if ours is None or theirs is None:
                continue
            off = (theirs * self._scale - ours) * 2 * 10**digits
            # Below zero halves go down: that is left to others.
            if not -self._scale < off <= self._scale or (off == self._scale and ours < 0):
                return False
        return True


def _amount(pair: Pair, scale: int) -> Amount:
    net, gross = pair
    return Amount(
        None if net is None else Fraction(net) / scale,
        None if gross is None else Fraction(gross) / scale,
    )


def _names_a_zone(cdr: Document) -> bool:
    place = cdr.get("cdr_location")
    return place is not None and bool(place.get("time_zone"))
