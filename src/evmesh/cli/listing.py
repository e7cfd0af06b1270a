"""`evmesh list` and `evmesh show`: what the node holds, its own and its partners'."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node, with_store
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.roaming.node import Node
    from evmesh.store.database import Store
    from evmesh.store.objects import Held

AT_ONCE = 500


class Kind(StrEnum):
    locations = "locations"
    sessions = "sessions"
    cdrs = "cdrs"
    tariffs = "tariffs"
    tokens = "tokens"
    invoicereconciliation = "invoicereconciliation"


def add_to(app: typer.Typer) -> None:
    app.command(
        "list",
        help="List what the node holds: its own objects and its partners'.",
        epilog="\b\nExamples:\n  evmesh -C driver list cdrs --theirs\n  evmesh -C volt list locations --ours --json",
    )(list_objects)
    app.command(
        "show",
        help="Print one object; with --release as that release words it.",
        epilog=(
            "\b\nExamples:\n  evmesh -C driver show cdrs CDR-0001\n"
            "  evmesh -C volt show locations SE*VLT*LOC1 --release 2.1.1\n"
            "  evmesh -C driver show tariffs SE*VLT*NIGHT --history\n"
            "A token is named by its uid."
        ),
    )(show)


def list_objects(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    theirs: Annotated[bool, typer.Option("--theirs", help="Only what partners gave us.")] = False,
    ours: Annotated[bool, typer.Option("--ours", help="Only our own.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="The documents, as one JSON array.")] = False,
) -> None:
    if theirs and ours:
        raise typer.BadParameter("--theirs and --ours exclude each other")

    async def work(settings: Settings, store: Store) -> None:
        from evmesh.store import partners

        names = {p.id: p.name for p in await store.read(lambda tx: partners.all_partners(tx, removed=True))}
        held = _held(store, kind, ours=not theirs, theirs=not ours, limit=limit)
        if json:
            sys.stdout.write("[" + ",\n ".join([h.document async for h in held]) + "]\n")
        else:
            rows = [(names.get(h.partner_id, ""), *_row(kind, h)) async for h in held]
            output.table(["partner", *COLUMNS[kind]], rows)
            print(f"{len(rows)} {kind}")

    with_store(context, work)


async def _held(store: Store, kind: str, *, ours: bool, theirs: bool, limit: int | None) -> AsyncIterator[Held]:
    from evmesh.store import objects

    left = sys.maxsize if limit is None else limit
    for whose in ([False] if ours else []) + ([True] if theirs else []):
        after = 0
        while left > 0:
            find = partial(objects.listing, kind=kind, theirs=whose, after_seq=after, limit=min(AT_ONCE, left))
            some = await store.read(find)
            for held in some:
                yield held
            left -= len(some)
            if len(some) == 0:
                break
            after = some[-1].seq


def _row(kind: str, held: Held) -> list[Any]:
    from evmesh.ocpi.wire import decode

    document = decode(held.document)
    return [_cell(document, column) for column in COLUMNS[Kind(kind)].values()]


COLUMNS: dict[Kind, dict[str, Any]] = {
    Kind.locations: {
        "id": "id", "name": "name", "city": "city", "country": "country",
        "EVSEs": lambda d: len(d.get("evses") or ()), "last updated": "last_updated",
    },
    Kind.sessions: {
        "id": "id", "status": "status", "kWh": "kwh", "start": "start_date_time", "end": "end_date_time",
        "EVSE": "evse_uid", "cost": lambda d: _money(d.get("total_cost"), d), "last updated": "last_updated",
    },
    Kind.cdrs: {
        "id": "id", "start": "start_date_time", "end": "end_date_time", "kWh": "total_energy",
        "cost": lambda d: _money(d.get("total_cost"), d), "session": "session_id", "last updated": "last_updated",
    },
    Kind.tariffs: {
        "id": "id", "currency": "currency", "type": "type",
        "elements": lambda d: len(d.get("elements") or ()), "last updated": "last_updated",
    },
    Kind.tokens: {
        "uid": "uid", "type": "type", "contract": "contract_id", "issuer": "issuer",
        "valid": "valid", "whitelist": "whitelist", "last updated": "last_updated",
    },
    Kind.invoicereconciliation: {
        "id": "id", "party": lambda d: f"{d['country_code']}*{d['party_id']}", "invoice": "invoice_id",
        "CDRs": lambda d: len(d.get("cdrs") or ()), "last updated": "last_updated",
    },
}  # fmt: skip


def _cell(document: dict[str, Any], column: Any) -> Any:
    return column(document) if callable(column) else document.get(column)


def _money(price: dict[str, Any] | None, document: dict[str, Any]) -> str:
    if price is None or price.get("before_taxes") is None:
        return ""
    return f"{price['before_taxes']} {document.get('currency', '')}"


def show(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or CC*PID*ID.")],
    release: Annotated[str | None, typer.Option(help="The words of this release.", show_default=False)] = None,
    history: Annotated[bool, typer.Option("--history", help="All versions of a tariff, oldest first.")] = False,
) -> None:
    from evmesh.ocpi.releases import RELEASES
    from evmesh.ocpi.wire import decode

    if history and (kind != Kind.tariffs or release is not None):
        raise typer.BadParameter("--history is for tariffs, as they are kept")
    from evmesh.roaming.kinds import NAMES

    if release is not None and release not in RELEASES:
        raise typer.BadParameter(f"evmesh speaks {', '.join(RELEASES)}, not {release!r}")

    async def work(node: Node) -> None:
        from evmesh.store import objects

        owner, rest = split(id)
        found = await node.store.read(lambda tx: objects.find(tx, kind, rest, absent=True))
        if owner is not None:
            found = [held for held in found if held.owner == owner]
        if not found:
            raise Failure(f"there is no {NAMES[kind]} {id}")
        if len(found) > 1:
            names = ", ".join(sorted({f"{held.owner}*{held.id}" for held in found}))
            raise Failure(f"several {kind} have that id: {names}")
        held = found[0]
        if history:
            output.as_json(await _versions(node.store, held))
            return
        output.as_json(decode(held.document) if release is None else await said(node, NAMES[kind], held, release))

    with_node(context, work)


async def _versions(store: Store, held: Held) -> list[dict[str, Any]]:
    """Every version that was told of a tariff; one without a document is its deletion."""
    from evmesh.ocpi.types import timestamp
    from evmesh.ocpi.wire import decode
    from evmesh.store import tariff_history

    found = await store.read(lambda tx: tariff_history.versions(tx, held.partner_id, held.owner, held.id))
    return [
        {
            "known_from": timestamp(each.at),
            "release": each.release,
            "document": None if each.document is None else decode(each.document),
        }
        for each in found
    ]


def split(id: str) -> tuple[str | None, str]:
    """The owner, where `CC*PID*ID` names it, and the id."""
    parts = id.split("*", 2)
    if len(parts) == 3 and len(parts[0]) == 2 and len(parts[1]) == 3:
        return f"{parts[0]}*{parts[1]}".upper(), parts[2]
    return None, id


async def said(node: Node, name: str, held: Held, release: str) -> dict[str, Any]:
    """The object as a release words it: what the partner sent where it is that release, else written by us."""
    from evmesh.ocpi.dialect import dialect
    from evmesh.ocpi.wire import NeedsObject, Unsayable, decode, write
    from evmesh.roaming.publish import our_context

    if held.partner_id and held.release == release:
        document: dict[str, Any] = decode(held.wire_or_document)
        return document

    def words(tx: Any) -> dict[str, Any]:
        whole = decode(held.document)
        return write(name, whole, dialect(release), our_context(tx, node, whole)).document

    try:
        return await node.store.read(words)
    except (Unsayable, NeedsObject) as error:
        raise Failure(f"{release} has no words for {name} {held.id}: {error}") from None
