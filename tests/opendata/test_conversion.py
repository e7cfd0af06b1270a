"""Raw values of registers, and what OCPI gets of them."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.opendata.conversion import (
    SHARED_POLICIES,
    Findings,
    Place,
    coordinates,
    cut,
    derived_id,
    emi3,
    number,
    sayable_id,
    text,
)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("  a \r\n b\tc ", "a b c"),
        ("a\x00b\x7f", "a b"),
        (75237, "75237"),
        (Decimal("3.60"), "3.60"),
        (None, ""),
        (True, ""),
        (["a"], ""),
        ("null", ""),
        ("N/A", ""),
        ("Ö", "Ö"),
    ],
)
def test_text_is_one_printable_line(value: Any, line: str) -> None:
    assert text(value) == line


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3,6", Decimal("3.6")),
        (" 22.08 ", Decimal("22.08")),
        (0.1, Decimal("0.1")),
        (7, Decimal(7)),
        ("", None),
        ("22 kW", None),
        (True, None),
        (None, None),
        ("NaN", None),
        ("Infinity", None),
        ("1e400", None),
        ("1e999999999", None),
    ],
)
def test_numbers_are_exact_or_none(value: Any, expected: Decimal | None) -> None:
    assert number(value) == expected


@given(st.decimals(-90, 90, places=9), st.decimals(-180, 180, places=9))
def test_coordinates_have_the_form_of_the_specification(latitude: Decimal, longitude: Decimal) -> None:
    said = coordinates(Place(latitude, longitude, None))
    for axis, written, value, longest in (
        ("latitude", r"-?[0-9]{1,2}\.[0-9]{5,7}", latitude, 10),
        ("longitude", r"-?[0-9]{1,3}\.[0-9]{5,7}", longitude, 11),
    ):
        assert re.fullmatch(written, said[axis])
        assert len(said[axis]) <= longest
        assert abs(Decimal(said[axis]) - value) <= Decimal("0.0000005")


def test_a_cut_is_reported() -> None:
    findings = Findings(SHARED_POLICIES)
    assert cut("short", 5, "/name", findings) == "short"
    assert findings.found == []
    assert cut("rather long", 7, "/name", findings) == "rather"
    assert [(found.code, found.pointer) for found in findings.found] == [("text_cut", "/name")]


def test_only_policies_of_the_table_can_be_reported() -> None:
    with pytest.raises(KeyError):
        Findings(SHARED_POLICIES).say("made_up", "", "")


def test_ids() -> None:
    assert sayable_id("SE*VLT*E1")
    assert not sayable_id("")
    assert not sayable_id("x" * 37)
    assert not sayable_id("borne 1")
    assert not sayable_id("Ö1")
    assert emi3("SE*VLT*E1234")
    assert emi3("FRABCE12*3")
    assert not emi3("FRABCP12")
    assert not emi3("FRABCE")


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_a_derived_id_can_be_said_and_is_the_same_again(names: list[str]) -> None:
    assert sayable_id(derived_id(*names))
    assert derived_id(*names) == derived_id(*names)


def test_derived_ids_tell_where_one_name_ends() -> None:
    assert derived_id("ab", "c") != derived_id("a", "bc")
