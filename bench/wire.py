"""How fast documents are read and written, per release, against decoding the same text and nothing more.

    python -m bench.wire [--rounds 15] [--batch 200]

A typical Location (four EVSEs with two connectors each), Session (eight charging periods) and CDR (its tariff and
four periods) of each release. Prints, on one core: plain decodes, reads and writes a second, and how many plain
decodes (`msgspec.json.decode` of the same bytes) one read and one write cost; also the slow road of a document with
one deviation, and a text as people type it (umlauts: each string's characters are looked at). Contestants take
turns, batch by batch, so that whatever else the machine does meets all of them; figures are medians of their rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect, releases_best_first

Document = dict[str, Any]

TODAY = dialect(releases_best_first()[0])
PARTY = {"country_code": "SE", "party_id": "VLT"}
STAMP = "2026-05-11T07:05:00Z"


def connector(number: int) -> Document:
    return {
        "id": str(number),
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["DAY"],
        "last_updated": STAMP,
    }


def evse(number: int) -> Document:
    return {
        "uid": f"VLT-E{number}",
        "evse_id": f"SE*VLT*E{number:05}",
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        "connectors": [connector(1), connector(2)],
        "physical_reference": str(number),
        "last_updated": STAMP,
    }


def location() -> Document:
    return {
        **PARTY,
        "id": "GAV-KAJ-1",
        "publish": True,
        "name": "Kajen",
        "address": "Kajen 1",
        "city": "Gavle",
        "postal_code": "803 20",
        "country": "SWE",
        "coordinates": {"latitude": "60.674880", "longitude": "17.141270"},
        "parking_type": "ON_STREET",
        "evses": [evse(number) for number in range(1, 5)],
        "operator": {"name": "Volta Laddning AB"},
        "facilities": ["WIFI", "CAFE"],
        "time_zone": "Europe/Stockholm",
        "opening_times": {"twentyfourseven": True},
        "last_updated": STAMP,
    }


def token() -> Document:
    return {
        "country_code": "SE",
        "party_id": "EMS",
        "uid": "04A1B2C3D4",
        "type": "RFID",
        "contract_id": "SE-EMS-C00117-X",
    }


def cost(net: str, vat: str) -> Document:
    return {"before_taxes": Decimal(net), "taxes": [{"name": "VAT", "amount": Decimal(vat)}]}


def period(minute: int) -> Document:
    dimensions = [{"type": "ENERGY", "volume": Decimal("5.250")}, {"type": "MAX_CURRENT", "volume": Decimal("31.5")}]
    return {"start_date_time": f"2026-05-11T06:{minute:02}:00Z", "dimensions": dimensions}


def session() -> Document:
    return {
        **PARTY,
        "id": "S-2026-0311",
        "start_date_time": "2026-05-11T06:00:00Z",
        "kwh": Decimal("42.000"),
        "cdr_token": token(),
        "auth_method": "WHITELIST",
        "location_id": "GAV-KAJ-1",
        "evse_uid": "VLT-E1",
        "connector_id": "1",
        "currency": "SEK",
        "charging_periods": [period(minute) for minute in range(0, 40, 5)],
        "total_cost": cost("151.20", "37.80"),
        "status": "ACTIVE",
        "last_updated": STAMP,
    }


def tariff() -> Document:
    day = {"start_time": "07:00", "end_time": "21:00"}
    return {
        **PARTY,
        "id": "DAY",
        "currency": "SEK",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": Decimal("3.60"), "step_size": 1}], "restrictions": day},
            {"price_components": [{"type": "ENERGY", "price": Decimal("2.80"), "step_size": 1}]},
        ],
        "tax_included": "NO",
        "last_updated": STAMP,
    }


def cdr() -> Document:
    place = location()
    return {
        **PARTY,
        "id": "CDR-2026-0311",
        "start_date_time": "2026-05-11T06:00:00Z",
        "end_date_time": "2026-05-11T07:00:00Z",
        "session_id": "S-2026-0311",
        "cdr_token": token(),
        "auth_method": "WHITELIST",
        "cdr_location": {
            **{
                name: place[name] for name in ("id", "name", "address", "city", "postal_code", "country", "coordinates")
            },
            "evse_uid": "VLT-E1",
            "evse_id": "SE*VLT*E00001",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "SEK",
        "tariffs": [tariff()],
        "charging_periods": [period(minute) for minute in range(0, 20, 5)],
        "total_cost": cost("151.20", "37.80"),
        "total_energy": Decimal("42.000"),
        "total_energy_cost": cost("151.20", "37.80"),
        "total_time": Decimal("1.00"),
        "last_updated": STAMP,
    }


DOCUMENTS: dict[str, Callable[[], Document]] = {"Location": location, "Session": session, "CDR": cdr}


def context() -> wire.Context:
    known = {"Location": location(), "Token": {**token(), "valid": True}, "Tariff": tariff()}
    return wire.Context(owner=("SE", "VLT"), token_party=("SE", "EMS"), lookup=lambda kind, *key: known[kind])


def contestants(release: str, name: str) -> tuple[int, dict[str, Callable[[], object]]]:
    """The size of the document in the release, and what is done with it."""
    spoken, canonical, given = dialect(release), DOCUMENTS[name](), context()
    text = wire.write(name, canonical, spoken, given).text
    typed = text.replace(b"Gavle", "Gävle".encode()) if b"Gavle" in text else text.replace(b"SEK", "SEÖ".encode())
    careless = text.replace(b'Z"', b'"', 1)
    read = wire.read(name, text, spoken, given)
    assert read.document is not None
    assert read.findings == []
    assert wire.read(name, careless, spoken, given).findings != []
    return len(text), {
        "decode": lambda: msgspec.json.decode(text),
        "read": lambda: wire.read(name, text, spoken, given),
        "read, umlauts": lambda: wire.read(name, typed, spoken, given),
        "read, slow road": lambda: wire.read(name, careless, spoken, given),
        "write": lambda: wire.write(name, canonical, spoken, given),
    }


def measure(work: dict[str, Callable[[], object]], rounds: int, batch: int) -> dict[str, tuple[float, float]]:
    """Calls a second, and what a call costs in decodes: medians over rounds in which each had its turn."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for call in work.values():
        call()
    for _ in range(rounds):
        for name, call in work.items():
            start = time.process_time()
            for _ in range(batch):
                call()
            times[name].append((time.process_time() - start) / batch)
    shares = {
        name: statistics.median(mine / plain for mine, plain in zip(spent, times["decode"], strict=True))
        for name, spent in times.items()
    }
    return {name: (1 / statistics.median(spent), shares[name]) for name, spent in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=200)
    asked = parser.parse_args()

    table = Table("release", "object", "bytes", title="a second on one core (and in plain decodes of the same text)")
    for column in ("decode", "read", "read, umlauts", "read, slow road", "write"):
        table.add_column(column, justify="right")
    console = Console()
    cases = [(release, name) for release in releases_best_first() for name in DOCUMENTS]
    for release, name in track(cases, "Measuring", console=console, transient=True):
        size, work = contestants(release, name)
        figures = measure(work, asked.rounds, asked.batch)
        cells = [
            f"{rate:,.0f} ({share:.1f})" if key != "decode" else f"{rate:,.0f}"
            for key, (rate, share) in figures.items()
        ]
        table.add_row(release, name, str(size), *cells)
    console.print(table)


if __name__ == "__main__":
    main()
