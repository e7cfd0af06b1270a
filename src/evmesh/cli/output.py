"""How commands speak: to people on a terminal, to machines in JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from evmesh.base.findings import Finding

_ORDERS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


class Failure(Exception):
    """What the user is told in one sentence when a command cannot do what was asked."""


def as_json(value: Any) -> None:
    """One JSON value on stdout, readable and ending in a newline."""
    import msgspec

    from evmesh.ocpi.wire import encode

    sys.stdout.write(msgspec.json.format(encode(value).decode(), indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table as wide as its content: the terminal cuts it, a pipe does not."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = Console()
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else harmless(str(cell))) for cell in row))
    if not console.is_terminal:
        endless = console.options.update(max_width=1_000_000)
        console = Console(width=max(Measurement.get(console, endless, drawn).maximum, 20))
    console.print(drawn)


def findings(found: Iterable[Finding]) -> None:
    for finding in found:
        print(harmless(str(finding)))


def harmless(text: str) -> str:
    """A text of whoever, for a terminal: what would give it orders is replaced."""
    return text.translate(_ORDERS)


def finding_counts(found: Iterable[Finding]) -> list[dict[str, Any]]:
    """How often each kind of finding occurred, most frequent first."""
    counts = Counter((finding.severity, finding.code) for finding in found)
    return [{"severity": s, "code": c, "count": n} for (s, c), n in counts.most_common()]
