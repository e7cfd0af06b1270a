"""The CDRs chapter: the record of a finished charge, from which it is billed. [mod_cdrs_cdrs_module]"""

from __future__ import annotations

from evmesh.ocpi.locations import ConnectorFormat, ConnectorType, GeoLocation, PowerType
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.tariffs import Tariff
from evmesh.ocpi.tokens import TokenType
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString32,
    CiString36,
    CiString39,
    CiString48,
    ClosedEnum,
    DateTime,
    Number,
    Object,
    Price,
    Some,
    String3,
    String10,
    String20,
    String45,
    String255,
    String512,
    String5000,
)


class AuthMethod(ClosedEnum):
    """[mod_cdrs_auth_method_enum]"""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class CdrDimensionType(ClosedEnum):
    """[mod_cdrs_cdr_dimension_type_enum]"""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"
    RESERVATION_OVERTIME = "RESERVATION_OVERTIME"


class CdrToken(Object, kw_only=True):
    """[mod_cdrs_cdr_token_class]"""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36


class CdrLocation(Object, kw_only=True):
    """[mod_cdrs_cdr_location_class]"""

    id: CiString36
    name: String255 | None = None
    address: String45
    city: String45
    postal_code: String10 | None = None
    state: String20 | None = None
    country: String3
    coordinates: GeoLocation
    evse_uid: CiString36
    evse_id: CiString48
    connector_id: CiString36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class CdrDimension(Object, kw_only=True):
    """[mod_cdrs_cdr_dimension_class]"""

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(Object, kw_only=True):
    """[mod_cdrs_charging_period_class]"""

    start_date_time: DateTime
    dimensions: Some[CdrDimension]
    tariff_id: CiString36 | None = None


class SignedValue(Object, kw_only=True):
    """[mod_cdrs_signed_value_class]"""

    nature: CiString32
    plain_data: String5000
    signed_data: String5000


class SignedData(Object, kw_only=True):
    """[mod_cdrs_signed_data_class]"""

    encoding_method: CiString36
    encoding_method_version: int | None = None
    public_key: String512 | None = None
    signed_values: Some[SignedValue]
    url: String512 | None = None


class CDR(Object, kw_only=True):
    """[mod_cdrs_cdr_object]"""

    country_code: CiString2
    party_id: CiString3
    id: CiString39
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: CiString36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    cdr_location: CdrLocation
    meter_id: String255 | None = None
    currency: String3
    tariffs: list[Tariff] = []
    charging_periods: Some[ChargingPeriod]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Number
    total_energy_cost: Price | None = None
    total_time: Number
    total_time_cost: Price | None = None
    total_parking_time: Number | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: String255 | None = None
    invoice_reference_id: CiString39 | None = None
    credit: bool | None = None
    credit_reference_id: CiString39 | None = None
    home_charging_compensation: bool | None = None
    last_updated: DateTime
    booking_id: CiString36 | None = None


OPERATIONS = (
    Operation("cdrs.sender.list", "GET", "", answer="CDR", paged=True),
    Operation("cdrs.receiver.get", "GET", "/{country_code}/{party_id}/{cdr_id}", answer="CDR"),
    Operation("cdrs.receiver.post", "POST", "", body="CDR"),
)
