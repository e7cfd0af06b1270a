"""The hub client info chapter: which parties a hub reaches, and whether they are there. [mod_hub_client_info_module]"""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import CiString2, CiString3, ClosedEnum, DateTime, Object, Role


class ConnectionStatus(ClosedEnum):
    """[mod_hubclientinfo_connection_status_enum]"""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


class ClientInfo(Object, kw_only=True):
    """[mod_hubclientinfo_client_info_object]"""

    party_id: CiString3
    country_code: CiString2
    role: Role
    status: ConnectionStatus
    last_updated: DateTime


OPERATIONS = (
    Operation(
        "hubclientinfo.receiver.get",
        "GET",
        "/{country_code}/{party_id}",
        answer="ClientInfo",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation(
        "hubclientinfo.receiver.put",
        "PUT",
        "/{country_code}/{party_id}",
        body="ClientInfo",
        releases=("2.2.1", "2.3.0"),
    ),
    Operation("hubclientinfo.sender.list", "GET", "", answer="ClientInfo", paged=True, releases=("2.2.1", "2.3.0")),
)
