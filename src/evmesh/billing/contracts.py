"""What was agreed with a partner about its CDRs, where that differs from what everybody gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Contract:
    """`tolerance`: the amount of money below which nobody argues, half of the smallest coin when None. `tariffs`: the
    price list, canonical Tariffs that count instead of what the partner tells. `policy`: how the tariffs are read,
    the fields of a pricing policy. `answer_within`: how long the partner has to answer a dispute."""

    tolerance: Decimal | None = None
    tariffs: tuple[Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    late_after: timedelta = timedelta(days=30)
    answer_within: timedelta = timedelta(days=30)


USUAL = Contract()
