"""A remark on a tariff, and what the rules that make them look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from evmesh.base.findings import Severity
from evmesh.pricing.plan import Component, Element, Plan

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Advice(msgspec.Struct, frozen=True):
    """What is odd about a tariff, where, and what to do."""

    severity: Severity
    code: str
    pointer: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.pointer or '/'}: {self.message} [{self.code}] → {self.fix}"

    def document(self) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(self)
        return shown


class Asked(msgspec.Struct, frozen=True):
    """A tariff as read and as written, and what is known of the place."""

    plan: Plan
    document: Mapping[str, Any]
    country: str | None
    power_kw: int | None
    today: date | None

    def session_elements(self) -> list[Element]:
        return [element for element in self.plan.elements if element.restrictions.kind == ""]

    def components(self, dimension: str) -> Iterator[Component]:
        """The components that price a dimension of the session."""
        for element in self.session_elements():
            component = element.component(dimension)
            if component is not None:
                yield component


Rule = Callable[[Asked], Iterable[Advice]]
