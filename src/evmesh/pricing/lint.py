"""What is wrong or risky in a tariff before anybody charges under it.

Every remark has a code, a severity, a place, what it means in words, and what to do. An *error* prices otherwise than
its author can have meant or breaks the specification; a *warning* probably does; an *info* is worth a thought. The
rules stand in two files beside this one: `lint_structure` looks at elements and restrictions, `lint_money` at amounts,
taxes and what European law asks of prices for everybody (AFIR, Regulation 2023/1804, article 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from evmesh.pricing import lint_money, lint_structure
from evmesh.pricing.advice import SEVERITIES, Advice, Asked
from evmesh.pricing.plan import read_plan

_READING_FIXES = {
    "misspelt_field": "write the field as the specification does",
    "unknown_restriction": "leave it out, or say it with the restrictions that there are",
    "unknown_field": "leave it out unless a partner agreed to it",
    "number_as_text": "write the number without quotes",
    "impossible_restriction": "correct the bounds",
    "negative_price": "make sure that it is meant",
    "step_size_missing": "give a step_size: 1 for exact billing",
    "time_24_00": "write 00:00",
    "tax_included_boolean": 'write "YES" or "NO" as text',
}


def lint(
    tariff: Mapping[str, Any],
    *,
    country: str | None = None,
    power_kw: int | None = None,
    today: date | None = None,
    taxes_known: bool = True,
) -> list[Advice]:
    """Remarks on a canonical tariff, the gravest first.

    `country` (ISO 3166 alpha-3) is where it is charged, `power_kw` what the charger gives: with them VAT, currency and
    AFIR are looked at closer. `today` finds tariffs that have ended.
    """
    plan, findings = read_plan(tariff, taxes_known=taxes_known)
    found = [
        Advice(
            each.severity,
            each.code,
            each.pointer,
            each.message,
            _READING_FIXES.get(each.code, "correct it: the tariff cannot be priced by as it is"),
        )
        for each in findings
    ]
    if plan is not None:
        asked = Asked(plan, tariff, country.upper() if country else None, power_kw, today)
        for rule in (*lint_structure.RULES, *lint_money.RULES):
            found += rule(asked)
    return sorted(found, key=lambda advice: (SEVERITIES.index(advice.severity), advice.pointer, advice.code))
