"""The commands chapter: what an eMSP can ask of a station, answered at once and again when done.

[mod_commands_commands_module]
"""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.tokens import Token
from evmesh.ocpi.types import CiString36, ClosedEnum, DateTime, DisplayText, Object, OpenEnum, Url


class CommandResponseType(ClosedEnum):
    """[mod_commands_command_response_type_enum]"""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandResultType(ClosedEnum):
    """[mod_commands_command_result_type_enum]"""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class CommandType(OpenEnum):
    """[mod_commands_command_type_enum]"""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CancelReservation(Object, kw_only=True):
    """[mod_commands_cancel_reservation_object]"""

    response_url: Url
    reservation_id: CiString36


class CommandResponse(Object, kw_only=True):
    """[mod_commands_command_response_object]"""

    result: CommandResponseType
    timeout: int
    message: list[DisplayText] = []


class CommandResult(Object, kw_only=True):
    """[mod_commands_command_result_object]"""

    result: CommandResultType
    message: list[DisplayText] = []


class ReserveNow(Object, kw_only=True):
    """[mod_commands_reserve_now_object]"""

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: CiString36
    location_id: CiString36
    evse_uid: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StartSession(Object, kw_only=True):
    """[mod_commands_start_session_object]"""

    response_url: Url
    token: Token
    location_id: CiString36
    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StopSession(Object, kw_only=True):
    """[mod_commands_stop_session_object]"""

    response_url: Url
    session_id: CiString36


class UnlockConnector(Object, kw_only=True):
    """[mod_commands_unlock_connector_object]"""

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36


OPERATIONS = (
    Operation(
        "commands.receiver.cancel_reservation",
        "POST",
        "/CANCEL_RESERVATION",
        body="CancelReservation",
        answer="CommandResponse",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation("commands.receiver.reserve_now", "POST", "/RESERVE_NOW", body="ReserveNow", answer="CommandResponse"),
    Operation(
        "commands.receiver.start_session",
        "POST",
        "/START_SESSION",
        body="StartSession",
        answer="CommandResponse",
    ),
    Operation(
        "commands.receiver.stop_session",
        "POST",
        "/STOP_SESSION",
        body="StopSession",
        answer="CommandResponse",
    ),
    Operation(
        "commands.receiver.unlock_connector",
        "POST",
        "/UNLOCK_CONNECTOR",
        body="UnlockConnector",
        answer="CommandResponse",
    ),
    Operation("commands.receiver.other", "POST", "/{command}", answer="CommandResponse"),
    Operation("commands.sender.result", "POST", "/{command}/{command_id}", body="CommandResult"),
)
