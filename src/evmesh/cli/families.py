"""Families of commands that several files add to, such as `evmesh cdrs`."""

from __future__ import annotations

import typer


def family(app: typer.Typer, name: str, help: str) -> typer.Typer:
    """The family of that name; a new one when it is not there yet."""
    for group in app.registered_groups:
        if group.name == name and group.typer_instance is not None:
            return group.typer_instance
    made = typer.Typer(help=help, rich_markup_mode=None, no_args_is_help=True)
    app.add_typer(made, name=name)
    return made
