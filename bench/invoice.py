"""How long an invoice of many charges takes, from the CDRs to a PDF and two XML documents that passed the rules.

    python -m bench.invoice [--cdrs 10000]

One run, each step alone, with the processor seconds that it took; the yardstick is decoding the same CDRs from JSON.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from evmesh.billing import einvoice, rules
from evmesh.billing.draft import Terms, draft, read_charge
from evmesh.billing.invoice import Company
from evmesh.billing.pdf import pdf
from evmesh.billing.vat import VatRule
from evmesh.ocpi import wire

T = TypeVar("T")

TARGET_SECONDS = 10.0
START = datetime(2026, 5, 1, tzinfo=UTC)
VOLT = Company(name="Volt AB", country="SE", vat_id="SE556000000101", endpoint="5560000001", endpoint_scheme="0007")
DRIVER = Company(name="Driver AB", country="SE", vat_id="SE556000001901", endpoint="5560000019", endpoint_scheme="0007")


def cdr(number: int) -> dict[str, Any]:
    start = START + timedelta(minutes=4 * number)
    place = number % 200
    return {
        "country_code": "SE",
        "party_id": "VLT",
        "id": f"CDR-{number:08}",
        "start_date_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end_date_time": f"{start + timedelta(minutes=45):%Y-%m-%dT%H:%M:%SZ}",
        "cdr_token": {"country_code": "SE", "party_id": "DRV", "contract_id": f"SE-DRV-C{number % 997:08}"},
        "cdr_location": {
            "id": f"L{place}", "address": f"Storgatan {place}", "city": "Malmö", "country": "SWE",
            "evse_id": f"SE*VLT*E{place:05}",
        },
        "currency": "EUR",
        "tariffs": [{"id": f"T{number % 3}"}],
        "total_cost": {"before_taxes": Decimal(number % 9973) / 997 // Decimal("0.0001") * Decimal("0.0001")},
        "total_energy": Decimal(number % 60000) / 1000,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cdrs", type=int, default=10_000)
    count = parser.parse_args().cdrs
    rows: list[tuple[str, float, float]] = []

    def step(name: str, work: Callable[[], T]) -> T:
        used, begun = _processor(), time.perf_counter()
        made = work()
        rows.append((name, time.perf_counter() - begun, _processor() - used))
        return made

    texts = [wire.encode(cdr(number)) for number in range(1, count + 1)]
    documents = step("yardstick: decode the CDRs", lambda: [wire.decode(text) for text in texts])
    terms = Terms(
        direction="sale", seller=VOLT, buyer=DRIVER, rules=[VatRule(category="S", rate=Decimal(25))],
        buyer_reference="Roaming",
    )  # fmt: skip
    invoice = step(
        "draft",
        lambda: draft(
            [read_charge(each) for each in documents], terms, number="INV-1", issued_on=date(2026, 6, 1),
            due_on=date(2026, 7, 1),
        ),
    )  # fmt: skip
    ubl = step("UBL", lambda: einvoice.ubl(invoice))
    cii = step("CII", lambda: einvoice.cii(invoice))
    step("the rules on UBL", lambda: _must_pass(ubl, "ubl"))
    step("the rules on CII", lambda: _must_pass(cii, "cii"))
    size = len(step("PDF", lambda: pdf(invoice)))
    wall, processor = (sum(row[place] for row in rows[1:]) for place in (1, 2))
    table = Table(title=f"{count:,} charges on {len(invoice.lines):,} lines, a PDF of {size / 1e6:.1f} MB")
    for column in ("step", "seconds", "processor seconds", "× yardstick"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for name, seconds, cpu in rows:
        table.add_row(name, f"{seconds:.2f}", f"{cpu:.2f}", f"{cpu / rows[0][2]:.1f}")
    console = Console()
    console.print(table)
    verdict = f"{'within' if wall <= TARGET_SECONDS else 'ABOVE'} {TARGET_SECONDS:.0f} s"
    console.print(f"all of it {wall:.1f} s, {verdict}; {processor:.1f} processor seconds")
    console.print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def _must_pass(document: bytes, syntax: rules.Syntax) -> None:
    broken = rules.breaches(document, syntax)
    if broken:
        raise SystemExit(f"{syntax} breaks {broken[0]}")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
