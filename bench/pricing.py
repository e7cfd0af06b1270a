"""How fast prices are: the three engines against decoding the same CDRs.

    python -m bench.pricing [--cdrs 20000] [--rounds 7]

Prints charges a second on one core and how often the yardstick, decoding the same JSON (orjson where it is installed,
else msgspec), would run in that time. Contestants take turns, round by round, so that whatever else the machine does
meets all of them; each line is the median of its rounds. Exit status 1 when two engines disagree about a price.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evmesh.ocpi import wire
from evmesh.pricing.batch import price_columns
from evmesh.pricing.columns import columns_of
from evmesh.pricing.compiled import compile_plan
from evmesh.pricing.plan import read_plan
from evmesh.pricing.price import price
from evmesh.pricing.records import read_record

Document = dict[str, Any]

ZONE = "Europe/Amsterdam"
# Charges a second on one core that each contestant is meant to reach.
TARGETS = {"compiled": 60_000, "compiled, from JSON": 40_000, "batch": 400_000}
REFERENCE_SHARE = 50


def component(kind: str, figure: str, step_size: int = 1) -> Document:
    return {"type": kind, "price": Decimal(figure), "vat": 21, "step_size": step_size}


TARIFFS: dict[str, list[Document]] = {
    "one price per kWh": [{"price_components": [component("ENERGY", "0.45")]}],
    "day and night, parking": [
        {"price_components": [component("FLAT", "0.50")]},
        {
            "price_components": [component("ENERGY", "0.25")],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [component("ENERGY", "0.45", 100)]},
        {"price_components": [component("PARKING_TIME", "0")], "restrictions": {"max_duration": 7200}},
        {"price_components": [component("PARKING_TIME", "6", 900)]},
    ],
    "market prices, an element an hour": [
        {
            "price_components": [component("ENERGY", f"0.{20 + hour}")],
            "restrictions": {"start_time": f"{hour:02d}:00", "end_time": f"{(hour + 1) % 24:02d}:00"},
        }
        for hour in range(24)
    ],
}


def tariff(elements: list[Document]) -> Document:
    return {
        "country_code": "NL",
        "party_id": "TST",
        "id": "T1",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": elements,
        "last_updated": "2025-12-01T00:00:00Z",
    }


def charge(number: int, dice: random.Random) -> Document:
    """A charge of one to three periods in January, the last of several parked."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(31 * 86_400))
    start, periods = moment, []
    count = dice.choice([1, 2, 2, 3])
    energy = Decimal(0)
    for n in range(count):
        seconds = dice.randrange(300, 7200)
        hours = round(Decimal(seconds) / 3600, 4)
        if n and n == count - 1:
            dimensions = [{"type": "PARKING_TIME", "volume": hours}]
        else:
            used = Decimal(dice.randrange(1000, 30_000)) / 1000
            energy += used
            dimensions = [{"type": "ENERGY", "volume": used}, {"type": "TIME", "volume": hours}]
        periods.append({"start_date_time": stamp(moment), "dimensions": dimensions})
        moment += timedelta(seconds=seconds)
    return {
        "country_code": "NL",
        "party_id": "TST",
        "id": f"CDR{number}",
        "start_date_time": stamp(start),
        "end_date_time": stamp(moment),
        "session_id": f"S{number}",
        "cdr_token": {
            "country_code": "NL",
            "party_id": "MSP",
            "uid": f"{number:010d}",
            "type": "RFID",
            "contract_id": "NL-MSP-C00000001-X",
        },
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Stationsplein 1",
            "city": "Utrecht",
            "country": "NLD",
            "coordinates": {"latitude": "52.089200", "longitude": "5.109900"},
            "evse_uid": "1",
            "evse_id": "NL*TST*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": periods,
        "total_cost": {"before_taxes": 0, "taxes": []},
        "total_energy": energy,
        "total_time": round(Decimal((moment - start).seconds) / 3600, 4),
        "last_updated": stamp(moment),
    }


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def yardstick() -> tuple[str, Callable[[bytes], Any]]:
    try:
        import orjson  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return "msgspec", msgspec.json.Decoder().decode
    return "orjson", orjson.loads


def contestants(
    document: Document, bodies: list[bytes], charges: list[Document]
) -> dict[str, tuple[int, Callable[[], Any]]]:
    """What runs, and over how many charges."""
    plan, findings = read_plan(document)
    assert plan is not None, findings
    engine = compile_plan(plan, ZONE)
    records = [read_record(body) for body in bodies]
    columns = columns_of(records, plan)
    few = charges[: max(1, len(charges) // REFERENCE_SHARE)]
    _, decode = yardstick()

    expected = [price(each, [document], ZONE).total for each in few]
    compiled = [each.amount for each in engine.many(records[: len(few)])]
    found = price_columns(plan, ZONE, columns)
    assert found.net is not None
    if compiled != expected or [int(net) for net in found.net[: len(few)]] != [
        int((each.net or 0) * found.scale) for each in expected
    ]:
        sys.exit("the engines disagree")
    return {
        "yardstick": (len(bodies), lambda: consume(map(decode, bodies))),
        "reference": (len(few), lambda: consume(price(each, [document], ZONE) for each in few)),
        "compiled": (len(records), lambda: engine.many(records)),
        "compiled, from JSON": (len(bodies), lambda: engine.many(read_record(body) for body in bodies)),
        "batch": (len(records), lambda: price_columns(plan, ZONE, columns)),
    }


def consume(results: Iterable[Any]) -> None:
    """Runs them all and keeps none, so that nobody pays for a full memory."""
    deque(results, maxlen=0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Charges priced a second, on one core.")
    parser.add_argument("--cdrs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    dice = random.Random(7)
    charges = [charge(number, dice) for number in range(asked.cdrs)]
    bodies = [wire.encode(each) for each in charges]
    size = sum(map(len, bodies)) // len(bodies)
    console = Console()
    console.print(f"{asked.cdrs} CDRs of {size} bytes; yardstick: {yardstick()[0]}; median of {asked.rounds} rounds")
    for name, elements in TARIFFS.items():
        running = contestants(tariff(elements), bodies, charges)
        times: dict[str, list[float]] = {each: [] for each in running}
        for _ in track(range(asked.rounds), name, transient=True, console=Console(stderr=True)):
            for each, (count, run) in running.items():
                begun = time.perf_counter()
                run()
                times[each].append((time.perf_counter() - begun) / count)
        show(console, name, {each: statistics.median(found) for each, found in times.items()})


def show(console: Console, name: str, seconds: dict[str, float]) -> None:
    table = Table("engine", "charges/s", "times the yardstick", "target", title=name)
    for each, one in seconds.items():
        rate, target = 1 / one, TARGETS.get(each)
        verdict = "" if target is None else f"{target:,} {'reached' if rate >= target else 'MISSED'}"
        table.add_row(each, f"{rate:,.0f}", f"{seconds['yardstick'] / one:.3f}", verdict)
    console.print(table)


if __name__ == "__main__":
    main()
