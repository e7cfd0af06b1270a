"""We register with a platform, renew the connection, end it; and what others and the network do to that."""

import asyncio
from typing import Any

import pytest

from evmesh.ocpi.dialect import dialect
from evmesh.ports import Call, Forbidden, Nonsense, Partner, Reply, Unreachable
from evmesh.roaming import partners
from evmesh.roaming.credentials.errors import AlreadyRegistered, HandshakeFailed, NameInUse, PartnershipError
from evmesh.roaming.node import Node
from evmesh.store import partners as kept
from evmesh.store.database import Store
from tests.roaming.credentials.conftest import DRIVER, VOLT
from tests.roaming.wiring import BASE64, LIST, PLAIN, Peer, Request, World, platform

MODULE = "/ocpi/2.2.1/receiver/locations"


@pytest.fixture
def host(world: World) -> Peer:
    """A CPO that has invited us with `token-a`; its URLs are odd."""
    return Peer("https://host.example", roles=(("CPO", "SE", "HST"),), accepted={"token-a"}).in_world(world)


async def everything(node: Node) -> list[Partner]:
    return await node.store.read(lambda tx: kept.all_partners(tx, removed=True))


async def their_token(node: Node, partner: Partner) -> str | None:
    return await node.store.read(lambda tx: kept.their_token(tx, partner.id))


async def opens(world: World, token: str, url: str) -> bool:
    return (await world.ask("GET", url, token)).http_status == 200


def sent(world: World, method: str) -> list[Any]:
    return [request.body for request in world.log if request.method == method]


@pytest.mark.parametrize("release", ["2.1.1", "2.2.1", "2.3.0"])
@pytest.mark.parametrize(("host_plays", "we_play"), [("CPO", "EMSP"), ("EMSP", "CPO")])
async def test_two_platforms_of_ours_become_partners(
    world: World, store: Store, drivers_store: Store, release: str, host_plays: str, we_play: str
) -> None:
    volt = platform(world, store, VOLT, f"{host_plays}:SE:VLT")
    driver = platform(world, drivers_store, DRIVER, f"{we_play}:DE:DRV")
    invitation = await partners.invite(volt, "driver")
    there = await partners.connect(driver, invitation.versions_url, invitation.token, name="volt", release=release)
    here = await partners.show(volt, "driver")
    assert (there.status, there.release, there.parties(host_plays)) == ("registered", release, [("SE", "VLT")])
    assert (here.status, here.release, here.parties(we_play)) == ("registered", release, [("DE", "DRV")])
    for node, partner, module in ((driver, there, "tokens"), (volt, here, "locations")):
        interface = "SENDER" if (module == "tokens") == (partner.plays("EMSP")) else "RECEIVER"
        reply = await node.calls.call(partner, f"{module}.{interface.lower()}.list")
        assert reply.ok
    assert not await opens(world, invitation.token, volt.versions_url)


async def test_platforms_with_all_roles_meet_on_the_best_release(
    world: World, store: Store, drivers_store: Store
) -> None:
    volt = platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT", "CPO:NO:FJD")
    driver = platform(world, drivers_store, DRIVER, "EMSP:DE:DRV", "CPO:DE:DRV", releases=("2.2.1", "2.1.1"))
    invitation = await partners.invite(volt, "driver")
    there = await partners.connect(driver, invitation.versions_url, invitation.token)
    assert there.release == "2.2.1"
    assert there.parties("CPO") == [("SE", "VLT"), ("NO", "FJD")]
    assert (await partners.show(volt, "driver")).parties("EMSP") == [("DE", "DRV")]


async def test_with_one_party_the_inviter_says_whom_it_is_and_so_do_we(
    world: World, store: Store, drivers_store: Store
) -> None:
    volt = platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT")
    driver = platform(world, drivers_store, DRIVER, "EMSP:DE:DRV", "CPO:DE:DRV")
    invitation = await partners.invite(volt, "driver", as_role="EMSP")
    there = await partners.connect(
        driver, invitation.versions_url, invitation.token, release="2.1.1", as_role="CPO", as_party=("DE", "DRV")
    )
    assert (there.our_role, there.our_party) == ("CPO", ("DE", "DRV"))
    assert there.parties("EMSP") == [("SE", "VLT")]
    assert {each["identifier"]: each["url"] for each in there.endpoints}["tokens"].endswith("/sender/tokens")


async def test_found_addresses_are_used_and_none_is_guessed(world: World, driver: Node, host: Peer) -> None:
    partner = await partners.connect(driver, host.versions_url, "token-a")
    asked = [(each.method, each.url.removeprefix(host.url), each.token) for each in host.asked]
    assert asked == [
        ("GET", "/odd/path/versions", "token-a"),
        ("GET", "/v/2.3.0/details", "token-a"),
        ("POST", "/x/2.3.0/credentials/R", "token-a"),
        # The first use of the new token, after which token A is dead there.
        ("GET", "/odd/path/versions", host.gives),
    ]
    (body,) = sent(world, "POST")
    assert body["url"] == driver.versions_url
    assert await opens(world, body["token"], f"{DRIVER}/ocpi/2.3.0/receiver/locations")
    assert partner.endpoint("locations", "RECEIVER") == f"{host.url}/x/2.3.0/locations/R"
    assert await their_token(driver, partner) == host.gives


@pytest.mark.parametrize(
    ("release", "versions_take", "release_takes", "kept_form"),
    [
        ("2.2.1", (BASE64,), (BASE64,), BASE64),
        ("2.2.1", (PLAIN,), (PLAIN,), PLAIN),
        ("2.2.1", (BASE64, PLAIN), (BASE64, PLAIN), BASE64),
        ("2.2.1", (BASE64, PLAIN), (PLAIN,), PLAIN),
        ("2.2.1", (PLAIN,), (BASE64,), BASE64),
        ("2.1.1", (BASE64, PLAIN), (BASE64, PLAIN), PLAIN),
        ("2.1.1", (BASE64, PLAIN), (PLAIN,), PLAIN),
        ("2.1.1", (BASE64,), (BASE64,), BASE64),
    ],
)
async def test_the_form_of_token_that_works_is_found_and_kept(
    world: World,
    driver: Node,
    host: Peer,
    release: str,
    versions_take: tuple[bool, ...],
    release_takes: tuple[bool, ...],
    kept_form: bool,
) -> None:
    """Base64 is tried first, then what the release asks for; a platform may take another form than it should."""
    host.release = release

    def strict(request: Request) -> Reply | None:
        if not request.url.startswith(host.url):
            return None
        takes = versions_take if request.url == host.versions_url else release_takes
        return None if request.base64 in takes else Reply(401, None)

    world.instead = strict
    partner = await partners.connect(driver, host.versions_url, "token-a", release=release)
    assert partner.base64_token is kept_form
    assert world.log[0].base64 is BASE64
    assert (await driver.calls.call(partner, "tokens.sender.list")).ok


async def test_another_release_brings_its_own_form_of_token(world: World, driver: Node, host: Peer) -> None:
    host.release = "2.1.1"
    assert not (await partners.connect(driver, host.versions_url, "token-a", name="host", release="2.1.1")).base64_token
    assert not (await partners.rotate(driver, "host")).base64_token
    host.release = "2.3.0"
    assert (await partners.update(driver, "host")).base64_token
    host.forms = (PLAIN,)
    assert not (await partners.rotate(driver, "host")).base64_token
    host.forms = (BASE64, PLAIN)
    assert not (await partners.rotate(driver, "host")).base64_token


async def test_a_lost_answer_leaves_nothing_and_the_invitation_good(world: World, volt: Node, driver: Node) -> None:
    invitation = await partners.invite(volt, "driver")
    world.loses_answer = lambda request: request.method == "POST"
    with pytest.raises(HandshakeFailed, match="safe to try again"):
        await partners.connect(driver, invitation.versions_url, invitation.token)
    assert await everything(driver) == []
    (body,) = sent(world, "POST")
    assert not await opens(world, body["token"], driver.versions_url)
    assert (await partners.show(volt, "driver")).status == "registered"
    world.loses_answer = lambda request: False
    partner = await partners.connect(driver, invitation.versions_url, invitation.token)
    for node, other, module in (
        (driver, partner, "locations.sender"),
        (volt, await partners.show(volt, "driver"), "tokens.sender"),
    ):
        assert (await node.calls.call(other, f"{module}.list")).ok


async def test_while_our_request_is_open_the_new_token_opens_the_handshake_only(
    world: World, driver: Node, host: Peer
) -> None:
    opened = {}

    class Curious(Peer):
        async def answer(self, request: Request) -> Reply:
            if request.method == "POST":
                for path in ("/ocpi/versions", "/ocpi/2.3.0", "/ocpi/2.3.0/credentials", MODULE):
                    opened[path] = await opens(world, request.body["token"], DRIVER + path)
            return await super().answer(request)

    curious = Curious(host.url, roles=host.roles, accepted=host.accepted).in_world(world)
    await partners.connect(driver, curious.versions_url, "token-a")
    assert opened == {"/ocpi/versions": True, "/ocpi/2.3.0": True, "/ocpi/2.3.0/credentials": True, MODULE: False}


HTML = Nonsense("host.example does not answer in OCPI")
FAILURES: dict[str, tuple[str, Reply | Exception]] = {
    "versions unreachable": ("/odd/path/versions", Unreachable("no connection to host.example")),
    "versions in HTML": ("/odd/path/versions", HTML),
    "token unknown": ("/odd/path/versions", Reply(401, 2000, "who are you?")),
    "versions refused": ("/odd/path/versions", Reply(200, 3000, "not now")),
    "no common release": (
        "/odd/path/versions",
        Reply(200, 1000, None, [{"version": "2.0", "url": "https://x.example"}]),
    ),
    "details in HTML": ("/v/2.3.0/details", HTML),
    "no credentials endpoint": ("/v/2.3.0/details", Reply(200, 1000, None, {"version": "2.3.0", "endpoints": []})),
    "POST in HTML": ("/x/2.3.0/credentials/R", HTML),
    "POST broke off": ("/x/2.3.0/credentials/R", Unreachable("broke off")),
    "POST cannot call back": ("/x/2.3.0/credentials/R", Reply(200, 3001, "no way")),
    "POST forbidden": ("/x/2.3.0/credentials/R", Forbidden("host.example is private since a moment")),
    "POST when registered": ("/x/2.3.0/credentials/R", Reply(405, 2000)),
    "POST failed": ("/x/2.3.0/credentials/R", Reply(500, 3000)),
    "POST without credentials": ("/x/2.3.0/credentials/R", Reply(200, 1000)),
    "POST with half of them": ("/x/2.3.0/credentials/R", Reply(200, 1000, None, {"token": "c"})),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_handshake_that_fails_leaves_nothing(world: World, driver: Node, host: Peer, failure: str) -> None:
    path, happens = FAILURES[failure]
    world.instead = lambda request: happens if request.url == host.url + path else None
    with pytest.raises(PartnershipError, match=r"host\.example"):
        await partners.connect(driver, host.versions_url, "token-a")
    assert await everything(driver) == []
    for body in sent(world, "POST"):
        assert not await opens(world, body["token"], driver.versions_url)
    world.instead = lambda request: None
    assert (await partners.connect(driver, host.versions_url, "token-a")).status == "registered"


async def test_before_everything_is_found_nothing_is_sent(world: World, driver: Node, host: Peer) -> None:
    """Who lacks what we need gets no credentials of ours."""
    host.releases = ("2.0",)
    with pytest.raises(HandshakeFailed, match=r"spoken there: 2\.0; spoken here: 2\.3\.0, 2\.2\.1, 2\.1\.1"):
        await partners.connect(driver, host.versions_url, "token-a")
    host.releases = ("2.2.1",)
    with pytest.raises(HandshakeFailed, match=r"2\.3\.0 is not spoken at both ends"):
        await partners.connect(driver, host.versions_url, "token-a", release="2.3.0")
    assert sent(world, "POST") == []


@pytest.mark.parametrize("url", ["host.example/versions", "ftp://host.example", "", "https://"])
async def test_an_invitation_without_an_address_is_refused(driver: Node, url: str) -> None:
    with pytest.raises(HandshakeFailed, match="not an absolute http"):
        await partners.connect(driver, url, "token-a")


async def test_forbidden_addresses_are_not_called(world: World, driver: Node, host: Peer) -> None:
    world.forbidden.add("host.example")
    with pytest.raises(HandshakeFailed, match="private address"):
        await partners.connect(driver, host.versions_url, "token-a")
    assert host.asked == []


async def test_a_handshake_that_is_cancelled_leaves_nothing(world: World, driver: Node, host: Peer) -> None:
    posted = asyncio.Event()

    class Silent(Peer):
        async def answer(self, request: Request) -> Reply:
            if request.method == "POST":
                posted.set()
                await asyncio.get_running_loop().create_future()
            return await super().answer(request)

    silent = Silent(host.url, accepted=host.accepted).in_world(world)
    connecting = asyncio.ensure_future(partners.connect(driver, silent.versions_url, "token-a"))
    await posted.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert await everything(driver) == []


async def test_who_answers_with_the_party_of_another_is_refused(world: World, driver: Node, host: Peer) -> None:
    await partners.connect(driver, host.versions_url, "token-a")
    thief = Peer("https://thief.example", roles=(("CPO", "se", "hst"),), accepted={"token-a"}).in_world(world)
    with pytest.raises(HandshakeFailed, match=r"se\*hst belongs to another"):
        await partners.connect(driver, thief.versions_url, "token-a")
    assert [each.name for each in await everything(driver)] == ["The HST"]
    assert not await opens(world, sent(world, "POST")[-1]["token"], driver.versions_url)


async def test_a_partner_is_called_by_its_own_name_or_ours(world: World, driver: Node, host: Peer) -> None:
    assert (await partners.connect(driver, host.versions_url, "token-a")).name == "The HST"
    others = [
        Peer(f"https://{n}.example", roles=(("CPO", "FR", f"ON{n}"),), accepted={"a"}).in_world(world) for n in range(3)
    ]
    assert (await partners.connect(driver, others[0].versions_url, "a", name="one")).name == "one"
    with pytest.raises(NameInUse, match="one"):
        await partners.connect(driver, others[1].versions_url, "a", name="one")
    others[2].roles = (("CPO", "FR", "HST"),)
    assert (await partners.connect(driver, others[2].versions_url, "a")).name == "The HST 2"


async def test_who_comes_back_is_the_same_partner(world: World, driver: Node, host: Peer) -> None:
    first = await partners.connect(driver, host.versions_url, "token-a", name="host")
    await partners.remove(driver, "host", quietly=True)
    host.accepted.add("token-d")
    again = await partners.connect(driver, host.versions_url, "token-d")
    assert (again.id, again.name, again.status) == (first.id, "host", "registered")
    await partners.remove(driver, "host", quietly=True)
    with pytest.raises(HandshakeFailed):
        await partners.connect(driver, host.versions_url, "unknown")
    assert [each.status for each in await everything(driver)] == ["removed"]


async def test_a_refused_return_leaves_the_partner_removed(world: World, driver: Node, host: Peer) -> None:
    await partners.connect(driver, host.versions_url, "token-a", name="host")
    await partners.remove(driver, "host", quietly=True)
    (before,) = await everything(driver)
    host.accepted.add("token-d")
    world.instead = lambda request: Reply(200, 3001) if request.method == "POST" else None
    with pytest.raises(HandshakeFailed):
        await partners.connect(driver, host.versions_url, "token-d")
    (after,) = await everything(driver)
    assert (after.id, after.status, after.roles) == (before.id, "removed", before.roles)


async def test_to_be_registered_already_is_said_so(world: World, driver: Node, host: Peer) -> None:
    world.instead = lambda request: Reply(405, 2000) if request.method == "POST" else None
    with pytest.raises(AlreadyRegistered, match="new invitation"):
        await partners.connect(driver, host.versions_url, "token-a")


async def test_of_two_that_register_with_each_other_at_once_one_handshake_is_kept(
    world: World, driver: Node, host: Peer
) -> None:
    """While our request is open, the host registers with us, with the invitation that it had from us."""
    invitation = await partners.invite(driver, "host")

    class Eager(Peer):
        async def answer(self, request: Request) -> Reply:
            if request.method == "POST":
                self.accepted.add("b-of-the-host")
                url = f"{DRIVER}/ocpi/2.2.1/credentials"
                reply = await world.ask("POST", url, invitation.token, self.credentials("b-of-the-host"))
                assert reply.ok
            return await super().answer(request)

    eager = Eager(host.url, roles=host.roles, accepted=host.accepted).in_world(world)
    with pytest.raises(HandshakeFailed, match="changed by somebody else at the same time"):
        await partners.connect(driver, eager.versions_url, "token-a", name="host")
    partner = await partners.show(driver, "host")
    assert (partner.status, partner.release) == ("registered", "2.2.1")
    assert (await driver.calls.call(partner, "tokens.sender.list")).ok


async def test_rotation_renews_both_tokens_and_the_old_die(world: World, volt: Node, driver: Node) -> None:
    invitation = await partners.invite(volt, "driver")
    there = await partners.connect(driver, invitation.versions_url, invitation.token, name="volt", release="2.2.1")
    old_c, old_b = await their_token(driver, there), await their_token(volt, await partners.show(volt, "driver"))
    rotated = await partners.rotate(driver, "volt")
    here = await partners.show(volt, "driver")
    new_c, new_b = await their_token(driver, rotated), await their_token(volt, here)
    assert rotated.release == "2.2.1"
    assert None not in (old_c, old_b, new_c, new_b)
    assert len({old_c, old_b, new_c, new_b}) == 4
    assert not await opens(world, str(old_c), VOLT + MODULE)
    # The other side has the new token for certain only when it uses it.
    assert await opens(world, str(old_b), DRIVER + MODULE)
    assert await opens(world, str(new_b), DRIVER + MODULE)
    assert not await opens(world, str(old_b), DRIVER + MODULE)


async def test_the_inviter_may_rotate_as_well(world: World, volt: Node, driver: Node) -> None:
    invitation = await partners.invite(volt, "driver")
    await partners.connect(driver, invitation.versions_url, invitation.token, name="volt", release="2.1.1")
    await partners.rotate(volt, "driver")
    assert (await driver.calls.call(await partners.show(driver, "volt"), "locations.sender.list")).ok
    assert (await volt.calls.call(await partners.show(volt, "driver"), "tokens.sender.list")).ok


async def test_update_moves_to_the_best_release_that_both_speak_now(
    world: World, store: Store, drivers_store: Store
) -> None:
    volt = platform(world, store, VOLT, "CPO:SE:VLT", releases=("2.1.1",))
    driver = platform(world, drivers_store, DRIVER, "EMSP:DE:DRV")
    invitation = await partners.invite(volt, "driver")
    assert (await partners.connect(driver, invitation.versions_url, invitation.token, name="volt")).release == "2.1.1"
    volt = platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT")
    told: list[str | None] = []
    updated = await partners.update(driver, "volt", on_registered=lambda partner: told.append(partner.release))
    here = await partners.show(volt, "driver")
    assert (updated.release, here.release, told) == ("2.3.0", "2.3.0", ["2.3.0"])
    assert (updated.our_role, here.our_role) == (None, None)
    assert updated.plays("EMSP")
    back = await partners.update(driver, "volt", release="2.1.1")
    assert (back.release, back.our_role, back.parties("CPO")) == ("2.1.1", "EMSP", [("SE", "VLT")])
    assert (await driver.calls.call(back, "locations.sender.list")).ok


async def test_the_offer_of_a_new_token_costs_the_old_one_nothing_when_it_is_refused(
    world: World, driver: Node, host: Peer
) -> None:
    partner = await partners.connect(driver, host.versions_url, "token-a", name="host")
    (body,) = sent(world, "POST")

    class Refusing(Peer):
        async def answer(self, request: Request) -> Reply:
            if request.method == "PUT":
                assert await opens(world, request.body["token"], DRIVER + "/ocpi/versions")
                return Reply(200, 3001, "cannot read your details")
            return await super().answer(request)

    Refusing(host.url, roles=host.roles, accepted=host.accepted).in_world(world)
    with pytest.raises(HandshakeFailed, match="cannot read your details"):
        await partners.rotate(driver, "host")
    assert await partners.show(driver, "host") == partner
    assert await opens(world, body["token"], DRIVER + MODULE.replace("2.2.1", "2.3.0"))
    assert not await opens(world, sent(world, "PUT")[0]["token"], driver.versions_url)


async def test_a_put_whose_answer_is_lost_leaves_both_tokens_good_until_one_is_used(
    world: World, volt: Node, driver: Node
) -> None:
    invitation = await partners.invite(volt, "driver")
    partner = await partners.connect(driver, invitation.versions_url, invitation.token, name="volt", release="2.2.1")
    old_b = sent(world, "POST")[0]["token"]
    world.loses_answer = lambda request: request.method == "PUT"
    with pytest.raises(HandshakeFailed, match="safe to try again"):
        await partners.rotate(driver, "volt")
    new_b = sent(world, "PUT")[0]["token"]
    assert await opens(world, old_b, DRIVER + MODULE)
    assert await opens(world, new_b, driver.versions_url)
    assert await opens(world, old_b, DRIVER + MODULE)
    assert (await driver.calls.call(partner, "locations.sender.list")).ok
    assert (await volt.calls.call(await partners.show(volt, "driver"), "tokens.sender.list")).ok
    assert not await opens(world, old_b, DRIVER + MODULE)
    world.loses_answer = lambda request: False
    await partners.rotate(driver, "volt")
    assert (await volt.calls.call(await partners.show(volt, "driver"), "tokens.sender.list")).ok


async def test_of_two_rotations_at_once_one_is_kept_and_the_connection_lives(
    world: World, volt: Node, driver: Node
) -> None:
    invitation = await partners.invite(volt, "driver")
    await partners.connect(driver, invitation.versions_url, invitation.token, name="volt", release="2.2.1")
    outcomes = await asyncio.gather(
        partners.rotate(driver, "volt"), partners.rotate(driver, "volt"), return_exceptions=True
    )
    assert any(isinstance(outcome, Partner) for outcome in outcomes)
    assert (await driver.calls.call(await partners.show(driver, "volt"), "locations.sender.list")).ok
    assert (await volt.calls.call(await partners.show(volt, "driver"), "tokens.sender.list")).ok


async def test_a_platform_that_cannot_reach_us_is_told_of_with_our_address(
    world: World, volt: Node, driver: Node
) -> None:
    invitation = await partners.invite(volt, "driver")
    world.down.add(DRIVER)
    with pytest.raises(HandshakeFailed, match=f"is this node running, and can they reach it at {DRIVER}"):
        await partners.connect(driver, invitation.versions_url, invitation.token)
    assert await everything(driver) == []
    assert (await partners.show(volt, "driver")).status == "invited"


@pytest.mark.parametrize("instead", [None, Reply(401, 2000), Reply(404, None), Reply(405, 2000)])
async def test_a_partner_is_told_that_it_is_removed_or_knows(
    world: World, driver: Node, host: Peer, instead: Reply | None
) -> None:
    await partners.connect(driver, host.versions_url, "token-a", name="host")
    world.instead = lambda request: instead if request.method == "DELETE" else None
    assert await partners.remove(driver, "host") is True
    assert ("DELETE", "/x/2.3.0/credentials/R") in world.requests(host.url)
    assert not await opens(world, sent(world, "POST")[0]["token"], driver.versions_url)


@pytest.mark.parametrize("instead", [Reply(500, None), Reply(200, 3000), Unreachable("gone"), HTML])
async def test_a_partner_that_cannot_be_told_is_removed_all_the_same(
    world: World, driver: Node, host: Peer, instead: Reply | Exception
) -> None:
    await partners.connect(driver, host.versions_url, "token-a", name="host")
    world.instead = lambda request: instead if request.method == "DELETE" else None
    assert await partners.remove(driver, "host") is False
    assert await partners.listing(driver) == []


def test_a_call_does_not_show_its_token() -> None:
    call = Call(LIST, Partner(name="host"), dialect("2.2.1"), {}, {}, token="secret")
    assert "secret" not in repr(call)
