"""`evmesh invoice`: what charges cost, on paper: runs of a month, and the documents of each invoice."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import days, output
from evmesh.cli.invoice_files import MonthOption, PartnerOption, State, StateOption, export, month_of, table
from evmesh.cli.node import settings_of, with_node, with_store
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    from decimal import Decimal

    from evmesh.billing.invoice import Invoice
    from evmesh.config import Settings
    from evmesh.roaming.cdrs.invoicing import Result
    from evmesh.roaming.node import Node
    from evmesh.store.database import Store
    from evmesh.store.invoices import Issued

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The invoice's number.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Invoice what was charged: partners, ourselves in a partner's name, drivers.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    for name, function, text, examples in (
        ("run", run, "Invoice the charges of a month that stand on no invoice yet.",
         ["evmesh -C volt invoice run --partner driver --month 2026-05",
          "evmesh -C volt invoice run --partner driver --month 2026-05 --dry-run --json",
          "evmesh -C driver invoice run --partner volt --month 2026-05 --self-billing",
          "evmesh -C driver invoice run --driver SE-DRV-C00012345 --month 2026-05 --per-session",
          "evmesh -C driver invoice run --drivers --month 2026-05"]),
        ("list", list_invoices, "List invoices.", ["evmesh -C volt invoice list --partner driver --state issued"]),
        ("show", show, "Show an invoice.", ["evmesh -C volt invoice show INV-2026-00001"]),
        ("export", export, "Write invoices as files: PDF with the XML inside, UBL, CII, JSON, or their CDRs as CSV.",
         ["evmesh -C volt invoice export INV-2026-00001",
          "evmesh -C volt invoice export INV-2026-00001 --format ubl --output -",
          "evmesh -C volt invoice export --month 2026-05 --output may",
          "evmesh -C volt invoice export --state issued --format ubl --output outbox"]),
        ("table", table, "Write invoices, or their lines, as a table: CSV, Excel or Parquet.",
         ["evmesh -C volt invoice table --month 2026-05 --output may.csv --decimal-comma",
          "evmesh -C volt invoice table --lines --format parquet --output lines.parquet"]),
        ("mark", mark, "Say that an invoice was sent, paid or cancelled.",
         ["evmesh -C volt invoice mark INV-2026-00001 paid"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
        family.command(name, help=text, epilog=epilog)(function)
    app.add_typer(family, name="invoice")


def run(
    context: typer.Context,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="When the charges ended.")],
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="The partner, as we call it.", show_default=False)
    ] = None,
    driver: Annotated[
        str | None, typer.Option(metavar="CONTRACT", help="A driver instead, by contract.", show_default=False)
    ] = None,
    drivers: Annotated[bool, typer.Option("--drivers", help="All drivers of the settings instead.")] = False,
    self_billing: Annotated[
        bool, typer.Option("--self-billing", help="The partner charged us: write its invoice to us.")
    ] = False,
    per_session: Annotated[bool, typer.Option("--per-session", help="An invoice for each charge.")] = False,
    issued: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="The day of issue.", show_default="today")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would be; take no number.")] = False,
    json: Json = False,
) -> None:
    if [partner is not None, driver is not None, drivers].count(True) != 1:
        raise typer.BadParameter("give --partner, --driver or --drivers")
    if self_billing and partner is None:
        raise typer.BadParameter("a driver bills us nothing", param_hint="--self-billing")
    stretch = month_of(month)
    day = None if issued is None else days.day(issued)

    settings = settings_of(context)

    async def work(node: Node) -> Result:
        from evmesh.roaming.cdrs import invoicing

        store, billing = node.store, settings.billing
        on = day or invoicing.today(billing, node.clock())
        if partner is not None:
            order = await invoicing.order_for_partner(
                store, billing, partner, stretch, on, self_billing=self_billing, per_session=per_session
            )
            orders = [order]
        else:
            tariffs = settings.driver_tariffs
            contracts = [each.contract for each in billing.customer if each.contract] if drivers else [str(driver)]
            orders = [
                invoicing.order_for_driver(billing, tariffs, each, stretch, on, per_session=per_session)
                for each in contracts
            ]
        with progress("reading CDRs", None) as advance:
            return await invoicing.run(node, billing, orders, dry=dry_run, found=advance)

    result = with_node(context, work)
    if json:
        output.as_json(_result(result))
    else:
        _tell(result, month)
    if result.left_out:
        raise typer.Exit(1)


def list_invoices(
    context: typer.Context,
    partner: PartnerOption = None,
    month: MonthOption = None,
    state: StateOption = None,
    json: Json = False,
) -> None:
    stretch = None if month is None else month_of(month)

    async def work(settings: Settings, store: Store) -> list[Issued]:
        from evmesh.roaming.cdrs.invoice_files import listed

        return await listed(store, partner=partner, month=stretch, state=state)

    found = with_store(context, work)
    if json:
        output.as_json([_row(each) for each in found])
    else:
        _table(found)
        print(f"{len(found)} invoice{'' if len(found) == 1 else 's'}")


def show(context: typer.Context, number: Number, json: Json = False) -> None:
    async def work(settings: Settings, store: Store) -> tuple[Issued, Invoice]:
        from evmesh.roaming.cdrs.invoice_files import stored

        return await stored(store, number)

    issued, invoice = with_store(context, work)
    if json:
        from evmesh.billing.invoice import document

        output.as_json({"state": issued.state, **document(invoice)})
    else:
        _show(issued, invoice)


def mark(
    context: typer.Context,
    number: Number,
    state: Annotated[State, typer.Argument(help="sent, paid or cancelled.")],
    json: Json = False,
) -> None:
    async def work(node: Node) -> Issued:
        from evmesh.roaming.cdrs import invoicing

        return await node.store.write(partial(invoicing.mark, node=node, number=number, state=state.value))

    issued = with_node(context, work)
    if json:
        output.as_json(_row(issued))
    else:
        print(f"invoice {issued.number} is {issued.state}")


def _row(issued: Issued) -> dict[str, Any]:
    import msgspec

    return {name: value for name, value in msgspec.to_builtins(issued).items() if name not in ("id", "partner_id")}


def _result(result: Result) -> dict[str, Any]:
    from evmesh.billing.invoice import document

    return {
        "issued": [_row(each) for each in result.issued],
        "drafts": [document(each) for each in result.drafts],
        "left_out": [{"cdr": key, "reason": reason} for key, reason in result.left_out],
        "already_invoiced": result.already,
        "free": result.free,
        "checked_by_official_rules": result.checked,
    }


def _tell(result: Result, month: str) -> None:
    if result.issued:
        _table(result.issued)
    for draft in result.drafts:
        _show(None, draft)
    if not result.issued and not result.drafts:
        print(f"nothing is left to invoice for {month}")
    if result.already:
        print(f"{result.already} CDRs stand on an invoice already")
    if result.free:
        print(f"{result.free} CDRs are free and stand on no invoice")
    if not result.checked:
        print("not checked against the official rules: that needs the extra einvoice", file=sys.stderr)
    for _, reason in result.left_out:
        print(f"left out: {reason}", file=sys.stderr)


def _table(found: list[Issued]) -> None:
    from evmesh.billing.words import ENGLISH

    output.table(
        ["number", "what", "to or from", "period", "charges", "before VAT", "VAT", "to pay", "", "rounding", "state"],
        [
            (
                each.number, ENGLISH.titles[each.type_code], each.other_party,
                f"{each.period_begin} to {each.period_end}", each.charges, each.net, each.tax, each.payable,
                each.currency, each.rounding_difference, each.state,
            )
            for each in found
        ],
    )  # fmt: skip


def _show(issued: Issued | None, invoice: Invoice) -> None:
    from evmesh.billing.invoice import remarks

    state = f", {issued.state}" if issued else ", not issued"
    due = f", due {invoice.due_on}" if invoice.due_on else ""
    print(f"{invoice.title} {invoice.number} of {invoice.issued_on}{due}{state}")
    print(f"from {invoice.seller.name} ({invoice.seller.country}) to {invoice.buyer.name} ({invoice.buyer.country})")
    print(f"{invoice.period_begin} to {invoice.period_end}, {len(invoice.rows)} charges")
    for each in invoice.preceding:
        print(f"credits {each.number} of {each.issued_on}")
    print()
    output.table(
        ["line", "supply", "", "charges", "kWh", "VAT", invoice.currency],
        [
            (x.id, x.name, x.description, x.charges, f"{x.energy:f}", f"{x.category} {x.rate:f} %", f"{x.amount:f}")
            for x in invoice.lines
        ],
    )
    print()
    rows = [("before VAT", "", f"{invoice.net:f}")]
    rows += [(f"VAT {x.category} {x.rate:f} %", x.reason or "", f"{x.tax:f}") for x in invoice.vat]
    rows.append(("total", "", f"{invoice.total:f}"))
    if invoice.payable_rounding:
        rows.append(("rounding", "", f"{invoice.payable_rounding:f}"))
    if invoice.how_paid is not None:
        rows.append((invoice.how_paid.lower(), "", f"{-invoice.paid_amount:f}"))
    rows.append(("to pay", invoice.currency, f"{invoice.payable:f}"))
    output.table(["", "", ""], rows)
    _show_parts(invoice)
    for remark in remarks(invoice):
        print(remark)


def _show_parts(invoice: Invoice) -> None:
    """What each of a driver's charges is made of."""
    parts = [
        (row.id, invoice.words.components[x.what], _plain(x.quantity), _plain(x.price), _plain(x.net), _plain(x.gross))
        for row in invoice.rows
        for x in row.components
    ]
    if parts:
        print()
        output.table(["CDR", "price", "quantity", "per unit", "before VAT", "with VAT"], parts)


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
