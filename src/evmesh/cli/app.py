"""The program's frame: the families of commands, `-C`, and what becomes of errors.

Everything heavy is imported by the command that needs it, so that `--help` is there at once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from evmesh import __version__
from evmesh.cli import (
    batch,
    cdrs,
    checking,
    command,
    demo,
    dispute,
    explaining,
    export,
    faults,
    imports,
    initialise,
    invoice,
    ledger,
    listing,
    partner,
    pay,
    pricing,
    reconcile,
    retract,
    serve,
    spec,
    validate,
)
from evmesh.cli.output import Failure


@dataclass(frozen=True, slots=True)
class Where:
    """What every command gets from the program: the node's folder."""

    folder: Path


app = typer.Typer(
    name="evmesh",
    help="An OCPI platform: connect with charging operators and service providers, and roam charges with them.",
    epilog=(
        "\b\nExamples:\n"
        "  evmesh -C volt init --url http://127.0.0.1:8100 --party CPO:SE:VLT\n"
        "  evmesh -C volt serve\n"
        "  evmesh validate cdr.json --object CDR --release 2.2.1"
    ),
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"evmesh {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Option(
            "-C", metavar="DIR", help="The node's folder (the current one when left out).", show_default=False
        ),
    ] = Path(),
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    context.obj = Where(folder)


for family in (
    initialise,
    serve,
    partner,
    imports,
    command,
    listing,
    faults,
    validate,
    spec,
    pricing,
    cdrs,
    checking,
    explaining,
    dispute,
    invoice,
    ledger,
    export,
    pay,
    reconcile,
    retract,
    batch,
    demo,
):
    family.add_to(app)


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0, 1 for a failure told in one sentence, 2 for misuse."""
    try:
        app(args=arguments, prog_name="evmesh")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0
    except KeyboardInterrupt:
        print("evmesh: stopped", file=sys.stderr)
        return 130
    except Failure as failure:
        print(f"evmesh: {failure}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    except Exception as error:
        sentence = known(error)
        if sentence is None:
            raise
        print(f"evmesh: {sentence}", file=sys.stderr)
        return 1
    return 0


def known(error: Exception) -> str | None:
    """The sentence for an error that a user can cause; None for one that is ours."""
    from evmesh.billing.errors import BillingError
    from evmesh.config import SettingsError
    from evmesh.ocpi.status_codes import OcpiError
    from evmesh.ports import PartnerError
    from evmesh.roaming.credentials.errors import PartnershipError
    from evmesh.store.errors import StoreError

    if isinstance(error, SettingsError | OcpiError | PartnerError | PartnershipError | StoreError | BillingError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, UnicodeError):
        return f"not a text in UTF-8: {error}"
    return None
