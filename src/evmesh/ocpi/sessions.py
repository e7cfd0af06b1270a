"""The sessions chapter: a charge while it goes on. [mod_sessions_sessions_module]"""

from __future__ import annotations

from evmesh.ocpi.cdrs import AuthMethod, CdrToken, ChargingPeriod
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString36,
    ClosedEnum,
    DateTime,
    Number,
    Object,
    Price,
    String3,
    String255,
)


class ChargingPreferencesResponse(ClosedEnum):
    """[mod_sessions_charging_preferences_response_enum]"""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class ProfileType(ClosedEnum):
    """[mod_sessions_profile_type_enum]"""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class SessionStatus(ClosedEnum):
    """[mod_sessions_session_status_enum]"""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class ChargingPreferences(Object, kw_only=True):
    """[mod_sessions_charging_preferences_object]"""

    profile_type: ProfileType
    departure_time: DateTime | None = None
    energy_need: Number | None = None
    discharge_allowed: bool = False


class Session(Object, kw_only=True):
    """[mod_sessions_session_object]"""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
    meter_id: String255 | None = None
    currency: String3
    charging_periods: list[ChargingPeriod] = []
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: DateTime


OPERATIONS = (
    Operation("sessions.sender.list", "GET", "", answer="Session", paged=True),
    Operation(
        "sessions.sender.put_charging_preferences",
        "PUT",
        "/{session_id}/charging_preferences",
        body="ChargingPreferences",
        answer="ChargingPreferencesResponse",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation("sessions.receiver.get", "GET", "/{country_code}/{party_id}/{session_id}", answer="Session"),
    Operation("sessions.receiver.put", "PUT", "/{country_code}/{party_id}/{session_id}", body="Session"),
    Operation("sessions.receiver.patch", "PATCH", "/{country_code}/{party_id}/{session_id}", body="Session"),
)
