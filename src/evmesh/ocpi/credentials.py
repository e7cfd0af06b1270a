"""The credentials chapter: who is on the platform at the other end, and the token to call it with.

[credentials_credentials_endpoint]
"""

from __future__ import annotations

from evmesh.ocpi.locations import BusinessDetails
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.types import CiString2, CiString3, CiString5, Object, Role, Some, String64, Url


class CredentialsRole(Object, kw_only=True):
    """[credentials_credentialsrole_class]"""

    role: Role
    business_details: BusinessDetails
    party_id: CiString3
    country_code: CiString2


class Credentials(Object, kw_only=True):
    """[credentials_credentials_object]"""

    token: String64
    url: Url
    hub_party_id: CiString5 | None = None
    roles: Some[CredentialsRole]


OPERATIONS = (
    Operation("credentials.get", "GET", "", answer="Credentials"),
    Operation("credentials.register", "POST", "", body="Credentials", answer="Credentials"),
    Operation("credentials.update", "PUT", "", body="Credentials", answer="Credentials"),
    Operation("credentials.unregister", "DELETE", ""),
)
