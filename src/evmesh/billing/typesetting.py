"""Pages set by `typst` from a template of this package: PDF/A-3, the same bytes for the same words."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from importlib import resources
from typing import Any

from evmesh.billing.errors import BillingError, MissingExtra

USUAL = "\u024f"
"""Letters up to here are in the fonts that typst brings along; beyond, it is tried."""
NO_GLYPH = "\N{REPLACEMENT CHARACTER}"

_ONE_CHARACTER = b"#set page(width: auto, height: auto)\n#sys.inputs.text"


def pages(template: str, said: Mapping[str, Any], day: date, *, what: str, **inputs: str) -> bytes:
    """The PDF of that day. `said` is every word and figure of it; characters that no font has, such as a partner's
    emoji, are replaced. `what` names it in errors: MissingExtra without typst."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{what} as PDF", "pdf") from error
    source = resources.files("evmesh.billing").joinpath(template).read_bytes()
    given = {"data": json.dumps(_shown(said)), **inputs}
    try:
        made = typst.Compiler(source, ignore_system_fonts=True, sys_inputs=given).compile(
            format="pdf", pdf_standards="a-3b", timestamp=datetime.combine(day, time(), UTC), pdf_tags=False
        )
    except typst.TypstError as error:
        raise BillingError(f"{what} cannot be set as PDF: {error}") from error
    assert isinstance(made, bytes), "one PDF is one text of bytes"
    return made


def _shown(said: Any) -> Any:
    if isinstance(said, str):
        return said if said.isascii() and said.isprintable() else "".join(map(_glyph, said))
    if isinstance(said, Mapping):
        return {name: _shown(each) for name, each in said.items()}
    if isinstance(said, list | tuple):
        return [_shown(each) for each in said]
    return said


@functools.cache
def _glyph(character: str) -> str:
    """The character, or what stands for it: PDF/A lets none pass that cannot be seen."""
    import typst

    if character == "\n" or (character.isprintable() and character <= USUAL):
        return character
    try:
        alone = typst.Compiler(_ONE_CHARACTER, ignore_system_fonts=True, sys_inputs={"text": character})
        alone.compile(format="pdf", pdf_standards="a-3b")
    except typst.TypstError:
        return NO_GLYPH
    return character
