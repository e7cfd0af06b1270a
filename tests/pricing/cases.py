"""Worked price cases: documents in their own release beside the exact figures that they must give."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.pricing.bill import Bill
from evmesh.pricing.policy import STANDARD, PricingPolicy, policy_from
from evmesh.pricing.price import price
from tests.shared import SHARED

Document = dict[str, Any]

OWN = Path(__file__).resolve().parents[1] / "prices"


class Case(msgspec.Struct, frozen=True):
    """A charge, the tariffs it happened under, and what it must cost."""

    name: str
    release: str
    zone: str | None
    cdr: Document
    tariffs: list[Document]
    expected: Document
    policy: PricingPolicy = STANDARD
    own: bool = False

    def bill(self, policy: PricingPolicy | None = None) -> Bill:
        cdr, tariffs = self.canonical()
        taxes_known = self.release != "2.1.1"
        return price(cdr, tariffs, self.zone, policy or self.policy, taxes_known=taxes_known)

    def canonical(self) -> tuple[Document, list[Document]]:
        """Both in the newest words: our own cases are, the reference material is read as its release demands."""
        if self.own:
            return self.cdr, self.tariffs
        return lifted("CDR", self.cdr, self.release), [lifted("Tariff", t, self.release) for t in self.tariffs]


def shared_cases() -> Iterator[Case]:
    for file in sorted((SHARED / "pricing" / "cases").glob("*.json")):
        case = wire.decode(file.read_bytes())
        yield Case(
            name=case["name"],
            release=case["ocpi_version"],
            zone=case["time_zone"],
            cdr=case["cdr"],
            tariffs=case["tariffs"],
            expected=case["expected"],
        )


def own_cases() -> Iterator[Case]:
    """`tests/prices/<case>/{tariff*.json, cdr.json, expected.json}`: a new case is a new folder, no code."""
    for folder in sorted(path for path in OWN.iterdir() if (path / "expected.json").is_file()):
        expected = wire.decode((folder / "expected.json").read_bytes())
        given = expected.get("given", {})
        yield Case(
            name=folder.name,
            release=given.get("release", "2.3.0"),
            zone=given.get("time_zone"),
            cdr=wire.decode((folder / "cdr.json").read_bytes()),
            tariffs=[wire.decode(file.read_bytes()) for file in sorted(folder.glob("tariff*.json"))],
            expected=expected,
            policy=policy_from(given.get("policy", {})),
            own=True,
        )


def differences(case: Case, bill: Bill) -> list[str]:
    """What the bill has and the case has not; every figure to the last digit, every code of a warning or error."""
    expected = case.expected
    found: list[str] = []

    def compare(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            found.append(f"{what}: {ours} instead of {theirs}")

    for name, figure in (("excl", bill.total.net), ("incl", bill.total.gross)):
        compare(f"total {name}", figure, _exact(expected["total_cost"][name]))
    for field, amounts in expected.get("sub_totals_exact", {}).items():
        ours = bill.subtotals.get(field)
        compare(f"{field} excl", ours and ours.net, _exact(amounts["excl"]))
        compare(f"{field} incl", ours and ours.gross, _exact(amounts["incl"]))
    if "sub_totals_exact" in expected:
        compare("subtotals", sorted(bill.subtotals), sorted(expected["sub_totals_exact"]))
    if "price_limit_adjustment" in expected:
        limits = expected["price_limit_adjustment"]
        effect = bill.limit_effect
        compare(
            "limits", effect and (effect.net, effect.gross), limits and (_exact(limits["excl"]), _exact(limits["incl"]))
        )
    for what, figures in (
        ("tax_by_rate_before_limits", bill.tax_by_rate),
        ("billed_volumes", bill.billed_volumes),
    ):
        if what in expected:
            compare(what, {str(key): value for key, value in figures.items()}, _figures(expected[what]))
    for what, figure in (
        ("total_energy", bill.total_energy),
        ("total_time_hours", bill.total_time / 3600),
        ("total_parking_hours_reported", bill.total_parking_time / 3600),
    ):
        if what in expected:
            compare(what, figure, _exact(expected[what]))
    serious = {finding.code for finding in bill.findings if finding.severity != "info"}
    compare("findings", sorted(serious), sorted(set(expected["findings"])))
    if "infos" in expected:
        infos = {finding.code for finding in bill.findings if finding.severity == "info"}
        compare("infos", sorted(infos), sorted(set(expected["infos"])))
    if "unpriced_dimensions" in expected:
        compare("unpriced", sorted(bill.unpriced), sorted(expected["unpriced_dimensions"]))
    return found


def _figures(figures: Document) -> dict[str, Fraction | None]:
    return {str(Fraction(key)) if key[0].isdigit() else key: _exact(value) for key, value in figures.items()}


def _exact(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def lifted(name: str, document: Document, release: str) -> Document:
    """The document in canonical words. One case calls itself 2.1.1 and is written in the words of 2.2.1."""
    if release == "2.1.1" and "country_code" in document:
        release = "2.2.1"
    read = wire.read(name, document, dialect(release), wire.Context(owner=("NL", "TST")))
    assert read.document is not None, read.why()
    return read.document
