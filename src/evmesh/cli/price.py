"""`evmesh price`: what a charge costs, why, and whether its CDR says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.base.findings import Finding, pointer
from evmesh.cli import bill as paper
from evmesh.cli import documents, output
from evmesh.cli.documents import Document, Understood
from evmesh.cli.output import Failure
from evmesh.cli.progress import progress

if TYPE_CHECKING:
    from evmesh.pricing.bill import Bill
    from evmesh.pricing.check import Check
    from evmesh.pricing.policy import PricingPolicy

Release = Annotated[
    str | None,
    typer.Option(help="The release that words the documents: 2.1.1, 2.2.1 or 2.3.0.", show_default="told by the words"),
]
Json = Annotated[bool, typer.Option("--json", help="For machines: exact decimals as text, null where unknown.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say in plain words why each line is what it is.")]
Zone = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="Whose clock counts, such as Europe/Stockholm.", show_default="the country's"),
]


def add_to(app: typer.Typer) -> None:
    app.command(
        "price",
        help="Price a charge from its CDR, line by line, and say whether the CDR's own total is right.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh price cdr.json --explain\n"
            "  evmesh price cdr.json --tariff tariff.json --timezone Europe/Berlin --json\n"
            "  curl -s … | evmesh price - --tariff summer.json --tariff winter.json --release 2.2.1\n"
            "  evmesh price --batch may.ndjson --policy contract.toml > priced.ndjson\n"
            "A file may hold an OCPI envelope, tariffs also one a line. Exit status 1 when a charge cannot be priced."
        ),
    )(price)


def price(
    file: Annotated[
        str | None, typer.Argument(metavar="CDR", help="The CDR, or - for standard input.", show_default=False)
    ] = None,
    tariff: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A tariff to price by; may be repeated.", show_default="the CDR's own"),
    ] = None,
    timezone: Zone = None,
    release: Release = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="How a contract reads what OCPI leaves open: TOML or JSON."),
    ] = None,
    explain: Explain = False,
    language: paper.Language = "en",
    json: Json = False,
    batch: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Many CDRs, one a line, or -; answers one a line.", show_default=False),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not look for the habit that explains a difference: many times faster.")
    ] = False,
) -> None:
    if (file is None) == (batch is None):
        raise typer.BadParameter("name either a CDR or, with --batch, a file of them", param_hint="CDR")
    if [file, batch, policy, *(tariff or [])].count(documents.STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="-")
    terms = Terms(
        release=documents.known_release(release),
        zone=timezone,
        policy=documents.read_policy(policy),
        tariffs=tariffs_of(tariff, release) if tariff else None,
        language=paper.known_language(language),
        explain=explain,
        search=not quick,
    )
    if batch is not None:
        price_lines(batch, terms)
    else:
        assert file is not None
        price_file(file, terms, json=json)


@dataclass(frozen=True, slots=True)
class Terms:
    """By what CDRs are priced, and how it is told. `tariffs` is None where each CDR brings its own; `search` looks for
    the habit behind a difference."""

    release: str | None
    zone: str | None
    policy: PricingPolicy
    tariffs: list[Understood] | None = None
    language: str = "en"
    explain: bool = False
    search: bool = True

    def check(self, cdr: Understood) -> tuple[Check, list[Finding]]:
        """The price held against the claim, and everything odd about the documents and the price."""
        from evmesh.pricing.check import check

        given = None if self.tariffs is None else [tariff.document for tariff in self.tariffs]
        taxes_known = self.taxes_known(cdr)
        found = check(cdr.document, given, self.zone, self.policy, taxes_known=taxes_known, search=self.search)
        reading = list(cdr.findings)
        for index, tariff in enumerate(self.tariffs or ()):
            reading += [finding.below(pointer("tariffs", index)) for finding in tariff.findings]
        return found, documents.merged(reading, list(found.findings))

    def taxes_known(self, cdr: Understood) -> bool:
        """Whether amounts after taxes can be told: the words of the tariffs decide."""
        if self.release is not None and not documents.names_taxes(self.release):
            return False
        return all(worded.names_taxes for worded in ([cdr] if self.tariffs is None else self.tariffs))

    def answer(self, cdr: Understood) -> tuple[Check, Document]:
        """The answer for machines."""
        found, findings = self.check(cdr)
        whole, bill = found.document(), found.bill.document()
        shown = {
            "id": cdr.document.get("id"),
            "release": cdr.release,
            "currency": bill["currency"],
            "total_cost": bill["total_cost"],
            "verdict": found.verdict,
            "claimed": whole["claimed"],
            "difference": whole["difference"],
            "habits": whole["habits"],
            **{name: value for name, value in bill.items() if name not in ("findings", "currency", "total_cost")},
            "findings": findings_document(findings),
        }
        if self.explain:
            from evmesh.pricing.explain import explain_bill

            shown["explanation"] = explain_bill(found.bill, self.language)
        return found, shown


def findings_document(findings: list[Finding]) -> list[Document]:
    from evmesh.pricing.bill import finding_document

    return [finding_document(finding) for finding in findings]


def tariffs_of(files: list[str], release: str | None) -> list[Understood]:
    """The tariffs of several files, in their order; a file may hold several."""
    release = documents.known_release(release)
    return [tariff for file in files for tariff in documents.read_all(file, "Tariff", release)]


def price_file(file: str, terms: Terms, *, json: bool) -> None:
    """Prices one CDR and tells it. Failure after that when it cannot be priced."""
    cdr = documents.read_one(file, "CDR", terms.release)
    if json:
        found, shown = terms.answer(cdr)
        output.as_json(shown)
    else:
        found, findings = terms.check(cdr)
        if found.bill.priced:
            print(output.harmless(paper.heading(found.bill, cdr.document)) + "\n")
            show(found.bill, terms.language, cdr.document, explain=terms.explain)
            for sentence in paper.conclusion(found, cdr.document, terms.language, searched=terms.search):
                print(sentence)
            print()
        paper.show_findings(findings, all=terms.explain)
    if not found.bill.priced:
        raise Failure(f"{documents.called(file)} {unpriced(found.bill)}")


def show(bill: Bill, language: str, charge: Document, *, explain: bool) -> None:
    """The bill as a table, and where every amount comes from."""
    paper.show_bill(bill, language, charge)
    print()
    if explain:
        from evmesh.pricing.explain import explain_bill

        # Findings follow, with those about the documents.
        findings = {str(finding) for finding in bill.findings}
        said = [sentence for sentence in explain_bill(bill, language) if sentence not in findings]
        print(*said, sep="\n", end="\n\n")


def unpriced(bill: Bill) -> str:
    """Why there is no price, in one sentence."""
    grave = [finding for finding in bill.findings if finding.fatal]
    grave = grave or [finding for finding in bill.findings if finding.severity == "error"]
    reasons = "; ".join(_reason(finding) for finding in grave[:3])
    return "cannot be priced" + (f": {reasons}" if reasons else "")


def _reason(finding: Finding) -> str:
    # The zone may have come from the command line.
    nowhere = finding.code == "unknown_zone" or not finding.pointer
    return finding.message if nowhere else f"{finding.pointer}: {finding.message}"


def price_lines(file: str, terms: Terms) -> None:
    """Prices one CDR a line and writes one answer a line, in the same order; what is wrong with a line costs no other.

    Failure at the end when some could not be priced.
    """
    from evmesh.ocpi.wire import ODD_SHAPES, encode

    priced = failed = 0
    likely: str | None = None
    with progress(f"pricing {documents.called(file)}", _lines_in(file), output_too=True) as advance:
        for number, line in _lines(file):
            answer: Document = {"line": number}
            try:
                cdr = _cdr_of(line, number, terms.release, likely)
                likely = cdr.release
                found, shown = terms.answer(cdr)
                answer |= shown
                wrong = None if found.bill.priced else f"line {number} {unpriced(found.bill)}"
            except Failure as failure:
                wrong = str(failure)
                answer["error"] = wrong
            except (*ODD_SHAPES, RecursionError) as error:
                wrong = f"line {number} cannot be priced: {error}"
                answer["error"] = wrong
            sys.stdout.write(encode(answer).decode() + "\n")
            if wrong is None:
                priced += 1
            else:
                failed += 1
                print(f"{documents.called(file)}: {wrong}", file=sys.stderr)
            advance(1)
    if failed:
        raise Failure(f"{documents.called(file)}: {priced} priced, {failed} could not be")


def _cdr_of(line: bytes, number: int, release: str | None, likely: str | None) -> Understood:
    value = documents.decoded_text(line, f"line {number}")
    if isinstance(value, dict) and {"status_code", "data"} <= value.keys():
        value = value["data"]
    if not isinstance(value, dict):
        raise Failure(f"line {number} holds no CDR: an object is expected")
    return documents.understood("CDR", value, release, likely=likely)


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers."""
    try:
        if file == documents.STANDARD_INPUT:
            yield from _numbered(sys.stdin.buffer)
        else:
            with Path(file).open("rb") as stream:
                yield from _numbered(stream)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None


def _numbered(stream: Any) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def _lines_in(file: str) -> int | None:
    """How many lines a file has, where somebody watches and it can be read twice."""
    path = Path(file)
    if not sys.stderr.isatty() or not path.is_file():
        return None
    with path.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
