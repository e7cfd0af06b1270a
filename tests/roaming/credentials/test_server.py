"""A platform registers with us, changes its registration, ends it; and everything that it may get wrong."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Nonsense, Partner, Reply, Unreachable
from evmesh.roaming import partners
from evmesh.roaming.node import Node
from evmesh.store import partners as kept
from evmesh.store.database import Store
from tests.roaming.credentials.conftest import VOLT
from tests.roaming.wiring import BASE64, PLAIN, Peer, Request, World, platform

RELEASES = ("2.1.1", "2.2.1", "2.3.0")
MODULE = f"{VOLT}/ocpi/2.2.1/sender/locations"


def credentials_url(release: str = "2.2.1") -> str:
    return f"{VOLT}/ocpi/{release}/credentials"


async def post(world: World, peer: Peer, token: str, gives: str = "b-1", /, **changed: Any) -> Reply:
    """The peer registers, or tries to, with the token that it was given; it listens to its new token from the start."""
    return await exchange(world, peer, "POST", token, gives, **changed)


async def put(world: World, peer: Peer, token: str, gives: str = "b-2", /, **changed: Any) -> Reply:
    return await exchange(world, peer, "PUT", token, gives, **changed)


async def exchange(world: World, peer: Peer, method: str, token: str, gives: str, /, **changed: Any) -> Reply:
    peer.accepted.add(gives)
    return await world.ask(method, credentials_url(peer.release), token, peer.credentials(gives, **changed))


async def friend(node: Node) -> Partner:
    return await partners.show(node, "friend")


async def their_token(node: Node) -> str | None:
    partner = await friend(node)
    return await node.store.read(lambda tx: kept.their_token(tx, partner.id))


async def opens(world: World, token: str, url: str = VOLT + "/ocpi/versions") -> bool:
    return (await world.ask("GET", url, token)).http_status == 200


@pytest.mark.parametrize("release", RELEASES)
async def test_a_platform_registers(world: World, volt: Node, peer: Peer, invitation: str, release: str) -> None:
    peer.release = release
    reply = await post(world, peer, invitation, "b-1")
    assert reply.status_code == 1000
    assert wire.check("Credentials", reply.data, release) == []
    assert reply.data["url"] == volt.versions_url
    assert reply.data["token"] not in (invitation, "b-1")
    partner = await friend(volt)
    assert (partner.status, partner.release, partner.parties("EMSP")) == ("registered", release, [("DE", "DRV")])
    assert partner.versions_url == peer.versions_url
    assert partner.endpoint("tokens", "SENDER") == f"{peer.url}/x/{release}/tokens/S"
    assert await their_token(volt) == "b-1"
    assert await opens(world, reply.data["token"], f"{VOLT}/ocpi/{release}/sender/locations")


async def test_we_call_back_with_token_b_before_we_answer(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    await post(world, peer, invitation, "b-1")
    # All that the peer was asked stands between its own request and the answer, which was the last to come.
    assert [(each.url.removeprefix(peer.url), each.token) for each in peer.asked] == [
        ("/odd/path/versions", "b-1"),
        ("/v/2.2.1/details", "b-1"),
    ]


async def test_one_party_connections_show_the_invited_side_and_read_the_opposite(
    world: World, store: Store, peer: Peer
) -> None:
    both = platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT", "EMSP:NO:FJD")
    invitation = await partners.invite(both, "friend", as_role="EMSP", as_party=("NO", "FJD"))
    peer.release, peer.roles = "2.1.1", (("CPO", "DE", "DRV"),)
    reply = await post(world, peer, invitation.token)
    assert (reply.data["country_code"], reply.data["party_id"]) == ("NO", "FJD")
    assert "roles" not in reply.data
    partner = await friend(both)
    assert (partner.our_role, partner.our_party) == ("EMSP", ("NO", "FJD"))
    assert partner.parties("CPO") == [("DE", "DRV")]


async def test_a_connection_holds_several_roles_and_parties(world: World, store: Store, peer: Peer) -> None:
    both = platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT", "CPO:NO:FJD")
    invitation = await partners.invite(both, "friend")
    peer.roles = (("CPO", "DE", "DRV"), ("EMSP", "DE", "DRV"), ("CPO", "FR", "DRV"))
    reply = await post(world, peer, invitation.token)
    assert [(r["role"], r["country_code"], r["party_id"]) for r in reply.data["roles"]] == [
        ("CPO", "SE", "VLT"),
        ("EMSP", "SE", "VLT"),
        ("CPO", "NO", "FJD"),
    ]
    partner = await friend(both)
    assert partner.parties("CPO") == [("DE", "DRV"), ("FR", "DRV")]
    assert (partner.our_role, partner.our_party) == (None, None)


async def test_hub_party_id_is_kept(world: World, volt: Node, peer: Peer, invitation: str) -> None:
    peer.release, peer.hub_party_id = "2.3.0", "NLHUB"
    await post(world, peer, invitation)
    assert (await friend(volt)).hub_party_id == "NLHUB"


async def test_an_invitation_opens_nothing_but_the_handshake(world: World, volt: Node, invitation: str) -> None:
    assert await opens(world, invitation)
    assert await opens(world, invitation, f"{VOLT}/ocpi/2.2.1")
    assert await opens(world, invitation, credentials_url())
    assert not await opens(world, invitation, MODULE)


async def test_a_lost_answer_is_asked_for_again_until_the_new_token_is_used(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    world.loses_answer = lambda request: request.method == "POST"
    for gives in ("b-1", "b-2"):
        with pytest.raises(Unreachable):
            await post(world, peer, invitation, gives)
    world.loses_answer = lambda request: False
    assert await opens(world, invitation)
    reply = await post(world, peer, invitation, "b-3")
    assert reply.status_code == 1000
    assert await their_token(volt) == "b-3"
    assert await opens(world, reply.data["token"], MODULE)
    assert not await opens(world, invitation)
    assert (await post(world, peer, invitation)).http_status == 401


async def test_an_invitation_does_not_open_modules_while_its_answer_may_be_lost(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    await post(world, peer, invitation)
    assert not await opens(world, invitation, MODULE)


async def test_of_two_answers_on_their_way_either_may_be_the_one_that_is_used(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    first = (await post(world, peer, invitation, "b-1")).data["token"]
    second = (await post(world, peer, invitation, "b-2")).data["token"]
    assert await opens(world, first, MODULE)
    assert not await opens(world, invitation)
    assert await opens(world, second, MODULE)
    assert not await opens(world, first, MODULE)


async def test_handshakes_that_cross_are_done_one_after_another(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    replies = await asyncio.gather(*(post(world, peer, invitation, f"b-{n}") for n in range(3)))
    assert [reply.status_code for reply in replies] == [1000, 1000, 1000]
    called_back_with = [request.token for request in peer.asked]
    assert called_back_with[::2] == called_back_with[1::2]
    assert await their_token(volt) == called_back_with[-1]


async def test_methods_that_do_not_fit_the_state_are_refused(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    assert (await put(world, peer, invitation)).http_status == 405
    assert (await world.ask("DELETE", credentials_url(), invitation)).http_status == 405
    assert (await friend(volt)).status == "invited"
    token = (await post(world, peer, invitation)).data["token"]
    assert (await put(world, peer, invitation)).http_status == 405
    assert (await post(world, peer, token)).http_status == 405
    assert await their_token(volt) == "b-1"


async def test_get_says_the_presented_token_back(world: World, volt: Node, peer: Peer, invitation: str) -> None:
    before = await world.ask("GET", credentials_url(), invitation)
    assert before.data["token"] == invitation
    answered = (await post(world, peer, invitation)).data
    for form in (True, False):
        reply = await world.ask("GET", credentials_url(), answered["token"], base64_token=form)
        assert reply.data == answered


async def test_put_renews_tokens_and_the_old_one_dies_with_the_use_of_the_new(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    old = (await post(world, peer, invitation)).data["token"]
    new = (await put(world, peer, old, "b-2")).data["token"]
    assert new != old
    assert await their_token(volt) == "b-2"
    assert await opens(world, old, MODULE)
    newer = (await put(world, peer, old, "b-3")).data["token"]
    assert await opens(world, newer)
    for dead in (invitation, old, new):
        assert not await opens(world, dead)
    assert await opens(world, newer, MODULE)


async def test_put_reads_the_offer_anew(world: World, volt: Node, peer: Peer, invitation: str) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    peer.modules = (("cdrs", "RECEIVER"),)
    peer.roles = (("EMSP", "DE", "DRV"), ("EMSP", "AT", "DRV"))
    await put(world, peer, token)
    partner = await friend(volt)
    assert [each["identifier"] for each in partner.endpoints] == ["credentials", "cdrs"]
    assert partner.parties() == [("DE", "DRV"), ("AT", "DRV")]


@pytest.mark.parametrize(("before", "after"), [("2.1.1", "2.3.0"), ("2.3.0", "2.1.1"), ("2.2.1", "2.3.0")])
async def test_put_to_another_release_switches_to_it(
    world: World, volt: Node, peer: Peer, invitation: str, before: str, after: str
) -> None:
    peer.release = before
    token = (await post(world, peer, invitation)).data["token"]
    peer.release = after
    reply = await put(world, peer, token)
    assert wire.check("Credentials", reply.data, after) == []
    partner = await friend(volt)
    assert partner.release == after
    assert partner.endpoint("locations", "RECEIVER") == f"{peer.url}/x/{after}/locations/R"
    assert (partner.our_role is None) == (after != "2.1.1")


async def test_a_put_that_fails_leaves_the_connection_as_it_was(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    before = await friend(volt)
    peer.releases = ("2.1.1",)
    assert (await put(world, peer, token)).status_code == 3002
    peer.releases = ("2.2.1",)
    world.down.add(peer.url)
    assert (await put(world, peer, token)).status_code == 3001
    assert await friend(volt) == before
    assert await their_token(volt) == "b-1"
    assert await opens(world, token, MODULE)


async def test_delete_ends_the_connection_in_both_directions(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    partner = await friend(volt)
    reply = await world.ask("DELETE", credentials_url(), token)
    assert (reply.http_status, reply.status_code, reply.data) == (200, 1000, None)
    assert not await opens(world, token)
    assert not await opens(world, invitation)
    assert await partners.listing(volt) == []
    gone = await volt.store.read(lambda tx: kept.get(tx, partner.id))
    assert gone is not None
    assert gone.status == "removed"
    assert await volt.store.read(lambda tx: kept.their_token(tx, partner.id)) is None


async def test_whoever_waited_for_an_ended_connection_is_told_that_it_ended(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    replies = await asyncio.gather(*(world.ask("DELETE", credentials_url(), token) for _ in range(4)))
    assert sorted(reply.http_status for reply in replies) == [200, 401, 401, 401]


async def test_who_is_neither_cpo_nor_emsp_speaks_no_release_of_one_party(
    world: World, store: Store, peer: Peer
) -> None:
    nsp = platform(world, store, VOLT, "NSP:SE:VLT")
    token = (await partners.invite(nsp, "friend")).token
    peer.release = "2.1.1"
    assert (await world.ask("GET", credentials_url("2.1.1"), token)).http_status == 404
    assert (await post(world, peer, token)).status_code == 3002
    peer.release = "2.2.1"
    assert (await post(world, peer, token)).status_code == 1000


NONSENSE = Nonsense("peer.example does not answer in OCPI")
CANNOT_CALL_BACK: dict[str, tuple[str, Reply | Exception]] = {
    "unreachable": ("/odd/path/versions", Unreachable("no connection to peer.example")),
    "an answer in HTML": ("/odd/path/versions", NONSENSE),
    "versions not found": ("/odd/path/versions", Reply(404, None)),
    "versions refused": ("/odd/path/versions", Reply(200, 3000, "not now")),
    "no OCPI": ("/odd/path/versions", Reply(200, None, None, [])),
    "versions are no list": ("/odd/path/versions", Reply(200, 1000, None, {"version": "2.2.1"})),
    "versions are missing": ("/odd/path/versions", Reply(200, 1000)),
    "token refused": ("/odd/path/versions", Reply(401, None)),
    "details unreachable": ("/v/2.2.1/details", Unreachable("peer.example broke off")),
    "details in HTML": ("/v/2.2.1/details", NONSENSE),
    "details failed": ("/v/2.2.1/details", Reply(500, 3000, "oops")),
    "details are nothing": ("/v/2.2.1/details", Reply(200, 1000, None, None)),
    "details are a text": ("/v/2.2.1/details", Reply(200, 1000, None, {"endpoints": "none"})),
}


@pytest.mark.parametrize("failure", CANNOT_CALL_BACK)
async def test_a_platform_that_cannot_be_called_back_is_told_so_and_not_stored(
    world: World, volt: Node, peer: Peer, invitation: str, failure: str, registered: list[Partner]
) -> None:
    path, happens = CANNOT_CALL_BACK[failure]
    world.instead = lambda request: happens if request.url == peer.url + path else None
    before = await friend(volt)
    reply = await post(world, peer, invitation)
    assert (reply.http_status, reply.status_code, reply.data) == (200, 3001, None)
    assert peer.url + path in str(reply.message)
    assert await friend(volt) == before
    assert await their_token(volt) is None
    assert registered == []
    world.instead = lambda request: None
    assert (await post(world, peer, invitation)).status_code == 1000


async def test_a_platform_that_does_not_answer_in_time_is_told_so(
    world: World, volt: Node, peer: Peer, invitation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(request: Request) -> Reply:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    monkeypatch.setattr("evmesh.roaming.credentials.server.CALL_BACK_WITHIN", 0.01)
    world.places[peer.url] = silence
    reply = await post(world, peer, invitation)
    assert reply.status_code == 3001


async def test_addresses_that_the_operator_forbids_are_neither_called_nor_stored(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    world.forbidden.add("10.0.0.1")
    reply = await post(world, peer, invitation, url="http://10.0.0.1/versions")
    assert reply.status_code == 3001
    assert "10.0.0.1" in str(reply.message)

    class Inward(Peer):
        def endpoints(self, release: str) -> list[dict[str, Any]]:
            cdrs = {"identifier": "cdrs", "role": "RECEIVER", "url": "http://10.0.0.1/cdrs"}
            return [*super().endpoints(release), cdrs]

    inward = Inward(peer.url, accepted=peer.accepted).in_world(world)
    reply = await post(world, inward, invitation)
    assert reply.status_code == 3001
    assert "cdrs" in str(reply.message)
    assert (await friend(volt)).status == "invited"


@pytest.mark.parametrize("releases", [("2.0", "2.1"), ("2.1.1", "2.3.0"), ("3.0",), ()])
async def test_a_release_that_the_caller_does_not_speak_itself_is_refused(
    world: World, volt: Node, peer: Peer, invitation: str, releases: tuple[str, ...]
) -> None:
    peer.releases = releases
    reply = await post(world, peer, invitation)
    assert reply.status_code == 3002
    assert (await friend(volt)).status == "invited"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: [row for row in rows if row["identifier"] != "credentials"],
        lambda rows: [],
        lambda rows: [{**row, "url": "/relative/" + row["identifier"]} for row in rows],
        lambda rows: ["credentials", None, {"identifier": "credentials"}, {"url": "https://peer.example"}],
    ],
)
async def test_without_a_credentials_endpoint_there_is_no_connection(
    world: World, volt: Node, peer: Peer, invitation: str, spoil: Callable[[list[Any]], list[Any]]
) -> None:
    details = {"version": "2.2.1", "endpoints": spoil(peer.endpoints("2.2.1"))}
    world.instead = lambda request: (
        Reply(200, 1000, None, details) if request.url.endswith("/v/2.2.1/details") else None
    )
    reply = await post(world, peer, invitation)
    assert reply.status_code == 3003
    assert "credentials" in str(reply.message)
    assert (await friend(volt)).status == "invited"


async def test_what_is_strange_in_an_offer_is_passed_over(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    peer.modules = (("nltnm-tokens", "SENDER"), ("Tokens", "sender"), ("sessions", "BOTH"))
    peer.releases = ("2.2.1", "9.9", "")
    assert (await post(world, peer, invitation)).status_code == 1000
    partner = await friend(volt)
    assert partner.endpoint("tokens", "SENDER") is not None
    assert partner.endpoint("tokens", "RECEIVER") is None


def without(name: str) -> dict[str, Any]:
    return {name: None}


ROLE = {"role": "EMSP", "country_code": "DE", "party_id": "DRV", "business_details": {"name": "Driver"}}


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"token": ""}, "/token"),
        ({"token": "x" * 65}, "/token"),
        ({"token": "two words"}, "/token"),
        ({"token": "line\nbreak"}, "/token"),
        ({"token": "tökén"}, "/token"),
        ({"token": None}, "/token"),
        ({"url": "/versions"}, "/url"),
        ({"url": "file:///etc/passwd"}, "/url"),
        ({"url": "https://"}, "/url"),
        ({"roles": []}, "/roles"),
        ({"roles": None}, "/roles"),
        ({"roles": "EMSP"}, "/roles"),
        ({"roles": [ROLE, ROLE]}, "/roles/1"),
        ({"roles": [ROLE, {**ROLE, "party_id": "drv", "country_code": "de"}]}, "/roles/1"),
        ({"roles": [{**ROLE, "party_id": "DR"}]}, "/roles/0/party_id"),
        ({"roles": [{**ROLE, "party_id": "DRIVE"}]}, "/roles/0/party_id"),
        ({"roles": [{**ROLE, "party_id": "D*V"}]}, "/roles/0/party_id"),
        ({"roles": [{**ROLE, "country_code": "DEU"}]}, "/roles/0/country_code"),
        ({"roles": [{**ROLE, "country_code": "12"}]}, "/roles/0/country_code"),
        ({"roles": [{**ROLE, "role": "BAKER"}]}, "/roles/0/role"),
        ({"roles": [{n: v for n, v in ROLE.items() if n != "party_id"}]}, "/roles/0/party_id"),
        ({"roles": [{n: v for n, v in ROLE.items() if n != "business_details"}]}, "/roles/0/business_details"),
    ],
)
async def test_credentials_that_cannot_be_used_are_refused_by_name(
    world: World, volt: Node, peer: Peer, invitation: str, changed: dict[str, Any], names: str
) -> None:
    reply = await post(world, peer, invitation, **changed)
    assert (reply.http_status, reply.status_code) == (200, 2001)
    assert names in str(reply.message)
    assert peer.asked == []
    assert (await friend(volt)).status == "invited"


@pytest.mark.parametrize("party", [("DE", "DRV"), ("de", "drv"), ("SE", "VLT"), ("se", "vlt")])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_party_of_somebody_else_cannot_be_taken_over(
    world: World, volt: Node, peer: Peer, invitation: str, party: tuple[str, str], method: str
) -> None:
    """The party is another partner's, or ours."""
    assert (await post(world, peer, invitation)).status_code == 1000
    thief = Peer("https://thief.example", roles=(("EMSP", "FR", "THF"),)).in_world(world)
    token = (await partners.invite(volt, "thief")).token
    if method == "PUT":
        token = (await post(world, thief, token, "t-1")).data["token"]
    thief.roles = (("EMSP", "FR", "THF"), ("CPO", *party))
    before = await partners.show(volt, "thief")
    reply = await exchange(world, thief, method, token, "t-2")
    assert reply.status_code == 2001
    assert "*".join(party) in str(reply.message)
    assert "friend" not in str(reply.message)
    assert await partners.show(volt, "thief") == before


async def test_a_party_is_refused_to_the_later_of_two_that_claim_it_at_once(
    world: World, volt: Node, peer: Peer, invitation: str
) -> None:
    twin = dataclasses.replace(peer, url="https://twin.example", accepted=set(), asked=[]).in_world(world)
    other = (await partners.invite(volt, "twin")).token
    replies = await asyncio.gather(post(world, peer, invitation), post(world, twin, other))
    assert sorted(str(reply.status_code) for reply in replies) == ["1000", "2001"]


async def test_the_party_of_a_removed_partner_is_free(world: World, volt: Node, peer: Peer, invitation: str) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    await world.ask("DELETE", credentials_url(), token)
    again = (await partners.invite(volt, "new friend")).token
    assert (await post(world, peer, again)).status_code == 1000


@pytest.mark.parametrize("release", RELEASES)
async def test_a_platform_that_takes_plain_tokens_only_is_called_with_them(
    world: World, volt: Node, peer: Peer, invitation: str, release: str
) -> None:
    peer.release, peer.forms = release, (PLAIN,)
    assert (await post(world, peer, invitation)).status_code == 1000
    assert (await friend(volt)).base64_token is False


@pytest.mark.parametrize(("release", "form"), [("2.1.1", PLAIN), ("2.2.1", BASE64), ("2.3.0", BASE64)])
async def test_a_platform_that_takes_both_is_called_by_the_book(
    world: World, volt: Node, peer: Peer, invitation: str, release: str, form: bool
) -> None:
    peer.release = release
    await post(world, peer, invitation)
    assert (await friend(volt)).base64_token is form
    assert {request.base64 for request in peer.asked} == {form}


async def test_the_hook_hears_of_what_is_new_and_not_of_new_tokens(
    world: World, volt: Node, peer: Peer, invitation: str, registered: list[Partner]
) -> None:
    async def heard() -> list[str | None]:
        await asyncio.sleep(0)  # what follows from a handshake begins after its answer
        return [partner.release for partner in registered]

    token = (await post(world, peer, invitation)).data["token"]
    assert await heard() == ["2.2.1"]
    token = (await put(world, peer, token)).data["token"]
    assert await heard() == ["2.2.1"]
    peer.modules = (*peer.modules, ("cdrs", "RECEIVER"))
    token = (await put(world, peer, token)).data["token"]
    assert await heard() == ["2.2.1", "2.2.1"]
    peer.release = "2.3.0"
    await put(world, peer, token)
    assert await heard() == ["2.2.1", "2.2.1", "2.3.0"]


async def test_the_answer_does_not_wait_for_the_hook(world: World, store: Store, peer: Peer) -> None:
    may_go_on, done = asyncio.Event(), asyncio.Event()

    async def pull(partner: Partner) -> None:
        await may_go_on.wait()
        done.set()

    volt = platform(world, store, VOLT, "CPO:SE:VLT", on_registered=pull)
    token = (await partners.invite(volt, "friend")).token
    assert (await post(world, peer, token)).status_code == 1000
    assert not done.is_set()
    may_go_on.set()
    await done.wait()


async def test_a_hook_that_fails_spoils_no_handshake(
    world: World, store: Store, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    called = asyncio.Event()

    def fail(partner: Partner) -> None:
        called.set()
        raise RuntimeError("no disk")

    volt = platform(world, store, VOLT, "CPO:SE:VLT", on_registered=fail)
    token = (await partners.invite(volt, "friend")).token
    assert (await post(world, peer, token)).status_code == 1000
    await called.wait()
    assert "what should follow has failed" in caplog.text


async def test_no_token_lies_in_the_database_in_clear(
    world: World, volt: Node, peer: Peer, invitation: str, tmp_path: Path
) -> None:
    token = (await post(world, peer, invitation, "a-token-of-theirs")).data["token"]
    await opens(world, token)
    await volt.store.close()
    kept_bytes = b"".join(path.read_bytes() for path in tmp_path.glob("volt.db*"))
    assert b"friend" in kept_bytes
    for secret in (invitation, token, "a-token-of-theirs"):
        assert secret.encode() not in kept_bytes


async def test_a_suspended_partner_stays_so(world: World, volt: Node, peer: Peer, invitation: str) -> None:
    token = (await post(world, peer, invitation)).data["token"]
    await opens(world, token)
    partner = await friend(volt)
    partner.status = "suspended"
    await volt.store.write(lambda tx: kept.save(tx, partner))
    assert not await opens(world, token, MODULE)
    assert (await put(world, peer, token)).status_code == 1000
    assert (await friend(volt)).status == "suspended"
