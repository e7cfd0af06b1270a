"""`evmesh lint`: what is wrong or risky in a tariff before anybody charges under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evmesh.base.findings import pointer
from evmesh.cli import documents, output
from evmesh.cli.documents import Understood
from evmesh.cli.price import Json, Release

if TYPE_CHECKING:
    from datetime import date

    from evmesh.pricing.advice import Advice

Tariff = Annotated[str, typer.Argument(metavar="TARIFF", help="A tariff, or - for standard input.")]


def add_to(app: typer.Typer) -> None:
    app.command(
        "lint",
        help="Look a tariff over: what breaks the specification, what prices otherwise than meant, and what to do.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh lint tariff.json\n"
            "  evmesh lint tariffs.json --release 2.2.1 --json\n"
            "  evmesh lint tariff.json --country SWE --power 150\n"
            "With a country and a power, VAT, currency and the European rules for public chargers are looked at too.\n"
            "A file may hold an array or an OCPI envelope. Exit status 1 when there are errors."
        ),
    )(lint)


def lint(
    file: Tariff,
    release: Release = None,
    country: Annotated[
        str | None, typer.Option(metavar="ISO3", help="Where it is charged, such as SWE.", show_default=False)
    ] = None,
    power: Annotated[
        int | None, typer.Option(metavar="KW", min=1, help="What the charger gives.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    from evmesh.base.clock import utc_now

    if country is not None and not (len(country) == 3 and country.isascii() and country.isalpha()):
        raise typer.BadParameter("a country is written with three letters, such as SWE", param_hint="--country")
    tariffs = documents.read_all(file, "Tariff", documents.known_release(release))
    many = len(tariffs) > 1
    found = [
        (pointer(index) if many else "", advice)
        for index, tariff in enumerate(tariffs)
        for advice in advice_on(tariff, country, power, utc_now().date())
    ]
    errors = sum(advice.severity == "error" for _, advice in found)
    if json:
        findings = [advice.document() | {"pointer": place + advice.pointer} for place, advice in found]
        shown = {"file": file, "release": tariffs[0].release, "errors": errors, "findings": findings}
        output.as_json(shown)
    else:
        for place, advice in found:
            where = place + advice.pointer or "/"
            print(output.harmless(f"{advice.severity}: {where}: {advice.message} [{advice.code}]"))
            print(f"    → {advice.fix}")
        what = f"{len(tariffs)} good tariffs" if many else "a good tariff"
        others = len(found) - errors
        counted = (
            f"{errors} {'error' if errors == 1 else 'errors'}, {others} other {'remark' if others == 1 else 'remarks'}"
        )
        print(f"{documents.called(file)}: {counted if found else what}")
    raise typer.Exit(1 if errors else 0)


def advice_on(tariff: Understood, country: str | None, power_kw: int | None, today: date) -> list[Advice]:
    """Remarks of the tariff's linter, and deviations from its release that the linter does not look at."""
    from evmesh.pricing.advice import SEVERITIES, Advice
    from evmesh.pricing.lint import lint as lint_tariff

    found = lint_tariff(
        tariff.document, country=country, power_kw=power_kw, today=today, taxes_known=tariff.names_taxes
    )
    told = {advice.pointer for advice in found}
    fix = f"write it as OCPI {tariff.release} does: evmesh spec show Tariff --release {tariff.release}"
    found += [
        Advice(finding.severity, finding.code, finding.pointer, finding.message, fix)
        for finding in tariff.findings
        if finding.pointer not in told
    ]
    return sorted(found, key=lambda advice: (SEVERITIES.index(advice.severity), advice.pointer, advice.code))
