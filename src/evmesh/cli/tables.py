"""Tables as files: what `evmesh cdrs export` and `evmesh invoice table` have in common."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evmesh.cli import output

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
ToFile = Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to.")]
DecimalComma = Annotated[
    bool, typer.Option("--decimal-comma", help="CSV as much of Europe reads it: 1,5 and semicolons.")
]


class Format(StrEnum):
    csv = "csv"
    xlsx = "xlsx"
    parquet = "parquet"


def check(format: Format, decimal_comma: bool) -> None:
    """A misuse when the format has no decimal comma."""
    if decimal_comma and format is not Format.csv:
        raise typer.BadParameter(f"{format} has no decimal sign of its own", param_hint="--decimal-comma")


def tell(path: Path, rows: int, what: str, json: bool) -> None:
    """What was written."""
    if json:
        output.as_json({"path": str(path), "rows": rows})
    else:
        print(f"{path}, {rows} {what}{'' if rows == 1 else 's'}")
