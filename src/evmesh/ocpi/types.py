"""The types chapter: what the specification's fields are made of.

The chapters beside this file declare every object once, in the newest release's words, as a `msgspec.Struct` whose
annotations carry the specification's own types: `CiString36` is a case-insensitive printable-ASCII string of at most
36 characters, `Some[X]` a list with at least one item (cardinality `+`), `list[X] = []` one that may be missing (`*`),
`X | None = None` or a default an optional field (`?`). `schema.py` reads these declarations; the releases edit them;
checkers, typed views and JSON Schemas are derived. Nothing is written twice.

Documents travel as plain dictionaries (exact `Decimal` numbers, unknown fields kept); `view()` in `schema.py` gives a
typed, attribute-style reading of one. [types_types]
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

T = TypeVar("T")


class Object(msgspec.Struct, omit_defaults=True):
    """Any object or class of the specification."""


class ClosedEnum(StrEnum):
    """An enum whose values are final: another one is an error. [types_enum_type]"""


class OpenEnum(StrEnum):
    """An enum that may carry values the specification does not know yet. [types_openenum_type]"""


class Text(msgspec.Struct, frozen=True):
    """What a string field may hold: its specification type and limits, lengths in characters.

    `accepted` is a longer length that is read and written too, where the specification forgot to widen a limit.
    """

    kind: str
    max_length: int | None = None
    min_length: int | None = None
    pattern: str | None = None
    accepted: int | None = None


class Digits(msgspec.Struct, frozen=True):
    """An int of at most so many digits."""

    most: int


class AtLeastOne(msgspec.Struct, frozen=True):
    """Marks a list of cardinality `+`."""


Some = Annotated[list[T], AtLeastOne()]

Number = Decimal
DateTime = Annotated[datetime, Text("DateTime", 25)]
Url = Annotated[str, Text("URL", 255)]
Int1 = Annotated[int, Digits(1)]
Int5 = Annotated[int, Digits(5)]

CiString = Annotated[str, Text("CiString")]
CiString2 = Annotated[str, Text("CiString", 2)]
CiString3 = Annotated[str, Text("CiString", 3)]
CiString4 = Annotated[str, Text("CiString", 4)]
CiString5 = Annotated[str, Text("CiString", 5)]
CiString10 = Annotated[str, Text("CiString", 10)]
CiString20 = Annotated[str, Text("CiString", 20)]
CiString25 = Annotated[str, Text("CiString", 25)]
CiString32 = Annotated[str, Text("CiString", 32)]
CiString36 = Annotated[str, Text("CiString", 36)]
CiString39 = Annotated[str, Text("CiString", 39)]
CdrReference = Annotated[str, Text("CiString", 36, accepted=39)]
"""A CDR's id where 36 characters are declared: those of credit CDRs have up to 39. [mod_cdrs_cdr_object]"""
CiString45 = Annotated[str, Text("CiString", 45)]
CiString48 = Annotated[str, Text("CiString", 48)]
CiString255 = Annotated[str, Text("CiString", 255)]
NonEmptyCiString255 = Annotated[str, Text("CiString", 255, 1)]

String = Annotated[str, Text("string")]
String2 = Annotated[str, Text("string", 2)]
String3 = Annotated[str, Text("string", 3)]
String4 = Annotated[str, Text("string", 4)]
String10 = Annotated[str, Text("string", 10)]
String12 = Annotated[str, Text("string", 12)]
String16 = Annotated[str, Text("string", 16)]
String20 = Annotated[str, Text("string", 20)]
String45 = Annotated[str, Text("string", 45)]
String50 = Annotated[str, Text("string", 50)]
String64 = Annotated[str, Text("string", 64)]
String100 = Annotated[str, Text("string", 100)]
String255 = Annotated[str, Text("string", 255)]
String512 = Annotated[str, Text("string", 512)]
String5000 = Annotated[str, Text("string", 5000)]
Latitude = Annotated[str, Text("string", 10, pattern=r"-?[0-9]{1,2}\.[0-9]{5,7}")]
Longitude = Annotated[str, Text("string", 11, pattern=r"-?[0-9]{1,3}\.[0-9]{5,7}")]
LocalTime = Annotated[str, Text("string", 5, pattern=r"([0-1][0-9]|2[0-3]):[0-5][0-9]")]
LocalDate = Annotated[str, Text("string", 10, pattern=r"([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")]

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


# 2026-05-01T08:00:00Z, as most write it: three times as fast.
_USUAL_LENGTH, _USUAL_MARKS = 20, "--T::Z"


def timestamp(moment: datetime) -> str:
    """The moment as the specification writes it: UTC, a `Z`, at most 25 characters (milliseconds when there are any).

    A naive `datetime` is refused with ValueError: whose clock would that be? [types_datetime_type]
    """
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs a zone")
    moment = moment.astimezone(UTC)
    text = moment.isoformat()[:19]
    return f"{text}.{moment.microsecond // 1000:03d}Z" if moment.microsecond >= 1000 else f"{text}Z"


def parse_timestamp(text: str) -> datetime:
    """The moment that a timestamp names; no zone means UTC, a leap second is the second after it.

    ValueError when it is none, or one that no calendar here reaches. [types_datetime_type]
    """
    if len(text) == _USUAL_LENGTH and text[4::3] == _USUAL_MARKS:
        with contextlib.suppress(ValueError):  # a leap second perhaps
            return datetime.fromisoformat(text)
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a timestamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int(((fraction or ".0")[1:] + "000000")[:6])
    leap = second == "60"
    iso = f"{year}-{month}-{day}T{hour}:{minute}:{'59' if leap else second or '00'}.{micro:06d}"
    iso += "+00:00" if zone in (None, "Z", "z") else zone
    try:
        return datetime.fromisoformat(iso).astimezone(UTC) + timedelta(seconds=leap)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from None


class Role(ClosedEnum):
    """A market role. HUB ended with 2.2.1; PTP stands in the Payments text only. [types_role_enum]"""

    CPO = "CPO"
    EMSP = "EMSP"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


class DisplayText(Object, kw_only=True):
    """A text for people, in one language. [types_displaytext_class]"""

    language: String2
    text: String512


class TaxAmount(Object, kw_only=True):
    """One tax on a price. [types_taxamount_class]"""

    name: String
    account_number: String | None = None
    percentage: Number | None = None
    amount: Number


class Price(Object, kw_only=True):
    """An amount without taxes and the taxes on it; no taxes means that they are not known. [types_price_class]"""

    before_taxes: Number
    taxes: list[TaxAmount] = []
