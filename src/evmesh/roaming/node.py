"""What every rule of roaming is handed: who we are, where we remember, whom we can call, what time it is."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evmesh.base.clock import Clock, utc_now
from evmesh.billing.contracts import Contract
from evmesh.ocpi.dialect import releases_best_first
from evmesh.ports import Document, PartnerCalls, Party, Stations
from evmesh.store.database import Store

PAGE_LIMIT = 100
"""Objects on a page when nothing else is set: the least that a module's cap may be."""


@dataclass(frozen=True, slots=True)
class OurParty:
    """One of our parties in one role, with what partners are told of it. [credentials_credentials_role_class]"""

    role: str
    country_code: str
    party_id: str
    name: str
    website: str | None = None

    @property
    def party(self) -> Party:
        return self.country_code, self.party_id

    def document(self) -> Document:
        details: Document = {"name": self.name}
        if self.website is not None:
            details["website"] = self.website
        return {
            "role": self.role,
            "party_id": self.party_id,
            "country_code": self.country_code,
            "business_details": details,
        }


@dataclass(frozen=True, slots=True)
class Roaming:
    """Settings of roaming. Times in seconds. `page_limits` caps pages per module, `contracts` are by partner."""

    page_limits: Mapping[str, int] = field(default_factory=dict)
    pull_every: float = 6 * 3600
    pull_on_registration: bool = True
    authorise_timeout: float = 4.0
    command_timeout: float = 30.0
    session_update_every: float = 60.0
    reservation_minutes: int = 60
    contracts: Mapping[str, Contract] = field(default_factory=dict)

    def page_limit(self, module: str) -> int:
        return self.page_limits.get(module, PAGE_LIMIT)


@dataclass(slots=True)
class Node:
    """One platform. `url` is where partners reach us, without a trailing slash; OCPI lies below `{url}/ocpi`.

    `new_token` makes credentials tokens, `new_id` ids of at most 36 characters. `stations` is None on a platform
    that has none.
    """

    url: str
    parties: tuple[OurParty, ...]
    store: Store
    calls: PartnerCalls
    stations: Stations | None = None
    settings: Roaming = field(default_factory=Roaming)
    clock: Clock = utc_now
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    releases: tuple[str, ...] = field(default_factory=releases_best_first)

    @property
    def versions_url(self) -> str:
        return f"{self.url}/ocpi/versions"

    def endpoint(self, release: str, module: str, interface: str | None) -> str:
        """Our own endpoint URL of a module; senders and receivers lie apart."""
        base = f"{self.url}/ocpi/{release}"
        return f"{base}/{module}" if interface is None else f"{base}/{interface.lower()}/{module}"

    def plays(self, role: str) -> bool:
        return any(party.role == role for party in self.parties)

    def ours(self, party: Party, role: str | None = None) -> OurParty | None:
        """Our party of that name, None when it is not ours. Parties compare without case."""
        wanted = (party[0].casefold(), party[1].casefold())
        for each in self.parties:
            if (each.country_code.casefold(), each.party_id.casefold()) == wanted and role in (None, each.role):
                return each
        return None
