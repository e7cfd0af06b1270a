"""`evmesh cdrs dispute`: what becomes of a partner's CDR that is not right."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import output
from evmesh.cli.cdrs import FAMILY, Cdr, Json, Of, cdr_named, known_partners, partner_of
from evmesh.cli.families import family
from evmesh.cli.node import settings_of, with_node
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.billing.dispute import Dispute, Event
    from evmesh.ports import Partner
    from evmesh.roaming.node import Node
    from evmesh.store.transaction import Tx


def _pdf_or_text(file: Path | None) -> Path | None:
    if file is not None and file.suffix not in (".pdf", ".txt"):
        raise typer.BadParameter(f"{file} is neither a .pdf nor a .txt file")
    return file


Note = Annotated[str, typer.Option(help="A few words for the history.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        metavar="FILE",
        help="A .pdf or a .txt file.",
        show_default="dispute-NUMBER.pdf",
        callback=_pdf_or_text,
    ),
]
Language = Annotated[
    str | None, typer.Option(help="The language of the letter: en or sv.", show_default="the partner's")
]
Number = Annotated[int, typer.Argument(metavar="DISPUTE", min=1, help="Its number.")]


def add_to(app: typer.Typer) -> None:
    below = family(
        family(app, *FAMILY), "dispute", "Disputes about CDRs: open → sent → accepted → credited → rebilled."
    )
    for name, function, text, examples in (
        ("open", open_, "Open a dispute about a CDR; what the check found is the evidence.",
         ["open SE*VLT*CDR-17 --note 'night tariff'"]),
        ("send", send, "Write the letter to the partner: with it the dispute is sent.",
         ["send 1", "send 1 --language sv --output letter.pdf"]),
        ("letter", write_letter, "Write the letter of a dispute once more; it changes nothing.",
         ["letter 1", "letter 1 --output letter.txt"]),
        ("accept", step("accept"), "The partner agrees and will credit the CDR.", ["accept 1"]),
        ("reject", step("reject"), "The partner does not agree.", ["reject 1"]),
        ("escalate", step("escalate"), "Somebody above must settle it.", ["escalate 1"]),
        ("write-off", step("write_off"), "We give in and pay.", ["write-off 1"]),
        ("credit", step("credit"), "The partner took the CDR back in another way than by a credit CDR.",
         ["credit 1 --note 'credit note CN-17'"]),
        ("rebill", step("rebill"), "What was credited was billed anew in another way than by a CDR, or will not be.",
         ["rebill 1"]),
        ("list", list_disputes, "List disputes, the nearest deadline first.",
         ["list", "list --partner volt --json"]),
        ("show", show, "Print a dispute with its history and evidence.", ["show 1"]),
    ):  # fmt: skip
        epilog = "\b\nExamples:\n" + "\n".join(f"  evmesh -C driver cdrs dispute {line}" for line in examples)
        below.command(name, help=text, epilog=epilog)(function)


def open_(
    context: typer.Context,
    cdr: Cdr,
    reason: Annotated[str | None, typer.Option(help="A word of ours.", show_default="what the check found")] = None,
    note: Note = "",
    json: Json = False,
) -> None:
    async def work(node: Node) -> Dispute:
        from evmesh.roaming.cdrs import disputes

        def run(tx: Tx) -> Dispute:
            return disputes.open_dispute(tx, node, cdr_named(tx, cdr, theirs=True), reason=reason, note=note)

        return await node.store.write(run)

    _tell(with_node(context, work), json)


def send(
    context: typer.Context,
    number: Number,
    file: Output = None,
    language: Language = None,
    note: Note = "",
    json: Json = False,
) -> None:
    wanted = known_language(language)

    async def work(node: Node) -> tuple[Dispute, list[str]]:
        from evmesh.roaming.cdrs import disputes

        def run(tx: Tx) -> tuple[Dispute, list[str]]:
            moved = disputes.step(tx, node, number, "send", note=note)
            return moved, _letter(context, tx, node, moved, file, wanted)

        return await node.store.write(run)

    moved, files = with_node(context, work)
    if json:
        output.as_json(_document(moved) | {"letter": files})
    else:
        _tell(moved, json=False)
        _tell_files(files)


def write_letter(
    context: typer.Context, number: Number, file: Output = None, language: Language = None, json: Json = False
) -> None:
    wanted = known_language(language)

    async def work(node: Node) -> list[str]:
        return await node.store.read(lambda tx: _letter(context, tx, node, _dispute(tx, number), file, wanted))

    files = with_node(context, work)
    if json:
        output.as_json({"letter": files})
    else:
        _tell_files(files)


def _letter(
    context: typer.Context, tx: Tx, node: Node, dispute: Dispute, file: Path | None, language: Any
) -> list[str]:
    """Writes the letter, and beside a plain text the report of the check; the files. MissingExtra where a PDF was asked
    for and cannot be made."""
    from evmesh.billing import letter
    from evmesh.billing.errors import MissingExtra
    from evmesh.roaming.cdrs import disputes

    made = disputes.letter(tx, node, settings_of(context).billing, dispute, language=language)
    name = f"dispute-{dispute.id}"
    if file is None or file.suffix == ".pdf":
        try:
            content = letter.pdf(made, dispute.id)
        except MissingExtra as error:
            if file is not None:
                raise
            print(f"plain text instead: {error}", file=sys.stderr)
        else:
            file = file or Path(f"{name}.pdf")
            file.write_bytes(content)
            return [str(file)]
    file = file or Path(f"{name}.txt")
    evidence = file.with_name(letter.evidence_name(dispute.id))
    file.write_text(letter.text(made), encoding="utf-8")
    evidence.write_text(made.evidence + "\n", encoding="utf-8")
    return [str(file), str(evidence)]


def _tell_files(files: list[str]) -> None:
    print("wrote " + " and ".join(files))


def known_language(language: str | None) -> Any:
    """The language that a user named; misuse when no letter is written in it."""
    from evmesh.billing.words import LANGUAGES

    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"letters are written in {', '.join(LANGUAGES)}", param_hint="--language")
    return language


def step(event: Event) -> Any:
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


def show(
    context: typer.Context,
    number: Number,
    _: Annotated[bool, typer.Option("--json", help="For machines, as it always is.")] = False,
) -> None:
    async def work(node: Node) -> Dispute:
        return await node.store.read(lambda tx: _dispute(tx, number))

    output.as_json(_document(with_node(context, work)))


def _dispute(tx: Tx, number: int) -> Dispute:
    from evmesh.store import disputes

    found = disputes.get(tx, number)
    if found is None:
        raise Failure(f"there is no dispute {number}")
    return found


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
