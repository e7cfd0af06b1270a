"""The tokens chapter: what a driver identifies with, and real-time authorisation. [mod_tokens_tokens_module]"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import (
    CiString2,
    CiString3,
    CiString36,
    ClosedEnum,
    DateTime,
    DisplayText,
    Object,
    OpenEnum,
    String2,
    String64,
)

if TYPE_CHECKING:
    from evmesh.ocpi.sessions import ProfileType


class AllowedType(ClosedEnum):
    """[mod_tokens_allowed_type_enum]"""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class TokenType(OpenEnum):
    """[mod_tokens_token_type_enum]"""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(ClosedEnum):
    """[mod_tokens_whitelist_type_enum]"""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class EnergyContract(Object, kw_only=True):
    """[mod_tokens_energy_contract_class]"""

    supplier_name: String64
    contract_id: String64 | None = None


class Token(Object, kw_only=True):
    """[mod_tokens_token_object]"""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36
    visual_number: String64 | None = None
    issuer: String64
    group_id: CiString36 | None = None
    valid: bool
    whitelist: WhitelistType
    language: String2 | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class LocationReferences(Object, kw_only=True):
    """[mod_tokens_location_references_class]"""

    location_id: CiString36
    evse_uids: list[CiString36] = []


class AuthorizationInfo(Object, kw_only=True):
    """[mod_tokens_authorization_info_object]"""

    allowed: AllowedType
    token: Token
    location: LocationReferences | None = None
    authorization_reference: CiString36 | None = None
    info: DisplayText | None = None


OPERATIONS = (
    Operation(
        "tokens.receiver.get",
        "GET",
        "/{country_code}/{party_id}/{token_uid}",
        query=("type",),
        answer="Token",
    ),
    Operation("tokens.receiver.put", "PUT", "/{country_code}/{party_id}/{token_uid}", query=("type",), body="Token"),
    Operation(
        "tokens.receiver.patch",
        "PATCH",
        "/{country_code}/{party_id}/{token_uid}",
        query=("type",),
        body="Token",
    ),
    Operation("tokens.sender.list", "GET", "", answer="Token", paged=True),
    Operation(
        "tokens.sender.authorize",
        "POST",
        "/{token_uid}/authorize",
        query=("type",),
        body="LocationReferences",
        answer="AuthorizationInfo",
    ),
)
