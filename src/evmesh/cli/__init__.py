"""The command line: one file per family of commands, each on functions that anybody may call.

Errors that a user can cause are one sentence on stderr and exit status 1; misuse of the command line is 2.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The program `evmesh`."""
    from evmesh.cli.app import run

    sys.exit(run())
