"""Calling at a platform before anything is known of it: its versions, its details, its credentials endpoint.

Which form of the token a platform takes, Base64 or plain, is not known either, and may differ from one of its
releases to the next. Each request is made in the form that worked last, or in that of the release when a new one is
chosen, and once more in the other on HTTP 401: a request that was not admitted has done nothing, so this is safe for
every method. [transport_and_format_authorization_header]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.status_codes import CannotCallBack, OcpiError
from evmesh.ports import PartnerCalls, PartnerError, Reply
from evmesh.roaming.credentials.handshake import Offer, read_endpoints, read_versions

T = TypeVar("T")

UNAUTHORIZED = 401


class Visit:
    """Requests with one token; `base64_token` is the form that worked last, in `release` when one is spoken."""

    def __init__(
        self, calls: PartnerCalls, token: str, *, base64_token: bool = True, release: str | None = None
    ) -> None:
        self.base64_token = base64_token
        self._calls = calls
        self._token = token
        self._release = release
        self._refused: set[bool] = set()

    async def offer(self, versions_url: str, choose: Callable[[Mapping[str, str]], str]) -> Offer:
        """What the platform offers in the release that `choose` takes from its versions.

        Raises CannotCallBack when it cannot be asked or answers no such thing, MissingEndpoints, and what `choose`
        raises. Every endpoint was held against the operator's policy, so that none is stored that must not be called.
        """

        def chosen(data: Any) -> tuple[str, str]:
            theirs = read_versions(data)
            release = choose(theirs)
            return release, theirs[release]

        release, url = await self.get("versions", versions_url, chosen)
        by_the_book = dialect(release).base64_token
        if release != self._release and by_the_book not in self._refused:
            self.base64_token = by_the_book
        found = await self.get(f"details of {release}", url, lambda data: read_endpoints(data, dialect(release)))
        hosts = set()
        for endpoint in found:
            parts = urlsplit(endpoint["url"])
            if (parts.scheme, parts.netloc) not in hosts:
                hosts.add((parts.scheme, parts.netloc))
                try:
                    await self._calls.permit(endpoint["url"])
                except PartnerError as error:
                    raise CannotCallBack(f"endpoint {endpoint['identifier']}: {error}") from error
        return Offer(release, found, self.base64_token)

    async def get(self, what: str, url: str, read: Callable[[Any], T]) -> T:
        """What lies behind a URL. What `read` raises, or a CannotCallBack, names what was asked and where."""
        try:
            reply = await self._admitted(lambda form: self._calls.fetch(url, self._token, base64_token=form))
        except PartnerError as error:
            raise CannotCallBack(f"{what} at {url}: {error}") from error
        if not reply.ok:
            raise CannotCallBack(f"{what} at {url}: {said(reply)}")
        try:
            return read(reply.data)
        except OcpiError as error:
            raise type(error)(f"{what} at {url}: {error.message}") from error

    async def send(self, method: str, url: str, body: bytes | None = None) -> Reply:
        """A credentials call; the reply, whatever it says. PartnerError."""
        return await self._admitted(
            lambda form: self._calls.register(method, url, self._token, body, base64_token=form)
        )

    async def _admitted(self, request: Any) -> Reply:
        reply: Reply = await request(self.base64_token)
        if reply.http_status == UNAUTHORIZED:
            other: Reply = await request(not self.base64_token)
            if other.http_status != UNAUTHORIZED:
                self._refused.add(self.base64_token)
                self.base64_token = not self.base64_token
                return other
        return reply


def said(reply: Reply) -> str:
    """A reply that is not good, in words."""
    if reply.http_status == UNAUTHORIZED:
        return "the token is not accepted (HTTP 401)"
    status = "no OCPI status" if reply.status_code is None else f"status {reply.status_code}"
    return f"HTTP {reply.http_status}, {status}" + (f": {reply.message}" if reply.message else "")
