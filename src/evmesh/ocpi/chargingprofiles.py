"""The charging profiles chapter: how fast a session may charge, and when. [mod_charging_profiles_module]"""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import ClosedEnum, DateTime, Number, Object, Url


class ChargingProfileResponseType(ClosedEnum):
    """[mod_chargingprofiles_charging_profile_response_type_enum]"""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(ClosedEnum):
    """[mod_chargingprofiles_charging_profile_result_type_enum]"""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class ChargingRateUnit(ClosedEnum):
    """[mod_chargingprofiles_charging_rate_unit_enum]"""

    W = "W"
    A = "A"


class ChargingProfilePeriod(Object, kw_only=True):
    """[mod_chargingprofiles_charging_profile_period_class]"""

    start_period: int
    limit: Number


class ChargingProfile(Object, kw_only=True):
    """[mod_chargingprofiles_charging_profile_class]"""

    start_date_time: DateTime | None = None
    duration: int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Number | None = None
    charging_profile_period: list[ChargingProfilePeriod] = []


class ActiveChargingProfile(Object, kw_only=True):
    """[mod_chargingprofiles_active_charging_profile_class]"""

    start_date_time: DateTime
    charging_profile: ChargingProfile


class ActiveChargingProfileResult(Object, kw_only=True):
    """[mod_chargingprofiles_active_charging_profile_result_object]"""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResponse(Object, kw_only=True):
    """[mod_chargingprofiles_charging_profile_response_object]"""

    result: ChargingProfileResponseType
    timeout: int


class ChargingProfileResult(Object, kw_only=True):
    """[mod_chargingprofiles_charging_profile_result_object]"""

    result: ChargingProfileResultType


class ClearProfileResult(Object, kw_only=True):
    """[mod_chargingprofiles_clear_profile_result_object]"""

    result: ChargingProfileResultType


class SetChargingProfile(Object, kw_only=True):
    """[mod_chargingprofiles_set_charging_profile_object]"""

    charging_profile: ChargingProfile
    response_url: Url


OPERATIONS = (
    Operation(
        "chargingprofiles.receiver.get_active",
        "GET",
        "/{session_id}",
        query=(
            "duration",
            "response_url",
        ),
        answer="ChargingProfileResponse",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.receiver.put",
        "PUT",
        "/{session_id}",
        body="SetChargingProfile",
        answer="ChargingProfileResponse",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.receiver.delete",
        "DELETE",
        "/{session_id}",
        query=("response_url",),
        answer="ChargingProfileResponse",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.sender.result_active",
        "POST",
        "/{session_id}/active/{request_id}",
        body="ActiveChargingProfileResult",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.sender.result_set",
        "POST",
        "/{session_id}/set/{request_id}",
        body="ChargingProfileResult",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.sender.result_clear",
        "POST",
        "/{session_id}/clear/{request_id}",
        body="ClearProfileResult",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "chargingprofiles.sender.put_active",
        "PUT",
        "/{session_id}",
        body="ActiveChargingProfile",
        releases=("2.2.1", "2.3.0"),
    ),
)
