"""`evmesh validate`: what is wrong with a document, by the rules of a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evmesh.base.findings import Finding, pointer
from evmesh.cli import output
from evmesh.cli.output import Failure


def add_to(app: typer.Typer) -> None:
    app.command(
        "validate",
        help="Check a document against a release: every deviation with its JSON pointer; exit status 1 on errors.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh validate cdr.json --object CDR --release 2.2.1\n"
            "  curl -s … | evmesh validate - --object Location --release 2.3.0 --json\n"
            "An array or an OCPI envelope is checked item by item."
        ),
    )(validate)


def validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")],
    object: Annotated[str, typer.Option("--object", help="What it should be: Location, CDR, Tariff, …")],
    release: Annotated[str, typer.Option(help="The release whose rules count: 2.1.1, 2.2.1 or 2.3.0.")],
    patch: Annotated[bool, typer.Option("--patch", help="The body of a PATCH: required fields may be absent.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    from evmesh.ocpi.wire import decode

    name = object_name(object, release)
    document = decode(read_bytes(file))
    found = list(findings_of(document, name, release, patch))
    errors = sum(finding.severity == "error" for finding in found)
    if json:
        output.as_json(
            {"file": file, "object": name, "release": release, "valid": not errors,
             "findings": [
                 {"severity": f.severity, "code": f.code, "pointer": f.pointer, "message": f.message} for f in found
             ]}
        )  # fmt: skip
    else:
        output.findings(found)
        print(f"{file}: {errors} errors, {len(found) - errors} other findings" if found else f"{file}: a good {name}")
    raise typer.Exit(1 if errors else 0)


def findings_of(document: Any, name: str, release: str, patch: bool = False) -> list[Finding]:
    """The findings of one object, or of each item of an array or an envelope."""
    from evmesh.ocpi.wire import check

    if name != "Response" and isinstance(document, dict) and {"status_code", "data"} <= document.keys():
        return [finding.below("/data") for finding in findings_of(document["data"], name, release, patch)]
    if isinstance(document, list):
        return [
            finding.below(pointer(index))
            for index, item in enumerate(document)
            for finding in check(name, item, release, partial=patch)
        ]
    return check(name, document, release, partial=patch)


def object_name(name: str, release: str) -> str:
    """The object's name as the specification spells it; misuse when the release has no such object."""
    import difflib

    from evmesh.ocpi.releases import RELEASES

    if release not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {release!r}")
    objects = RELEASES[release].rules.objects
    for known in objects:
        if known.casefold() == name.casefold():
            return known
    near = difflib.get_close_matches(name, objects, 1)
    hint = f", did you mean {near[0]}?" if near else ""
    raise typer.BadParameter(f"{release} has no object {name!r}{hint}")


def read_bytes(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
