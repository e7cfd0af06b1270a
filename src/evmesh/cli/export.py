"""`evmesh cdrs export`: charges as a table for a spreadsheet or for analysis."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import tables
from evmesh.cli.days import moment
from evmesh.cli.families import family
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure
from evmesh.cli.progress import progress
from evmesh.cli.tables import DecimalComma, Format, Json, ToFile

if TYPE_CHECKING:
    from evmesh.cli.repricing import Charge
    from evmesh.config import Settings
    from evmesh.ports import Partner
    from evmesh.store.database import Store


def add_to(app: typer.Typer) -> None:
    family(app, "cdrs", "The charges that the node holds.").command(
        "export",
        help="Write charges as a table: CSV, Excel or Parquet, in columns that stay what they are.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver cdrs export --theirs --from 2026-05-01 --to 2026-06-01 --output may.csv\n"
            "  evmesh -C volt cdrs export --ours --partner driver --format xlsx --output driver.xlsx\n"
            "  evmesh -C volt cdrs export --format parquet --output cdrs.parquet\n"
            "Moments stand in UTC and by the clock of the place; amounts have all their digits."
        ),
    )(export)


def export(
    context: typer.Context,
    to_file: ToFile,
    format: Annotated[Format, typer.Option(help="What to write.")] = Format.csv,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Charges that began from this day, or moment, on.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Until before this day, or moment.")] = None,
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what we bill this partner, or it us.", show_default=False)
    ] = None,
    ours: Annotated[bool, typer.Option("--ours", help="Only what we bill.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Only what partners bill us.")] = False,
    decimal_comma: DecimalComma = False,
    documents: Annotated[
        bool, typer.Option("--documents", help="With each CDR as JSON in a last column, `document`.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Whose days they are; and the clock of places whose zone is not known."),
    ] = None,
    json: Json = False,
) -> None:
    if ours and theirs:
        raise typer.BadParameter("--ours and --theirs exclude each other")
    tables.check(format, decimal_comma)
    whose = timezone or "Etc/UTC"
    since = moment(begin, "--from", whose) if begin else datetime.min.replace(tzinfo=UTC)
    until = moment(end, "--to", whose) if end else datetime.max.replace(tzinfo=UTC)

    async def work(settings: Settings, store: Store) -> int:
        from evmesh.billing.charge_table import COLUMNS, row
        from evmesh.billing.columns import Cell, Column
        from evmesh.billing.sheets import sheet
        from evmesh.cli.repricing import charges
        from evmesh.ocpi.wire import encode
        from evmesh.store import objects, partners
        from evmesh.store.schema import OURS

        known = await store.read(lambda tx: partners.all_partners(tx, removed=True))
        chosen = [each for each in known if each.name == partner]
        if partner is not None and not chosen:
            raise Failure(f"there is no partner {partner}")
        counts = await store.read(objects.counts)
        sides = ([False] if not theirs else []) + ([True] if not ours else [])
        total = sum(n for (kind, whose), n in counts.items() if kind == "cdrs" and (whose != OURS) in sides)
        columns = (*COLUMNS, Column("document")) if documents else COLUMNS
        written = 0
        with (
            sheet(to_file, format.value, columns, decimal_comma=decimal_comma) as file,
            progress("exporting", total) as advance,
        ):
            async for charge in charges(store, sides, {each.id: each.name for each in known}, since, until):
                advance(1)
                if charge is None or (partner is not None and not _between(charge, chosen)):
                    continue
                name = charge.partner or _billed(charge, known)
                zone = _zone(charge.zone or timezone)
                cells: tuple[Cell, ...] = row(charge.cdr, whose=charge.whose, partner=name, zone=zone)
                file.add((*cells, encode(charge.cdr).decode()) if documents else cells)
                written += 1
        return written

    written = with_store(context, work)
    tables.tell(to_file, written, "charge", json)


def _between(charge: Charge, partners: list[Partner]) -> bool:
    """Whether the partner bills it to us, or it is charged with a token of the partner's."""
    if charge.partner is not None:
        return charge.partner == partners[0].name
    return _billed(charge, partners) is not None


def _billed(charge: Charge, partners: list[Partner]) -> str | None:
    """The partner whose token one of our charges was made with."""
    from evmesh.store.partners import latest

    token = charge.cdr.get("cdr_token") or {}
    party = str(token.get("country_code")), str(token.get("party_id"))
    found = latest(each for each in partners if each.owns(party))
    return None if found is None else found.name


def _zone(name: str | None) -> tuple[str, tzinfo] | None:
    from evmesh.pricing.zones import UnknownZone, time_zone

    try:
        return None if name is None else (name, time_zone(name))
    except UnknownZone:
        # A Location's zone is a partner's word.
        return None
