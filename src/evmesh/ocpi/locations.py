"""The locations chapter: where one can charge: Location, EVSE, Connector. [mod_locations_locations_module]"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import (
    CiString,
    CiString2,
    CiString3,
    CiString4,
    CiString25,
    CiString36,
    CiString48,
    ClosedEnum,
    DateTime,
    DisplayText,
    Int1,
    Int5,
    Latitude,
    LocalTime,
    Longitude,
    Number,
    Object,
    OpenEnum,
    Some,
    String3,
    String4,
    String10,
    String12,
    String16,
    String45,
    String50,
    String64,
    String100,
    String255,
    Url,
)

if TYPE_CHECKING:
    from evmesh.ocpi.tokens import TokenType


class Capability(OpenEnum):
    """[mod_locations_capability_enum]"""

    CHARGING_PROFILE_CAPABLE = "CHARGING_PROFILE_CAPABLE"
    CHARGING_PREFERENCES_CAPABLE = "CHARGING_PREFERENCES_CAPABLE"
    CHIP_CARD_SUPPORT = "CHIP_CARD_SUPPORT"
    CONTACTLESS_CARD_SUPPORT = "CONTACTLESS_CARD_SUPPORT"
    CREDIT_CARD_PAYABLE = "CREDIT_CARD_PAYABLE"
    DEBIT_CARD_PAYABLE = "DEBIT_CARD_PAYABLE"
    PED_TERMINAL = "PED_TERMINAL"
    REMOTE_START_STOP_CAPABLE = "REMOTE_START_STOP_CAPABLE"
    RESERVABLE = "RESERVABLE"
    RFID_READER = "RFID_READER"
    START_SESSION_CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"
    TOKEN_GROUP_CAPABLE = "TOKEN_GROUP_CAPABLE"
    UNLOCK_CAPABLE = "UNLOCK_CAPABLE"


class ConnectorCapability(OpenEnum):
    """[mod_locations_connector_capability_enum]"""

    ISO_15118_2_PLUG_AND_CHARGE = "ISO_15118_2_PLUG_AND_CHARGE"
    ISO_15118_20_PLUG_AND_CHARGE = "ISO_15118_20_PLUG_AND_CHARGE"


class ConnectorFormat(ClosedEnum):
    """[mod_locations_connector_format_enum]"""

    SOCKET = "SOCKET"
    CABLE = "CABLE"


class ConnectorType(OpenEnum):
    """[mod_locations_connector_type_enum]"""

    CHADEMO = "CHADEMO"
    CHAOJI = "CHAOJI"
    DOMESTIC_A = "DOMESTIC_A"
    DOMESTIC_B = "DOMESTIC_B"
    DOMESTIC_C = "DOMESTIC_C"
    DOMESTIC_D = "DOMESTIC_D"
    DOMESTIC_E = "DOMESTIC_E"
    DOMESTIC_F = "DOMESTIC_F"
    DOMESTIC_G = "DOMESTIC_G"
    DOMESTIC_H = "DOMESTIC_H"
    DOMESTIC_I = "DOMESTIC_I"
    DOMESTIC_J = "DOMESTIC_J"
    DOMESTIC_K = "DOMESTIC_K"
    DOMESTIC_L = "DOMESTIC_L"
    DOMESTIC_M = "DOMESTIC_M"
    DOMESTIC_N = "DOMESTIC_N"
    DOMESTIC_O = "DOMESTIC_O"
    GBT_AC = "GBT_AC"
    GBT_DC = "GBT_DC"
    IEC_60309_2_single_16 = "IEC_60309_2_single_16"
    IEC_60309_2_three_16 = "IEC_60309_2_three_16"
    IEC_60309_2_three_32 = "IEC_60309_2_three_32"
    IEC_60309_2_three_64 = "IEC_60309_2_three_64"
    IEC_62196_T1 = "IEC_62196_T1"
    IEC_62196_T1_COMBO = "IEC_62196_T1_COMBO"
    IEC_62196_T2 = "IEC_62196_T2"
    IEC_62196_T2_COMBO = "IEC_62196_T2_COMBO"
    IEC_62196_T3A = "IEC_62196_T3A"
    IEC_62196_T3C = "IEC_62196_T3C"
    MCS = "MCS"
    NEMA_5_20 = "NEMA_5_20"
    NEMA_6_30 = "NEMA_6_30"
    NEMA_6_50 = "NEMA_6_50"
    NEMA_10_30 = "NEMA_10_30"
    NEMA_10_50 = "NEMA_10_50"
    NEMA_14_30 = "NEMA_14_30"
    NEMA_14_50 = "NEMA_14_50"
    PANTOGRAPH_BOTTOM_UP = "PANTOGRAPH_BOTTOM_UP"
    PANTOGRAPH_TOP_DOWN = "PANTOGRAPH_TOP_DOWN"
    SAE_J3400 = "SAE_J3400"
    TESLA_R = "TESLA_R"
    TESLA_S = "TESLA_S"


class EVSEPosition(ClosedEnum):
    """[mod_locations_evseposition_enum]"""

    LEFT = "LEFT"
    RIGHT = "RIGHT"
    CENTER = "CENTER"


class EnergySourceCategory(ClosedEnum):
    """[mod_locations_energy_source_category_enum]"""

    NUCLEAR = "NUCLEAR"
    GENERAL_FOSSIL = "GENERAL_FOSSIL"
    COAL = "COAL"
    GAS = "GAS"
    GENERAL_GREEN = "GENERAL_GREEN"
    SOLAR = "SOLAR"
    WIND = "WIND"
    WATER = "WATER"


class EnvironmentalImpactCategory(OpenEnum):
    """[mod_locations_environmental_impact_category_enum]"""

    NUCLEAR_WASTE = "NUCLEAR_WASTE"
    CARBON_DIOXIDE = "CARBON_DIOXIDE"


class Facility(OpenEnum):
    """[mod_locations_facility_enum]"""

    HOTEL = "HOTEL"
    RESTAURANT = "RESTAURANT"
    CAFE = "CAFE"
    MALL = "MALL"
    SUPERMARKET = "SUPERMARKET"
    SPORT = "SPORT"
    RECREATION_AREA = "RECREATION_AREA"
    NATURE = "NATURE"
    MUSEUM = "MUSEUM"
    BIKE_SHARING = "BIKE_SHARING"
    BUS_STOP = "BUS_STOP"
    TAXI_STAND = "TAXI_STAND"
    TRAM_STOP = "TRAM_STOP"
    METRO_STATION = "METRO_STATION"
    TRAIN_STATION = "TRAIN_STATION"
    AIRPORT = "AIRPORT"
    PARKING_LOT = "PARKING_LOT"
    CARPOOL_PARKING = "CARPOOL_PARKING"
    FUEL_STATION = "FUEL_STATION"
    WIFI = "WIFI"


class ImageCategory(OpenEnum):
    """[mod_locations_image_category_enum]"""

    CHARGER = "CHARGER"
    ENTRANCE = "ENTRANCE"
    LOCATION = "LOCATION"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"
    OWNER = "OWNER"


class ParkingDirection(ClosedEnum):
    """[mod_locations_parking_direction_enum]"""

    PARALLEL = "PARALLEL"
    PERPENDICULAR = "PERPENDICULAR"
    ANGLE = "ANGLE"


class ParkingRestriction(OpenEnum):
    """[mod_locations_parking_restriction_enum]"""

    CUSTOMERS = "CUSTOMERS"
    DISABLED = "DISABLED"
    EMPLOYEES = "EMPLOYEES"
    EV_ONLY = "EV_ONLY"
    MOTORCYCLES = "MOTORCYCLES"
    PLUGGED = "PLUGGED"
    TAXIS = "TAXIS"
    TENANTS = "TENANTS"


class ParkingType(OpenEnum):
    """[mod_locations_parking_type_enum]"""

    ALONG_MOTORWAY = "ALONG_MOTORWAY"
    PARKING_GARAGE = "PARKING_GARAGE"
    PARKING_LOT = "PARKING_LOT"
    ON_DRIVEWAY = "ON_DRIVEWAY"
    ON_STREET = "ON_STREET"
    UNDERGROUND_GARAGE = "UNDERGROUND_GARAGE"


class PowerType(ClosedEnum):
    """[mod_locations_power_type_enum]"""

    AC_1_PHASE = "AC_1_PHASE"
    AC_2_PHASE = "AC_2_PHASE"
    AC_2_PHASE_SPLIT = "AC_2_PHASE_SPLIT"
    AC_3_PHASE = "AC_3_PHASE"
    DC = "DC"


class Status(ClosedEnum):
    """[mod_locations_status_enum]"""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class VehicleType(OpenEnum):
    """[mod_locations_vehicle_type_enum]"""

    MOTORCYCLE = "MOTORCYCLE"
    PERSONAL_VEHICLE = "PERSONAL_VEHICLE"
    PERSONAL_VEHICLE_WITH_TRAILER = "PERSONAL_VEHICLE_WITH_TRAILER"
    VAN = "VAN"
    SEMI_TRACTOR = "SEMI_TRACTOR"
    RIGID = "RIGID"
    TRUCK_WITH_TRAILER = "TRUCK_WITH_TRAILER"
    BUS = "BUS"
    DISABLED = "DISABLED"


class AdditionalGeoLocation(Object, kw_only=True):
    """[mod_locations_additional_geo_location_class]"""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class Image(Object, kw_only=True):
    """[mod_locations_image_class]"""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: CiString4
    width: Int5 | None = None
    height: Int5 | None = None


class BusinessDetails(Object, kw_only=True):
    """[mod_locations_business_details_class]"""

    name: String100
    website: Url | None = None
    logo: Image | None = None


class Connector(Object, kw_only=True):
    """[mod_locations_connector_object]"""

    id: CiString36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None = None
    tariff_ids: list[CiString36] = []
    terms_and_conditions: Url | None = None
    capabilities: list[ConnectorCapability] = []
    last_updated: DateTime


class StatusSchedule(Object, kw_only=True):
    """[mod_locations_status_schedule_class]"""

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class GeoLocation(Object, kw_only=True):
    """[mod_locations_geo_location_class]"""

    latitude: Latitude
    longitude: Longitude


class EVSEParking(Object, kw_only=True):
    """[mod_locations_evseparking_class]"""

    parking_id: CiString36
    evse_position: EVSEPosition | None = None


class EVSE(Object, kw_only=True):
    """[mod_locations_evse_object]"""

    uid: CiString36
    evse_id: CiString48 | None = None
    status: Status
    status_schedule: list[StatusSchedule] = []
    capabilities: list[Capability] = []
    connectors: Some[Connector]
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    directions: list[DisplayText] = []
    parking_restrictions: list[ParkingRestriction] = []
    parking: list[EVSEParking] = []
    images: list[Image] = []
    accepted_service_providers: list[String50] = []
    last_updated: DateTime


class EnergySource(Object, kw_only=True):
    """[mod_locations_energy_source_class]"""

    source: EnergySourceCategory
    percentage: Number


class EnvironmentalImpact(Object, kw_only=True):
    """[mod_locations_environmental_impact_class]"""

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(Object, kw_only=True):
    """[mod_locations_energy_mix_class]"""

    is_green_energy: bool
    energy_sources: list[EnergySource] = []
    environ_impact: list[EnvironmentalImpact] = []
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class ExceptionalPeriod(Object, kw_only=True):
    """[mod_locations_exceptional_period_class]"""

    period_begin: DateTime
    period_end: DateTime


class RegularHours(Object, kw_only=True):
    """[mod_locations_regular_hours_class]"""

    weekday: Int1
    period_begin: LocalTime
    period_end: LocalTime


class Hours(Object, kw_only=True):
    """[mod_locations_hours_class]"""

    twentyfourseven: bool
    regular_hours: list[RegularHours] = []
    exceptional_openings: list[ExceptionalPeriod] = []
    exceptional_closings: list[ExceptionalPeriod] = []


class PublishTokenType(Object, kw_only=True):
    """[mod_locations_publish_token_type_class]"""

    uid: CiString36 | None = None
    type: TokenType | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None


class Parking(Object, kw_only=True):
    """[mod_locations_parking_object]"""

    id: CiString36
    physical_reference: String12 | None = None
    vehicle_types: Some[VehicleType]
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    direction: ParkingDirection | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Number | None = None
    roofed: bool | None = None
    images: list[Image] = []
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: list[CiString36] = []
    apds_reference: CiString | None = None


class Location(Object, kw_only=True):
    """[mod_locations_location_object]"""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    publish: bool
    publish_allowed_to: list[PublishTokenType] = []
    name: String255 | None = None
    address: String255
    city: String45
    postal_code: String10 | None = None
    state: String45 | None = None
    country: String3
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] = []
    parking_type: ParkingType | None = None
    evses: list[EVSE] = []
    parking_places: list[Parking] = []
    directions: list[DisplayText] = []
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] = []
    time_zone: String255
    opening_times: Hours | None = None
    charging_when_closed: bool = True
    images: list[Image] = []
    energy_mix: EnergyMix | None = None
    help_phone: CiString25 | None = None
    last_updated: DateTime


OPERATIONS = (
    Operation("locations.sender.list", "GET", "", answer="Location", paged=True),
    Operation("locations.sender.get_location", "GET", "/{location_id}", answer="Location"),
    Operation("locations.sender.get_evse", "GET", "/{location_id}/{evse_uid}", answer="EVSE"),
    Operation(
        "locations.sender.get_connector",
        "GET",
        "/{location_id}/{evse_uid}/{connector_id}",
        answer="Connector",
    ),
    Operation(
        "locations.receiver.get_location",
        "GET",
        "/{country_code}/{party_id}/{location_id}",
        answer="Location",
    ),
    Operation("locations.receiver.put_location", "PUT", "/{country_code}/{party_id}/{location_id}", body="Location"),
    Operation(
        "locations.receiver.patch_location",
        "PATCH",
        "/{country_code}/{party_id}/{location_id}",
        body="Location",
    ),
    Operation(
        "locations.receiver.get_evse",
        "GET",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}",
        answer="EVSE",
    ),
    Operation(
        "locations.receiver.put_evse",
        "PUT",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}",
        body="EVSE",
    ),
    Operation(
        "locations.receiver.patch_evse",
        "PATCH",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}",
        body="EVSE",
    ),
    Operation(
        "locations.receiver.get_connector",
        "GET",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}",
        answer="Connector",
    ),
    Operation(
        "locations.receiver.put_connector",
        "PUT",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}",
        body="Connector",
    ),
    Operation(
        "locations.receiver.patch_connector",
        "PATCH",
        "/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}",
        body="Connector",
    ),
)
