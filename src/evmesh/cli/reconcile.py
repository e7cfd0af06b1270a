"""`evmesh reconcile`: partners' invoices against the CDRs that we hold, and into the ledger."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import days, output
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.ports import Partner
    from evmesh.roaming.invoicereconciliation.incoming import Received
    from evmesh.store.database import Store
    from evmesh.store.transaction import Tx

Amount = Annotated[str | None, typer.Option(metavar="AMOUNT", help="As the invoice says.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command(
        "reconcile",
        help="Hold partners' invoices against the CDRs that we have, and say what their documents say.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver reconcile\n"
            "  evmesh -C driver reconcile INV-2026-00017 --before-taxes 1204.50 --after-taxes 1505.63\n"
            "  evmesh -C driver reconcile INV-2026-00017 --paid\n"
            "With amounts the invoice is posted in the ledger; saying others corrects it. A partner that sends no\n"
            "records has to be named. A credit note's amounts have a minus: --before-taxes -8.00.\n"
            "What does not fit stays among the faults until it does.\n"
            "Exit status 1: something does not fit."
        ),
    )(reconcile)


def reconcile(
    context: typer.Context,
    invoice: Annotated[
        str | None, typer.Argument(metavar="INVOICE", help="One invoice, by its number.", show_default="all")
    ] = None,
    partner: Annotated[str | None, typer.Option(metavar="NAME", help="Whose it is.", show_default=False)] = None,
    before_taxes: Amount = None,
    after_taxes: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="As the invoice says, where tax stands on it.", show_default=False),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of the amounts.", show_default="the CDRs'")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="DATE", help="Of the invoice, or of its payment.", show_default="today"),
    ] = None,
    paid: Annotated[bool, typer.Option("--paid", help="It was paid.")] = False,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="It was an error: out of the ledger.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    net, gross = _amount(before_taxes, "--before-taxes"), _amount(after_taxes, "--after-taxes")
    if invoice is None and (net is not None or gross is not None or paid or withdrawn):
        raise typer.BadParameter("this is said of one invoice: name it")
    if net is None and gross is not None:
        raise typer.BadParameter("say --before-taxes too", param_hint="--after-taxes")
    if withdrawn and (paid or net is not None):
        raise typer.BadParameter("an error has no amount and is not paid", param_hint="--withdrawn")
    on = None if day is None else days.day(day)
    money = None if currency is None else _currency(currency)

    def work(tx: Tx) -> list[Received]:
        from evmesh.roaming.invoicereconciliation import incoming

        found = _meant(tx, invoice, partner, new=net is not None)
        if net is not None:
            (whose, number) = found[0]
            incoming.say(
                tx, whose, number, before_taxes=net, after_taxes=gross, currency=money,
                day=None if paid else on,
            )  # fmt: skip
        if paid:
            incoming.pay(tx, *found[0], on)
        if withdrawn:
            incoming.withdraw(tx, *found[0])
        return [incoming.look_at(tx, *each) for each in found]

    async def within(settings: Settings, store: Store) -> list[Received]:
        return await store.write(work)

    found = with_store(context, within)
    if json:
        output.as_json([_document(each) for each in found])
    else:
        heads = ["invoice", "partner", "CDRs", "before taxes", "after taxes", "", "says", "open", "what"]
        output.table(heads, [_row(each) for each in found])
        print(f"{len(found)} invoice{'' if len(found) == 1 else 's'}")
    if not all(each.agrees for each in found):
        raise typer.Exit(1)


def _meant(tx: Tx, invoice: str | None, partner: str | None, *, new: bool) -> list[tuple[Partner, str]]:
    """The invoices that the command is about: one where one is named, which may be new."""
    from evmesh.roaming.invoicereconciliation import incoming
    from evmesh.store import partners

    whose = None if partner is None else partners.by_name(tx, partner)
    if partner is not None and whose is None:
        raise Failure(f"there is no partner {partner}")
    found = [each for each in incoming.known(tx) if partner in (None, each[0].name)]
    if invoice is None:
        return found
    found = [each for each in found if each[1] == invoice.casefold()]
    if not found and whose is not None and new:
        return [(whose, invoice)]
    if not found:
        raise Failure(f"no partner has told us of an invoice {invoice}" + (": name the --partner" if new else ""))
    if len(found) > 1:
        names = " and ".join(each.name for each, _ in found)
        raise Failure(f"{names} have an invoice {invoice} each: name the --partner")
    return found


def _row(each: Received) -> list[Any]:
    what = [str(difference) for difference in each.differences]
    if not each.records:
        what.append("no record has come")
    elif not each.comparison.sound or not what:
        what.append(str(each.comparison))
    sums = each.comparison.sums
    said = each.said
    return [
        each.number,
        each.partner.name,
        each.comparison.listed,
        ", ".join("?" if total.before_taxes is None else f"{total.before_taxes:f}" for total in sums.values()),
        ", ".join("?" if total.after_taxes is None else f"{total.after_taxes:f}" for total in sums.values()),
        ", ".join(sums if said is None else {**sums, said.currency: None}),
        "" if said is None else f"{said.before_taxes if said.after_taxes is None else said.after_taxes:f}",
        "" if said is None else f"{each.open:f}",
        "; ".join(what),
    ]


def _document(each: Received) -> dict[str, Any]:
    import msgspec

    comparison = each.comparison
    return {
        "invoice_id": each.number,
        "partner": each.partner.name,
        "records": [f"{held.owner}*{held.id}" for held in each.records],
        "cdrs": comparison.listed,
        "missing": list(comparison.missing),
        "doubled": list(comparison.doubled),
        "on_another_invoice": [{"cdr": id, "invoice_id": other} for id, other in comparison.elsewhere],
        "sums": [
            {
                "currency": currency,
                "before_taxes": _text(total.before_taxes),
                "after_taxes": _text(total.after_taxes),
            }
            for currency, total in comparison.sums.items()
        ],
        "said": None if each.said is None else msgspec.to_builtins(each.said),
        "open": None if each.said is None else _text(each.open),
        "differences": msgspec.to_builtins(each.differences),
        "agrees": each.agrees,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _amount(text: str | None, option: str) -> Decimal | None:
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if found is not None and not found.is_finite():
        raise typer.BadParameter(f"{text!r} is no amount such as 1204.50", param_hint=option)
    return found


def _currency(code: str) -> str:
    from evmesh.pricing.currencies import minor_unit

    if minor_unit(code.upper()) is None:
        raise typer.BadParameter(f"no currency is called {code!r}", param_hint="--currency")
    return code.upper()
