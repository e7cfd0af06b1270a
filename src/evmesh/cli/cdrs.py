"""`evmesh cdrs`: what partners charge us, whether it is right, and what we charged wrongly ourselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import documents, output
from evmesh.cli.days import moment
from evmesh.cli.families import family
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx
    from evmesh.store.verdicts import Verdict

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Of = Annotated[str | None, typer.Option("--partner", metavar="NAME", help="Of this partner only.", show_default=False)]
Cdr = Annotated[str, typer.Argument(metavar="CDR", help="Its id, or CC*PID*ID.")]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Charges from then.", show_default=False)]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Charges before then.", show_default=False)]


class Which(StrEnum):
    agrees = "agrees"
    within_tolerance = "within_tolerance"
    explained = "explained"
    differs = "differs"
    cannot_be_priced = "cannot_be_priced"


FAMILY = "cdrs", "What partners charge us and what we charge them: is it right, and what becomes of it where it is not."


def add_to(app: typer.Typer) -> None:
    below = family(app, *FAMILY)
    for name, function, text, examples in (
        ("list", list_cdrs, "List the CDRs of partners with their verdicts.",
         ["-C driver cdrs list", "-C driver cdrs list --verdict differs --json"]),
        ("credit", credit, "Take back a CDR of ours: its credit goes to the partner.",
         ["-C volt cdrs credit CDR-17 --reason 'night tariff'"]),
        ("rebill", rebill, "Bill a CDR of ours anew that was credited; the new one goes to the partner.",
         ["-C volt cdrs rebill CDR-17", "-C volt cdrs rebill CDR-17 --tariff night.json"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  evmesh {line}" for line in examples)
        below.command(name, help=text, epilog=epilog)(function)


def list_cdrs(
    context: typer.Context,
    verdict: Annotated[Which | None, typer.Option(help="Only those.", show_default=False)] = None,
    partner: Of = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: Json = False,
) -> None:
    first = None if since is None else moment(since, "--from")
    last = None if until is None else moment(until, "--to")

    async def work(node: Node) -> tuple[list[tuple[Verdict, str, str]], dict[int, Partner]]:
        from evmesh.store import verdicts

        known = await node.store.read(known_partners)
        mine = partner_of(known, partner)
        find = partial(verdicts.listing, verdict=verdict, partner_id=mine, since=first, until=last, limit=limit)
        return await node.store.read(find), known

    found, known = with_node(context, work)
    if json:
        output.as_json([_listed(each, f"{owner}*{id}", known) for each, owner, id in found])
        return
    from evmesh.roaming.cdrs.judge import suspicious

    rows = []
    for each, owner, id in found:
        report = each.report
        why = [habit["text"] for habit in report["habits"]] or [note["message"] for note in suspicious(report)]
        rows.append((
            known[each.partner_id].name, f"{owner}*{id}", f"{each.start:%Y-%m-%d %H:%M}",
            each.verdict.replace("_", " "), _net(report["claimed"]), _net(report["expected"]),
            _net(report["difference"]), each.currency, "; ".join(why)[:160],
        ))  # fmt: skip
    output.table(
        ["partner", "CDR", "began (UTC)", "verdict", "claimed", "expected", "difference", "currency", "why"], rows
    )
    print(f"{len(rows)} CDRs")


def _listed(verdict: Verdict, key: str, known: dict[int, Partner]) -> dict[str, Any]:
    from evmesh.ocpi.types import timestamp

    return {
        "cdr": key,
        "partner": known[verdict.partner_id].name,
        "start_date_time": timestamp(verdict.start),
        "currency": verdict.currency,
        **verdict.report,
    }


def credit(
    context: typer.Context,
    cdr: Cdr,
    reason: Annotated[str | None, typer.Option(help="The remark of the credit.", show_default=False)] = None,
    json: Json = False,
) -> None:
    def run(tx: Tx, node: Node) -> Held:
        from evmesh.roaming.cdrs import correct

        return correct.credit(tx, node, cdr_named(tx, cdr, theirs=False), reason=reason)

    _issued(context, run, json)


def rebill(
    context: typer.Context,
    cdr: Cdr,
    tariff: Annotated[
        str | None, typer.Option(metavar="FILE", help="The tariff that counts.", show_default="published at the start")
    ] = None,
    json: Json = False,
) -> None:
    given = None if tariff is None else _tariff(tariff)

    def run(tx: Tx, node: Node) -> Held:
        from evmesh.roaming.cdrs import correct

        return correct.rebill(tx, node, cdr_named(tx, cdr, theirs=False), tariff=given)

    _issued(context, run, json)


def _tariff(file: str) -> dict[str, Any]:
    found = documents.read_one(file, "Tariff")
    if not found.usable:
        wrong = next(finding for finding in found.findings if finding.severity == "error")
        raise Failure(f"{documents.called(file)} cannot be billed by: {wrong}")
    return found.document


def _issued(context: typer.Context, issue: Callable[[Tx, Node], Held], json: bool) -> None:
    """Issues a CDR and tells it, and which partners cannot be told."""

    async def work(node: Node) -> tuple[Held, list[str]]:
        from evmesh.store import faults

        def run(tx: Tx) -> tuple[Held, list[str]]:
            held = issue(tx, node)
            subject = f"cdrs {held.owner}*{held.id}"
            return held, [fault.detail for fault in faults.open_faults(tx) if fault.subject == subject]

        return await node.store.write(run)

    from evmesh.ocpi.wire import decode

    held, wrong = with_node(context, work)
    document = decode(held.document)
    if json:
        output.as_json(document)
    else:
        print(f"{held.owner}*{held.id}: {document['total_cost']['before_taxes']} {document['currency']} before taxes")
    for sentence in wrong:
        print(sentence, file=sys.stderr)


def cdr_named(tx: Tx, name: str, *, theirs: bool | None = None) -> Held:
    """The one CDR of that name: a partner's, ours, or anybody's. Failure when there is none, or several."""
    from evmesh.cli.listing import split
    from evmesh.store import objects

    owner, id = split(name)
    found = [held for held in objects.find(tx, "cdrs", id) if owner in (None, held.owner)]
    wanted = [held for held in found if theirs is None or theirs == bool(held.partner_id)]
    if len(wanted) == 1:
        return wanted[0]
    if wanted:
        raise Failure(f"several CDRs are called {name}: {', '.join(f'{held.owner}*{held.id}' for held in wanted)}")
    whose = {True: "of a partner", False: "of ours", None: ""}[theirs]
    raise Failure(f"there is no CDR {whose} called {name}".replace("  ", " "))


def known_partners(tx: Tx) -> dict[int, Partner]:
    from evmesh.store import partners

    return {each.id: each for each in partners.all_partners(tx, removed=True)}


def partner_of(known: dict[int, Partner], name: str | None) -> int | None:
    if name is None:
        return None
    from evmesh.store.partners import latest

    found = latest(each for each in known.values() if each.name == name)
    if found is None:
        raise Failure(f"there is no partner {name}")
    return found.id


def _net(amount: dict[str, Any] | None) -> str:
    return "" if amount is None else str(amount["before_taxes"] or "")
