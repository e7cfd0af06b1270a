"""`evmesh init`: a new node."""

from __future__ import annotations

from typing import Annotated

import typer

from evmesh.cli.output import Failure


def add_to(app: typer.Typer) -> None:
    app.command(
        "init",
        help="Make a node in this folder: write its evmesh.toml, with a fresh secret key in it.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C volt init --url https://ocpi.volt.example --party CPO:SE:VLT --name 'Volt AB'\n"
            "  evmesh init --url http://127.0.0.1:8200 --party EMSP:SE:DRV --party CPO:SE:DRV \\\n"
            "      --database postgresql://evmesh@localhost/evmesh"
        ),
    )(init)


def init(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="Where partners will reach this node.")],
    party: Annotated[list[str], typer.Option(metavar="ROLE:CC:PID", help="A party of ours; may be repeated.")],
    name: Annotated[str, typer.Option(help="Our name, as partners read it.")] = "",
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://…", show_default="SQLite here")
    ] = None,
) -> None:
    from evmesh import config

    try:
        parties = [config.parse_party(text, name) for text in party]
        checked = config.checked_url(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if len({(p.role, p.party) for p in parties}) < len(parties):
        raise typer.BadParameter("the same party stands twice in the same role")
    if database is not None and not database.startswith(("sqlite:///", "postgresql://")):
        raise typer.BadParameter("a database is sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    try:
        path = config.write(context.obj.folder, url=checked, parties=parties, name=name, database=database)
    except config.SettingsError as error:
        raise Failure(str(error)) from None
    print(f"{path} is written. Next: evmesh -C {context.obj.folder} serve")
