"""`evmesh invoice export` of many, and `evmesh invoice table`."""

from __future__ import annotations

import csv
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.billing.charges import cdr, credit
from tests.cli.conftest import Evmesh
from tests.cli.test_invoice import billed, hold, needs_einvoice  # noqa: F401

JUNE = {"end_date_time": "2026-06-03T12:00:00Z"}

INVOICES = (
    "number,type_code,direction,other_party,state,issued_on,currency,due_on,period_begin,period_end,charges,energy_kwh,"
    "net,vat,total,payable_rounding,payable,exact_net,rounding_difference,seller,seller_vat_id,buyer,buyer_vat_id,"
    "buyer_reference,paid_by,credits"
)
LINES = (
    "number,type_code,direction,other_party,state,issued_on,currency,line,supply,description,charges,energy_kwh,net,"
    "vat_category,vat_rate,begin,end"
)


@pytest.fixture
def invoiced(evmesh: Evmesh, billed: Path) -> Path:  # noqa: F811
    """May has an invoice and a credit note, June an invoice that was sent."""
    hold(billed, [cdr(1, "10.004"), cdr(2, "1"), credit(3, 2, "-1"), cdr(4, "5", **JUNE)])
    for month in ("2026-05", "2026-06"):
        assert evmesh("-C", billed, "invoice", "run", "--partner", "drive", "--month", month, "--date", "2026-07-01")
    evmesh("-C", billed, "invoice", "mark", "INV-2026-00002", "sent")
    return billed


def rows(evmesh: Evmesh, folder: Path, *more: str) -> list[dict[str, str]]:
    path = folder / "table.csv"
    assert evmesh("-C", folder, "invoice", "table", "--output", path, *more).status == 0
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";" if "--decimal-comma" in more else ","))


def test_a_month_goes_into_a_folder(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "may"
    ran = evmesh("-C", invoiced, "invoice", "export", "--month", "2026-05", "--format", "csv", "--output", folder)
    assert ran.out.endswith("may, 2 invoices\n")
    assert sorted(path.name for path in folder.iterdir()) == ["CRN-2026-00001.csv", "INV-2026-00001.csv"]
    assert (folder / "INV-2026-00001.csv").read_text().count("\n") == 3


def test_machines_are_told_what_was_written(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    many = evmesh("-C", invoiced, "invoice", "export", "--month", "2026-05", "--format", "csv", "--output", tmp_path,
                  "--json").json  # fmt: skip
    one = evmesh("-C", invoiced, "invoice", "export", "INV-2026-00001", "--format", "json", "--output", tmp_path / "i",
                 "--json").json  # fmt: skip
    for each in many["files"] + one["files"]:
        assert Path(each["path"]).stat().st_size == each["bytes"] > 0
    assert sorted(Path(each["path"]).name for each in many["files"]) == ["CRN-2026-00001.csv", "INV-2026-00001.csv"]
    assert [each["path"] for each in one["files"]] == [str(tmp_path / "i")]
    clash = evmesh("-C", invoiced, "invoice", "export", "INV-2026-00001", "--output", "-", "--json")
    assert "standard output" in clash.misuse
    for words, rows in ((("invoice", "table"), 3), (("cdrs", "export"), None)):
        made = evmesh("-C", invoiced, *words, "--output", tmp_path / "t.csv", "--json").json
        assert made["path"] == str(tmp_path / "t.csv")
        assert made["rows"] == (tmp_path / "t.csv").read_text().count("\n") - 1
        assert rows in (None, made["rows"])


def test_what_is_new_goes_into_a_folder(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    for state, names in (("issued", ["CRN-2026-00001", "INV-2026-00001"]), ("sent", ["INV-2026-00002"]), ("paid", [])):
        folder = tmp_path / state
        arguments = ("--state", state, "--partner", "drive", "--format", "json", "--output", folder)
        assert evmesh("-C", invoiced, "invoice", "export", *arguments).status == 0
        assert sorted(path.stem for path in folder.iterdir()) == names


@needs_einvoice
def test_documents_of_a_month_do_not_overwrite_each_other(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    for format in ("ubl", "cii", "pdf"):
        ran = evmesh(
            "-C", invoiced, "invoice", "export", "--month", "2026-06", "--format", format, "--output", tmp_path
        )
        assert ran.status == 0
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert names == ["INV-2026-00002.cii.xml", "INV-2026-00002.pdf", "INV-2026-00002.ubl.xml"]


@pytest.mark.parametrize(
    "arguments", [(), ("INV-2026-00001", "--month", "2026-05"), ("--month", "May"), ("--state", "lost")]
)
def test_misuse(evmesh: Evmesh, billed: Path, arguments: tuple[str, ...]) -> None:  # noqa: F811
    assert evmesh("-C", billed, "invoice", "export", *arguments).misuse


def test_a_folder_that_is_a_file_is_a_sentence(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--month", "2026-05", "--output", tmp_path / "file")
    assert "cannot be written to" in evmesh("-C", invoiced, "invoice", "export", *arguments).sentence


def test_invoices_are_listed_by_month(evmesh: Evmesh, invoiced: Path) -> None:
    found = evmesh("-C", invoiced, "invoice", "list", "--month", "2026-06", "--json").json
    assert [each["number"] for each in found] == ["INV-2026-00002"]


def test_a_row_for_each_invoice(evmesh: Evmesh, invoiced: Path) -> None:
    first, note, june = rows(evmesh, invoiced)
    # [INV, CRN] are of May; the order is that of their issue.
    assert (first["number"], first["net"], first["exact_net"], first["rounding_difference"]) == (
        "INV-2026-00001", "11.00", "11.004", "-0.004",
    )  # fmt: skip
    assert (note["type_code"], note["net"], note["credits"], note["due_on"]) == ("381", "1.00", "INV-2026-00001", "")
    assert (june["state"], june["issued_on"], june["due_on"]) == ("sent", "2026-07-01", "2026-07-31")
    assert rows(evmesh, invoiced, "--month", "2026-05", "--decimal-comma")[0]["net"] == "11,00"


def test_a_row_for_each_line(evmesh: Evmesh, invoiced: Path) -> None:
    found = rows(evmesh, invoiced, "--lines", "--month", "2026-05")
    assert [(each["number"], each["line"], each["net"], each["vat_category"]) for each in found] == [
        ("INV-2026-00001", "1", "10.00", "AE"),
        ("INV-2026-00001", "2", "1.00", "AE"),
        ("CRN-2026-00001", "1", "1.00", "AE"),
    ]
    assert (found[0]["begin"], found[0]["charges"], found[0]["energy_kwh"]) == ("2026-05-03", "1", "12.345")


@pytest.mark.parametrize(("more", "columns"), [((), INVOICES), (("--lines",), LINES)])
def test_columns_stay_what_they_are(evmesh: Evmesh, invoiced: Path, more: tuple[str, ...], columns: str) -> None:
    """Somebody's spreadsheet counts on them: a new column comes at the end."""
    assert ",".join(rows(evmesh, invoiced, *more)[0]) == columns


@pytest.mark.parametrize(("more", "columns"), [((), INVOICES), (("--lines",), LINES)])
def test_parquet_has_the_same_columns_with_types(
    evmesh: Evmesh, invoiced: Path, tmp_path: Path, more: tuple[str, ...], columns: str
) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "x.parquet"
    assert evmesh("-C", invoiced, "invoice", "table", "--format", "parquet", "--output", path, *more).status == 0
    frame = polars.read_parquet(path)
    assert ",".join(frame.columns) == columns
    assert (frame["net"][0], frame["issued_on"][0]) == (Decimal(10 if more else 11), date(2026, 7, 1))


def test_excel_opens_it(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "x.xlsx"
    assert evmesh("-C", invoiced, "invoice", "table", "--format", "xlsx", "--output", path).status == 0
    sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "<v>11.004</v>" in sheet
    assert "<v>46204</v>" in sheet, "2026-07-01 is a date"


def test_a_decimal_comma_is_for_csv(evmesh: Evmesh, invoiced: Path, tmp_path: Path) -> None:
    arguments = ("--format", "xlsx", "--decimal-comma", "--output", tmp_path / "x")
    assert "no decimal sign" in evmesh("-C", invoiced, "invoice", "table", *arguments).misuse
