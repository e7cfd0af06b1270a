"""`evmesh batch`: millions of charges priced under one tariff, from Parquet to Parquet.

The file is read in portions, and each is priced by the same pure function: in processes on all cores of this machine,
or by the workers of a Dask cluster. The figures are the same whoever priced them.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import documents
from evmesh.cli.output import Failure
from evmesh.cli.price import Release, tariffs_of
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    from evmesh.pricing.portions import Priced, Task

Run = Callable[["Task", list[str]], Callable[[], "list[Priced]"]]
"""Begins to price a portion; what it gives waits for the end."""

PORTION = 20_000
AHEAD = 2
"""Portions under way for each worker, so that none waits for the next."""


class Engine(StrEnum):
    local = "local"
    dask = "dask"


def add_to(app: typer.Typer) -> None:
    app.command(
        "batch",
        help="Price millions of charges under one tariff, from Parquet to Parquet, on all cores or a Dask cluster.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C volt cdrs export --format parquet --documents --output cdrs.parquet\n"
            "  evmesh batch cdrs.parquet --tariff new.json --timezone Europe/Stockholm --output priced.parquet\n"
            "  evmesh batch cdrs.parquet --tariff new.json --output priced.parquet "
            "--engine dask --scheduler tcp://10.0.0.5:8786\n"
            "The column (--column) holds each CDR as JSON, in words of 2.2.1 or newer."
        ),
    )(batch)


def batch(
    file: Annotated[Path, typer.Argument(metavar="CDRS", help="A Parquet file.")],
    tariff: Annotated[str, typer.Option(metavar="FILE", help="The tariff to price by.")],
    to_file: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the prices go, as Parquet.")],
    column: Annotated[str, typer.Option(metavar="NAME", help="Which column holds the CDRs.")] = "document",
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Whose clock counts.", show_default=False)
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="How a contract reads what OCPI leaves open: TOML or JSON.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Who prices.")] = Engine.local,
    scheduler: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the Dask cluster is.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many processes.", show_default="all cores")
    ] = None,
    release: Release = None,
) -> None:
    if (engine is Engine.dask) != (scheduler is not None):
        raise typer.BadParameter("--engine dask and --scheduler belong together", param_hint="--scheduler")
    from evmesh.ocpi.wire import encode
    from evmesh.pricing.portions import Task, Unreadable, price_portion
    from evmesh.pricing.zones import UnknownZone

    (found, *more) = tariffs_of([tariff], release)
    if more:
        raise Failure(f"{tariff} holds several tariffs: a batch is priced by one")
    task = Task(encode(found.document).decode(), timezone, documents.read_policy(policy), found.names_taxes)
    try:
        price_portion(task, [])
        opened = _dask(str(scheduler)) if engine is Engine.dask else _processes(workers or os.cpu_count() or 1)
        with opened as (run, hands):
            count, unpriced = price_file(file, to_file, column, task, run, hands)
    except (Unreadable, UnknownZone) as error:
        raise Failure(f"tariff {tariff}: {error}") from None
    print(f"{to_file}, {count} charges, {unpriced} without a price")


def price_file(source: Path, target: Path, column: str, task: Task, run: Run, hands: int) -> tuple[int, int]:
    """Prices a file into another; how many charges there were, and how many have no price."""
    try:
        import polars
    except ImportError:
        raise Failure("Parquet needs the extra analytics: pip install 'evmesh[analytics]'") from None
    if not source.exists():
        raise Failure(f"{source}: there is no such file")
    if target.exists() and target.samefile(source):
        raise Failure(f"{target} holds the CDRs: write the prices to another file")
    if not target.parent.is_dir():
        raise Failure(f"{target.parent}: there is no such folder")
    try:
        lazy = polars.scan_parquet(source)
        if column not in lazy.collect_schema().names():
            raise Failure(f"{source} has no column {column!r}")
        total = lazy.select(polars.len()).collect().item()
    except polars.exceptions.PolarsError as error:
        raise Failure(f"{source}: {str(error).splitlines()[0]}") from None
    schema: dict[str, Any] = {
        "id": polars.String,
        "currency": polars.String,
        "before_taxes": polars.Decimal(38, task.policy.places),
        "after_taxes": polars.Decimal(38, task.policy.places),
    }
    waiting: deque[Callable[[], list[Priced]]] = deque()
    parts: list[Path] = []
    unpriced = 0
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, progress("pricing", total) as advance:

        def take() -> int:
            answers = waiting.popleft()()
            parts.append(Path(folder) / f"{len(parts):06}.parquet")
            polars.DataFrame(answers, schema=schema, orient="row").write_parquet(parts[-1])
            advance(len(answers))
            return sum(net is None and gross is None for _, _, net, gross in answers)

        for start in range(0, total, PORTION):
            texts = lazy.select(column).slice(start, PORTION).collect().to_series().to_list()
            waiting.append(run(task, texts))
            if len(waiting) >= hands * AHEAD:
                unpriced += take()
        while waiting:
            unpriced += take()
        if not parts:
            parts.append(Path(folder) / "none.parquet")
            polars.DataFrame(schema=schema).write_parquet(parts[0])
        polars.scan_parquet(parts).sink_parquet(target)
    return total, unpriced


@contextmanager
def _processes(count: int) -> Iterator[tuple[Run, int]]:
    """Fresh processes: none inherits locks or connections of this one."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from evmesh.pricing.portions import price_portion

    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda task, texts: pool.submit(price_portion, task, texts).result, count


@contextmanager
def _dask(address: str) -> Iterator[tuple[Run, int]]:
    """The workers of a cluster; they need evmesh as well."""
    try:
        from distributed import Client
    except ImportError:
        raise Failure("--engine dask needs the extra cluster: pip install 'evmesh[cluster]'") from None
    from evmesh.pricing.portions import price_portion

    try:
        client: Any = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise Failure(f"no Dask scheduler answers at {address}: {error}") from None
    with client:

        def run(task: Task, texts: list[str]) -> Callable[[], list[Priced]]:
            found: Callable[[], list[Priced]] = client.submit(price_portion, task, texts, pure=False).result
            return found

        yield run, max(1, sum(client.nthreads().values()))
