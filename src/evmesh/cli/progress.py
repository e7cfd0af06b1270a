"""How far a long command has come: a bar on stderr, for people only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(title: str, total: int | None, *, output_too: bool = False) -> Iterator[Callable[[int], None]]:
    """A function that says how much more is done. Where stderr is no terminal nothing is shown.

    With `output_too` the command prints results meanwhile: the bar then also keeps away when they go to a terminal,
    where it would be torn by them.
    """
    if not sys.stderr.isatty() or (output_too and sys.stdout.isatty()):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # What is printed on stderr meanwhile goes above the bar; results on stdout go their own way.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(title, total=total)
        yield lambda count: shown.advance(task, count)
