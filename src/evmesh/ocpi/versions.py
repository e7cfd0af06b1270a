"""The versions chapter: which releases a platform speaks, and where each module is. [version_information_endpoint]"""

from __future__ import annotations

from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import ClosedEnum, Object, OpenEnum, Some, Url


class InterfaceRole(ClosedEnum):
    """[versions_interfacerole_enum]"""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class ModuleID(OpenEnum):
    """[versions_moduleid_enum]"""

    cdrs = "cdrs"
    chargingprofiles = "chargingprofiles"
    commands = "commands"
    credentials = "credentials"
    hubclientinfo = "hubclientinfo"
    locations = "locations"
    sessions = "sessions"
    tariffs = "tariffs"
    tokens = "tokens"


class VersionNumber(OpenEnum):
    """[versions_versionnumber_enum]"""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


class Endpoint(Object, kw_only=True):
    """[versions_endpoint_class]"""

    identifier: ModuleID
    role: InterfaceRole
    url: Url


class Version(Object, kw_only=True):
    """[versions_version_class]"""

    version: VersionNumber
    url: Url


class VersionDetails(Object, kw_only=True):
    """[versions_versiondetails_class]"""

    version: VersionNumber
    endpoints: Some[Endpoint]


OPERATIONS = (
    Operation("versions.list", "GET", "", answer="Version"),
    Operation("versions.details", "GET", "", answer="VersionDetails"),
)
