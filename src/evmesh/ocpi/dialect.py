"""How one partner speaks: a release, and what is peculiar to this partner.

Code that behaves differently from release to release asks a Dialect (`dialect.has_routing_headers`); what the answer
depends on is nobody else's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from evmesh.ocpi.releases import RELEASES, Release


@dataclass(frozen=True)
class Dialect:
    """A release as one partner speaks it. `base64_token` is a switch per partner: old peers send plain tokens, and
    some 2.1.1 platforms encode. [transport_and_format_authorization_header]"""

    release: Release
    base64_token: bool

    @property
    def name(self) -> str:
        return self.release.name

    def key(self, country_code: str, party_id: str, *ids: str) -> str:
        """The key that an object is remembered by: without case where the release compares ids so."""
        owner = f"{country_code}*{party_id}".casefold()
        rest = "*".join(ids)
        return f"{owner}*{rest.casefold() if self.release.ids_ignore_case else rest}"

    def same_id(self, one: str, other: str) -> bool:
        return one == other or (self.release.ids_ignore_case and one.casefold() == other.casefold())


@cache
def dialect(release: str, base64_token: bool | None = None) -> Dialect:
    """The dialect of a release by its number, KeyError when evmesh does not speak it."""
    found = RELEASES[release]
    return Dialect(found, found.base64_token if base64_token is None else base64_token)


def releases_best_first() -> tuple[str, ...]:
    return tuple(RELEASES)


def highest_common(offered: list[str]) -> str | None:
    """The newest release that both sides speak. [version_information_endpoint]"""
    return next((name for name in RELEASES if name in offered), None)
