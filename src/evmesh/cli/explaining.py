"""`evmesh cdrs show`: why a CDR costs what it costs, line by line, and where its claim and our price part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from evmesh.cli import bill as paper
from evmesh.cli import output
from evmesh.cli.cdrs import FAMILY, Cdr, Json, cdr_named
from evmesh.cli.families import family
from evmesh.cli.node import with_node
from evmesh.cli.price import show as show_bill
from evmesh.cli.price import unpriced

if TYPE_CHECKING:
    from evmesh.pricing.check import Check
    from evmesh.roaming.node import Node
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx
    from evmesh.store.verdicts import Verdict

BY = {
    "price_list": "the price list of the contract",
    "pushed_tariff": "the tariff that the partner had told",
    "own_tariff": "the tariff that the CDR carries",
    "original": "the CDR that it takes back",
}


def add_to(app: typer.Typer) -> None:
    family(app, *FAMILY).command(
        "show",
        help="Explain a CDR line by line, a partner's or ours, and where its claim and our price part.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh -C driver cdrs show CDR-17\n"
            "  evmesh -C driver cdrs show SE*VLT*CDR-17 --language sv\n"
            "  evmesh -C volt cdrs show CDR-17 --json"
        ),
    )(show)


def show(context: typer.Context, cdr: Cdr, language: paper.Language = "en", json: Json = False) -> None:
    language = paper.known_language(language)

    async def work(node: Node) -> tuple[Held, str | None, Verdict | None, Check]:
        return await node.store.read(lambda tx: _explained(tx, node, cdr_named(tx, cdr)))

    held, partner, verdict, found = with_node(context, work)
    from evmesh.ocpi.wire import decode
    from evmesh.roaming.cdrs.judge import suspicious

    document = decode(held.document)
    name = f"{held.owner}*{held.id}"
    if json:
        output.as_json(_document(name, partner, verdict, found, language))
        return
    print(f"CDR {name} of {partner}" if partner else f"CDR {name}, ours", end="")
    if verdict is not None:
        by = BY.get(str(verdict.report["by"]))
        print(f": {verdict.verdict.replace('_', ' ')}" + (f", by {by}" if by else ""), end="")
    print("\n" + paper.heading(found.bill, document) + "\n")
    if not found.bill.priced:
        print(f"It {unpriced(found.bill)}")
    else:
        show_bill(found.bill, language, document, explain=True)
    takes_back = verdict is not None and verdict.report["by"] == "original"
    # A credit is held against the CDR that it takes back, not against the tariff: that one may have been wrong.
    for sentence in () if takes_back else paper.conclusion(found, document, language, searched=True):
        print(sentence)
    rows = [] if takes_back else list(_apart(document, found, language))
    if rows:
        print()
        output.table(["", "claimed", "expected", "difference"], rows, title="Where they part, before taxes")
    for finding in [] if verdict is None else suspicious(verdict.report):
        print(f"{finding['severity']}: {finding['pointer']}: {finding['message']} [{finding['code']}]")


def _explained(tx: Tx, node: Node, held: Held) -> tuple[Held, str | None, Verdict | None, Check]:
    """The CDR, whose it is, its verdict, and its bill by the tariffs that decided that; ours by those it carries."""
    from evmesh.ocpi.wire import decode
    from evmesh.pricing.check import check
    from evmesh.roaming.cdrs.check import case_of
    from evmesh.roaming.cdrs.correct import zone_of
    from evmesh.roaming.cdrs.judge import reckoned
    from evmesh.store import partners, verdicts

    partner = partners.get(tx, held.partner_id)
    if partner is None:
        cdr = decode(held.document)
        return held, None, None, check(cdr, None, zone_of(tx, held, cdr))
    verdict = verdicts.get(tx, held.seq)
    by = None if verdict is None else verdict.report["by"]
    return held, partner.name, verdict, reckoned(case_of(tx, node, partner, held), by)


def _apart(cdr: dict[str, Any], found: Check, language: str) -> Iterator[list[str]]:
    """The parts of the price that the CDR claims otherwise."""
    from fractions import Fraction

    from evmesh.pricing.bill import FIELDS
    from evmesh.pricing.words import words

    subtotals = found.bill.subtotals
    for field, what in zip(FIELDS, ("FLAT", "ENERGY", "TIME", "PARKING_TIME", "RESERVATION"), strict=True):
        price = cdr.get(field)
        if found.verdict in ("agrees", "cannot_be_priced") or not isinstance(price, dict):
            continue
        claimed = Fraction(price["before_taxes"])
        expected = subtotals[field].net if field in subtotals else Fraction(0)
        if expected is not None and claimed != expected:
            figures = [paper.money(each, found.bill.currency, language) for each in (claimed, expected)]
            yield [words(language)[what], *figures, paper.money(claimed - expected, found.bill.currency, language)]


def _document(name: str, partner: str | None, verdict: Verdict | None, found: Check, language: str) -> dict[str, Any]:
    from evmesh.pricing.explain import explain_bill

    return {
        "cdr": name,
        "partner": partner,
        **found.document(),
        "report": None if verdict is None else verdict.report,
        "explanation": explain_bill(found.bill, language),
    }
