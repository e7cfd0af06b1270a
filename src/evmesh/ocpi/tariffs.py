"""The tariffs chapter: what a charge costs. [mod_tariffs_tariffs_module]"""

from __future__ import annotations

from evmesh.ocpi.locations import EnergyMix
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString36,
    ClosedEnum,
    DateTime,
    DisplayText,
    LocalDate,
    LocalTime,
    Number,
    Object,
    Some,
    String3,
    Url,
)


class DayOfWeek(ClosedEnum):
    """[mod_tariffs_day_of_week_enum]"""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(ClosedEnum):
    """[mod_tariffs_reservation_restriction_type_enum]"""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(ClosedEnum):
    """[mod_tariffs_tariff_dimension_type_enum]"""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(ClosedEnum):
    """[mod_tariffs_tariff_type_enum]"""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class TaxIncluded(ClosedEnum):
    """[mod_tariffs_tax_included_enum]"""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class BookingRestrictionType(ClosedEnum):
    """[mod_tariffs_booking_restriction_type_enum]"""

    BOOKING = "BOOKING"
    BOOKING_EXPIRES = "BOOKING_EXPIRES"
    BOOKING_CANCELLATION_FEES = "BOOKING_CANCELLATION_FEES"
    BOOKING_OVERTIME = "BOOKING_OVERTIME"


class PriceComponent(Object, kw_only=True):
    """[mod_tariffs_price_component_class]"""

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: int


class PriceLimit(Object, kw_only=True):
    """[mod_tariffs_price_limit_class]"""

    before_taxes: Number
    after_taxes: Number | None = None


class TariffRestrictions(Object, kw_only=True):
    """[mod_tariffs_tariff_restrictions_class]"""

    start_time: LocalTime | None = None
    end_time: LocalTime | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[DayOfWeek] = []
    reservation: ReservationRestrictionType | None = None
    booking: BookingRestrictionType | None = None


class TariffElement(Object, kw_only=True):
    """[mod_tariffs_tariff_element_class]"""

    price_components: Some[PriceComponent]
    restrictions: TariffRestrictions | None = None


class Tariff(Object, kw_only=True):
    """[mod_tariffs_tariff_object]"""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    currency: String3
    type: TariffType | None = None
    tariff_alt_text: list[DisplayText] = []
    tariff_alt_url: Url | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Number | None = None
    elements: Some[TariffElement]
    tax_included: TaxIncluded
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


OPERATIONS = (
    Operation("tariffs.sender.list", "GET", "", answer="Tariff", paged=True),
    Operation("tariffs.receiver.get", "GET", "/{country_code}/{party_id}/{tariff_id}", answer="Tariff"),
    Operation("tariffs.receiver.put", "PUT", "/{country_code}/{party_id}/{tariff_id}", body="Tariff"),
    Operation(
        "tariffs.receiver.patch",
        "PATCH",
        "/{country_code}/{party_id}/{tariff_id}",
        body="Tariff",
        releases=("2.1.1",),
    ),
    Operation("tariffs.receiver.delete", "DELETE", "/{country_code}/{party_id}/{tariff_id}"),
)
