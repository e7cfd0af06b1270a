"""The compiled engine: one tariff as one function, for those who price many charges.

A `Plan` is written out as Python once (`plan_code`) and run for each charge. Arithmetic stays exact: `Decimal` in a
context that raises when it would have to round, so that the totals are those of the reference engine to the last digit.

It knows the plain road only: a session under one tariff, in order, with sums that fit. Reservations, energy that flows
back, missing power, several tariffs, doubtful figures, a limit whose taxes must be reckoned: such a charge is handed to
the reference engine, whose answer is then the answer. Findings are the reference engine's business, too.

    engine = compile_plan(plan, "Europe/Amsterdam")
    engine.totals(read_record(body)).rounded()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from math import lcm
from typing import Any

import msgspec

from evmesh.base.findings import fatal
from evmesh.pricing.plan import Plan
from evmesh.pricing.plan_code import NotPlain, Writer
from evmesh.pricing.policy import STANDARD, PricingPolicy
from evmesh.pricing.price import price_timeline
from evmesh.pricing.records import Record, Totals, document_of, record_of
from evmesh.pricing.timeline import read_timeline

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
_USUAL = Context()
_UNKNOWN = Totals(None, None, 1)


class Compiled:
    """One tariff, ready to price charges in one zone under one policy. `source` is what it runs."""

    def __init__(self, plan: Plan, zone: str | None, policy: PricingPolicy) -> None:
        self.plan = plan
        self.zone = zone
        self.policy = policy
        self.scale, self.source, names = Writer(plan, zone, policy).written()
        exec(compile(self.source, "<tariff>", "exec"), names)
        self._run: Callable[[Record], tuple[Decimal | None, Decimal | None]] = names["totals"]

    def totals(self, record: Record) -> Totals:
        """What a charge costs under this tariff; no amounts where the reference engine refuses."""
        with localcontext(_EXACT):
            return self._one(record)

    def many(self, records: Iterable[Record]) -> list[Totals]:
        """The same for many, in their order."""
        with localcontext(_EXACT):
            return [self._one(record) for record in records]

    def totals_of(self, cdr: Mapping[str, Any]) -> Totals:
        """The same of a canonical CDR, however odd it is."""
        try:
            record = record_of(cdr)
        except msgspec.ValidationError:
            return self._slowly(cdr)
        with localcontext(_EXACT):
            return self._one(record, cdr)

    def _one(self, record: Record, cdr: Mapping[str, Any] | None = None) -> Totals:
        try:
            net, gross = self._run(record)
        except (NotPlain, ArithmeticError, TypeError, ValueError):
            with localcontext(_USUAL):
                return self._slowly(document_of(record) if cdr is None else cdr)
        return Totals(net, gross, self.scale)

    def _slowly(self, cdr: Mapping[str, Any]) -> Totals:
        """The same by the reference engine."""
        timeline, findings = read_timeline(cdr, self.policy)
        if timeline is None or fatal(findings):
            return _UNKNOWN
        total = price_timeline(timeline, [self.plan], self.zone, self.policy).total
        scale = lcm(*(part.denominator for part in (total.net, total.gross) if part is not None))
        net, gross = (None if part is None else int(part * scale) for part in (total.net, total.gross))
        return Totals(net, gross, scale)


def compile_plan(plan: Plan, zone: str | None, policy: PricingPolicy = STANDARD) -> Compiled:
    """The engine of one tariff. UnknownZone when there is no such zone; a plan that ignores the clock needs none."""
    return Compiled(plan, zone, policy)
