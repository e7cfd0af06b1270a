"""Tables as files: CSV, Excel, Parquet. Rows are written as they come; a long table needs no more room.

| format | numbers | moments | needs |
|---|---|---|---|
| CSV | all digits; a decimal comma and semicolons on demand | ISO 8601, UTC with a Z, local with the offset | nothing |
| Excel | a number where Excel's 15 digits hold it, else text | a date; local ones by the wall clock | xlsx |
| Parquet | decimal(38, 12) | UTC: timestamp[ms, UTC]; local: ISO 8601 with the offset | analytics |

Texts come from partners. A spreadsheet takes what begins with =, +, - or @ for a formula: Excel files say that it is a
text, in CSV an apostrophe is put before it.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

from evmesh.billing.columns import PLACES, Cell, Column, Unexportable
from evmesh.billing.errors import MissingExtra

Format = Literal["csv", "xlsx", "parquet"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
EXCEL_ROWS = 1_048_576
EXCEL_DIGITS = 15
_PORTION = 20_000


class Sheet(Protocol):
    def add(self, row: Sequence[Cell]) -> None: ...


@contextmanager
def sheet(path: Path, format: Format, columns: Sequence[Column], *, decimal_comma: bool = False) -> Iterator[Sheet]:
    """A file that takes rows. It is there, and whole, when the block is left; one that was there stays until then.
    MissingExtra names what is not installed."""
    # What is no file, such as /dev/stdout, is written to as it is.
    part = path if path.exists() and not path.is_file() else path.with_name(f"{path.name}.part")
    try:
        with _made(part, format, columns, decimal_comma) as made:
            yield made
        if part is not path:
            part.replace(path)
    except BaseException:
        if part is not path:
            part.unlink(missing_ok=True)
        raise


@contextmanager
def _made(path: Path, format: Format, columns: Sequence[Column], decimal_comma: bool) -> Iterator[Sheet]:
    if format == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            yield CsvSheet(file, columns, decimal_comma=decimal_comma)
    elif format == "xlsx":
        with _excel(path, columns) as made:
            yield made
    else:
        with _parquet(path, columns) as made:
            yield made


class CsvSheet:
    """RFC 4180, or with a decimal comma and semicolons."""

    def __init__(self, file: TextIO, columns: Sequence[Column], *, decimal_comma: bool = False) -> None:
        self._comma = decimal_comma
        self._columns = columns
        self._writer = csv.writer(file, delimiter=";" if decimal_comma else ",", lineterminator="\r\n")
        self._writer.writerow([column.name for column in columns])

    def add(self, row: Sequence[Cell]) -> None:
        self._writer.writerow([self._text(cell) for cell in row])

    def _text(self, cell: Cell) -> str:
        if cell is None:
            return ""
        if isinstance(cell, bool):
            return "true" if cell else "false"
        if isinstance(cell, Decimal):
            return f"{cell:f}".replace(".", ",") if self._comma else f"{cell:f}"
        if isinstance(cell, datetime):
            return _iso(cell)
        if isinstance(cell, date):
            return cell.isoformat()
        return no_formula(cell)


def no_formula(text: str) -> str:
    """A text as a cell of a CSV file."""
    return f"'{text}" if text.startswith(FORMULA) else text


class ExcelSheet:
    def __init__(self, book: Any, columns: Sequence[Column]) -> None:
        self._sheet = book.add_worksheet()
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._day = book.add_format({"num_format": "yyyy-mm-dd"})
        self._columns = columns
        self._next = 1
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            self._sheet.write_string(0, place, column.name)
            self._sheet.set_column(place, place, 20 if column.type in ("moment", "local") else 14)

    def add(self, row: Sequence[Cell]) -> None:
        if self._next >= EXCEL_ROWS:
            raise Unexportable(f"Excel holds {EXCEL_ROWS - 1} rows at most: take CSV or Parquet, or a shorter time")
        for place, cell in enumerate(row):
            if isinstance(cell, bool):
                self._sheet.write_boolean(self._next, place, cell)
            elif isinstance(cell, Decimal):
                if len(cell.normalize().as_tuple().digits) <= EXCEL_DIGITS:
                    self._sheet.write_number(self._next, place, cell)
                else:
                    self._sheet.write_string(self._next, place, f"{cell:f}")
            elif isinstance(cell, datetime):
                self._sheet.write_datetime(self._next, place, cell.replace(tzinfo=None), self._moment)
            elif isinstance(cell, date):
                self._sheet.write_datetime(self._next, place, cell, self._day)
            elif cell is not None:
                self._sheet.write_string(self._next, place, cell)
        self._next += 1


@contextmanager
def _excel(path: Path, columns: Sequence[Column]) -> Iterator[ExcelSheet]:
    try:
        import xlsxwriter
    except ImportError as error:
        raise MissingExtra("an Excel file", "xlsx") from error
    with tempfile.TemporaryDirectory() as folder:
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": folder})
        # The same charges make the same bytes.
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
        try:
            yield ExcelSheet(book, columns)
        finally:
            book.close()


class ParquetSheet:
    """Rows are gathered in portions, each a file of its own until the end."""

    def __init__(self, polars: Any, folder: Path, columns: Sequence[Column]) -> None:
        self._polars = polars
        self._folder = folder
        self._columns = columns
        types = {
            "text": polars.String,
            "local": polars.String,
            "number": polars.Decimal(38, PLACES),
            "moment": polars.Datetime("ms", "UTC"),
            "day": polars.Date,
            "flag": polars.Boolean,
        }
        self._schema = {column.name: types[column.type] for column in columns}
        self._rows: list[list[Any]] = []
        self._parts: list[Path] = []

    def add(self, row: Sequence[Cell]) -> None:
        cells: list[Any] = []
        for column, cell in zip(self._columns, row, strict=True):
            if isinstance(cell, Decimal) and (places := -int(cell.normalize().as_tuple().exponent)) > PLACES:
                raise Unexportable(f"{column.name} {cell:f} has {places} decimals, and Parquet's column {PLACES}")
            cells.append(_iso(cell) if column.type == "local" and isinstance(cell, datetime) else cell)
        self._rows.append(cells)
        if len(self._rows) >= _PORTION:
            self.flush()

    def flush(self) -> None:
        frame = self._polars.DataFrame(self._rows, schema=self._schema, orient="row")
        self._parts.append(self._folder / f"{len(self._parts):06}.parquet")
        frame.write_parquet(self._parts[-1])
        self._rows.clear()

    def finish(self, path: Path) -> None:
        if self._rows or not self._parts:
            self.flush()
        self._polars.scan_parquet(self._parts).sink_parquet(path)


@contextmanager
def _parquet(path: Path, columns: Sequence[Column]) -> Iterator[ParquetSheet]:
    try:
        import polars
    except ImportError as error:
        raise MissingExtra("a Parquet file", "analytics") from error
    with tempfile.TemporaryDirectory() as folder:
        made = ParquetSheet(polars, Path(folder), columns)
        yield made
        made.finish(path)


def _iso(moment: datetime) -> str:
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if moment.tzinfo is UTC else text
