"""The specification's own worked examples, under its own tariffs, in both releases that have them.

Where its tables contradict its rules (the complex tariff on a Saturday), the corrected figure counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.pricing.explain import explain, explain_bill
from evmesh.pricing.lint import lint
from evmesh.pricing.price import price
from evmesh.pricing.zones import time_zone
from tests.shared import SHARED, needs_shared

Document = dict[str, Any]

ZONE = "Europe/Berlin"
SPEC = SHARED / "spec"
# The figures were worked out with six digits.
CLOSE = Fraction(1, 10**5)


def examples() -> list[tuple[str, Document]]:
    file = SPEC / "pricing-cases.json"
    cases = wire.decode(file.read_bytes())["cases"] if file.is_file() else []
    return [(release, case) for case in cases for release in case["versions"]]


def tariff_of(release: str, case: Document) -> Document:
    if "tariff" in case:
        bare: Document = {"id": "T", "currency": "EUR", "tax_included": "NO"}
        bare.update(case["tariff"])
        return bare
    (file,) = (SPEC / "examples" / release).glob(f"*{case['tariff_example']}")
    return read_tariff(release, file)


def read_tariff(release: str, file: Path) -> Document:
    document = wire.read("Tariff", file.read_bytes(), dialect(release)).document
    assert document is not None
    return document


def periods(case: Document) -> Iterator[tuple[datetime, list[Document]]]:
    """The segments of a case, cut at full hours where a tariff may switch there, and the end."""
    moment = datetime.fromisoformat(case["start_local"]).replace(tzinfo=time_zone(ZONE)).astimezone(UTC)
    if case["reservation"] is not None:
        minutes = int(case["reservation"]["min"])
        yield moment, [{"type": "RESERVATION_TIME", "volume": hours(minutes)}]
        moment += timedelta(minutes=minutes)
    for segment in case["segments"]:
        whole = left = int(segment["min"])
        while left:
            to_the_hour = 60 - moment.astimezone(time_zone(ZONE)).minute
            minutes = min(left, to_the_hour) if not segment.get("kwh") else left
            dimensions = [{"type": "TIME" if segment["charging"] else "PARKING_TIME", "volume": hours(minutes)}]
            if segment.get("kwh"):
                dimensions.append({"type": "ENERGY", "volume": segment["kwh"] * minutes / whole})
            for name in ("power", "current"):
                if segment.get(name):
                    for end in ("MIN", "MAX"):
                        dimensions.append({"type": f"{end}_{name.upper()}", "volume": segment[name]})
            yield moment, [each | {"volume": Decimal(each["volume"])} for each in dimensions]
            moment += timedelta(minutes=minutes)
            left -= minutes
    yield moment, []


def hours(minutes: int) -> Decimal:
    return round(Decimal(minutes) / 60, 4)


EXAMPLES = examples()


@needs_shared
@pytest.mark.parametrize(("release", "case"), EXAMPLES, ids=[f"{each[0]}-{each[1]['id']}" for each in EXAMPLES])
def test_an_example_costs_what_the_specification_says(release: str, case: Document) -> None:
    *used, (end, _) = periods(case)
    charge = {
        "start_date_time": f"{used[0][0]:%Y-%m-%dT%H:%M:%SZ}",
        "end_date_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "charging_periods": [
            {"start_date_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "dimensions": dimensions} for moment, dimensions in used
        ],
    }
    tariff = tariff_of(release, case)
    bill = price(charge | {"currency": tariff["currency"]}, [tariff], ZONE)
    ours = {"excl": bill.total.net, "incl": bill.total.gross, "total": bill.total.gross}
    for name, figure in case["computed"].items():
        own = ours[name]
        assert own is not None
        assert abs(own - Fraction(figure)) < CLOSE, explain_bill(bill)


def tariff_examples() -> list[tuple[str, Path]]:
    """All but the PUT samples, which lack a field that their own release demands."""
    return [
        (release, file)
        for release in ("2.1.1", "2.2.1", "2.3.0")
        for file in sorted((SPEC / "examples" / release).glob("tariffs__Tariff__*.json"))
        if "tariff_put" not in file.name
    ]


@needs_shared
@pytest.mark.parametrize(
    ("release", "file"), tariff_examples(), ids=lambda each: each if isinstance(each, str) else each.stem
)
def test_every_tariff_of_the_specification_can_be_explained(release: str, file: Path) -> None:
    """2.1.1 knows no taxes; no example of the specification is unusable."""
    document = read_tariff(release, file)
    taxes_known = release != "2.1.1"
    for language in ("en", "sv"):
        assert len(explain(document, language, taxes_known=taxes_known)) > 1
    unusable = {"unknown_value", "not_a_number", "misspelt_field"}
    assert not unusable & {advice.code for advice in lint(document, taxes_known=taxes_known)}
