"""Days on the command line."""

from __future__ import annotations

from datetime import date

import typer


def day(text: str | None, option: str = "--date") -> date | None:
    """The day that an option names, None where it was not given."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date such as 2026-06-01", param_hint=option) from None
