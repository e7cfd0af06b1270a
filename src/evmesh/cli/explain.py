"""`evmesh explain` and `evmesh diff`: a tariff in plain words, and what another one changes in money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import bill as paper
from evmesh.cli import days, documents, output
from evmesh.cli.lint import Tariff
from evmesh.cli.output import Failure
from evmesh.cli.price import Json, Release

if TYPE_CHECKING:
    from evmesh.pricing.diff import Compared, Diff

# A week without a change of the clocks and, in most places, without a holiday.
_WEEK = "2026-01-12"


def add_to(app: typer.Typer) -> None:
    app.command(
        "explain",
        help="Say in plain words what a tariff costs.",
        epilog="\b\nExamples:\n  evmesh explain tariff.json\n  evmesh explain tariff.json --language sv",
    )(explain)
    app.command(
        "diff",
        help="What changes for drivers when one tariff replaces another: in money, on typical charges.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh diff old.json new.json\n"
            "  evmesh diff old.json new.json --timezone Europe/Stockholm --day 2026-07-06 --json"
        ),
    )(diff)


def explain(file: Tariff, language: paper.Language = "en", release: Release = None, json: Json = False) -> None:
    from evmesh.pricing.explain import NotReadable
    from evmesh.pricing.explain import explain as sentences_of

    language = paper.known_language(language)
    told: list[dict[str, Any]] = []
    for tariff in documents.read_all(file, "Tariff", documents.known_release(release)):
        try:
            said = sentences_of(tariff.document, language, taxes_known=tariff.names_taxes)
        except NotReadable as error:
            raise Failure(f"{documents.called(file)} cannot be priced by: {error}") from None
        told.append({"id": tariff.document.get("id"), "sentences": said})
    if json:
        output.as_json(told[0] if len(told) == 1 else told)
    else:
        print(output.harmless("\n\n".join("\n".join(each["sentences"]) for each in told)))


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The tariff until now.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The one that replaces it.")],
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where the typical charges take place, for clocks that change.")
    ] = "Etc/UTC",
    day: Annotated[str, typer.Option(metavar="DATE", help="A day of the week in which they do.")] = _WEEK,
    language: paper.Language = "en",
    release: Release = None,
    json: Json = False,
) -> None:
    from evmesh.pricing.diff import diff as compare

    language = paper.known_language(language)
    known = documents.known_release(release)
    if (old, new).count(documents.STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="-")
    before, after = (documents.read_one(file, "Tariff", known) for file in (old, new))
    try:
        found = compare(
            before.document,
            after.document,
            timezone,
            day=days.day(day, "--day"),
            language=language,
            taxes_known=before.names_taxes and after.names_taxes,
        )
    except (ValueError, OverflowError) as error:
        raise Failure(f"{old} and {new} cannot be compared: {error}") from None
    if json:
        output.as_json(found.document())
    else:
        _show(found, language)


def _show(found: Diff, language: str) -> None:
    before, after = found.currencies
    same = before == after
    rows = [_row(compared, found.currencies, language) for compared in found.charges]
    output.table(["charge", f"before ({before})", f"after ({after})", *(["change"] if same else [])], rows)
    if not same:
        print(f"\nThe tariffs are in different currencies, {before} and {after}: no change is reckoned.")
    for title, sentences in (("Gone", found.gone), ("New", found.new)):
        if sentences:
            print(f"\n{title}:", *sentences, sep="\n  ")
    if not found.gone and not found.new:
        print("\nBoth tariffs say the same.")


def _row(compared: Compared, currencies: tuple[str, str], language: str) -> list[str]:
    # What a driver pays is the amount after taxes, where it is known.
    taxed = compared.before.gross is not None and compared.after.gross is not None
    side = "gross" if taxed else "net"
    before, after = getattr(compared.before, side), getattr(compared.after, side)
    row = [
        compared.charge.name,
        paper.money(before, currencies[0], language),
        paper.money(after, currencies[1], language),
    ]
    if currencies[0] != currencies[1]:
        return row
    if before is None or after is None:
        return [*row, "?"]
    change = after - before
    text = paper.money(change, currencies[0], language)
    share = f" ({paper.figure(change / before * 100, language, most=1)} %)" if before else ""
    return [*row, f"{'+' if change > 0 else ''}{text}{share if change else ''}"]
