"""The columns of a table that is exported: they stay what they are, and new ones come at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from evmesh.billing.errors import BillingError

Cell = str | Decimal | datetime | date | bool | None
Type = Literal["text", "number", "moment", "local", "day", "flag"]
"""`moment` is in UTC, `local` by the clock of a place."""

PLACES = 12
"""Decimals of a number column, where columns have a scale."""


class Unexportable(BillingError):
    """Something does not fit into the table; the sentence names it and the field."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Type = "text"
    path: tuple[str, ...] = ()
    """Where the value stands in a document, unless the row is made otherwise."""
