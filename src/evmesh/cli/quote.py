"""`evmesh quote`: what a charge will cost."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evmesh.cli import bill as paper
from evmesh.cli import documents, output
from evmesh.cli.lint import Tariff
from evmesh.cli.output import Failure
from evmesh.cli.price import Explain, Json, Release, findings_document, show, unpriced

if TYPE_CHECKING:
    from evmesh.pricing.quote import PowerCurve

_DURATION = re.compile(
    r"(?=.)(?:(?P<days>\d+)d)?(?:(?P<hours>\d+(?:\.\d+)?)h)?(?:(?P<minutes>\d+(?:\.\d+)?)m(?:in)?)?"
    r"(?:(?P<seconds>\d+)s)?",
    re.ASCII,
)
_MOST_STEPS = 100_000


def add_to(app: typer.Typer) -> None:
    app.command(
        "quote",
        help="What a charge will cost under a tariff, by the engine that will price it.",
        epilog=(
            "\b\nExamples:\n"
            "  evmesh quote tariff.json --start 2026-03-01T18:00:00+01:00 --energy 20 --duration 2h\n"
            "  evmesh quote tariff.json --start 2026-03-01T18:00 --timezone Europe/Oslo --energy 50 --power 150\n"
            "  evmesh quote tariff.json --start 2026-03-01T18:00Z --energy 50 --power-curve curve.csv --duration 3h\n"
            "A power curve has two columns, minutes since the start and kW from then on: CSV, or a JSON array of\n"
            "pairs. With a power the car is parked once the energy is in, until the duration is over."
        ),
    )(quote)


def quote(
    file: Tariff,
    start: Annotated[str, typer.Option(metavar="TIME", help="When it begins: 2026-03-01T18:00:00+01:00.")],
    energy: Annotated[str, typer.Option(metavar="KWH", help="What the car takes.")],
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long it is plugged in: 2h, 90m, 1h30m. Without a power the energy flows evenly.",
            show_default="until the energy is in",
        ),
    ] = None,
    power: Annotated[
        str | None, typer.Option(metavar="KW", help="How fast the energy flows.", show_default=False)
    ] = None,
    power_curve: Annotated[
        str | None, typer.Option(metavar="FILE", help="How fast it flows when.", show_default=False)
    ] = None,
    current: Annotated[
        str | None,
        typer.Option(metavar="A", help="The current, summed over the phases, if the tariff asks.", show_default=False),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Whose clock counts.", show_default="the offset in --start")
    ] = None,
    release: Release = None,
    explain: Explain = False,
    language: paper.Language = "en",
    json: Json = False,
) -> None:
    from evmesh.pricing.quote import quote as price_ahead

    language = paper.known_language(language)
    if power is not None and power_curve is not None:
        raise typer.BadParameter("a charge has either a power or a power curve", param_hint="--power")
    if duration is None and power is None and power_curve is None:
        raise typer.BadParameter("say how long it takes, or how fast the energy flows", param_hint="--duration")
    if (file, power_curve).count(documents.STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="-")
    kwh = _decimal(energy, "--energy")
    lasts = None if duration is None else _duration(duration)
    flow = _decimal(power, "--power") if power is not None else _curve(power_curve) if power_curve else None
    tariff = documents.read_one(file, "Tariff", documents.known_release(release))
    begins, zone = _start(start, timezone)
    try:
        bill = price_ahead(
            tariff.document,
            begins,
            kwh,
            zone,
            duration=lasts if flow is None else None,
            power_kw=flow,
            current_a=None if current is None else _decimal(current, "--current"),
            stay=None if flow is None else lasts,
            taxes_known=tariff.names_taxes,
        )
    except (ValueError, ArithmeticError) as error:
        raise Failure(f"{documents.called(file)}: no quote: {error}") from None
    findings = documents.merged(tariff.findings, list(bill.findings))
    if json:
        shown = bill.document() | {"tariff_id": tariff.document.get("id"), "findings": findings_document(findings)}
        output.as_json(shown)
    else:
        id = output.harmless(str(tariff.document.get("id") or "Tariff"))
        print(f"{id}, {begins:%Y-%m-%d %H:%M}, {zone}, {bill.currency}\n")
        show(bill, language, {}, explain=explain)
        if bill.total_energy < kwh:
            got = paper.figure(bill.total_energy, language)
            print(f"Only {got} kWh flow in that time.")
        paper.show_findings(findings, all=explain)
    if not bill.priced:
        raise Failure(f"{documents.called(file)} {unpriced(bill)}")


def _decimal(text: str, option: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option) from None
    if not (found.is_finite() and found >= 0):
        raise typer.BadParameter(f"{text} is not a number of zero or more", param_hint=option)
    return found


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise typer.BadParameter(f"{text!r} is no duration such as 2h, 90m or 1h30m", param_hint="--duration")
    try:
        return timedelta(**{unit: float(count) for unit, count in found.groupdict(default="0").items()})
    except OverflowError:
        raise typer.BadParameter(f"{text} is longer than any charge", param_hint="--duration") from None


def _start(text: str, zone: str | None) -> tuple[datetime, str]:
    """The moment, and the zone whose clock the tariff goes by."""
    from evmesh.pricing.zones import UnknownZone, time_zone

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-03-01T18:00:00+01:00", param_hint="--start"
        ) from None
    offset = moment.utcoffset()
    if zone is None:
        if offset is None:
            raise typer.BadParameter("whose clock? add an offset such as +01:00, or --timezone", param_hint="--start")
        hours, rest = divmod(offset, timedelta(hours=1))
        if rest or not -12 <= hours <= 14:
            raise typer.BadParameter("this offset needs a --timezone beside it", param_hint="--start")
        # POSIX counts west of Greenwich.
        zone = f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"
    try:
        clock = time_zone(zone)
        return (moment.replace(tzinfo=clock) if offset is None else moment.astimezone(clock)), zone
    except UnknownZone as error:
        raise Failure(str(error)) from None
    except OverflowError:
        raise Failure(f"{text} is beyond the calendar") from None


def _curve(file: str) -> PowerCurve:
    """The steps of a power curve: time since the start, and kW from then on."""
    from evmesh.cli.validate import read_bytes

    content = read_bytes(file)
    if content.lstrip()[:1] == b"[":
        rows = documents.decoded_text(content, documents.called(file))
        places = [f"step {number}" for number in range(1, len(rows) + 1)]
    else:
        rows, places = _csv(content, documents.called(file))
    if len(rows) > _MOST_STEPS:
        raise Failure(f"{documents.called(file)}: a power curve has at most {_MOST_STEPS} steps")
    return [_step(row, f"{documents.called(file)}, {place}") for row, place in zip(rows, places, strict=True)]


def _csv(content: bytes, what: str) -> tuple[list[Any], list[str]]:
    rows: list[Any] = []
    places: list[str] = []
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise Failure(f"{what}: a power curve is CSV in UTF-8, or JSON") from None
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in re.split(r"[,;\t]", line)]
        heading = not rows and not re.match(r"[-+.\d]", cells[0])
        if any(cells) and not heading:
            rows.append(cells)
            places.append(f"line {number}")
    return rows, places


def _step(row: Any, place: str) -> tuple[timedelta, Decimal]:
    try:
        minutes, kw = (Decimal(str(cell)) for cell in row)
        offset = timedelta(minutes=float(minutes))
    except (ValueError, TypeError, ArithmeticError):
        raise Failure(f"{place}: a step is minutes and kW, such as 30, 11") from None
    if not kw.is_finite():
        raise Failure(f"{place}: {kw} is no power")
    return offset, kw
