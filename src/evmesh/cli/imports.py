"""`evmesh import`: our own objects from files and national registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure
from evmesh.cli.progress import progress
from evmesh.cli.validate import read_bytes

if TYPE_CHECKING:
    from evmesh.roaming.importing import Candidate, Imported
    from evmesh.roaming.node import Node

SHOWN = 20
"""Findings that are printed one by one; the rest are counted."""


class Kind(StrEnum):
    locations = "locations"
    tariffs = "tariffs"
    tokens = "tokens"
    sessions = "sessions"
    cdrs = "cdrs"
    invoicereconciliation = "invoicereconciliation"


File = Annotated[str, typer.Argument(metavar="FILE", help="The file, also gzipped, or - for standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Counts and all findings, for machines.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Take in our own objects: checked, stored, and queued for the partners that should get them.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    family.command(
        "ocpi",
        help="Objects as OCPI words them: a JSON array, one object, an OCPI envelope, or one object a line.",
        epilog=(
            "\b\nExamples:\n  evmesh -C volt import ocpi locations locations.json\n"
            "  evmesh -C volt import ocpi tariffs tariffs.ndjson.gz --release 2.2.1"
        ),
    )(ocpi)
    family.command(
        "irve",
        help="Locations from the French national register (IRVE, static, one charge point a line).",
        epilog="\b\nExample:\n  evmesh -C volt import irve irve-statique.json.gz",
    )(irve)
    family.command(
        "nobil",
        help="Locations from the Nordic register (NOBIL API).",
        epilog="\b\nExample:\n  evmesh -C volt import nobil uppsala.json",
    )(nobil)
    app.add_typer(family, name="import")


def ocpi(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What the objects are.")],
    file: File,
    release: Annotated[str, typer.Option(help="The release that words them.")] = "2.3.0",
    json: Json = False,
) -> None:
    from evmesh.ocpi.releases import RELEASES

    if release not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {release!r}")

    def found(node: Node, content: bytes) -> tuple[Iterable[Candidate], int]:
        from evmesh.roaming import importing

        bodies = list(importing.items(content))
        return importing.candidates(node, kind, bodies, release), len(bodies)

    _import(context, kind, file, found, json)


def irve(context: typer.Context, file: File, json: Json = False) -> None:
    def found(node: Node, content: bytes) -> tuple[Iterable[Candidate], int | None]:
        from evmesh.opendata import irve as register
        from evmesh.roaming.importing import items

        rows = (_row(body) for _, body in items(content))
        country_code, party_id = _first_cpo(node)
        return _converted(
            register.locations(rows, country_code=country_code, party_id=party_id, now=node.clock())
        ), None

    _import(context, Kind.locations, file, found, json, register=True)


def nobil(context: typer.Context, file: File, json: Json = False) -> None:
    def found(node: Node, content: bytes) -> tuple[Iterable[Candidate], int | None]:
        from evmesh.ocpi.wire import decode
        from evmesh.opendata import nobil as register
        from evmesh.roaming.importing import unpacked

        country_code, party_id = _first_cpo(node)
        payload = decode(unpacked(content))
        if not isinstance(payload, dict | list):
            raise Failure(f"{file}: a NOBIL answer is a JSON object, or the list of stations in it")
        return (
            _converted(register.locations(payload, country_code=country_code, party_id=party_id, now=node.clock())),
            None,
        )

    _import(context, Kind.locations, file, found, json, register=True)


def _row(body: bytes) -> Any:
    from evmesh.ocpi.status_codes import NotJson
    from evmesh.ocpi.wire import decode

    try:
        return decode(body)
    except NotJson as error:
        # The register's reader says of a row that is no object what is wrong with it.
        return error.message


def _converted(found: Iterable[Any]) -> Iterator[Candidate]:
    from evmesh.roaming.importing import Candidate

    for each in found:
        rows = ", ".join(str(row) for row in each.rows)
        yield Candidate(f"row {rows}", each.document, list(each.findings))


def _first_cpo(node: Node) -> tuple[str, str]:
    for party in node.parties:
        if party.role == "CPO":
            return party.party
    raise Failure("this node has no CPO party: a register's Locations belong to a CPO")


def _import(
    context: typer.Context,
    kind: str,
    file: str,
    found: Callable[[Node, bytes], tuple[Iterable[Candidate], int | None]],
    json: bool,
    *,
    register: bool = False,
) -> None:
    content = read_bytes(file)

    async def work(node: Node) -> Imported:
        from evmesh.ocpi.status_codes import NotJson
        from evmesh.roaming import importing

        try:
            taken, expected = found(node, content)
            with progress(f"{kind} from {file}", expected) as advance:
                return await importing.take(node, kind, taken, advance)
        except NotJson as error:
            raise Failure(f"{file}: {error.message}") from None

    imported = with_node(context, work)
    if json:
        from evmesh.roaming.importing import summary

        output.as_json({"file": file, **summary(imported)})
    else:
        _tell(file, imported)
    # What a register's reader leaves out by its policies is no failure of the import; an object of ours that we
    # refuse is one, though it cost only itself.
    taken = imported.read > imported.refused
    raise typer.Exit(1 if imported.refused and not (register and taken) else 0)


def _tell(file: str, imported: Imported) -> None:
    serious = [(position, finding) for position, finding in imported.findings if finding.severity == "error"]
    for position, finding in serious[:SHOWN]:
        print(f"{file}: {position}: {finding}")
    if len(serious) > SHOWN:
        print(f"… and {len(serious) - SHOWN} more errors (--json lists them all)")
    print(
        f"{imported.read} {imported.kind} read: {imported.created} new, {imported.replaced} changed, "
        f"{imported.unchanged} the same, {imported.stale} older than ours, {imported.refused} refused"
    )
    counts = output.finding_counts(finding for _, finding in imported.findings)
    if counts:
        output.table(["finding", "severity", "times"], [(c["code"], c["severity"], c["count"]) for c in counts])
