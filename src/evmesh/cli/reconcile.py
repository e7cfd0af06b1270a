"""`evmesh reconcile`: partners' records of their invoices against the CDRs that we hold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.ports import Partner
    from evmesh.roaming.invoicereconciliation.compare import Comparison, Difference
    from evmesh.store.database import Store
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx

Amount = Annotated[str | None, typer.Option(metavar="AMOUNT", help="As the invoice says.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Looked:
    """One record, and what came of it."""

    partner: str
    held: Held
    invoice_id: str
    comparison: Comparison
    differences: list[Difference]


def add_to(app: typer.Typer) -> None:
    app.command(
        "reconcile",
        help="Hold partners' invoices against the CDRs that we have: each listed CDR once, and their sum.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver reconcile\n"
            "  evmesh -C driver reconcile INV-2026-00017 --before-taxes 1204.50 --after-taxes 1505.63\n"
            "What does not fit stays among the faults until it does. Exit status 1: something does not fit."
        ),
    )(reconcile)


def reconcile(
    context: typer.Context,
    invoice: Annotated[
        str | None, typer.Argument(metavar="INVOICE", help="One invoice, by its id.", show_default="all")
    ] = None,
    before_taxes: Amount = None,
    after_taxes: Amount = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of the amounts.", show_default="the CDRs'")
    ] = None,
    tolerance: Annotated[str, typer.Option(metavar="AMOUNT", help="So much apart is no difference.")] = "0.01",
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    if invoice is None and (before_taxes or after_taxes):
        raise typer.BadParameter("an amount is of one invoice: name it")
    net, gross = _amount(before_taxes, "--before-taxes"), _amount(after_taxes, "--after-taxes")
    apart = _amount(tolerance, "--tolerance") or Decimal(0)

    async def work(settings: Settings, store: Store) -> list[Looked]:
        return await store.write(partial(_look, invoice=invoice, net=net, gross=gross, currency=currency, apart=apart))

    found = with_store(context, work)
    if invoice is not None and not found:
        raise Failure(f"no partner has told us of an invoice {invoice}")
    if json:
        output.as_json([_document(each) for each in found])
    else:
        output.table(
            ["invoice", "partner", "CDRs", "before taxes", "after taxes", "", "what"], [_row(each) for each in found]
        )
        print(f"{len(found)} invoices")
    if any(each.differences or not each.comparison.sound for each in found):
        raise typer.Exit(1)


def _look(
    tx: Tx, *, invoice: str | None, net: Decimal | None, gross: Decimal | None, currency: str | None, apart: Decimal
) -> list[Looked]:
    from evmesh.ocpi.wire import decode
    from evmesh.roaming.invoicereconciliation import reconcile as rules
    from evmesh.store import partners

    known: dict[int, Partner] = {each.id: each for each in partners.all_partners(tx, removed=True)}
    found = []
    for held in _records(tx):
        invoice_id = str(decode(held.document).get("invoice_id"))
        if invoice is not None and invoice_id.casefold() != invoice.casefold():
            continue
        partner = known[held.partner_id]
        differences: list[Difference] = []
        if net is not None or gross is not None:
            try:
                differences = rules.invoiced(
                    tx, partner, held, currency, before_taxes=net, after_taxes=gross, tolerance=apart
                )
            except ValueError as error:
                raise Failure(f"invoice {invoice_id}: {error}") from None
        found.append(Looked(partner.name, held, invoice_id, rules.look_at(tx, partner, held), differences))
    return found


def _records(tx: Tx) -> list[Held]:
    from evmesh.store import objects

    found: list[Held] = []
    while page := objects.listing(
        tx, "invoicereconciliation", theirs=True, after_seq=found[-1].seq if found else 0, limit=500
    ):
        found += page
    return found


def _row(each: Looked) -> list[Any]:
    what = [str(difference) for difference in each.differences]
    if not each.comparison.sound or not what:
        what.append(str(each.comparison))
    sums = each.comparison.sums
    return [
        each.invoice_id,
        each.partner,
        each.comparison.listed,
        ", ".join("?" if total.before_taxes is None else f"{total.before_taxes:f}" for total in sums.values()),
        ", ".join("?" if total.after_taxes is None else f"{total.after_taxes:f}" for total in sums.values()),
        ", ".join(sums),
        "; ".join(what),
    ]


def _document(each: Looked) -> dict[str, Any]:
    import msgspec

    comparison = each.comparison
    return {
        "invoice_id": each.invoice_id,
        "partner": each.partner,
        "record": f"{each.held.owner}*{each.held.id}",
        "cdrs": comparison.listed,
        "missing": list(comparison.missing),
        "doubled": list(comparison.doubled),
        "on_another_invoice": [{"cdr": id, "invoice_id": other} for id, other in comparison.elsewhere],
        "sums": [
            {"currency": currency, **{name: value and f"{value:f}" for name, value in _sides(total).items()}}
            for currency, total in comparison.sums.items()
        ],
        "differences": msgspec.to_builtins(each.differences),
        "agrees": comparison.sound and not each.differences,
    }


def _sides(total: Any) -> dict[str, Decimal | None]:
    return {"before_taxes": total.before_taxes, "after_taxes": total.after_taxes}


def _amount(text: str | None, option: str) -> Decimal | None:
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if found is not None and not found.is_finite():
        raise typer.BadParameter(f"{text!r} is no amount such as 1204.50", param_hint=option)
    return found
