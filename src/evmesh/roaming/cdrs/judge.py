"""The judgement about a partner's CDR: seven levels, one verdict.

    level              what is asked
    well_formed        could it be read as the specification says
    self_consistent    does it contradict itself
    plausible          can it be, from what else is known (`billing.checks`)
    own_tariff         its price under the tariffs that it carries
    pushed_tariff      its price under the tariffs that the partner had told when the charge began
    price_list         its price under what the contract says
    signed_values      do the signatures hold, and is their energy the priced one (`billing.signed_data`)

The verdict about the money is that of the price list where there is one, else of the pushed tariffs, else of its own:
what was agreed goes before what was told, and that before what the bill says of itself. A level that cannot price says
nothing, and the next one decides. A credit is judged by the CDR that it takes back: it is whole, or it differs.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from evmesh.base.findings import Finding
from evmesh.billing import checks, signed_data
from evmesh.billing.checks import Circumstances
from evmesh.billing.contracts import USUAL, Contract
from evmesh.ocpi.releases import RELEASES
from evmesh.ports import Document
from evmesh.pricing.bill import amount_document
from evmesh.pricing.check import Check, check
from evmesh.pricing.plan import embedded_tariffs
from evmesh.pricing.policy import STANDARD, PricingPolicy, policy_from

Outcome = Literal["passed", "noted", "failed", "not_checked"]
"""`noted`: there are warnings, `failed`: errors."""

PRICED = ("price_list", "pushed_tariff", "own_tariff")
"""The levels about money, the decisive one first."""

VERDICTS = ("agrees", "within_tolerance", "explained", "differs", "cannot_be_priced")

_NOT_THE_PRICE = ("country_code", "party_id", "id", "last_updated", "tariff_alt_text", "tariff_alt_url", "energy_mix")
# Found by the level of the signed values, with the signatures.
_ELSEWHERE = "signed_energy_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A CDR and what is known about it. `pushed` are the tariffs that were known when the charge began, None where
    the partner had told none; `later`: they came to be known only afterwards. `original`: what a credit takes back."""

    cdr: Document
    release: str
    circumstances: Circumstances
    read: Sequence[Finding] = ()
    zone: str | None = None
    pushed: Sequence[Document] | None = None
    later: bool = False
    original: Document | None = None
    contract: Contract = USUAL


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: str
    report: Document
    """Plain JSON: the verdict, by which level, claimed, expected, difference, habits, and the levels with findings."""


def judge(case: Case) -> Judgement:
    """The judgement about a canonical CDR. Never raises on odd documents."""
    levels: dict[str, Document] = {"well_formed": _level(case.read)}
    taxes_known = knows_taxes(case.release)
    policy = _policy(msgspec.json.encode(case.contract.policy)) if case.contract.policy else STANDARD
    own = embedded_tariffs(case.cdr)

    asked: dict[str, _Question] = {}
    if case.contract.tariffs:
        asked["price_list"] = [_renamed(case.cdr, each) for each in case.contract.tariffs], policy, True
    if case.pushed:
        asked["pushed_tariff"] = case.pushed, policy, taxes_known
    if own or not case.pushed:
        asked["own_tariff"] = own, policy, taxes_known
    if case.pushed and own and _prices(own) == _prices(case.pushed):
        asked["pushed_tariff"] = asked["own_tariff"]
    made: dict[str, Check] = {}
    for name, question in asked.items():
        twin = next((made[each] for each in made if asked[each] is question), None)
        made[name] = _answered(case, question) if twin is None else twin
    by, decisive = _decisive(made)
    if decisive.verdict == "differs":
        # Looking for a habit takes many times as long as pricing: only the level that decides is explained.
        decisive = _answered(case, asked[by], search=True)
        made |= {name: decisive for name in asked if asked[name] is asked[by]}

    first = next(iter(made.values()))
    inside = [each for each in first.findings if not each.pointer.startswith("/tariffs") and each.code != _ELSEWHERE]
    levels["self_consistent"] = _level([each for each in inside if not each.fatal])
    implausible = checks.implausible(case.cdr, case.circumstances)
    if case.original is not None:
        implausible += checks.credit_mismatch(case.cdr, case.original)
    levels["plausible"] = _level(implausible)
    for name in PRICED:
        levels[name] = _priced_level(made[name]) if name in made else {"outcome": "not_checked"}
    if case.later and case.pushed:
        text = "the partner told this tariff only after the charge had begun"
        _note(levels["pushed_tariff"], Finding("warning", "tariff_told_later", "/tariffs", text))
    signed = signed_data.look_into(case.cdr)
    levels["signed_values"] = _level(signed.findings) | {"found": signed.outcome, "encoding": signed.encoding}
    if signed.outcome in ("absent", "not_checked"):
        levels["signed_values"]["outcome"] = "not_checked"

    verdict: str = decisive.verdict
    if case.cdr.get("credit") and case.original is not None:
        by, verdict = "original", _of_credit(case.cdr, case.original)
    report: Document = {"verdict": verdict, "by": by, **_money(decisive), "levels": levels}
    if verdict not in ("agrees", "within_tolerance"):
        report["bill"] = decisive.bill.document()
    return Judgement(verdict, report)


_Question = tuple[Sequence[Document], PricingPolicy, bool]
"""Tariffs, how they are read, and whether they say anything of taxes."""


def _answered(case: Case, question: _Question, *, search: bool = False) -> Check:
    tariffs, policy, taxes_known = question
    tolerance = case.contract.tolerance
    return check(case.cdr, tariffs, case.zone, policy, tolerance=tolerance, taxes_known=taxes_known, search=search)


def knows_taxes(release: str) -> bool:
    """Whether the tariffs of a release say anything of taxes."""
    return "vat" in RELEASES[release].rules.objects["PriceComponent"].fields


def suspicious(report: Document) -> list[Document]:
    """The findings of a report that are errors or warnings."""
    return [
        finding
        for level in report["levels"].values()
        for finding in level.get("findings", ())
        if finding["severity"] != "info"
    ]


def _decisive(made: Mapping[str, Check]) -> tuple[str, Check]:
    for name in PRICED:
        if name in made and made[name].verdict != "cannot_be_priced":
            return name, made[name]
    return next((name, made[name]) for name in PRICED if name in made)


def _of_credit(credit: Document, original: Document) -> str:
    if checks.net_total(credit) is None or checks.net_total(original) is None:
        return "cannot_be_priced"
    return "differs" if checks.credit_mismatch(credit, original) else "agrees"


def _money(found: Check) -> Document:
    sign = -1 if found.claim is not None and (found.claim.amount.net or 0) < 0 else 1
    expected = -found.bill.total if sign < 0 else found.bill.total
    return {
        "claimed": None if found.claim is None else amount_document(found.claim.amount),
        "expected": amount_document(expected) if found.bill.priced else None,
        "difference": None if found.difference is None else amount_document(found.difference),
        "habits": [{"code": habit.code, "text": habit.text} for habit in found.habits],
    }


def _priced_level(found: Check) -> Document:
    level = _level([each for each in found.findings if each.pointer.startswith("/tariffs") or each.fatal])
    if found.verdict == "differs":
        level["outcome"] = "failed"
    elif found.verdict == "cannot_be_priced":
        level["outcome"] = "not_checked"
    elif found.verdict == "explained":
        level["outcome"] = "noted"
    return level | {"verdict": found.verdict} | _money(found)


def _level(findings: Sequence[Finding]) -> Document:
    level: Document = {"outcome": "passed"}
    for finding in findings:
        _note(level, finding)
    return level


def _note(level: Document, finding: Finding) -> None:
    level.setdefault("findings", []).append(msgspec.to_builtins(finding))
    if finding.severity == "error":
        level["outcome"] = "failed"
    elif finding.severity == "warning" and level["outcome"] == "passed":
        level["outcome"] = "noted"


def _prices(tariffs: Any) -> list[Document]:
    """What of tariffs decides a price."""
    return [
        {name: value for name, value in each.items() if name not in _NOT_THE_PRICE and value not in (None, [], "")}
        for each in tariffs
        if isinstance(each, Mapping)
    ]


def _renamed(cdr: Document, tariff: Mapping[str, Any]) -> Document:
    """A price list prices every period, whatever tariff that names: where it is one tariff, it takes that name."""
    named = {period.get("tariff_id") for period in cdr.get("charging_periods") or () if isinstance(period, Mapping)}
    one = named - {None}
    return {**tariff, "id": one.pop()} if len(one) == 1 else dict(tariff)


@functools.lru_cache(64)
def _policy(text: bytes) -> PricingPolicy:
    return policy_from(msgspec.json.decode(text))
