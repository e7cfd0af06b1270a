"""The quick yes: of most CDRs there is nothing to say but that they are right.

One tariff, or one set of the same, is made ready once. A CDR is then held against it with whole numbers: its total and
its part costs are what the tariff gives, nothing in it contradicts anything else, and the reference engine would have
no error and no warning about it. A no says nothing: `check()` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import Any

import msgspec

from evmesh.base.findings import Finding
from evmesh.pricing.bill import amount_document
from evmesh.pricing.consistency import unremarkable
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.exact import printed_decimals, usable
from evmesh.pricing.plan import read_plan
from evmesh.pricing.plan_code import NotPlain
from evmesh.pricing.plan_watched import PARTS, WatchfulWriter
from evmesh.pricing.policy import PricingPolicy
from evmesh.pricing.records import Totals, plain_record
from evmesh.pricing.zones import UnknownZone, time_zone

Document = Mapping[str, Any]
Exact = Decimal | int
Pair = tuple[Exact | None, Exact | None]
"""Before and after taxes, times the scale; None is unknown."""

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
_NOT_PRICED = "total_reservation_cost"
_MOST_DIGITS = 9
_HALVES = [Decimal(5).scaleb(-1 - digits) for digits in range(_MOST_DIGITS + 1)]


class Agreed(msgspec.Struct, frozen=True):
    """What a CDR claims, what it costs, and what the digits of the claim leave between them: as `amount_document`
    writes them."""

    claimed: dict[str, Any]
    expected: dict[str, Any]
    difference: dict[str, Any]


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
            # How far from a claim of so many digits our amount may be.
            self._halves = [_EXACT.multiply(half, self._scale) for half in _HALVES]
        except (UnknownZone, ArithmeticError):
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
        rest = self._off(claim[0], whole[0]), self._off(claim[1], whole[1])
        return Agreed(_written(claim[:2], 1), _written(whole, self._scale), _written(rest, self._scale))

    def _claim(self, price: Any) -> tuple[Exact, Exact | None, int] | None:
        """Before and after taxes, and in how many digits."""
        net = price["before_taxes"]
        taxes = [tax["amount"] for tax in price.get("taxes") or ()]
        if not usable(net) or not all(map(usable, taxes)):
            return None
        digits = max([self._places, printed_decimals(net), *map(printed_decimals, taxes)])
        return (net, sum(taxes, net) if taxes else None, digits) if digits <= _MOST_DIGITS else None

    def _gives(self, claim: tuple[Exact, Exact | None, int], amounts: Pair) -> bool:
        """Whether our amounts, rounded to the digits of the claim, are the claim; halves go up."""
        *claimed, digits = claim
        half = self._halves[digits]
        for ours, theirs in zip(amounts, claimed, strict=True):
            off = self._off(theirs, ours)
            # Below zero halves go down: that is left to others.
            if off is not None and (not -half < off <= half or (off == half and ours is not None and ours < 0)):
                return False
        return True

    def _off(self, claimed: Exact | None, ours: Exact | None) -> Exact | None:
        """What is claimed beyond what we reckon, times the scale."""
        return None if claimed is None or ours is None else claimed * self._scale - ours


def _written(amounts: Pair, scale: int) -> dict[str, Any]:
    """The amounts over a scale, as a document."""
    net, gross = amounts
    try:
        return {"before_taxes": _text(net, scale), "after_taxes": _text(gross, scale)}
    except Inexact:
        return amount_document(Totals(net, gross, scale).amount)


def _text(figure: Exact | None, scale: int) -> str | None:
    if figure is None:
        return None
    # Zero is zero, whatever its sign and its digits.
    return f"{(Decimal(figure) / scale).normalize():f}" if figure else "0"


def _names_a_zone(cdr: Document) -> bool:
    place = cdr.get("cdr_location")
    return place is not None and bool(place.get("time_zone"))
