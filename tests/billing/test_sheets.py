"""What a table cannot hold is said, and leaves no file behind."""

from decimal import Decimal
from pathlib import Path

import pytest

from evmesh.billing import sheets
from evmesh.billing.charge_table import COLUMNS, row
from evmesh.billing.columns import Column, Unexportable
from evmesh.billing.sheets import sheet
from tests.billing.charges import cdr

NUMBERS = [Column("kwh", "number")]


def test_parquet_rounds_no_number(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    with (
        pytest.raises(Unexportable, match=r"kwh 0\.0000000000001 has 13 decimals"),
        sheet(tmp_path / "x", "parquet", NUMBERS) as file,
    ):
        file.add([Decimal("0.0000000000001")])
    assert list(tmp_path.iterdir()) == []


def test_excel_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(sheets, "EXCEL_ROWS", 1)
    with (
        pytest.raises(Unexportable, match="Excel holds 0 rows at most"),
        sheet(tmp_path / "x", "xlsx", NUMBERS) as file,
    ):
        file.add([Decimal(1)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("end_date_time", "tomorrow", "CDR SE\\*VLT\\*CDR-0001: end_date_time: 'tomorrow' is no timestamp"),
        ("total_energy", "much", "CDR SE\\*VLT\\*CDR-0001: total_energy"),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: str, said: str) -> None:
    assert len(row(cdr(), whose="ours", partner=None, zone=None)) == len(COLUMNS)
    with pytest.raises(Unexportable, match=said):
        row(cdr(**{field: value}), whose="ours", partner=None, zone=None)
