"""Days and moments on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime

import typer

from evmesh.cli.output import Failure


def day(text: str, option: str = "--date") -> date:
    """The day that an option names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date such as 2026-06-01", param_hint=option) from None


def moment(text: str, option: str, zone: str = "Etc/UTC") -> datetime:
    """The moment that an option names, in UTC: a day begins by the clock of the zone."""
    from evmesh.pricing.zones import UnknownZone, time_zone

    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=time_zone(zone))).astimezone(UTC)
    except UnknownZone as error:
        raise Failure(str(error)) from None
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no date such as 2026-05-01", param_hint=option) from None
