"""CDRs of our own: issued when they are fit, credited when they were wrong."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.pricing.check import check
from evmesh.pricing.generation import CannotBePriced, Reading, charging_periods
from evmesh.pricing.issuing import UnfitToIssue, credit_cdr, issue_cdr
from tests.pricing.documents import at, cdr, component, element, period, tariff

ZONE = "Europe/Amsterdam"
START = at("2026-01-12 15:00")
TARIFF = tariff(
    element(component("FLAT", "0.5", vat=21)),
    element(component("ENERGY", "0.20", vat=21), end_time="17:00"),
    element(component("ENERGY", "0.40", vat=21)),
    element(component("PARKING_TIME", "3", vat=21, step_size=300)),
)
PLACE = cdr(end="2026-01-12T17:00:00Z")["cdr_location"] | {"country": "NLD"}


def session(**fields: Any) -> dict[str, Any]:
    readings = [
        Reading(START, Decimal("100")),
        Reading(START + timedelta(minutes=120), Decimal("111.1"), "parking"),
    ]
    whole = cdr(end="2026-01-12T17:17:00Z")
    return {
        "country_code": "NL",
        "party_id": "TST",
        "id": "S1",
        "start_date_time": "2026-01-12T15:00:00Z",
        "end_date_time": "2026-01-12T17:17:00Z",
        "kwh": Decimal("11.1"),
        "cdr_token": whole["cdr_token"],
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "currency": "EUR",
        "charging_periods": charging_periods(readings, TARIFF, ZONE, until=START + timedelta(minutes=137)),
    } | fields


def issue(facts: dict[str, Any], *tariffs: dict[str, Any]) -> dict[str, Any]:
    given = tariffs or (TARIFF,)
    return issue_cdr(facts, given, PLACE, ZONE, id="C1", issued_at=at("2026-01-12 17:20"), remark="thanks").cdr


def test_an_issued_cdr_explains_itself_and_keeps_every_rule_of_its_release() -> None:
    """5.55 kWh before 17:00, 5.55 after, 17 minutes parked billed as 20: 0.5 + 1.11 + 2.22 + 1."""
    issued = issue(session())
    assert issued["total_cost"]["before_taxes"] == Decimal("4.83")
    assert (issued["total_energy"], issued["total_time"]) == (Decimal("11.1"), Decimal("2.2833"))
    assert issued["total_parking_cost"]["before_taxes"] == 1
    assert issued["tariffs"] == [TARIFF]
    assert check(issued, None, ZONE).verdict == "agrees"
    written = wire.write("CDR", issued, dialect("2.3.0"))
    assert written.findings == []


def test_an_older_release_can_say_it_too() -> None:
    written = wire.write("CDR", issue(session()), dialect("2.2.1"))
    assert written.document["total_cost"] == {"excl_vat": Decimal("4.83"), "incl_vat": Decimal("5.8443")}


def test_a_period_whose_price_changed_halfway_is_not_issued() -> None:
    whole = [period("2026-01-12T15:00:00Z", "T1", ENERGY=10, TIME="2.2833")]
    with pytest.raises(UnfitToIssue, match="period_spans_price_change"):
        issue(session(charging_periods=whole))


def test_what_cannot_be_priced_is_not_issued() -> None:
    with pytest.raises(CannotBePriced, match="period"):
        issue(session(charging_periods=[]))
    with pytest.raises(CannotBePriced, match="tariff is in SEK"):
        issue(session(), TARIFF | {"currency": "SEK"})


def test_a_session_that_nobody_numbered_and_its_signed_values() -> None:
    nameless = session()
    del nameless["id"]
    values = [{"nature": "End", "plain_data": "x", "signed_data": "x"}]
    signed = {"encoding_method": "EDL40", "signed_values": values}
    issued = issue_cdr(nameless, [TARIFF], PLACE, ZONE, id="C1", issued_at=at("2026-01-12 17:20"), signed_data=signed)
    assert issued.cdr["signed_data"] == signed
    assert "session_id" not in issued.cdr
    assert "remark" not in issued.cdr


def test_a_credit_turns_the_total_and_nothing_else() -> None:
    issued = issue(session())
    credit = credit_cdr(issued, id="C1-CREDIT", issued_at=at("2026-02-01 09:00"))
    assert credit["total_cost"]["before_taxes"] == Decimal("-4.83")
    assert credit["total_cost"]["taxes"][0]["amount"] == -issued["total_cost"]["taxes"][0]["amount"]
    assert (credit["credit"], credit["credit_reference_id"]) == (True, "C1")
    changed = {name for name in credit if credit[name] != issued.get(name)}
    assert changed == {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert check(credit, None, ZONE).verdict == "agrees"
    with pytest.raises(ValueError, match="cannot be credited"):
        credit_cdr(credit, id="C2", issued_at=at("2026-02-01 09:00"))
