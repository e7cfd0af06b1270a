"""The policy keeps partners from making us call our own machines."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from evmesh.ports import Forbidden
from evmesh.transport.addresses import Addresses, CheckedResolver

PUBLIC = "https://ocpi.volta.example"

NOT_PUBLIC = [
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2002:0a00:0001::",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused_however_it_is_written(address: str) -> None:
    policy = Addresses(PUBLIC)
    assert not policy.permits(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden):
        policy.check(f"https://{host}:8443/ocpi")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_what_is_public_is_allowed(address: str) -> None:
    assert Addresses(PUBLIC).permits(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://cpo.example/ocpi",
        "ftp://cpo.example/ocpi",
        "//cpo.example/ocpi",
        "cpo.example/ocpi",
        "/ocpi/versions",
        "",
        "https://",
        "https://user:secret@cpo.example/",
        "https://user@cpo.example/",
        "https://cpo.example:99999/",
        "https://cpo.example/a b",
        "https://cpo.example/a\nHost: x",
        "https://[::1/",
        "file:///etc/passwd",
    ],
)
def test_a_url_that_is_not_plainly_https_is_refused(url: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        Addresses(PUBLIC).check(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["https://cpo.example/", "https://cpo.example:8443/x?y=z", "HTTPS://CPO.example"])
def test_odd_ports_and_letters_are_fine(url: str) -> None:
    Addresses(PUBLIC).check(url)


def test_plain_http_is_for_those_who_are_plain_themselves() -> None:
    Addresses("http://ocpi.volta.example").check("http://cpo.example/")


def test_loopback_is_for_those_who_are_there_themselves() -> None:
    for own in ("http://127.0.0.1:8100", "http://localhost:8100", "http://[::1]:8100"):
        policy = Addresses(own)
        policy.check("http://127.0.0.1:8200/ocpi/versions")
        policy.check("http://[::1]:8200/ocpi/versions")
        assert policy.permits(ip_address("::ffff:127.0.0.1"), "localhost")
        with pytest.raises(Forbidden):
            policy.check("http://10.0.0.1/ocpi/versions")


def test_the_operator_allows_networks_addresses_and_names() -> None:
    policy = Addresses(PUBLIC, ["10.1.0.0/16", "192.168.7.7", "fd12::/16", "hub.Local."])
    policy.check("https://10.1.2.3/")
    policy.check("https://192.168.7.7/")
    policy.check("https://[fd12::9]/")
    assert policy.permits(ip_address("::ffff:10.1.2.3"))
    assert policy.permits(ip_address("10.99.0.1"), "HUB.local")
    for refused in ("https://10.2.0.1/", "https://192.168.7.8/", "https://[fd13::9]/"):
        with pytest.raises(Forbidden):
            policy.check(refused)


class Names(AbstractResolver):
    """Answers what a test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_is_judged_by_what_it_stands_for() -> None:
    resolver = CheckedResolver(Addresses(PUBLIC), Names("10.0.0.1", "fe80::1%eth0"))
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        await resolver.resolve("innocent.example", 443)


async def test_of_several_addresses_the_permitted_ones_remain() -> None:
    resolver = CheckedResolver(Addresses(PUBLIC), Names("127.0.0.1", "93.184.216.34"))
    assert [each["host"] for each in await resolver.resolve("both.example", 443)] == ["93.184.216.34"]


async def test_a_name_that_the_operator_trusts_may_stand_for_anything() -> None:
    resolver = CheckedResolver(Addresses(PUBLIC, ["hub.local"]), Names("10.0.0.1"))
    assert [each["host"] for each in await resolver.resolve("hub.local", 443)] == ["10.0.0.1"]
