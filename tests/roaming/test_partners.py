"""What an operator does with partners: invite, connect, look, renew, remove."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evmesh.ports import Partner
from evmesh.roaming import partners
from evmesh.roaming.credentials.errors import (
    AlreadyRegistered,
    NoSuchParty,
    NotRegistered,
    PartnershipError,
    UnknownPartner,
)
from evmesh.roaming.node import Node
from evmesh.store import deliveries, objects, pulls
from evmesh.store import partners as kept
from evmesh.store.database import Store
from evmesh.store.secrets import hash_of
from tests.roaming.wiring import Peer, World, platform

VOLT = "https://volt.example"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def volt(world: World, tmp_path: Path) -> AsyncIterator[Node]:
    store = await Store.open(f"sqlite:///{tmp_path / 'volt.db'}", b"a secret key of the settings")
    yield platform(world, store, VOLT, "CPO:SE:VLT", "EMSP:SE:VLT", "EMSP:NO:FJD")
    await store.close()


@pytest.fixture
def peer(world: World) -> Peer:
    return Peer("https://peer.example", accepted={"token-a"}).in_world(world)


async def owner(node: Node, token: str) -> str | None:
    found = await node.store.read(lambda tx: kept.by_token(tx, hash_of(token)))
    return None if found is None else found[0].name


async def test_an_invitation_is_a_url_and_a_token(volt: Node) -> None:
    invitation = await partners.invite(volt, "friend")
    assert invitation.versions_url == f"{VOLT}/ocpi/versions"
    assert await owner(volt, invitation.token) == "friend"
    (listed,) = await partners.listing(volt)
    assert (listed.name, listed.status, listed.release) == ("friend", "invited", None)


async def test_tokens_fit_into_credentials(volt: Node) -> None:
    """At most 64 printable characters without spaces, and no two alike."""
    tokens = {(await partners.invite(volt, f"friend {n}")).token for n in range(5)}
    assert len(tokens) == 5
    assert all(len(token) <= 64 and token.isascii() and token.isprintable() and " " not in token for token in tokens)


async def test_inviting_again_makes_the_first_invitation_void(volt: Node) -> None:
    first = await partners.invite(volt, "friend")
    second = await partners.invite(volt, "friend")
    assert await owner(volt, first.token) is None
    assert await owner(volt, second.token) == "friend"
    assert len(await partners.listing(volt)) == 1


async def test_two_invitations_for_two_partners_live_side_by_side(volt: Node) -> None:
    one, two = await partners.invite(volt, "one"), await partners.invite(volt, "two")
    assert (await owner(volt, one.token), await owner(volt, two.token)) == ("one", "two")


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 61])
async def test_a_name_is_a_short_line(volt: Node, name: str) -> None:
    with pytest.raises(PartnershipError, match="a line of 1 to 60"):
        await partners.invite(volt, name)


@pytest.mark.parametrize(
    ("role", "party", "shown"),
    [
        (None, None, (None, None)),
        ("EMSP", None, ("EMSP", ("SE", "VLT"))),
        ("EMSP", ("no", "fjd"), ("EMSP", ("NO", "FJD"))),
        (None, ("NO", "FJD"), ("EMSP", ("NO", "FJD"))),
    ],
)
async def test_an_invitation_says_whom_of_us_it_shows(
    volt: Node, role: str | None, party: tuple[str, str] | None, shown: tuple[Any, Any]
) -> None:
    await partners.invite(volt, "friend", as_role=role, as_party=party)
    partner = await partners.show(volt, "friend")
    assert (partner.our_role, partner.our_party) == shown


@pytest.mark.parametrize(("role", "party"), [("CPO", ("NO", "FJD")), (None, ("FR", "XXX")), ("NSP", None)])
async def test_whom_we_are_not_cannot_be_shown(volt: Node, role: str | None, party: tuple[str, str] | None) -> None:
    with pytest.raises(NoSuchParty, match=r"ours are CPO SE\*VLT, EMSP SE\*VLT, EMSP NO\*FJD"):
        await partners.invite(volt, "friend", as_role=role, as_party=party)


async def test_who_is_registered_cannot_be_invited(volt: Node, peer: Peer) -> None:
    await partners.connect(volt, peer.versions_url, "token-a", name="friend")
    with pytest.raises(AlreadyRegistered, match="friend"):
        await partners.invite(volt, "friend")


async def test_an_unknown_name_is_told_with_those_that_are_known(volt: Node) -> None:
    with pytest.raises(UnknownPartner, match="nobody yet"):
        await partners.show(volt, "friend")
    await partners.invite(volt, "friend")
    for ask in (partners.show, partners.update, partners.rotate, partners.remove):
        with pytest.raises(UnknownPartner, match="there is friend"):
            await ask(volt, "freind")


async def test_who_has_not_registered_has_nothing_to_renew(volt: Node) -> None:
    await partners.invite(volt, "friend")
    for ask in (partners.update, partners.rotate):
        with pytest.raises(NotRegistered, match="friend"):
            await ask(volt, "friend")


async def test_connecting_tells_the_hook_and_waits_for_it(volt: Node, peer: Peer) -> None:
    heard: list[Partner] = []

    async def pull(partner: Partner) -> None:
        heard.append(partner)

    partner = await partners.connect(volt, f" {peer.versions_url}\n", " token-a ", on_registered=pull)
    assert heard == [partner]
    await partners.rotate(volt, partner.name, on_registered=pull)
    assert heard == [partner]
    peer.roles = (*peer.roles, ("CPO", "DE", "DRV"))
    updated = await partners.update(volt, partner.name, on_registered=pull)
    assert heard == [partner, updated]


async def test_an_invitation_can_be_taken_back(volt: Node) -> None:
    invitation = await partners.invite(volt, "friend")
    assert await partners.remove(volt, "friend") is True
    assert await owner(volt, invitation.token) is None
    assert await partners.listing(volt) == []


async def test_removing_quietly_tells_nobody(volt: Node, peer: Peer, world: World) -> None:
    await partners.connect(volt, peer.versions_url, "token-a", name="friend")
    assert await partners.remove(volt, "friend", quietly=True) is False
    assert "DELETE" not in [method for method, _ in world.requests(peer.url)]
    assert await partners.listing(volt) == []


async def test_who_was_removed_is_invited_as_the_same_partner(volt: Node, peer: Peer) -> None:
    first = await partners.connect(volt, peer.versions_url, "token-a", name="friend")
    await partners.remove(volt, "friend", quietly=True)
    await partners.invite(volt, "friend")
    again = await partners.show(volt, "friend")
    assert (again.id, again.status, again.roles, again.release) == (first.id, "invited", [], None)


async def test_the_connection_is_described_by_what_there_is(volt: Node, peer: Peer) -> None:
    await partners.invite(volt, "invited")
    facts = await partners.connection(volt, await partners.show(volt, "invited"))
    assert facts["their_tokens"].startswith("A of 20")
    assert facts["their_tokens"].endswith("Z (never used)")
    partner = await partners.connect(volt, peer.versions_url, "token-a", name="friend")

    def lack(tx: Any) -> None:
        _, held = objects.put(
            tx, "locations", 0, "SE", "VLT", "L1", "se*vlt*l1", "{}", None, "2.3.0", datetime(2026, 3, 1, tzinfo=UTC)
        )
        deliveries.lack(tx, partner.id, held.seq, "locations")
        pulls.record(tx, partner.id, "tokens", "complete")

    await volt.store.write(lack)
    facts = await partners.connection(volt, partner)
    assert facts["we_are"] == "CPO SE*VLT, EMSP SE*VLT, EMSP NO*FJD"
    assert facts["token_form"] == "Base64"
    assert facts["their_tokens"].startswith("C of 20")
    invoices = "invoicereconciliation SENDER, invoicereconciliation RECEIVER"
    assert facts["not_offered"] == f"sessions RECEIVER, cdrs RECEIVER, tariffs RECEIVER, {invoices}"
    assert (facts["waiting"], facts["refused"], facts["doubtful"]) == (1, 0, 0)
    assert facts["waiting_since"].endswith("Z")
    assert facts["pulled_tokens"].endswith("Z complete")
