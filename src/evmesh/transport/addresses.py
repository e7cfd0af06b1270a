"""Which addresses we may call: URLs come from partners, and a partner must not make us call our own machines.

Every URL that a partner names (endpoints, credentials.url, Link, response_url, redirects) passes `Addresses.check`
before a connection is made, and the addresses that its host name stands for pass `Addresses.permits` at the moment
of connecting, so that a name which answers differently the second time gains nothing.

Refused unless the operator allows them by network, address or host name: everything that is not a public unicast
address (private, link-local, loopback, shared, multicast, unspecified, reserved), however it is written, IPv4 inside
IPv6 included, and addresses at which clouds keep the machine's own secrets. Loopback is allowed when our own URL is
loopback; plain http when our own URL is http.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from evmesh.ports import Forbidden

IPAddress = IPv4Address | IPv6Address

_METADATA = frozenset({ip_address("168.63.129.16"), ip_address("169.254.169.254"), ip_address("fd00:ec2::254")})
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAMES = ("localhost",)


class Addresses:
    """The operator's policy. `allow` holds networks (10.1.0.0/16), addresses and host names."""

    def __init__(self, own_url: str, allow: Iterable[str] = ()) -> None:
        own = urlsplit(own_url)
        self.plain_http = own.scheme == "http"
        self.loopback = _is_loopback_host(own.hostname or "")
        self._networks = []
        self._hosts = set()
        for entry in allow:
            try:
                self._networks.append(ip_network(entry.strip(), strict=False))
            except ValueError:
                self._hosts.add(_plain_host(entry.strip()))

    def check(self, url: str) -> SplitResult:
        """The parts of a URL that may be called. Forbidden says which rule it breaks.

        A host name passes here whatever it stands for; that is looked at when it is resolved.
        """
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise Forbidden(f"{_shown(url)} is not a URL: {error}") from None
        if not host or any(character.isspace() or not character.isprintable() for character in url):
            raise Forbidden(f"{_shown(url)} is not an absolute URL")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.plain_http):
            raise Forbidden(f"{_shown(url)} is not https")
        if "@" in parts.netloc:
            raise Forbidden(f"the URL of {host} carries a user name or password")
        address = _literal(host)
        if address is not None and not self.permits(address, host):
            raise Forbidden(f"{host} is not a public address; allow it in the settings if it is a partner's")
        return parts

    def permits(self, address: IPAddress, host: str = "") -> bool:
        """Whether to connect to this address, on the way to this host."""
        if _plain_host(host) in self._hosts:
            return True
        forms = list(_forms(address))
        if any(form in network for form in forms for network in self._networks):
            return True
        if self.loopback and all(form.is_loopback for form in forms):
            return True
        return all(_is_public(form) for form in forms)


class CheckedResolver(AbstractResolver):
    """Resolves host names to the addresses that the policy permits.

    The connection is made to exactly these, so there is no second look at the name in between.
    """

    def __init__(self, addresses: Addresses, inner: AbstractResolver | None = None) -> None:
        self._addresses = addresses
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        permitted = [each for each in found if self._addresses.permits(_resolved(each["host"]), host)]
        if found and not permitted:
            raise Forbidden(
                f"{host} stands for {found[0]['host']}, which is not a public address; "
                "allow it in the settings if it is a partner's"
            )
        return permitted

    async def close(self) -> None:
        await self._inner.close()


def same_place(one: SplitResult, other: SplitResult) -> bool:
    """The same origin, or its secure twin: where a token may go that may go to `one`."""
    return _origin(one) == _origin(other) or (
        one.hostname == other.hostname and other.scheme == "https" and not one.port and not other.port
    )


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, _plain_host(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)


def _forms(address: IPAddress) -> Iterator[IPAddress]:
    """The address, and the IPv4 addresses that an IPv6 address is only another way to reach."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address
        if address.sixtofour is not None:
            yield address.sixtofour
        yield from address.teredo or ()


def _is_public(address: IPAddress) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not (isinstance(address, IPv6Address) and address.is_site_local)
        and address not in _METADATA
    )


def _literal(host: str) -> IPAddress | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _resolved(host: str) -> IPAddress:
    return ip_address(host.partition("%")[0])


def _is_loopback_host(host: str) -> bool:
    address = _literal(host)
    name = _plain_host(host)
    return address.is_loopback if address is not None else name in _LOCAL_NAMES or name.endswith(".localhost")


def _plain_host(host: str) -> str:
    return host.casefold().rstrip(".")


def _shown(url: str) -> str:
    """A URL from outside, fit for a message: short, without what might be a password."""
    text = url.partition("?")[0]
    if "@" in text:
        text = "…@" + text.rpartition("@")[2]
    return repr(text[:120])
