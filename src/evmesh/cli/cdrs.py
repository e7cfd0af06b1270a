"""`evmesh cdrs`: what partners charge us, whether it is right, and what becomes of it where it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.node import with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.billing.dispute import Dispute, Event
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node
    from evmesh.store.transaction import Tx
    from evmesh.store.verdicts import Verdict

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Of = Annotated[str | None, typer.Option("--partner", metavar="NAME", help="Of this partner only.", show_default=False)]
Note = Annotated[str, typer.Option(help="A few words for the history.", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="DISPUTE", min=1, help="Its number.")]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Charges from then.", show_default=False)]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Charges before then.", show_default=False)]


class Which(StrEnum):
    agrees = "agrees"
    within_tolerance = "within_tolerance"
    explained = "explained"
    differs = "differs"
    cannot_be_priced = "cannot_be_priced"


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(
        help="What partners charge us: is it right, and what becomes of it where it is not.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    below = typer.Typer(
        help="Disputes about CDRs: open → sent → accepted → credited → rebilled.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    dispute = "cdrs dispute"
    for group, words, name, function, text, examples in (
        (family, "cdrs", "list", list_cdrs, "List the CDRs of partners with their verdicts.",
         ["list", "list --verdict differs --json"]),
        (below, dispute, "open", open_, "Open a dispute about a CDR; what the check found is the evidence.",
         ["open SE*VLT*CDR-17 --note 'night tariff'"]),
        (below, dispute, "send", partial_of("send"), "The partner has been told.", ["send 1"]),
        (below, dispute, "accept", partial_of("accept"), "The partner agrees and will credit the CDR.", ["accept 1"]),
        (below, dispute, "reject", partial_of("reject"), "The partner does not agree.", ["reject 1"]),
        (below, dispute, "escalate", partial_of("escalate"), "Somebody above must settle it.", ["escalate 1"]),
        (below, dispute, "write-off", partial_of("write_off"), "We give in and pay.", ["write-off 1"]),
        (below, dispute, "list", list_disputes, "List disputes, the nearest deadline first.",
         ["list", "list --partner volt --json"]),
        (below, dispute, "show", show, "Print a dispute with its history and evidence.", ["show 1"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  evmesh -C driver {words} {line}" for line in examples)
        group.command(name, help=text, epilog=epilog)(function)
    family.add_typer(below, name="dispute")
    app.add_typer(family, name="cdrs")


def list_cdrs(
    context: typer.Context,
    verdict: Annotated[Which | None, typer.Option(help="Only those.", show_default=False)] = None,
    partner: Of = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: Json = False,
) -> None:
    first, last = moment(since, "--from"), moment(until, "--to")

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


def open_(
    context: typer.Context,
    cdr: Annotated[str, typer.Argument(metavar="CDR", help="Its id, or CC*PID*ID.")],
    reason: Annotated[str | None, typer.Option(help="A word of ours.", show_default="what the check found")] = None,
    note: Note = "",
    json: Json = False,
) -> None:
    async def work(node: Node) -> Dispute:
        from evmesh.roaming.cdrs import disputes
        from evmesh.store import objects

        *party, id = cdr.split("*", 2)
        owner, id = ("*".join(party).upper(), id) if len(party) == 2 else ("", cdr)

        def run(tx: Tx) -> Dispute:
            found = objects.find(tx, "cdrs", id)
            wanted = [held for held in found if held.partner_id and owner in ("", held.owner)]
            if len(wanted) != 1:
                raise Failure(f"{'several partners have a CDR' if wanted else 'no partner gave us a CDR'} {cdr}")
            return disputes.open_dispute(tx, node, wanted[0], reason=reason, note=note)

        return await node.store.write(run)

    _tell(with_node(context, work), json)


def partial_of(event: Event) -> Any:
    """The command that says that this happened."""

    def happened(context: typer.Context, number: Number, note: Note = "", json: Json = False) -> None:
        async def work(node: Node) -> Dispute:
            from evmesh.roaming.cdrs import disputes

            return await node.store.write(lambda tx: disputes.step(tx, node, number, event, note=note))

        _tell(with_node(context, work), json)

    return happened


def list_disputes(
    context: typer.Context,
    partner: Of = None,
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    json: Json = False,
) -> None:
    async def work(node: Node) -> tuple[list[Dispute], dict[int, Partner], datetime]:
        from evmesh.store import disputes

        known = await node.store.read(known_partners)
        mine = partner_of(known, partner)
        found = await node.store.read(lambda tx: disputes.listing(tx, partner_id=mine, ended=every))
        return found, known, node.clock()

    found, known, now = with_node(context, work)
    if json:
        output.as_json([_document(each) | {"partner": known[each.partner_id].name, "overdue": each.overdue(now)}
                        for each in found])  # fmt: skip
        return
    from evmesh.billing.dispute import AWAITED

    rows = [
        (
            each.id, known[each.partner_id].name, each.cdr, each.state.replace("_", " "), each.reason, each.amount,
            each.currency, each.age(now).days, f"{each.deadline:%Y-%m-%d}" + (" (over)" if each.overdue(now) else ""),
            AWAITED.get(each.state, ""),
        )
        for each in found
    ]  # fmt: skip
    output.table(
        ["dispute", "partner", "CDR", "state", "reason", "amount", "currency", "days", "deadline", "waits for"], rows
    )
    print(f"{len(rows)} disputes")


def show(context: typer.Context, number: Number) -> None:
    async def work(node: Node) -> Dispute:
        from evmesh.store import disputes

        found = await node.store.read(lambda tx: disputes.get(tx, number))
        if found is None:
            raise Failure(f"there is no dispute {number}")
        return found

    output.as_json(_document(with_node(context, work)))


def _tell(dispute: Dispute, json: bool) -> None:
    from evmesh.billing.dispute import AWAITED

    if json:
        output.as_json(_document(dispute))
        return
    waits = AWAITED.get(dispute.state)
    rest = f", waits for {waits} until {dispute.deadline:%Y-%m-%d}" if waits else ""
    print(f"dispute {dispute.id} about {dispute.cdr}: {dispute.state.replace('_', ' ')}{rest}")


def _document(dispute: Dispute) -> dict[str, Any]:
    import msgspec

    from evmesh.ocpi.types import timestamp

    shown: dict[str, Any] = msgspec.structs.asdict(dispute)
    return shown | {
        "amount": dispute.amount,
        "opened_at": timestamp(dispute.opened_at),
        "deadline": timestamp(dispute.deadline),
        "history": [msgspec.to_builtins(step) for step in dispute.history],
    }


def known_partners(tx: Tx) -> dict[int, Partner]:
    from evmesh.store import partners

    return {each.id: each for each in partners.all_partners(tx, removed=True)}


def partner_of(known: dict[int, Partner], name: str | None) -> int | None:
    if name is None:
        return None
    for each in known.values():
        if each.name == name:
            return each.id
    raise Failure(f"there is no partner {name}")


def moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no date such as 2026-05-01", param_hint=option) from None


def _net(amount: dict[str, Any] | None) -> str:
    return "" if amount is None else str(amount["before_taxes"] or "")
