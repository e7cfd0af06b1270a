"""`evmesh faults`: what is wrong now and wants to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import output
from evmesh.cli.node import with_store

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.store.database import Store
    from evmesh.store.faults import Fault


def add_to(app: typer.Typer) -> None:
    app.command(
        "faults",
        help="List the open faults: deliveries refused or doubtful, pulls that broke off, charges without a price.",
        epilog="\b\nExamples:\n  evmesh -C volt faults\n  evmesh -C volt faults --json",
    )(list_faults)


def list_faults(
    context: typer.Context, json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    async def work(settings: Settings, store: Store) -> list[Fault]:
        from evmesh.store import faults

        return await store.read(faults.open_faults)

    found = with_store(context, work)
    if json:
        import msgspec

        output.as_json([msgspec.to_builtins(fault) for fault in found])
    elif found:
        output.table(
            ["since", "kind", "subject", "detail"], [(f.opened_at, f.kind, f.subject, f.detail) for f in found]
        )
    else:
        print("nothing is wrong")
