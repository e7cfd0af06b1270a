"""The commands about prices: of charges that happened, of tariffs, and of charges to come."""

from __future__ import annotations

import typer

from evmesh.cli import explain, lint, price, quote, reprice


def add_to(app: typer.Typer) -> None:
    for commands in (price, lint, explain, quote, reprice):
        commands.add_to(app)
