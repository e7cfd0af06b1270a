"""`evmesh demo`: the main job, shown from end to end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from evmesh.cli.output import Failure


def add_to(app: typer.Typer) -> None:
    app.command(
        "demo",
        help="Show a whole platform at work: two nodes register, a city's stations charge two cars, CDRs arrive.",
        epilog="\b\nExamples:\n  evmesh demo\n  evmesh demo --keep",
    )(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave both platforms running.")] = False,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the nodes live.", show_default="a new folder under demo/")
    ] = None,
) -> None:
    from datetime import datetime

    from rich.console import Console

    from evmesh.sandbox.demo import DemoFailed, run

    where = folder or Path("demo") / datetime.now().strftime("%Y-%m-%dT%H.%M.%S")
    if where.exists() and any(where.iterdir()):
        raise Failure(f"{where} is not empty")
    where.mkdir(parents=True, exist_ok=True)
    console = Console()
    try:
        asyncio.run(run(where, console, keep=keep))
    except DemoFailed as failed:
        raise Failure(f"the demo failed: {failed}; the nodes' logs are in {where}") from None
