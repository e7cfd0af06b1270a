"""Every worked case to the last digit: those of the reference material, and our own folders of data."""

import pytest

from tests.pricing.cases import Case, differences, own_cases, shared_cases
from tests.shared import SHARED, needs_shared

SHARED_CASES = list(shared_cases()) if SHARED.is_dir() else []
OWN_CASES = list(own_cases())


@needs_shared
def test_the_reference_material_has_its_cases() -> None:
    assert len(SHARED_CASES) >= 54


@pytest.mark.parametrize("case", SHARED_CASES, ids=lambda case: case.name)
def test_a_shared_case_is_priced_exactly(case: Case) -> None:
    assert differences(case, case.bill()) == []


@pytest.mark.parametrize("case", OWN_CASES, ids=lambda case: case.name)
def test_a_case_of_ours_is_priced_exactly(case: Case) -> None:
    assert differences(case, case.bill()) == []


@pytest.mark.parametrize("case", SHARED_CASES + OWN_CASES, ids=lambda case: case.name)
def test_the_lines_add_up(case: Case) -> None:
    bill = case.bill()
    if bill.priced and bill.total.net is not None:
        assert sum(line.amount.net or 0 for line in bill.lines) == bill.total.net
