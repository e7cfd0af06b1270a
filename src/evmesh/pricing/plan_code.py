"""A tariff written out as Python: the source of the compiled engine.

Each dimension becomes a chain of comparisons against constants; volumes are added up per component; whole steps, prices
and taxes come at the end, as one expression over a common scale. Numbers and texts of a tariff never enter the source:
they are constants that it names. What the function does not know it refuses with `NotPlain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from evmesh.pricing.exact import LARGEST
from evmesh.pricing.plan import Component, Plan, Restrictions
from evmesh.pricing.plan_conditions import Conditions
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.taxes import factor
from evmesh.pricing.volumes import HOUR_MICROSECONDS, MICRO, microseconds_meant
from evmesh.pricing.zones import time_zone


class NotPlain(Exception):
    """Not for the compiled engine: the reference engine knows what to do."""


def meant(printed: Decimal, length: int) -> int:
    """The microseconds that printed hours stand for; NotPlain where they are not whole."""
    found = microseconds_meant(printed, length)
    if found is None:
        raise NotPlain
    return found


def plain_policy(policy: PricingPolicy) -> bool:
    """Whether the policy is ours but for what does not touch the fast engines."""
    usual = {name: getattr(STANDARD, name) for name in ("name", "places", "rounding", "taxes", "tariff_type")}
    return policy.changed(**usual) == STANDARD


class Writer(Conditions):
    """Writes the function of a plan."""

    def __init__(self, plan: Plan, zone: str | None, policy: PricingPolicy) -> None:
        self.plan = plan
        self.zone = zone
        self.policy = policy
        super().__init__()
        self.names |= {
            "NotPlain": NotPlain,
            "meant": meant,
            "ZERO": Decimal(0),
            "LEAST": Decimal(-LARGEST),
            "MOST": Decimal(LARGEST),
            "FINEST": Decimal(1).scaleb(-30),
            "QUANTA": tuple(Decimal(1).scaleb(-n) for n in (4, 3, 2)),
        }
        elements = [element for element in plan.elements if element.restrictions.kind == ""]
        self.candidates: dict[str, list[tuple[Restrictions, Component]]] = {
            dimension: [
                (element.restrictions, component)
                for element in elements
                if (component := element.component(dimension)) is not None
            ]
            for dimension in ("FLAT", "ENERGY", "TIME", "PARKING_TIME")
        }
        used = [restrictions for each in self.candidates.values() for restrictions, _ in each]
        self.local = any(each.local for each in used)
        self.power = any((each.min_power, each.max_power) != (None, None) for each in used)
        self.current = any((each.min_current, each.max_current) != (None, None) for each in used)
        self.energy = any((each.min_kwh, each.max_kwh) != (None, None) for each in used)
        self.duration = any((each.min_duration, each.max_duration) != (None, None) for each in used)
        self.needs_length = bool(self.candidates["TIME"] or self.candidates["PARKING_TIME"])

    def written(self) -> tuple[int, str, dict[str, Any]]:
        if not self.plain():
            return 1, "def totals(charge):\n    raise NotPlain\n", self.names
        head, scale = self.sums()
        lines = ["def totals(charge):", *self.opening(), *self.loop(), *self.steps(), *head]
        return scale, "\n".join(lines) + "\n", self.names

    def plain(self) -> bool:
        """Whether the policy is ours but for what does not touch the engine, and the zone is known where it matters."""
        return plain_policy(self.policy) and (self.zone is not None or not self.local)

    def opening(self) -> list[str]:
        plan = self.plan
        lines = [
            f"    if charge.currency != {self.constant(plan.currency)}: raise NotPlain",
            "    begin = charge.start_date_time",
            "    end = charge.end_date_time",
            "    periods = charge.charging_periods",
            "    if not periods or end < begin or begin.tzinfo is None: raise NotPlain",
            "    named = periods[0].tariff_id",
            f"    if named is not None and named.casefold() != {self.constant(plan.id.casefold())}: raise NotPlain",
        ]
        if plan.valid_from is not None:
            lines.append(f"    if begin < {self.constant(plan.valid_from)}: raise NotPlain")
        if plan.valid_until is not None:
            lines.append(f"    if begin >= {self.constant(plan.valid_until)}: raise NotPlain")
        if self.local:
            assert self.zone is not None
            self.names["zone"] = time_zone(self.zone)
        lines += [
            "    before = first = periods[0].start_date_time",
            "    if first.tzinfo is None: raise NotPlain",
            "    so_far = ZERO",
        ]
        for dimension, each in self.candidates.items():
            lines.append(f"    last_{dimension} = -1")
            if dimension != "FLAT":
                zero = "ZERO" if dimension == "ENERGY" else "0"
                lines += [f"    {self.sum_name(component)} = {zero}" for _, component in each]
        return lines

    def sum_name(self, component: Component) -> str:
        return f"v{component.element}_{component.index}"

    def loop(self) -> list[str]:
        lines = [
            "    following = iter(periods)",
            "    next(following)",
            "    for period in periods:",
            "        if period.tariff_id != named: raise NotPlain",
            "        start = period.start_date_time",
            "        if start < before: raise NotPlain",
            "        before = start",
            "        energy = hours = parked = low_w = high_w = low_a = high_a = None",
            "        for dimension in period.dimensions:",
            "            kind = dimension.type",
            "            volume = dimension.volume",
            "            if not LEAST <= volume <= MOST: raise NotPlain",
            "            if kind == 'ENERGY':",
            "                if energy is not None: raise NotPlain",
            "                energy = volume",
            "                if energy < 0: raise NotPlain",
            "            elif kind == 'TIME':",
            "                if hours is not None: raise NotPlain",
            "                hours = volume",
            "            elif kind == 'PARKING_TIME':",
            "                if parked is not None: raise NotPlain",
            "                parked = volume",
            "            elif kind in ('RESERVATION_TIME', 'RESERVATION_EXPIRES', 'RESERVATION_OVERTIME'):",
            "                raise NotPlain",
        ]
        for wanted, kind, low, high in (
            (self.power, "POWER", "low_w", "high_w"),
            (self.current, "CURRENT", "low_a", "high_a"),
        ):
            if wanted:
                lines += [
                    f"            elif kind == '{kind}': raise NotPlain",
                    f"            elif kind == 'MIN_{kind}':",
                    f"                if {low} is not None: raise NotPlain",
                    f"                {low} = volume",
                    f"            elif kind == 'MAX_{kind}':",
                    f"                if {high} is not None: raise NotPlain",
                    f"                {high} = volume",
                ]
        lines += self.length()
        lines += self.state()
        lines += self.flat()
        lines += self.used("ENERGY", "energy")
        lines += self.timed()
        if self.energy:
            lines.append("        if energy is not None: so_far += energy")
        return lines

    def state(self) -> list[str]:
        lines: list[str] = []
        for wanted, low, high in ((self.power, "low_w", "high_w"), (self.current, "low_a", "high_a")):
            if wanted:
                lines += [
                    f"        if {low} is None: {low} = {high}",
                    f"        elif {high} is None: {high} = {low}",
                ]
        if self.power:
            # The mean power is the reference engine's to find.
            lines.append("        if low_w is None and energy is not None: raise NotPlain")
        if self.duration:
            lines.append("        passed = start - first")
        if self.local:
            lines += [
                "        local = start.astimezone(zone)",
                "        minute = local.hour * 60 + local.minute",
                "        day = local.toordinal()",
            ]
        return lines

    def chain(self, dimension: str, indent: str, matched: Callable[[int, Component], str], at: str = "") -> list[str]:
        """if and elif over the candidates; stops at the first that always holds. `at` ends the names of the state."""
        lines: list[str] = []
        word = "if"
        for number, (restrictions, component) in enumerate(self.candidates[dimension]):
            condition = self.condition(restrictions, at)
            if condition == "True" and word == "elif":
                return [*lines, f"{indent}else: {matched(number, component)}"]
            lines.append(f"{indent}{word} {condition}: {matched(number, component)}")
            if condition == "True":
                return lines
            word = "elif"
        return lines

    def flat(self) -> list[str]:
        if not self.candidates["FLAT"]:
            return []
        chain = self.chain("FLAT", "            ", lambda number, _: f"last_FLAT = {number}")
        return ["        if last_FLAT < 0:", *(chain or ["            pass"])]

    def used(self, dimension: str, volume: str, indent: str = "        ") -> list[str]:
        chain = self.chain(
            dimension,
            indent + "    ",
            lambda number, component: f"{self.sum_name(component)} += {volume}; last_{dimension} = {number}",
        )
        return [f"{indent}if {volume}:", *chain] if chain else []

    def length(self) -> list[str]:
        """The next period's start is the end of this one; the last ends with the charge."""
        if not self.needs_length:
            return []
        return [
            "        then = next(following, None)",
            "        stop = then.start_date_time if then is not None else end",
            "        length = stop - start",
            f"        length = (length.days * 86400 + length.seconds) * {MICRO} + length.microseconds",
            "        if length < 0: raise NotPlain",
        ]

    def timed(self) -> list[str]:
        """Hours become microseconds only where a price waits for them."""
        lines: list[str] = []
        times = (("TIME", "hours"), ("PARKING_TIME", "parked"))
        for _, printed in times:
            lines.append(f"        if {printed} is not None and {printed} < 0: raise NotPlain")
        for dimension, printed in times:
            if not self.candidates[dimension]:
                continue
            lines += [
                f"        if {printed} is not None:",
                f"            off = {printed} * {HOUR_MICROSECONDS} - length",
                "            if not off: used = length",
                "            elif -360000 < off < 360000 and"
                f" ({printed}.same_quantum(QUANTA[0]) or {printed}.same_quantum(QUANTA[1])"
                f" or {printed}.same_quantum(QUANTA[2])): used = length",
                f"            else: used = meant({printed}, length)",
                *self.used(dimension, "used", "            "),
            ]
        return lines

    def steps(self) -> list[str]:
        """Whole steps, by the last component."""
        lines = ["    total = ZERO"]
        energy = self.candidates["ENERGY"]
        if energy:
            names = sorted({self.sum_name(component) for _, component in energy})
            lines += [
                f"    total = {' + '.join(names)}",
                "    total.quantize(FINEST)",
                "    if total:",
                *self.rounding("ENERGY", lambda step: self.decimal(Fraction(step, 1000)), "        "),
            ]
        both = self.candidates["TIME"] and self.candidates["PARKING_TIME"]
        for dimension, unless in (("PARKING_TIME", ""), ("TIME", "last_PARKING_TIME < 0" if both else "")):
            each = self.candidates[dimension]
            if not each:
                continue
            names = sorted({self.sum_name(component) for _, component in each})
            lines += [
                f"    if last_{dimension} >= 0{' and ' + unless if unless else ''}:",
                f"        total = {' + '.join(names)}",
                *self.rounding(dimension, lambda step: str(step * MICRO), "        "),
            ]
        return lines

    def rounding(self, dimension: str, step: Callable[[int], str], indent: str) -> list[str]:
        lines: list[str] = []
        for number, (_, component) in enumerate(self.candidates[dimension]):
            if component.step_size:
                size = step(component.step_size)
                name = self.sum_name(component)
                lines += [
                    f"{indent}if last_{dimension} == {number}:",
                    f"{indent}    over = total % {size}",
                    f"{indent}    if over: {name} += {size} - over",
                ]
        return lines or [f"{indent}pass"]

    def sums(self) -> tuple[list[str], int]:
        """The last lines: volumes by prices, taxes, limits. Every amount is a number over the scale."""
        rates = [
            factor(component, self.plan.tax, self.policy) for each in self.candidates.values() for _, component in each
        ]
        inside = self.plan.tax == "YES"
        over = 1
        for rate in rates:
            if rate is not None and inside:
                over = lcm(over, rate.numerator)
        # Prices are per hour, clocks go by microseconds: amounts are whole over this scale.
        scale = HOUR_MICROSECONDS * over
        return self.answer(scale), scale

    def answer(self, scale: int) -> list[str]:
        net, gross = self.amounts(scale, self.candidates)
        return [f"    net = {net}", f"    gross = {gross}", *self.limits(scale), "    return net, gross"]

    def amounts(self, scale: int, dimensions: Iterable[str]) -> tuple[str, str]:
        """What the dimensions cost before and after taxes, as expressions."""
        if self.plan.tax == "YES":
            net = self.weighted(scale, dimensions, lambda rate: None if rate is None else 1 / rate)
            return net, self.weighted(scale, dimensions, lambda rate: Fraction(1))
        gross = self.weighted(scale, dimensions, lambda rate: rate)
        return self.weighted(scale, dimensions, lambda rate: Fraction(1)), gross

    def weighted(
        self, scale: int, dimensions: Iterable[str], of_cost: Callable[[Fraction | None], Fraction | None]
    ) -> str:
        """The sum of volume by price by a factor, as an expression; None when a factor of a used component may be."""
        terms: list[str] = []
        doubts: list[str] = []
        for dimension in dimensions:
            each = self.candidates[dimension]
            for number, (_, component) in enumerate(each):
                weight = of_cost(factor(component, self.plan.tax, self.policy))
                used = f"last_FLAT == {number}" if dimension == "FLAT" else self.sum_name(component)
                if weight is None:
                    doubts.append(used)
                    continue
                unit = scale if dimension in ("ENERGY", "FLAT") else Fraction(scale, HOUR_MICROSECONDS)
                value = component.price * weight * unit
                if not value:
                    continue
                name = self.decimal(value)
                terms.append(f"({name} if {used} else ZERO)" if dimension == "FLAT" else f"{used} * {name}")
        total = " + ".join(terms) or "ZERO"
        return f"None if {' or '.join(doubts)} else {total}" if doubts else total

    def limits(self, scale: int) -> list[str]:
        """Amounts within bounds are left alone; what a limit changes without naming both amounts is not plain."""
        lines: list[str] = []
        touched = False
        for limit, word in ((self.plan.minimum, "<"), (self.plan.maximum, ">")):
            if limit is None:
                continue
            touched = True
            for own, other in (("net", "gross"), ("gross", "net")):
                bound = getattr(limit, own)
                if bound is None:
                    continue
                name = self.decimal(bound * scale)
                both = getattr(limit, other) is not None
                lines.append(f"    if {own} is None: raise NotPlain")
                lines.append(f"    if {own} {word} {name}: {f'{own} = {name}' if both else 'raise NotPlain'}")
        if touched:
            lines.append("    if gross is not None and net is not None and 0 <= net and gross < net: gross = net")
        return lines
