"""The judgement is the same whichever engine gave it."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st

from evmesh.billing.checks import Circumstances
from evmesh.billing.contracts import Contract
from evmesh.pricing.generation import CannotBePriced, cdr_costs
from evmesh.roaming.cdrs import judge as judging
from evmesh.roaming.cdrs.judge import Case, Judgement, judge
from tests.pricing.strategies import ZONES, charges, tariffs
from tests.pricing.test_quick import BROKEN, with_totals

Document = dict[str, Any]

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def judged(case: Case) -> tuple[Judgement, bool]:
    """The judgement, and whether the quick engine gave it."""
    with patch.object(judging, "_quickly", wraps=judging._quickly) as asked:
        judge(case)  # tariffs that were never met get no engine
        found = judge(case)
        quick = judging._quickly(*asked.call_args.args) is not None
    return found, quick


@settings(max_examples=200, deadline=None)
@given(tariffs(), tariffs(), charges(), st.sampled_from([*ZONES, None]), st.data())
def test_a_quick_judgement_is_the_slow_one(
    own: Document, other: Document, charge: Document, zone: str | None, data: st.DataObject
) -> None:
    charge = with_totals(charge)
    with suppress(CannotBePriced):
        charge |= cdr_costs(charge, [own], zone)
    broken = data.draw(st.just("nothing") | st.sampled_from(list(BROKEN)))
    charge = BROKEN[broken](charge) if broken in BROKEN else charge
    case = Case(
        cdr=charge | {"tariffs": [own]},
        release=data.draw(st.sampled_from(["2.3.0", "2.2.1", "2.1.1"])),
        circumstances=Circumstances(received_at=NOW, token_known=data.draw(st.booleans()), power_kw=None),
        zone=zone,
        pushed=data.draw(st.sampled_from([None, [own], [own | {"last_updated": "2026-01-01T00:00:00Z"}], [other]])),
        told=data.draw(st.sampled_from(["in_time", "later", "deleted"])),
    )
    if data.draw(st.integers(0, 4)) == 0:
        listed = Contract(tariffs=(data.draw(st.sampled_from([own, other])),), tolerance=Decimal("0.02"))
        case = replace(case, contract=listed)

    found, quick = judged(case)
    with patch.object(judging, "_quickly", return_value=None):
        slow = judge(case)

    event(f"{'quick' if quick else 'slow'}: {found.verdict}")
    assert found == slow
