"""The status codes chapter, and the errors that carry them.

    OcpiError                    status_code and http_status of the answer
    ├── NotJson                  2000, HTTP 400: the body cannot be parsed
    ├── InvalidParameter         2001
    ├── NotEnoughInformation     2002
    ├── UnknownLocation          2003
    ├── UnknownToken             2004, HTTP 404
    ├── NotFound                 2000, HTTP 404: no such object or endpoint, a party that is not the caller's
    ├── MethodNotAllowed         2000, HTTP 405
    ├── NotAuthorized            2000, HTTP 401
    ├── ServerError              3000
    ├── CannotCallBack           3001
    ├── UnsupportedVersion       3002
    └── MissingEndpoints         3003

What is wrong with the content travels as HTTP 200 with a 2xxx; HTTP errors are for what lies before the content:
who calls, where to, and whether the body can be read at all. [status_codes_status_codes]
"""

from __future__ import annotations

SUCCESS = 1000
CLIENT_ERROR = 2000
INVALID_PARAMETER = 2001
NOT_ENOUGH_INFORMATION = 2002
UNKNOWN_LOCATION = 2003
UNKNOWN_TOKEN = 2004
SERVER_ERROR = 3000
CANNOT_CALL_BACK = 3001
UNSUPPORTED_VERSION = 3002
MISSING_ENDPOINTS = 3003
HUB_ERROR = 4000


def is_success(status_code: int) -> bool:
    return 1000 <= status_code < 2000


class OcpiError(Exception):
    """What the other side is told: a sentence that says what is wrong, where, and what to do."""

    status_code = CLIENT_ERROR
    http_status = 200

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotJson(OcpiError):
    http_status = 400


class InvalidParameter(OcpiError):
    status_code = INVALID_PARAMETER


class NotEnoughInformation(OcpiError):
    status_code = NOT_ENOUGH_INFORMATION


class UnknownLocation(OcpiError):
    status_code = UNKNOWN_LOCATION


class UnknownToken(OcpiError):
    status_code = UNKNOWN_TOKEN
    http_status = 404


class NotFound(OcpiError):
    http_status = 404


class NotCapable(OcpiError):
    """The object is there but cannot do what was asked: HTTP 404 with 2001. [mod_sessions_set_charging_preferences]"""

    status_code = INVALID_PARAMETER
    http_status = 404


class MethodNotAllowed(OcpiError):
    http_status = 405


class NotAuthorized(OcpiError):
    http_status = 401


class ServerError(OcpiError):
    status_code = SERVER_ERROR


class CannotCallBack(OcpiError):
    status_code = CANNOT_CALL_BACK


class UnsupportedVersion(OcpiError):
    status_code = UNSUPPORTED_VERSION


class MissingEndpoints(OcpiError):
    status_code = MISSING_ENDPOINTS
