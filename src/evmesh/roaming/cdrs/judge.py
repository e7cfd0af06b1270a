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

The report of a CDR that agrees is short: of its levels only those stand there that have an error or a warning.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from evmesh.base.findings import Finding
from evmesh.billing import checks, signed_data
from evmesh.billing.checks import Circumstances
from evmesh.billing.contracts import USUAL, Contract
from evmesh.ocpi import wire
from evmesh.ocpi.releases import RELEASES
from evmesh.ports import Document
from evmesh.pricing.bill import Bill, amount_document
from evmesh.pricing.check import Check, check, explained
from evmesh.pricing.habits import Habit
from evmesh.pricing.plan import embedded_tariffs
from evmesh.pricing.policy import STANDARD, PricingPolicy, policy_from
from evmesh.pricing.quick import Quick

Outcome = Literal["passed", "noted", "failed", "not_checked"]
"""`noted`: there are warnings, `failed`: errors."""

PRICED = ("price_list", "pushed_tariff", "own_tariff")
"""The levels about money, the decisive one first."""

VERDICTS = ("agrees", "within_tolerance", "explained", "differs", "cannot_be_priced")

Told = Literal["in_time", "later", "deleted"]
"""Whether a partner had told the tariffs of a CDR when the charge began, told one only later, or had deleted one."""

_TOLD: Mapping[Told, Finding] = {
    "later": Finding(
        "warning", "tariff_told_later", "/tariffs", "the partner told this tariff only after the charge had begun"
    ),
    "deleted": Finding(
        "warning", "tariff_deleted", "/tariffs", "the partner had deleted this tariff when the charge began"
    ),
}

_NOT_THE_PRICE = ("country_code", "party_id", "id", "last_updated", "tariff_alt_text", "tariff_alt_url", "energy_mix")
# Found by the level of the signed values, with the signatures.
_ELSEWHERE = "signed_energy_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A CDR and what is known about it. `pushed` are the tariffs that were known when the charge began, None where
    the partner had told none; `told` says when it had. `original`: what a credit takes back."""

    cdr: Document
    release: str
    circumstances: Circumstances
    read: Sequence[Finding] = ()
    zone: str | None = None
    pushed: Sequence[Document] | None = None
    told: Told = "in_time"
    original: Document | None = None
    contract: Contract = USUAL


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: str
    report: Document
    """Plain JSON: the verdict, by which level, claimed, expected, difference, habits, and the levels with findings."""


def judge(case: Case) -> Judgement:
    """The judgement about a canonical CDR. Never raises on odd documents."""
    asked = _questions(case)
    made = _quickly(case, asked) or _slowly(case, asked)
    by, decisive = _decisive(made)

    levels: dict[str, Document] = {"well_formed": _level(case.read)}
    first = next(iter(made.values()))
    inside = [each for each in first.findings if not each.pointer.startswith("/tariffs") and each.code != _ELSEWHERE]
    levels["self_consistent"] = _level([each for each in inside if not each.fatal])
    implausible = checks.implausible(case.cdr, case.circumstances)
    if case.original is not None:
        implausible += checks.credit_mismatch(case.cdr, case.original)
    levels["plausible"] = _level(implausible)
    for name in PRICED:
        levels[name] = _priced_level(made[name]) if name in made else {"outcome": "not_checked"}
    if case.told != "in_time":
        _note(levels["pushed_tariff"], _TOLD[case.told])
    signed = signed_data.look_into(case.cdr)
    levels["signed_values"] = _level(signed.findings) | {"found": signed.outcome, "encoding": signed.encoding}
    if signed.outcome in ("absent", "not_checked"):
        levels["signed_values"]["outcome"] = "not_checked"

    verdict: str = decisive.verdict
    if case.cdr.get("credit") and case.original is not None:
        by, verdict = "original", _of_credit(case.cdr, case.original)
    if verdict == "agrees":
        levels = {name: loud for name, level in levels.items() if (loud := _loud(level)) is not None}
    for name in levels.keys() & made.keys():
        levels[name] |= {"verdict": made[name].verdict, **_money(made[name])}
    report: Document = {"verdict": verdict, "by": by, **_money(decisive), "levels": levels}
    if verdict not in ("agrees", "within_tolerance") and decisive.bill is not None:
        report["bill"] = decisive.bill.document()
    return Judgement(verdict, report)


class _Question(NamedTuple):
    """What a level about money asks: the price under these tariffs. `text` is their JSON."""

    tariffs: Sequence[Any]
    text: bytes
    policy: PricingPolicy
    taxes_known: bool


class _Answer(NamedTuple):
    """What the engines say. A quick yes has no bill."""

    verdict: str
    claimed: Document | None
    expected: Document | None
    difference: Document | None
    habits: Sequence[Habit]
    findings: Sequence[Finding]
    bill: Bill | None


def _questions(case: Case) -> dict[str, _Question]:
    """By level, the decisive one first. The same question stands at two levels where own and pushed tariffs cost the
    same."""
    policy = _policy(msgspec.json.encode(case.contract.policy)) if case.contract.policy else STANDARD
    taxes_known = knows_taxes(case.release)

    def question(tariffs: Sequence[Any], taxes_known: bool) -> _Question:
        return _Question(tariffs, wire.encode(tariffs), policy, taxes_known)

    own = question(embedded_tariffs(case.cdr), taxes_known)
    asked: dict[str, _Question] = {}
    if case.contract.tariffs:
        asked["price_list"] = question([_renamed(case.cdr, each) for each in case.contract.tariffs], True)
    if case.pushed:
        pushed = question(case.pushed, taxes_known)
        asked["pushed_tariff"] = own if _cost_the_same(own.text, pushed.text) else pushed
    if own.tariffs or not case.pushed:
        asked["own_tariff"] = own
    return asked


def _quickly(case: Case, asked: Mapping[str, _Question]) -> dict[str, _Answer] | None:
    """The answers, when the decisive level says yes without more ado."""
    made: dict[str, _Answer] = {}
    for name, question in asked.items():
        twin = next((made[each] for each in made if asked[each] is question), None)
        answer = twin or _quick_answer(case, question)
        if answer is None and not made:
            return None
        made[name] = answer or _answer(_checked(case, question))
    return made


def _quick_answer(case: Case, question: _Question) -> _Answer | None:
    engine = _met(question.text, case.zone, question.policy, question.taxes_known).again()
    found = None if engine is None else engine.agreed(case.cdr)
    if engine is None or found is None:
        return None
    return _Answer("agrees", found.claimed, found.expected, found.difference, (), engine.findings, None)


def _slowly(case: Case, asked: Mapping[str, _Question]) -> dict[str, _Answer]:
    """The answers of the reference engine. Looking for a habit takes many times as long as pricing: only the level
    that decides is explained."""
    made: dict[str, Check] = {}
    for name, question in asked.items():
        twin = next((made[each] for each in made if asked[each] is question), None)
        made[name] = twin or _checked(case, question)
    answers = {name: _answer(found) for name, found in made.items()}
    by, decisive = _decisive(answers)
    if decisive.verdict == "differs":
        answer = _answer(_explained(case, asked[by], made[by]))
        answers |= {name: answer for name in asked if asked[name] is asked[by]}
    return answers


def _answer(found: Check) -> _Answer:
    claimed = None if found.claim is None else found.claim.amount
    expected = None
    if found.bill.priced:
        expected = -found.bill.total if claimed is not None and (claimed.net or 0) < 0 else found.bill.total
    money = [None if each is None else amount_document(each) for each in (claimed, expected, found.difference)]
    return _Answer(found.verdict, money[0], money[1], money[2], found.habits, found.findings, found.bill)


def _checked(case: Case, question: _Question) -> Check:
    return check(
        case.cdr,
        question.tariffs,
        case.zone,
        question.policy,
        tolerance=case.contract.tolerance,
        taxes_known=question.taxes_known,
        search=False,
    )


def _explained(case: Case, question: _Question, found: Check) -> Check:
    tariffs, policy, taxes_known = question.tariffs, question.policy, question.taxes_known
    return explained(found, case.cdr, tariffs, case.zone, policy, taxes_known=taxes_known)


def reckoned(case: Case, by: str | None) -> Check:
    """The whole bill by the tariffs of one level, or of the first that there is, and what the CDR claims beside it."""
    asked = _questions(case)
    question = asked.get(str(by)) or next(iter(asked.values()))
    return _explained(case, question, _checked(case, question))


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


def _decisive(made: Mapping[str, _Answer]) -> tuple[str, _Answer]:
    for name in PRICED:
        if name in made and made[name].verdict != "cannot_be_priced":
            return name, made[name]
    return next((name, made[name]) for name in PRICED if name in made)


def _of_credit(credit: Document, original: Document) -> str:
    if checks.net_total(credit) is None or checks.net_total(original) is None:
        return "cannot_be_priced"
    return "differs" if checks.credit_mismatch(credit, original) else "agrees"


def _money(found: _Answer) -> Document:
    return {
        "claimed": found.claimed,
        "expected": found.expected,
        "difference": found.difference,
        "habits": [{"code": habit.code, "text": habit.text} for habit in found.habits],
    }


def _priced_level(found: _Answer) -> Document:
    level = _level([each for each in found.findings if each.pointer.startswith("/tariffs") or each.fatal])
    if found.verdict == "differs":
        level["outcome"] = "failed"
    elif found.verdict == "cannot_be_priced":
        level["outcome"] = "not_checked"
    elif found.verdict == "explained":
        level["outcome"] = "noted"
    return level


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


def _loud(level: Document) -> Document | None:
    """The level without remarks; None when it has nothing to say."""
    findings = [each for each in level["findings"] if each["severity"] != "info"] if "findings" in level else []
    if level["outcome"] in ("passed", "not_checked") and not findings:
        return None
    return level | {"findings": findings}


@functools.lru_cache(4096)
def _cost_the_same(one: bytes, other: bytes) -> bool:
    """Whether tariffs, as JSON, differ in nothing that decides a price."""
    first, second = _prices(wire.decode(one)), _prices(wire.decode(other))
    return bool(first) and first == second


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


class _Met:
    """Tariffs that were met. From the second time on they have an engine: to make one takes as long as a few charges,
    and may never pay off."""

    __slots__ = ("_engine", "_make", "_times")

    def __init__(self, make: Callable[[], Quick]) -> None:
        self._make = make
        self._times = 0
        self._engine: Quick | None = None

    def again(self) -> Quick | None:
        self._times += 1
        if self._times > 1 and self._engine is None:
            self._engine = self._make()
        return self._engine


@functools.lru_cache(2048)
def _met(text: bytes, zone: str | None, policy: PricingPolicy, taxes_known: bool) -> _Met:
    return _Met(lambda: Quick(wire.decode(text), zone, policy, taxes_known=taxes_known))
