"""Worked price cases: documents in their own release beside the exact figures that they must give."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

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

    def bill(self, policy: PricingPolicy | None = None) -> Bill:
        tariffs = [lifted_tariff(tariff) for tariff in self.tariffs]
        taxes_known = self.release != "2.1.1"
        return price(lifted_cdr(self.cdr), tariffs, self.zone, policy or self.policy, taxes_known=taxes_known)


def decoded(text: bytes) -> Any:
    """JSON with exact numbers."""
    return _DECODER.decode(text)


def shared_cases() -> Iterator[Case]:
    for file in sorted((SHARED / "pricing" / "cases").glob("*.json")):
        case = decoded(file.read_bytes())
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
        expected = decoded((folder / "expected.json").read_bytes())
        given = expected.get("given", {})
        yield Case(
            name=folder.name,
            release=given.get("release", "2.3.0"),
            zone=given.get("time_zone"),
            cdr=decoded((folder / "cdr.json").read_bytes()),
            tariffs=[decoded(file.read_bytes()) for file in sorted(folder.glob("tariff*.json"))],
            expected=expected,
            policy=policy_from(given.get("policy", {})),
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


def lifted_tariff(tariff: Document) -> Document:
    """A 2.2.1 tariff in 2.3.0 words; 2.3.0 stays as it is."""
    lifted: Document = {"tax_included": "NO"} | tariff
    for name in ("min_price", "max_price"):
        limit = lifted.get(name)
        if limit is not None and "excl_vat" in limit:
            lifted[name] = {"before_taxes": limit["excl_vat"]} | (
                {"after_taxes": limit["incl_vat"]} if "incl_vat" in limit else {}
            )
    return lifted


def lifted_cdr(cdr: Document) -> Document:
    """A 2.2.1 CDR in 2.3.0 words, as far as prices are told."""
    lifted = dict(cdr)
    if "stop_date_time" in lifted:
        lifted["end_date_time"] = lifted.pop("stop_date_time")
    for name, value in cdr.items():
        if name.startswith("total_") and isinstance(value, dict) and "excl_vat" in value:
            net, gross = Decimal(value["excl_vat"]), value.get("incl_vat")
            taxes = [] if gross is None else [{"name": "VAT", "amount": Decimal(gross) - net}]
            lifted[name] = {"before_taxes": net, "taxes": taxes}
    lifted["tariffs"] = [lifted_tariff(tariff) for tariff in cdr.get("tariffs", [])]
    return lifted


def _number(text: str) -> Decimal | int:
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


_DECODER = msgspec.json.Decoder(float_hook=_number)
