"""`evmesh spec`: the specification's objects, as tables and as JSON Schemas."""

from __future__ import annotations

from typing import Annotated

import typer

from evmesh.cli import output
from evmesh.cli.validate import object_name

CARDINALITY = {"1": "required", "?": "optional", "*": "any number", "+": "at least one"}


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(help="What the specification says of an object.", rich_markup_mode=None, no_args_is_help=True)
    family.command(
        "show",
        help="The fields of an object in a release.",
        epilog="\b\nExample:\n  evmesh spec show Location --release 2.2.1",
    )(show)
    family.command(
        "schema",
        help="JSON Schema 2020-12 of an object, or of all.",
        epilog="\b\nExamples:\n  evmesh spec schema CDR --release 2.2.1\n  evmesh spec schema --release 2.3.0",
    )(schema)
    app.add_typer(family, name="spec")


def show(
    object: Annotated[str, typer.Argument(metavar="OBJECT", help="Location, CDR, an enum such as Status, …")],
    release: Annotated[str, typer.Option(help="2.1.1, 2.2.1 or 2.3.0.")],
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    from evmesh.ocpi.releases import RELEASES

    if release in RELEASES:
        enums = {name.casefold(): rule for name, rule in RELEASES[release].rules.enums.items()}
        if enum := enums.get(object.casefold()):
            if json:
                output.as_json({"enum": enum.name, "release": release, "open": enum.open, "values": list(enum.values)})
            else:
                kind = "open enum" if enum.open else "enum"
                output.table([f"{enum.name} ({kind}, {release})"], [[value] for value in enum.values])
            return
    name = object_name(object, release)
    rule = RELEASES[release].rules.objects[name]
    if json:
        fields = [
            {k: v for k, v in
             {"name": f.name, "type": f.type, "cardinality": f.cardinality, "max_length": f.max_length,
              "min_length": f.min_length, "pattern": f.pattern, "max_digits": f.max_digits}.items() if v is not None}
            for f in rule.fields.values()
        ]  # fmt: skip
        output.as_json({"object": rule.name, "release": release, "fields": fields})
        return
    output.table(
        ["field", "type", "how many", "limits"],
        [(f.name, f.type, CARDINALITY[f.cardinality], _limits(f.max_length, f.min_length, f.pattern, f.max_digits))
         for f in rule.fields.values()],
        title=f"{rule.name} in {release}, chapter {rule.chapter}",
    )  # fmt: skip


def _limits(most: int | None, least: int | None, pattern: str | None, digits: int | None) -> str:
    parts = [f"{least}–{most} characters" if least else f"≤ {most} characters"] if most else []
    parts += [f"≤ {digits} digits"] if digits else []
    parts += [pattern] if pattern else []
    return ", ".join(parts)


def schema(
    release: Annotated[str, typer.Option(help="2.1.1, 2.2.1 or 2.3.0.")],
    object: Annotated[str | None, typer.Argument(metavar="[OBJECT]", help="One object; all when left out.")] = None,
) -> None:
    from evmesh.ocpi.releases import RELEASES
    from evmesh.ocpi.schema import json_schema

    if object is None and release not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {release!r}")
    name = None if object is None else object_name(object, release)
    output.as_json(json_schema(RELEASES[release].rules, name))
