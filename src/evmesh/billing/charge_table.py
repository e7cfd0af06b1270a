"""Charges as a table: one row for each CDR, in columns that stay what they are.

Moments stand in UTC and by the clock of the place; amounts and energies have all their digits. A column is never
renamed or moved; new ones come at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evmesh.billing.columns import Cell, Column, Type, Unexportable
from evmesh.billing.money import decimal, exact
from evmesh.ocpi.types import parse_timestamp


def _of(name: str, *path: str, type: Type = "text") -> Column:
    return Column(name, type, path or (name,))


COLUMNS = (
    Column("whose"),
    Column("partner"),
    _of("country_code"),
    _of("party_id"),
    _of("id"),
    _of("session_id"),
    Column("start_utc", "moment"),
    Column("end_utc", "moment"),
    Column("start_local", "local"),
    Column("end_local", "local"),
    Column("time_zone"),
    _of("location_id", "cdr_location", "id"),
    _of("location_name", "cdr_location", "name"),
    _of("address", "cdr_location", "address"),
    _of("postal_code", "cdr_location", "postal_code"),
    _of("city", "cdr_location", "city"),
    _of("country", "cdr_location", "country"),
    _of("evse_uid", "cdr_location", "evse_uid"),
    _of("evse_id", "cdr_location", "evse_id"),
    _of("connector_id", "cdr_location", "connector_id"),
    _of("token_country_code", "cdr_token", "country_code"),
    _of("token_party_id", "cdr_token", "party_id"),
    _of("token_uid", "cdr_token", "uid"),
    _of("token_type", "cdr_token", "type"),
    _of("contract_id", "cdr_token", "contract_id"),
    _of("auth_method"),
    _of("authorization_reference"),
    _of("meter_id"),
    _of("energy_kwh", "total_energy", type="number"),
    _of("time_hours", "total_time", type="number"),
    _of("parking_hours", "total_parking_time", type="number"),
    _of("currency"),
    _of("cost_before_taxes", "total_cost", "before_taxes", type="number"),
    Column("taxes", "number"),
    Column("cost_after_taxes", "number"),
    _of("fixed_before_taxes", "total_fixed_cost", "before_taxes", type="number"),
    _of("energy_before_taxes", "total_energy_cost", "before_taxes", type="number"),
    _of("time_before_taxes", "total_time_cost", "before_taxes", type="number"),
    _of("parking_before_taxes", "total_parking_cost", "before_taxes", type="number"),
    _of("reservation_before_taxes", "total_reservation_cost", "before_taxes", type="number"),
    Column("tariff_ids"),
    _of("credit", type="flag"),
    _of("credit_reference_id"),
    _of("invoice_reference_id"),
    _of("remark"),
    Column("last_updated", "moment"),
)


def row(
    cdr: Mapping[str, Any], *, whose: str, partner: str | None, zone: tuple[str, tzinfo] | None
) -> tuple[Cell, ...]:
    """The cells of a canonical CDR; local ones are empty where the zone is not known. Unexportable."""
    key = f"{cdr.get('country_code')}*{cdr.get('party_id')}*{cdr.get('id')}"
    made: dict[str, Cell] = {"whose": whose, "partner": partner, "time_zone": zone[0] if zone else None}
    for name, field in (("start", "start_date_time"), ("end", "end_date_time")):
        moment = _moment(cdr, field, key)
        made[f"{name}_utc"] = moment
        made[f"{name}_local"] = moment.astimezone(zone[1]) if zone and moment else None
    made["last_updated"] = _moment(cdr, "last_updated", key)
    made["tariff_ids"] = " ".join(_tariffs(cdr))
    made |= _taxes(cdr, key)
    return tuple(made[each.name] if each.name in made else _plain(cdr, each, key) for each in COLUMNS)


def _plain(cdr: Mapping[str, Any], column: Column, key: str) -> Cell:
    value: Any = cdr
    for name in column.path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return None
    if column.type == "number":
        return _number(value, "/".join(column.path), key)
    if column.type == "flag":
        return bool(value)
    return str(value)


def _number(value: Any, field: str, key: str) -> Decimal:
    try:
        return decimal(exact(value))
    except ValueError as error:
        raise Unexportable(f"CDR {key}: {field}: {error}") from None


def _moment(cdr: Mapping[str, Any], field: str, key: str) -> datetime | None:
    value = cdr.get(field)
    try:
        return None if value is None else parse_timestamp(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Unexportable(f"CDR {key}: {field}: {str(value)[:40]!r} is no timestamp") from None


def _taxes(cdr: Mapping[str, Any], key: str) -> dict[str, Cell]:
    """What of the cost is tax, and the cost with it; nothing where the CDR names no taxes."""
    total = cdr.get("total_cost")
    taxes = total.get("taxes") if isinstance(total, Mapping) else None
    if not isinstance(total, Mapping) or not taxes:
        return {"taxes": None, "cost_after_taxes": None}
    amounts = [_number(tax.get("amount"), "total_cost/taxes", key) for tax in taxes]
    net = _number(total.get("before_taxes"), "total_cost/before_taxes", key)
    tax = sum(map(exact, amounts), Fraction(0))
    return {"taxes": decimal(tax), "cost_after_taxes": decimal(exact(net) + tax)}


def _tariffs(cdr: Mapping[str, Any]) -> list[str]:
    """The tariffs that the periods name, else those that are embedded."""
    named = [period.get("tariff_id") for period in cdr.get("charging_periods") or ()]
    ids = [str(each) for each in named if each] or [str(each.get("id")) for each in cdr.get("tariffs") or ()]
    return list(dict.fromkeys(ids))
