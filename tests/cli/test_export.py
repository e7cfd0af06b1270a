"""`evmesh cdrs export`: every charge a row, every digit in it."""

from __future__ import annotations

import asyncio
import csv
import sys
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evmesh import config
from evmesh.billing.charge_table import COLUMNS
from evmesh.ocpi import wire
from evmesh.store import objects, partners
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from tests.cli.conftest import Evmesh
from tests.roaming.calls import cdr, location

OURS = [
    cdr(id="C1", remark="=1+1", total_cost={"before_taxes": Decimal("1234.5678901"), "taxes": [
        {"name": "VAT", "amount": Decimal("0.0000001")}]}),
    cdr(id="C2", driver=("DE", "ELS"), start_date_time="2026-05-01T10:00:00Z", end_date_time="2026-05-01T11:00:00Z",
        total_cost={"before_taxes": 3}),
]  # fmt: skip
THEIRS = [cdr(("NO", "FJD"), "X1", ("SE", "VLT"), remark='a;b,c\n"d"')]


STABLE = (
    "whose partner country_code party_id id session_id start_utc end_utc start_local end_local time_zone "
    "location_id location_name address postal_code city country evse_uid evse_id connector_id token_country_code "
    "token_party_id token_uid token_type contract_id auth_method authorization_reference meter_id energy_kwh "
    "time_hours parking_hours currency cost_before_taxes taxes cost_after_taxes fixed_before_taxes "
    "energy_before_taxes time_before_taxes parking_before_taxes reservation_before_taxes tariff_ids credit "
    "credit_reference_id invoice_reference_id remark last_updated "
)


async def fill(folder: Path) -> None:
    settings = config.load(folder)
    store = await Store.open(settings.database, settings.secret_key)

    def put(tx: Tx, kind: str, partner: int, document: dict[str, Any]) -> None:
        owner = document["country_code"], document["party_id"]
        key = "*".join((*owner, document["id"])).casefold()
        text = wire.encode(document).decode()
        updated = datetime(2026, 6, 2, tzinfo=UTC)
        objects.put(tx, kind, partner, *owner, document["id"], key, text, None, "2.3.0", updated)

    def run(tx: Tx) -> None:
        roles = [{"role": "EMSP", "country_code": "SE", "party_id": "EMS"}]
        partners.insert(tx, "ems", status="registered", roles=roles)
        fjord = partners.insert(tx, "fjord", status="registered").id
        put(tx, "locations", 0, location())
        for each in OURS:
            put(tx, "cdrs", 0, each)
        for each in THEIRS:
            put(tx, "cdrs", fjord, each)

    try:
        await store.write(run)
    finally:
        await store.close()


@pytest.fixture
def node(volt: Path) -> Path:
    asyncio.run(fill(volt))
    return volt


def rows(path: Path, delimiter: str = ",") -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        found = {each["id"]: each for each in csv.DictReader(file, delimiter=delimiter)}
    assert all(list(each) == [column.name for column in COLUMNS] for each in found.values())
    return found


def test_every_charge_is_a_row_with_every_digit(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    said = evmesh("-C", node, "cdrs", "export", "--output", path)
    assert (said.status, said.out) == (0, f"{path}, 3 charges\n")
    found = rows(path)
    one = found["C1"]
    assert (one["cost_before_taxes"], one["taxes"], one["cost_after_taxes"]) == (
        "1234.5678901", "0.0000001", "1234.5678902",
    )  # fmt: skip
    assert (one["whose"], one["partner"], one["contract_id"]) == ("ours", "ems", "SE-EMS-C04AABBCC")
    assert (one["start_utc"], one["start_local"]) == ("2026-03-01T11:00:00Z", "2026-03-01T12:00:00+01:00")
    assert one["time_zone"] == "Europe/Stockholm"
    assert (found["C2"]["taxes"], found["C2"]["cost_after_taxes"], found["C2"]["partner"]) == ("", "", "")
    assert (found["X1"]["whose"], found["X1"]["partner"], found["X1"]["start_local"]) == ("theirs", "fjord", "")
    assert found["X1"]["remark"] == THEIRS[0]["remark"]


def test_columns_stay_what_they_are() -> None:
    """Somebody's spreadsheet counts on them: a new column comes at the end."""
    assert " ".join(column.name for column in COLUMNS) == STABLE.strip()


def test_a_partners_text_is_no_formula(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    evmesh("-C", node, "cdrs", "export", "--output", tmp_path / "all.csv")
    assert rows(tmp_path / "all.csv")["C1"]["remark"] == "'=1+1"
    evmesh("-C", node, "cdrs", "export", "--format", "xlsx", "--output", tmp_path / "all.xlsx")
    with zipfile.ZipFile(tmp_path / "all.xlsx") as book:
        content = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=1+1" in content
    assert "<f>" not in content


def test_a_decimal_comma_comes_with_semicolons(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    assert evmesh("-C", node, "cdrs", "export", "--decimal-comma", "--output", tmp_path / "a.csv").status == 0
    assert rows(tmp_path / "a.csv", ";")["C1"]["cost_before_taxes"] == "1234,5678901"
    misuse = evmesh("-C", node, "cdrs", "export", "--decimal-comma", "--format", "xlsx", "--output", "x").misuse
    assert "no decimal sign" in misuse


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--ours"], {"C1", "C2"}),
        (["--theirs"], {"X1"}),
        (["--partner", "ems"], {"C1"}),
        (["--partner", "fjord"], {"X1"}),
        (["--from", "2026-05-01"], {"C2"}),
        (["--to", "2026-05-01T10:00:00Z"], {"C1", "X1"}),
        (["--from", "2027-01-01"], set()),
    ],
)
def test_what_is_asked_for_is_there_and_nothing_else(
    node: Path, evmesh: Evmesh, tmp_path: Path, options: list[str], expected: set[str]
) -> None:
    assert evmesh("-C", node, "cdrs", "export", "--output", tmp_path / "a.csv", *options).status == 0
    assert set(rows(tmp_path / "a.csv")) == expected


def test_the_clock_of_a_place_may_be_told(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    evmesh("-C", node, "cdrs", "export", "--timezone", "Europe/Oslo", "--output", tmp_path / "a.csv")
    assert rows(tmp_path / "a.csv")["X1"]["start_local"] == "2026-03-01T12:00:00+01:00"


def test_parquet_holds_exact_decimals_and_moments(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "all.parquet"
    assert evmesh("-C", node, "cdrs", "export", "--format", "parquet", "--output", path).status == 0
    frame = polars.read_parquet(path)
    assert frame.columns == [column.name for column in COLUMNS]
    one = frame.row(by_predicate=polars.col("id") == "C1", named=True)
    assert one["cost_after_taxes"] == Decimal("1234.5678902")
    assert one["start_utc"] == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert one["start_local"] == "2026-03-01T12:00:00+01:00"


def test_parquet_of_nothing_has_its_columns(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "none.parquet"
    evmesh("-C", node, "cdrs", "export", "--format", "parquet", "--from", "2027-01-01", "--output", path)
    assert polars.read_parquet(path).shape == (0, len(COLUMNS))


@pytest.mark.parametrize(
    ("format", "module", "extra"), [("xlsx", "xlsxwriter", "xlsx"), ("parquet", "polars", "analytics")]
)
def test_a_missing_extra_is_one_sentence(
    node: Path, evmesh: Evmesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "out" / "x"
    path.parent.mkdir()
    path.write_text("of last month")

    said = evmesh("-C", node, "cdrs", "export", "--format", format, "--output", path)

    assert f"needs the extra {extra}: pip install 'evmesh[{extra}]'" in said.sentence
    assert (path.read_text(), list(path.parent.iterdir())) == ("of last month", [path]), "what was there stays"


def test_what_cannot_be_is_said(node: Path, evmesh: Evmesh, tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    assert (
        "there is no partner nobody"
        in evmesh("-C", node, "cdrs", "export", "--partner", "nobody", "--output", out).sentence
    )
    assert not out.exists()
    assert "exclude each other" in evmesh("-C", node, "cdrs", "export", "--ours", "--theirs", "--output", out).misuse
    assert "no date" in evmesh("-C", node, "cdrs", "export", "--from", "may", "--output", out).misuse
