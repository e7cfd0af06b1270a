"""Signed meter values of a CDR: whether the signatures hold, and which energy they vouch for.

[mod_cdrs_signed_data_class] They are carried as they came. OCMF is opened with `pyocmf` (extra `ocmf`);
of any other encoding only the name is told.

    what is there                                    outcome
    nothing                                          absent
    OCMF, every signature holds                      verified, with the energy between the first and the last reading
    OCMF, a signature does not hold                  forged
    OCMF that cannot be read, or has no key          unreadable
    OCMF, and pyocmf is not installed                not_checked
    another encoding                                 not_checked, and named
"""

from __future__ import annotations

import base64
import binascii
import importlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from evmesh.base.findings import Finding, pointer
from evmesh.billing.money import decimal, exact

Outcome = Literal["absent", "verified", "forged", "unreadable", "not_checked"]
PREFIX = "OCMF|"
PER_KWH = {"kWh": 1, "Wh": 1000}
PRECISION = Fraction(1, 100)
"""kWh by which what is billed may differ from what is signed: registers are printed with two or three digits."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was found. `energy` is in kWh, None where the readings do not tell."""

    outcome: Outcome
    encoding: str | None
    energy: Fraction | None
    findings: tuple[Finding, ...]


def look_into(cdr: Mapping[str, Any]) -> Signed:
    """The signed data of a canonical CDR, held against its total energy. Never raises on odd data."""
    signed = cdr.get("signed_data")
    if not isinstance(signed, Mapping):
        return Signed("absent", None, None, ())
    encoding = str(signed.get("encoding_method"))
    if encoding.upper() != "OCMF":
        text = f"signed meter values in {encoding}: carried, not checked"
        return Signed("not_checked", encoding, None, (Finding("info", "signature_not_checked", "/signed_data", text),))
    try:
        pyocmf = importlib.import_module("pyocmf")
    except ModuleNotFoundError:
        text = "signed meter values in OCMF are not checked: evmesh[ocmf] is not installed"
        return Signed("not_checked", encoding, None, (Finding("info", "signature_not_checked", "/signed_data", text),))
    findings, registers, outcome = _open(pyocmf, signed)
    energy = registers[-1] - registers[0] if len(registers) > 1 else None
    try:
        billed = exact(cdr.get("total_energy"))
    except ValueError:
        billed = None
    if energy is not None and billed is not None and abs(energy - billed) >= PRECISION:
        text = f"the signed meter values give {decimal(energy)} kWh, total_energy is {decimal(billed)}"
        findings.append(Finding("error", "signed_energy_differs", "/total_energy", text))
    if outcome == "verified" and energy is None:
        text = "the signed meter values do not tell how much was charged: a first and a last reading are needed"
        findings.append(Finding("warning", "signed_energy_unknown", "/signed_data/signed_values", text))
    return Signed(outcome, encoding, energy, tuple(findings))


def _open(pyocmf: Any, signed: Mapping[str, Any]) -> tuple[list[Finding], list[Fraction], Outcome]:
    findings: list[Finding] = []
    readings: list[tuple[Any, Fraction]] = []
    outcome: Outcome = "verified"
    key = signed.get("public_key")
    values = signed.get("signed_values")
    if not isinstance(values, list) or not values:
        text = "there are no signed values"
        return [Finding("warning", "signature_unreadable", "/signed_data/signed_values", text)], [], "unreadable"
    for index, value in enumerate(values):
        at = pointer("signed_data", "signed_values", index)
        try:
            # What deviates from the norm is told by warnings; the transparency software takes it, and so do we.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                record = pyocmf.OCMF.from_string(_text(value))
                holds = record.verify_signature(key if isinstance(key, str) and key else None)
        except (ValueError, pyocmf.PyOCMFError) as reason:
            outcome = "unreadable" if outcome == "verified" else outcome
            findings.append(Finding("warning", "signature_unreadable", at, str(reason).partition("\n")[0][:300]))
            continue
        if not holds:
            outcome = "forged"
            text = "the signature does not belong to these values and this key"
            findings.append(Finding("error", "signature_wrong", at, text))
        readings += _registers(record.payload.RD or ())
    readings.sort(key=lambda each: each[0])
    return findings, [register for _, register in readings], outcome


def _text(value: Any) -> str:
    """The OCMF text of a signed value: as it is or in Base64, in either of its fields. ValueError when in none."""
    for name in ("signed_data", "plain_data"):
        text = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(text, str):
            continue
        for form in (text, _unpacked(text)):
            if form.startswith(PREFIX) and form.count("|") >= 2:
                return form
    raise ValueError("no OCMF text in it")


def _unpacked(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _registers(readings: Any) -> Iterator[tuple[Any, Fraction]]:
    """Moments and registers in kWh; of a record with several registers the first that it names."""
    first = None
    for reading in readings:
        per_kwh = PER_KWH.get(str(reading.RU))
        if reading.RV is None or per_kwh is None:
            continue
        code = str(reading.RI)
        first = first or code
        if code == first:
            yield reading.timestamp, exact(reading.RV) / per_kwh
