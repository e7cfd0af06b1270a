"""Reading a charge: whatever stands in a CDR, there is a finding with its place and never an exception."""

from typing import Any

import pytest

from evmesh.pricing.policy import STANDARD
from evmesh.pricing.price import price
from evmesh.pricing.timeline import read_timeline
from tests.pricing.documents import cdr, component, element, period, tariff

TARIFF = tariff(element(component("ENERGY", "0.25"), start_time="08:00"))


@pytest.mark.parametrize("kind", [None, [], {}, 5, ["ENERGY"]])
def test_a_dimension_whose_type_is_no_text_is_named(kind: Any) -> None:
    document = cdr(
        {"start_date_time": "2026-01-12T09:00:00Z", "dimensions": [{"type": kind, "volume": 5}]},
        end="2026-01-12T10:00:00Z",
    )
    _, findings = read_timeline(document, STANDARD)
    assert [finding.pointer for finding in findings] == ["/charging_periods/0/dimensions/0/type"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_edges_of_the_calendar_are_refused(moment: str) -> None:
    """No local clock can be told there."""
    document = cdr(period(moment, ENERGY=5), end=moment)
    bill = price(document, [TARIFF], "Europe/Amsterdam")
    assert not bill.priced
    assert {"/start_date_time", "/end_date_time"} <= {finding.pointer for finding in bill.findings if finding.fatal}
