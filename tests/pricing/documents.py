"""Short ways to write tariffs and CDRs in tests."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Document = dict[str, Any]


def at(text: str) -> datetime:
    """`2026-01-12 09:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def component(kind: str, price: str | int, *, vat: str | int | None = None, step_size: int = 1) -> Document:
    made: Document = {"type": kind, "price": Decimal(price), "step_size": step_size}
    return made if vat is None else made | {"vat": Decimal(vat)}


def element(*components: Document, **restrictions: Any) -> Document:
    made: Document = {"price_components": list(components)}
    return made | {"restrictions": restrictions} if restrictions else made


def tariff(*elements: Document, **fields: Any) -> Document:
    made: Document = {
        "country_code": "NL",
        "party_id": "TST",
        "id": "T1",
        "currency": "EUR",
        "elements": list(elements),
        "tax_included": "NO",
        "last_updated": "2025-12-01T00:00:00Z",
    }
    return made | fields


def period(start: str, tariff_id: str | None = None, **volumes: str | int) -> Document:
    """`period("2026-01-12T09:00:00Z", ENERGY=20, TIME="1.0")`."""
    dimensions = [{"type": kind, "volume": Decimal(volume)} for kind, volume in volumes.items()]
    made: Document = {"start_date_time": start, "dimensions": dimensions}
    return made if tariff_id is None else made | {"tariff_id": tariff_id}


def cdr(*periods: Document, end: str, **fields: Any) -> Document:
    made: Document = {
        "country_code": "NL",
        "party_id": "TST",
        "id": "CDR1",
        "start_date_time": periods[0]["start_date_time"] if periods else end,
        "end_date_time": end,
        "session_id": "S1",
        "cdr_token": {
            "country_code": "NL",
            "party_id": "MSP",
            "uid": "0102030405",
            "type": "RFID",
            "contract_id": "NL-MSP-C00000001-X",
        },
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Teststraat 1",
            "city": "Teststad",
            "country": "NLD",
            "coordinates": {"latitude": "52.000000", "longitude": "5.000000"},
            "evse_uid": "1",
            "evse_id": "NL*TST*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "tariffs": [],
        "charging_periods": list(periods),
        "total_cost": {"before_taxes": 0, "taxes": []},
        "total_energy": 0,
        "total_time": 0,
        "last_updated": end,
    }
    return made | fields
