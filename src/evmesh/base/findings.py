"""What is odd about a document: one record per place, with a JSON pointer, never an exception.

A finding is an *error* where the specification is broken, a *warning* where something is suspicious or will be lost,
an *info* where a policy did its work. `fatal` says that the object cannot be used; everything else was read as the
finding says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deviation: `code` for machines, `pointer` (RFC 6901) for the place, `message` for people."""

    severity: Severity
    code: str
    pointer: str
    message: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.severity}: {self.pointer or '/'}: {self.message} [{self.code}]"

    def below(self, pointer: str) -> Finding:
        """The same finding, seen from further out."""
        return Finding(self.severity, self.code, pointer + self.pointer, self.message, self.fatal)


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def fatal(findings: Iterable[Finding]) -> bool:
    return any(finding.fatal for finding in findings)
