"""`evmesh serve`: run the node."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from evmesh.cli.node import settings_of
from evmesh.cli.output import Failure


def add_to(app: typer.Typer) -> None:
    app.command(
        "serve",
        help="Run the node: answer partners, deliver, pull. SIGTERM stops it when it has finished what it accepted.",
        epilog="\b\nExamples:\n  evmesh -C volt serve\n  evmesh -C volt serve --host 0.0.0.0 --port 8100",
    )(serve)


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Listen here.", show_default="what the node's URL says")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="On this port.", show_default="what the node's URL says")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request.")] = False,
) -> None:
    settings = settings_of(context)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    import uvloop

    from evmesh.platform import Running
    from evmesh.platform import serve as run

    def ready(running: Running) -> None:
        print(f"{settings.url}/ocpi/versions answers, on {running.host}:{running.port}", flush=True)

    try:
        uvloop.run(run(settings, host=host, port=port, ready=ready))
    except OSError as error:
        raise Failure(f"cannot listen on {error.filename or host or settings.listen[0]}: {error.strerror}") from None
