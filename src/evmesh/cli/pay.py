"""`evmesh invoice pay`: a file for the bank that closes what invoices say is owed."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.cli import days, output
from evmesh.cli.families import family
from evmesh.cli.node import with_store
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.billing.sepa import Format as Kind
    from evmesh.billing.sepa import Mandate, Payment
    from evmesh.billing.settings import Billing
    from evmesh.config import Settings
    from evmesh.store.database import Store
    from evmesh.store.transaction import Tx

OPEN = ("issued", "sent")


class Format(StrEnum):
    transfer = "pain.001"
    debit = "pain.008"


def add_to(app: typer.Typer) -> None:
    family(app, "invoice", "Invoice what was charged.").command(
        "pay",
        help="Write a SEPA file that closes what is owed: transfers of what we owe, direct debits of what is owed us.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver invoice pay --format pain.001 --output transfers.xml\n"
            "  evmesh -C volt invoice pay --format pain.008 --partner driver --output debits.xml\n"
            "It holds every invoice that is neither paid nor cancelled, and what is open of partners' invoices that\n"
            "agree with their CDRs. When the bank has carried it out, say so:\n"
            "  evmesh -C volt invoice mark INV-2026-00001 paid\n"
            "  evmesh -C driver reconcile INV-2026-00001 --paid"
        ),
    )(pay)


def pay(
    context: typer.Context,
    format: Annotated[Format, typer.Option(help="Transfers (pain.001) or direct debits (pain.008).")],
    to_file: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to.")],
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only with this partner or driver.", show_default=False)
    ] = None,
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="On this day at the earliest.", show_default="today")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    from evmesh.billing import sepa
    from evmesh.billing.errors import BillingError

    today = datetime.now(UTC).date() if day is None else days.day(day)
    left_out: list[str] = []

    async def work(settings: Settings, store: Store) -> tuple[list[Payment], bytes]:
        billing = settings.billing
        found = await _payments(billing, store, format.value, partner, today, left_out)
        found += await store.write(
            bound(_of_partners, billing=billing, format=format.value, partner=partner, today=today, left_out=left_out)
        )
        if not found and left_out:
            raise Failure(left_out[0])
        return found, sepa.file(format.value, found, billing.company, billing.creditor_id)

    try:
        payments, content = with_store(context, work)
    except BillingError as error:
        raise Failure(str(error)) from None
    to_file.write_bytes(content)
    rows = [[each.number, each.other.name, each.iban, each.amount, each.on] for each in payments]
    if json:
        keys = ("number", "name", "iban", "amount", "date")
        output.as_json(
            {"payments": [dict(zip(keys, map(str, row), strict=True)) for row in rows], "left_out": left_out}
        )
    else:
        output.table(["invoice", "with", "IBAN", "EUR", "on"], rows)
        print(f"{to_file}, {len(payments)} payments, {sepa.total(payments)} EUR")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)


async def _payments(
    billing: Billing, store: Store, format: str, partner: str | None, today: date, left_out: list[str]
) -> list[Payment]:
    from evmesh.billing import sepa
    from evmesh.billing.invoice import read
    from evmesh.store import invoices

    found: list[Payment] = []
    after = 0
    while page := await store.read(bound(invoices.listing, after_id=after, limit=500)):
        after = page[-1].id
        for issued in page:
            if issued.state not in OPEN or partner not in (None, issued.other_party):
                continue
            invoice = read(await store.read(bound(invoices.model, id=issued.id)))
            if invoice.paid or sepa.format_of(invoice) != format:
                continue
            try:
                found.append(sepa.payment(invoice, today, _mandate(billing, issued.other_party)))
            except sepa.CannotPay as error:
                left_out.append(str(error))
    return found


def _of_partners(
    tx: Tx, *, billing: Billing, format: Kind, partner: str | None, today: date, left_out: list[str]
) -> list[Payment]:
    """What closes partners' invoices. One that is not what its CDRs say waits until it is."""
    from evmesh.billing import sepa
    from evmesh.roaming.invoicereconciliation import incoming

    found: list[Payment] = []
    for whose, number in incoming.known(tx):
        if partner not in (None, whose.name):
            continue
        invoice = incoming.look_at(tx, whose, number)
        ours = (invoice.side == "payable") == (invoice.open > 0)
        if invoice.said is None or not invoice.open:
            continue
        if format != ("pain.001" if ours else "pain.008"):
            continue
        title = "Invoice" if invoice.open > 0 else "Credit note"
        what = f"{title.lower()} {invoice.number} of {whose.name}"
        them = next((each for each in billing.customer if each.partner == whose.name), None)
        if not invoice.agrees:
            left_out.append(f"{what}: it does not agree with its CDRs, see `evmesh reconcile {invoice.number}`")
        elif them is None:
            left_out.append(f"{what}: the settings do not say who that is: add a [[billing.customer]]")
        else:
            amount, currency = abs(invoice.open), invoice.said.currency
            try:
                payment = sepa.closing(
                    format, them.company, title, invoice.number, amount, currency, today, them.mandate
                )
            except sepa.CannotPay as error:
                left_out.append(str(error))
            else:
                found.append(payment)
    return found


def _mandate(billing: Billing, name: str) -> Mandate | None:
    return next((each.mandate for each in billing.customer if name in (each.partner, each.contract)), None)
