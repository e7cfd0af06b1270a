"""The same code for charges about which there is nothing to say.

It refuses with `NotPlain` wherever the reference engine would warn: the price at the end of a period is another than at
its start, hours are priced and none reported, a price limit binds. What it lets pass has, as remarks, at most what
nobody needs to look at. It tells the amounts of each dimension as well, to hold them against the part costs of a CDR.
"""

from __future__ import annotations

from datetime import timedelta

from evmesh.pricing.exact import decimal_places
from evmesh.pricing.plan import Plan
from evmesh.pricing.plan_code import Writer
from evmesh.pricing.policy import PricingPolicy

PARTS = {
    "total_fixed_cost": "FLAT",
    "total_energy_cost": "ENERGY",
    "total_time_cost": "TIME",
    "total_parking_cost": "PARKING_TIME",
}
"""The part costs of a CDR whose amounts the function returns after the totals, in this order."""

_THEN = "_then"
_FINEST = 30


class WatchfulWriter(Writer):
    """Its function returns the pairs (before, after taxes): of the whole, then of each part."""

    def __init__(self, plan: Plan, zone: str | None, policy: PricingPolicy) -> None:
        super().__init__(plan, zone, policy)
        self.needs_length = True
        self.names["INSTANT"] = timedelta(microseconds=1)

    def plain(self) -> bool:
        """Limits of power and current are left to the reference engine: they often go with a remark."""
        bounds = [
            bound
            for each in self.candidates.values()
            for restrictions, _ in each
            for bound in (restrictions.min_kwh, restrictions.max_kwh)
            if bound is not None
        ]
        fine = all((decimal_places(bound) or 0) <= _FINEST for bound in bounds)
        return super().plain() and fine and not self.power and not self.current

    def opening(self) -> list[str]:
        return [*super().opening(), "    timed = False"]

    def state(self) -> list[str]:
        """Also at the last instant, in which figures that rise have just not been reached."""
        lines = [*super().state(), "        if hours is not None: timed = True"]
        if self.energy:
            lines.append(f"        so_far{_THEN} = so_far + energy - FINEST if energy else so_far")
        if self.duration:
            lines.append(f"        passed{_THEN} = stop - first - INSTANT")
        if self.local:
            lines += [
                "        local = (stop - INSTANT).astimezone(zone)",
                f"        minute{_THEN} = local.hour * 60 + local.minute",
                f"        day{_THEN} = local.toordinal()",
            ]
        return lines

    def used(self, dimension: str, volume: str, indent: str = "        ") -> list[str]:
        prices = [(component.price, component.vat) for _, component in self.candidates[dimension]]
        inner = indent + "    "
        lines = super().used(dimension, volume, indent)
        if not lines or all(self.condition(restrictions) == "True" for restrictions, _ in self.candidates[dimension]):
            return lines
        begun = self.chain(dimension, inner, lambda number, _: f"begun = {prices.index(prices[number])}")
        ended = self.chain(dimension, inner, lambda number, _: f"ended = {prices.index(prices[number])}", _THEN)
        return [
            *lines,
            f"{inner}begun = ended = -1",
            *begun,
            *ended,
            f"{inner}if begun >= 0 and begun != ended and length: raise NotPlain",
        ]

    def answer(self, scale: int) -> list[str]:
        lines = ["    if not timed: raise NotPlain"] if self.candidates["TIME"] else []
        pairs = [self.amounts(scale, [dimension]) for dimension in PARTS.values()]
        lines += [f"    net{n}, gross{n} = {net}, {gross}" for n, (net, gross) in enumerate(pairs)]
        for side in ("net", "gross"):
            names = [f"{side}{n}" for n in range(len(pairs))]
            lines.append(f"    {side} = None if None in ({', '.join(names)}) else {' + '.join(names)}")
        lines += self.limits(scale)
        parts = ", ".join(f"(net{n}, gross{n})" for n in range(len(pairs)))
        return [*lines, f"    return (net, gross), {parts}"]

    def limits(self, scale: int) -> list[str]:
        """A limit that binds is told."""
        lines: list[str] = []
        for limit, word in ((self.plan.minimum, "<"), (self.plan.maximum, ">")):
            for side in ("net", "gross"):
                bound = None if limit is None else getattr(limit, side)
                if bound is not None:
                    lines.append(
                        f"    if {side} is None or {side} {word} {self.decimal(bound * scale)}: raise NotPlain"
                    )
        if lines:
            lines.append("    if gross is not None and net is not None and 0 <= net and gross < net: raise NotPlain")
        return lines
