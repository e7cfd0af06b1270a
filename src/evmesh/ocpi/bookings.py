"""The bookings package: charging time reserved ahead. [mod_bookings_module]"""

from __future__ import annotations

from evmesh.ocpi.locations import ConnectorFormat, ConnectorType, EVSEPosition, PowerType, VehicleType
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.tokens import TokenType
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString36,
    ClosedEnum,
    DateTime,
    Number,
    Object,
    Role,
    Some,
    String,
    Url,
)


class AccessMethod(ClosedEnum):
    """[mod_bookings_access_method_enum]"""

    OPEN = "OPEN"
    TOKEN = "TOKEN"
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class CanceledReason(ClosedEnum):
    """[mod_bookings_canceled_reason_enum]"""

    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


class ReservationRequestStatus(ClosedEnum):
    """[mod_bookings_reservation_request_status_enum]"""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


class ReservationStatus(ClosedEnum):
    """[mod_bookings_reservation_status_enum]"""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class AccessInformation(Object, kw_only=True):
    """[mod_bookings_access_information_class]"""

    method: AccessMethod
    value: String | None = None


class BookingOption(Object, kw_only=True):
    """[mod_bookings_booking_option_class]"""

    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    parking_id: CiString36 | None = None
    evse_position: list[EVSEPosition] = []
    vehicle_types: list[VehicleType] = []
    connector_format: list[ConnectorFormat] = []
    connector_types: list[ConnectorType] = []
    power_types: list[PowerType] = []
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    min_parking_space_length: Number | None = None
    min_parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    drive_through: bool | None = None
    refrigeration_outlet: bool | None = None


class BookingToken(Object, kw_only=True):
    """[mod_bookings_booking_token_class]"""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36


class Timeslot(Object, kw_only=True):
    """[mod_bookings_timeslot_class]"""

    start_date_time: DateTime
    end_date_time: DateTime
    min_power: Number | None = None
    max_power: Number | None = None
    green_energy_support: bool | None = None


class Cancellation(Object, kw_only=True):
    """[mod_bookings_cancellation_class]"""

    cancellation_reason: CanceledReason
    who_canceled: Role


class BookingTerms(Object, kw_only=True):
    """[mod_bookings_booking_terms_class]"""

    rfid_auth_required: bool | None = None
    token_groups_supported: bool | None = None
    remote_auth_supported: bool | None = None
    supported_access_methods: Some[AccessMethod]
    change_until_minutes: Number
    cancel_until_minutes: Number
    change_not_allowed: bool | None = None
    early_start_allowed: bool | None = None
    early_start_time: Number | None = None
    noshow_timeout: Number | None = None
    noshow_fee: bool | None = None
    late_stop_allowed: bool | None = None
    late_stop_time: Number | None = None
    overlapping_bookings_allowed: bool | None = None
    min_booking_duration: Number | None = None
    max_booking_duration: Number | None = None
    booking_terms: Url | None = None


class Period(Object, kw_only=True):
    """[mod_bookings_period_class]"""

    start_date_time: DateTime
    end_date_time: DateTime


class BookingRequest(Object, kw_only=True):
    """[mod_bookings_booking_request_class]"""

    country_code: CiString2
    party_id: CiString3
    request_id: CiString36
    booking_option: BookingOption | None = None
    location_id: CiString36
    booking_location_id: CiString36
    tokens: list[BookingToken] = []
    access_information: list[AccessInformation] = []
    period: Period
    authorization_reference: CiString36
    power_required: int | None = None
    canceled: Cancellation | None = None


class BookingRequestStatus(Object, kw_only=True):
    """[mod_bookings_booking_request_status_class]"""

    request_status: ReservationRequestStatus
    booking_request: BookingRequest
    request_received: DateTime


class Booking(Object, kw_only=True):
    """[mod_bookings_booking_object]"""

    id: CiString36
    country_code: CiString2
    party_id: CiString3
    request_id: CiString36
    booking_option: BookingOption | None = None
    location_id: CiString36
    booking_tokens: list[BookingToken] = []
    tariff_ids: list[CiString36] = []
    period: Timeslot
    reservation_status: ReservationStatus
    canceled: Cancellation | None = None
    access_information: list[AccessInformation] = []
    authorization_reference: CiString36
    booking_terms: BookingTerms
    booking_requests: Some[BookingRequestStatus]
    last_updated: DateTime


class Policy(Object, kw_only=True):
    """[mod_bookings_policy_class]"""

    reservation_required: bool
    ad_hoc: Number | None = None


class Calendar(Object, kw_only=True):
    """[mod_bookings_calendar_object]"""

    id: CiString36
    begin_from: DateTime
    end_before: DateTime
    timeslot_increment: int | None = None
    available_timeslots: Some[Timeslot]
    last_updated: DateTime


class BookingLocation(Object, kw_only=True):
    """[mod_bookings_booking_location_object]"""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    location_id: CiString36
    booking_option: BookingOption | None = None
    policy: Policy | None = None
    tariff_ids: list[CiString36] = []
    booking_terms: BookingTerms | None = None
    calendars: list[Calendar] = []
    last_updated: DateTime


OPERATIONS = (
    Operation(
        "bookings.sender.booking_locations.list",
        "GET",
        "/booking_locations",
        query=(
            "timeslot_from",
            "timeslot_to",
        ),
        answer="BookingLocation",
        paged=True,
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.sender.booking_locations.get",
        "GET",
        "/booking_locations/{booking_location_id}",
        answer="BookingLocation",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.sender.calendars.get",
        "GET",
        "/booking_locations/{booking_location_id}/{calendar_id}",
        answer="Calendar",
        releases=("2.3.0",),
    ),
    Operation("bookings.sender.list", "GET", "", answer="Booking", paged=True, releases=("2.3.0",)),
    Operation("bookings.sender.post", "POST", "", body="BookingRequest", answer="Booking", releases=("2.3.0",)),
    Operation(
        "bookings.receiver.booking_locations.get",
        "GET",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}",
        answer="BookingLocation",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.booking_locations.put",
        "PUT",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}",
        body="BookingLocation",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.booking_locations.patch",
        "PATCH",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}",
        body="BookingLocation",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.calendars.get",
        "GET",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        answer="Calendar",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.calendars.put",
        "PUT",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        body="Calendar",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.calendars.patch",
        "PATCH",
        "/{country_code}/{party_id}/booking_locations/{booking_location_id}/{calendar_id}",
        body="Calendar",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.get",
        "GET",
        "/{country_code}/{party_id}/{booking_id}",
        answer="Booking",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.put",
        "PUT",
        "/{country_code}/{party_id}/{booking_id}",
        body="Booking",
        releases=("2.3.0",),
    ),
    Operation(
        "bookings.receiver.patch",
        "PATCH",
        "/{country_code}/{party_id}/{booking_id}",
        body="Booking",
        releases=("2.3.0",),
    ),
)
