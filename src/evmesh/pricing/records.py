"""What of a CDR decides its price, and nothing else: the form in which the fast engines take charges.

A record is read from the JSON of a CDR in one go, timestamps and exact numbers included; all other fields are skipped.
What is odd (a dimension that nobody knows, a number in quotes) is no record: msgspec.ValidationError, and the way is
the reference engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from evmesh.pricing.exact import Rounding, printed_decimals, rounded
from evmesh.pricing.taxes import Amount

Dimension = Literal[
    "ENERGY", "TIME", "PARKING_TIME", "MIN_POWER", "MAX_POWER", "MIN_CURRENT", "MAX_CURRENT", "FLAT",
    "RESERVATION_TIME", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME",
    "CURRENT", "POWER", "ENERGY_EXPORT", "ENERGY_IMPORT", "STATE_OF_CHARGE",
]  # fmt: skip


class Volume(msgspec.Struct, gc=False):
    """A dimension of a period."""

    type: Dimension
    volume: Decimal


class Stretch(msgspec.Struct, gc=False):
    """A charging period."""

    start_date_time: datetime
    dimensions: list[Volume]
    tariff_id: str | None = None


class Record(msgspec.Struct, gc=False):
    """A charge."""

    start_date_time: datetime
    end_date_time: datetime
    currency: str
    charging_periods: list[Stretch]
    booking_id: str | None = None


class Totals(msgspec.Struct, frozen=True, gc=False):
    """Exact amounts as whole numbers or decimals over a common scale: `net / scale`; None is unknown."""

    net: Decimal | int | None
    gross: Decimal | int | None
    scale: int

    @property
    def amount(self) -> Amount:
        return Amount(
            None if self.net is None else Fraction(self.net) / self.scale,
            None if self.gross is None else Fraction(self.gross) / self.scale,
        )

    def rounded(self, places: int = 4, rounding: Rounding = "half_up") -> tuple[Decimal | None, Decimal | None]:
        """Before and after taxes in so many digits."""
        amount = self.amount
        return (
            None if amount.net is None else rounded(amount.net, places, rounding),
            None if amount.gross is None else rounded(amount.gross, places, rounding),
        )


# 2026-05-01T08:00:00Z, and with milliseconds.
_USUAL_LENGTHS = (20, 24)
_MOST_DIGITS = 9
# A date of 1970 stands for an unknown one.
_UNKNOWN_YEAR, _LAST_YEAR = 1970, 9000

_decoder = msgspec.json.Decoder(Record)


def read_record(body: bytes | str) -> Record:
    """The record of a CDR's JSON, of 2.2.1 or newer."""
    return _decoder.decode(body)


def record_of(cdr: Mapping[str, Any]) -> Record:
    """The record of a canonical CDR."""
    return msgspec.convert(cdr, Record)


def plain_record(cdr: Mapping[str, Any]) -> Record | None:
    """The record of a canonical CDR that `read_timeline` has nothing to say about; None where it may have."""
    try:
        moments = [cdr["start_date_time"], cdr["end_date_time"]]
        for period in cdr["charging_periods"]:
            moments.append(period["start_date_time"])
            dimensions = period["dimensions"]
            if len({each["type"] for each in dimensions}) < len(dimensions):
                return None
            for each in dimensions:
                if printed_decimals(each["volume"]) > _MOST_DIGITS or isinstance(each["volume"], str):
                    return None
        if not all(len(text) in _USUAL_LENGTHS and text[-1] == "Z" for text in moments):
            return None
        record = record_of(cdr)
    except (KeyError, TypeError, msgspec.ValidationError):
        return None
    before = record.start_date_time
    if before.year <= _UNKNOWN_YEAR or record.end_date_time.year >= _LAST_YEAR:
        return None
    for number, stretch in enumerate(record.charging_periods):
        if stretch.start_date_time < before or (number and stretch.start_date_time == before):
            return None
        before = stretch.start_date_time
    return record if before <= record.end_date_time else None


def document_of(record: Record) -> dict[str, Any]:
    """The record as a CDR document, as far as it goes."""
    return {
        "start_date_time": _text(record.start_date_time),
        "end_date_time": _text(record.end_date_time),
        "currency": record.currency,
        "booking_id": record.booking_id,
        "charging_periods": [
            {
                "start_date_time": _text(stretch.start_date_time),
                "dimensions": [{"type": each.type, "volume": each.volume} for each in stretch.dimensions],
                "tariff_id": stretch.tariff_id,
            }
            for stretch in record.charging_periods
        ],
    }


def _text(moment: datetime) -> str:
    """To the microsecond; no zone means UTC."""
    return moment.isoformat()
