"""2.2.1, told as what 2.3.0 (edition 2, Payments 1, Bookings 1.1) changed. [changelog_changelog]"""

from __future__ import annotations

from decimal import Context as Arithmetic
from decimal import Decimal, localcontext
from typing import Any

from evmesh.ocpi.releases.change import (
    Change,
    Context,
    Document,
    Unsayable,
    added,
    added_objects,
    opened,
    retold,
    values_added,
    values_ended,
)
from evmesh.ocpi.schema import FieldRule, Rules

TAX_NAME = "VAT"
"""What the one tax of a 2.2.1 price is called when it is lifted."""

EXACT = Arithmetic(prec=60)
"""Digits enough for the exact sum of any quantities."""


def _price_rules(rules: Rules) -> None:
    rules.without("Price", "before_taxes", "taxes")
    rules.put("Price", FieldRule("excl_vat", "number", "1"), FieldRule("incl_vat", "number", "?"))


def _price_up(price: Document, context: Context) -> None:
    # A missing incl_vat means that nobody knows the tax; an equal one that there is none to pay. [types_price_class]
    net, gross = price.pop("excl_vat"), price.pop("incl_vat", None)
    price["before_taxes"] = net
    if gross is not None:
        with localcontext(EXACT):
            price["taxes"] = [{"name": TAX_NAME, "amount": gross - net}]


def _price_down(price: Document, context: Context) -> None:
    net, taxes = price.pop("before_taxes", None), price.pop("taxes", None)
    if net is not None:
        price["excl_vat"] = net
        if taxes:
            with localcontext(EXACT):
                price["incl_vat"] = sum((tax["amount"] for tax in taxes), net)
            if len(taxes) > 1 or any(tax.get("name") != TAX_NAME or len(tax) > 2 for tax in taxes):
                context.note("lost", "2.2.1 has one VAT, and no names, rates or accounts of taxes", "taxes")


def _limits_rules(rules: Rules) -> None:
    rules.put("Tariff", FieldRule("min_price", "Price", "?"), FieldRule("max_price", "Price", "?"))
    del rules.objects["PriceLimit"]


def _limits_up(tariff: Document, context: Context) -> None:
    for name in ("min_price", "max_price"):
        limit = tariff.get(name)
        if limit is not None:
            limit = dict(limit)
            taxes = limit.pop("taxes", None)
            if taxes:
                with localcontext(EXACT):
                    limit["after_taxes"] = sum((tax["amount"] for tax in taxes), limit["before_taxes"])
            tariff[name] = limit


def _limits_down(tariff: Document, context: Context) -> None:
    for name in ("min_price", "max_price"):
        limit = tariff.get(name)
        if limit is not None:
            limit = dict(limit)
            after = limit.pop("after_taxes", None)
            if after is not None:
                with localcontext(EXACT):
                    limit["taxes"] = [{"name": TAX_NAME, "amount": after - limit["before_taxes"]}]
            tariff[name] = limit


def _tax_included_up(tariff: Document, context: Context) -> None:
    tariff.setdefault("tax_included", "NO")


def _tax_included_down(tariff: Document, context: Context) -> None:
    """Prices are net in 2.2.1. With the rate at hand a gross price is divided by it; without, nothing true is left."""
    included = tariff.pop("tax_included", None)
    if included != "YES":
        if included == "N/A":
            context.note("lost", "that no tax applies cannot be said in 2.2.1", "tax_included")
        return
    elements = []
    for index, element in enumerate(tariff.get("elements", [])):
        if _is_for_bookings(element):
            elements.append(element)  # it is left out as a whole
            continue
        components = []
        for place, component in enumerate(element.get("price_components", [])):
            at = ("elements", index, "price_components", place, "price")
            components.append(_net_component(component, at, context))
        elements.append({**element, "price_components": components})
    tariff["elements"] = elements


def _net_component(component: Document, at: tuple[str | int, ...], context: Context) -> Document:
    price = component.get("price", 0)
    if price == 0:
        return component
    rate = component.get("vat")
    if rate is None:
        raise Unsayable("prices include a tax whose rate is not given, and 2.2.1 wants them without", "Tariff")
    if rate <= -100:
        raise Unsayable(f"no price can be divided by a tax of {rate} %", "Tariff")
    net, exact = _without(Decimal(price), Decimal(rate))
    if not exact:
        context.note("rounded", f"{price} without {rate} % is {net}, rounded to 10 decimals", *at, severity="warning")
    return {**component, "price": net}


def _without(gross: Decimal, rate: Decimal) -> tuple[Decimal, bool]:
    with localcontext(EXACT):
        net = gross * 100 / (100 + rate)
        rounded = net.quantize(Decimal("1e-10")).normalize()
        plain = rounded.quantize(Decimal(1)) if rounded == rounded.to_integral() else rounded
        return plain, rounded * (100 + rate) == gross * 100


def _tax_included_rules(rules: Rules) -> None:
    rules.without("Tariff", "tax_included")
    del rules.enums["TaxIncluded"]


def _hub_rules(rules: Rules) -> None:
    rules.without("Credentials", "hub_party_id")


def _hub_down(credentials: Document, context: Context) -> None:
    if credentials.pop("hub_party_id", None) is not None:
        context.note("lost", "2.2.1 names a hub by a role", "hub_party_id")


def _payments_rules(rules: Rules) -> None:
    rules.without("Tariff", "preauthorize_amount")


def _payments_down(tariff: Document, context: Context) -> None:
    if tariff.pop("preauthorize_amount", None) is not None:
        context.note("lost", "Tariff.preauthorize_amount has no place in 2.2.1", "preauthorize_amount")


def _booking_rules(rules: Rules) -> None:
    rules.without("TariffRestrictions", "booking")
    del rules.enums["BookingRestrictionType"]


def _is_for_bookings(element: Document) -> bool:
    restrictions: dict[str, Any] = element.get("restrictions") or {}
    return restrictions.get("booking") is not None


def _booking_down(element: Document, context: Context) -> None:
    if _is_for_bookings(element):
        raise Unsayable("the price of a booking has no place in 2.2.1")


DIMENSIONS = ("ChargingPeriod.dimensions", "Session.charging_periods", "CDR.charging_periods")
"""The lists that get shorter when the older release has no word for a dimension."""

CHANGES: tuple[Change, ...] = (
    retold(
        "Price",
        edit=_price_rules,
        up=_price_up,
        down=_price_down,
        losses=("Price.taxes", "TaxAmount.name", "TaxAmount.percentage", "TaxAmount.account_number"),
    ),
    retold("Tariff", edit=_limits_rules, up=_limits_up, down=_limits_down),
    retold(
        "Tariff",
        edit=_tax_included_rules,
        up=_tax_included_up,
        down=_tax_included_down,
        losses=("=TaxIncluded", "PriceComponent.price"),
    ),
    retold("Tariff", edit=_payments_rules, up=None, down=_payments_down, losses=("Tariff.preauthorize_amount",)),
    retold(
        "TariffElement", edit=_booking_rules, up=None, down=_booking_down, losses=("Tariff.elements", "CDR.tariffs")
    ),
    retold("Credentials", edit=_hub_rules, up=None, down=_hub_down, losses=("Credentials.hub_party_id",)),
    added("Location", "parking_places", "help_phone"),
    added("EVSE", "parking", "accepted_service_providers"),
    added("Connector", "capabilities"),
    added("CDR", "booking_id"),
    values_added("ConnectorType", "MCS", "SAE_J3400", losses=("EVSE.connectors", "Location.evses")),
    values_added("ParkingRestriction", "EMPLOYEES", "TAXIS", "TENANTS", losses=("EVSE.parking_restrictions",)),
    values_added("TokenType", "EMAID", instead={"*": "OTHER"}),
    values_added("VersionNumber", "2.3.0"),
    values_added("CdrDimensionType", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME", losses=DIMENSIONS),
    values_ended("Role", "HUB"),
    opened(
        "Capability",
        "CommandType",
        "ConnectorType",
        "EnvironmentalImpactCategory",
        "Facility",
        "ImageCategory",
        "ModuleID",
        "ParkingRestriction",
        "ParkingType",
        "TokenType",
        "VersionNumber",
    ),
    added_objects(
        "TaxAmount",
        "Parking",
        "EVSEParking",
        "EVSEPosition",
        "ParkingDirection",
        "VehicleType",
        "ConnectorCapability",
        "InvoiceReconciliationRecord",
        "FinancialAdviceConfirmation",
        "Terminal",
        "CaptureStatusCode",
        "InvoiceCreator",
        "AccessInformation",
        "AccessMethod",
        "Booking",
        "BookingLocation",
        "BookingOption",
        "BookingRequest",
        "BookingRequestStatus",
        "BookingTerms",
        "BookingToken",
        "Calendar",
        "CanceledReason",
        "Cancellation",
        "Period",
        "Policy",
        "ReservationRequestStatus",
        "ReservationStatus",
        "Timeslot",
    ),
)
