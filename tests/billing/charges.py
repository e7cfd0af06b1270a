"""CDRs to invoice, companies, and a table of VAT rules as settings would hold it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from evmesh.billing.draft import Terms, draft, read_charge
from evmesh.billing.invoice import Company, Invoice
from evmesh.billing.vat import VatRule

ISSUED = date(2026, 6, 1)

VOLT = Company(
    name="Volt Laddning AB", country="SE", street="Kungsgatan 1", postcode="111 43", city="Stockholm",
    vat_id="SE556677889901", legal_id="5566778899", legal_scheme="0007", endpoint="5566778899",
    endpoint_scheme="0007", contact="Billing", phone="+46 8 123456", email="billing@volt.example",
    iban="SE45 5000 0000 0583 9825 7466", bic="ESSESESS",
)  # fmt: skip
DRIVER = Company(
    name="Drive Mobility GmbH", country="DE", street="Hauptstraße 5", postcode="10115", city="Berlin",
    vat_id="DE123456789", legal_id="HRB 12345", endpoint="DE123456789", endpoint_scheme="9930",
    email="invoices@drive.example", iban="DE02 1203 0000 0000 2020 51",
)  # fmt: skip
PERSON = Company(name="Karin Nilsson", country="SE", street="Storgatan 2", postcode="211 34", city="Malmö")

SWEDISH = VatRule(category="S", rate=Decimal(25), seller="SE", place="SE")
GERMAN = VatRule(category="S", rate=Decimal(19), seller="DE", place="DE")
REVERSE = VatRule(
    category="AE", seller="SE", buyer="DE", buyer_kind="business", reason="Reverse charge", reason_code="VATEX-EU-AE"
)


def cdr(number: int = 1, cost: str = "3.4567", *, energy: str = "12.345", **more: Any) -> dict[str, Any]:
    """A canonical CDR; the number moves it in time."""
    start = datetime(2026, 5, 3, 8, 0, tzinfo=UTC) + timedelta(hours=number)
    place = more.pop("place", "SWE")
    location = more.pop("location", "LOC1")
    return {
        "country_code": "SE", "party_id": "VLT", "id": f"CDR-{number:04}",
        "start_date_time": start.isoformat().replace("+00:00", "Z"),
        "end_date_time": (start + timedelta(minutes=50)).isoformat().replace("+00:00", "Z"),
        "cdr_token": {
            "country_code": "DE", "party_id": "DRV", "uid": "AB12", "type": "RFID", "contract_id": "DE-DRV-C1",
        },
        "cdr_location": {
            "id": location, "name": f"Garage {location}", "address": "Torggatan 1", "city": "Örebro", "country": place,
            "evse_uid": "1", "evse_id": "SE*VLT*E1",
        },
        "currency": "EUR", "tariffs": [{"id": more.pop("tariff", "T1")}],
        "total_cost": {"before_taxes": Decimal(cost)}, "total_energy": Decimal(energy), "total_time": Decimal("0.8333"),
    } | more  # fmt: skip


def credit(number: int, of: int, cost: str = "-3.4567", **more: Any) -> dict[str, Any]:
    return cdr(number, cost, credit=True, credit_reference_id=f"CDR-{of:04}", **more)


def terms(**more: Any) -> Terms:
    given: dict[str, Any] = {
        "direction": "sale", "seller": VOLT, "buyer": DRIVER, "rules": [SWEDISH], "buyer_reference": "PO-77",
    }  # fmt: skip
    return Terms(**(given | more))


def invoice(*cdrs: dict[str, Any], number: str = "INV-2026-00001", preceding: Any = (), **more: Any) -> Invoice:
    return draft(
        [read_charge(each) for each in cdrs],
        terms(**more),
        number=number,
        issued_on=ISSUED,
        due_on=date(2026, 7, 1),
        period=(date(2026, 5, 1), date(2026, 5, 31)),
        preceding=preceding,
    )
