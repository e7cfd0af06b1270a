"""`evmesh invoice export` and `evmesh invoice table`: invoices as documents, and as rows for a spreadsheet."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import output, tables
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure
from evmesh.cli.progress import progress
from evmesh.cli.tables import DecimalComma, Json, ToFile

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.roaming.cdrs.invoicing import Month
    from evmesh.store.database import Store


class Format(StrEnum):
    pdf = "pdf"
    ubl = "ubl"
    cii = "cii"
    json = "json"
    csv = "csv"


class State(StrEnum):
    issued = "issued"
    sent = "sent"
    paid = "paid"
    cancelled = "cancelled"


PartnerOption = Annotated[
    str | None, typer.Option("--partner", metavar="NAME", help="Of one partner or driver.", show_default=False)
]
MonthOption = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="For charges of this month.", show_default=False)
]
StateOption = Annotated[State | None, typer.Option("--state", help="In this state.", show_default=False)]


def month_of(text: str) -> Month:
    """The month that an option says; a misuse when it is none."""
    from evmesh.roaming.cdrs.invoicing import Month

    try:
        return Month.read(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month such as 2026-05", param_hint="--month") from None


def export(
    context: typer.Context,
    number: Annotated[str | None, typer.Argument(metavar="NUMBER", help="One invoice.", show_default=False)] = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = Format.pdf,
    to: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="PATH",
            help="The file (- is standard output), or without a NUMBER the folder.",
            show_default="NUMBER.SUFFIX, here",
        ),
    ] = None,
    partner: PartnerOption = None,
    month: MonthOption = None,
    state: StateOption = None,
    json: Json = False,
) -> None:
    """One invoice, or without a NUMBER all that the options choose."""
    chosen = partner is not None or month is not None or state is not None
    if (number is not None) == chosen:
        raise typer.BadParameter("give a NUMBER, or say which invoices: --partner, --month, --state")
    if json and to == "-":
        raise typer.BadParameter("standard output holds one thing", param_hint="--json")
    if number is not None:
        written = _one(context, number, format, to)
    else:
        written = _many(context, format, Path(to or "."), partner, month, state)
    if json:
        output.as_json({"files": [{"path": str(path), "bytes": path.stat().st_size} for path in written]})
    elif number is None:
        print(f"{to or '.'}, {len(written)} invoice{'' if len(written) == 1 else 's'}")
    else:
        for path in written:
            print(f"{path}, {path.stat().st_size} bytes")


def _one(context: typer.Context, number: str, format: Format, to: str | None) -> list[Path]:
    """The file that was written; none where it went to standard output."""

    async def work(settings: Settings, store: Store) -> bytes:
        from evmesh.roaming.cdrs.invoice_files import document

        return await document(store, settings.billing, number, format.value)

    with progress(f"making {format}", None):
        content = with_store(context, work)
    if to == "-":
        sys.stdout.buffer.write(content)
        return []
    path = Path(to or _file_name(number, format))
    path.write_bytes(content)
    return [path]


def _many(
    context: typer.Context, format: Format, folder: Path, partner: str | None, month: str | None, state: State | None
) -> list[Path]:
    stretch = None if month is None else month_of(month)

    async def work(settings: Settings, store: Store) -> list[Path]:
        from evmesh.roaming.cdrs.invoice_files import document, listed

        written = []
        found = await listed(store, partner=partner, month=stretch, state=state)
        with progress(f"making {format}", len(found)) as advance:
            for each in found:
                content = await document(store, settings.billing, each.number, format.value)
                written.append(folder / _file_name(each.number, format))
                written[-1].write_bytes(content)
                advance(1)
        return written

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return with_store(context, work)
    except OSError as error:
        raise Failure(f"{folder} cannot be written to: {error.strerror}") from None


def _file_name(number: str, format: Format) -> str:
    from evmesh.roaming.cdrs.invoice_files import SUFFIXES

    return "".join(c if c.isalnum() or c in "-_." else "-" for c in number) + SUFFIXES[format.value]


def table(
    context: typer.Context,
    to_file: ToFile,
    format: Annotated[tables.Format, typer.Option(help="What to write.")] = tables.Format.csv,
    lines: Annotated[bool, typer.Option("--lines", help="A row for each line, not for each invoice.")] = False,
    partner: PartnerOption = None,
    month: MonthOption = None,
    state: StateOption = None,
    decimal_comma: DecimalComma = False,
    json: Json = False,
) -> None:
    tables.check(format, decimal_comma)
    stretch = None if month is None else month_of(month)

    async def work(settings: Settings, store: Store) -> int:
        from evmesh.billing.invoice_table import INVOICES, LINES, invoice_row, line_rows
        from evmesh.billing.sheets import sheet
        from evmesh.roaming.cdrs.invoice_files import listed, stored

        found = await listed(store, partner=partner, month=stretch, state=state)
        columns = LINES if lines else INVOICES
        written = 0
        with (
            sheet(to_file, format.value, columns, decimal_comma=decimal_comma) as file,
            progress("exporting", len(found)) as advance,
        ):
            for each in found:
                _, invoice = await stored(store, each.number)
                about = {"other_party": each.other_party, "state": each.state}
                for row in line_rows(invoice, **about) if lines else [invoice_row(invoice, **about)]:
                    file.add(row)
                    written += 1
                advance(1)
        return written

    written = with_store(context, work)
    tables.tell(to_file, written, "line" if lines else "invoice", json)
