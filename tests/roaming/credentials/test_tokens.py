"""Whatever requests come in whatever order: a token is alive exactly as long as the table in `handshake` says."""

import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evmesh.ports import Reply, Unreachable
from evmesh.roaming import partners
from evmesh.roaming.credentials.errors import HandshakeFailed
from evmesh.roaming.node import Node
from evmesh.store import partners as kept
from evmesh.store.database import Store
from evmesh.store.secrets import hash_of
from tests.roaming.credentials.conftest import KEY, VOLT
from tests.roaming.wiring import Peer, Request, World, platform

URLS = {
    "versions": f"{VOLT}/ocpi/versions",
    "module": f"{VOLT}/ocpi/2.2.1/sender/locations",
    "GET": f"{VOLT}/ocpi/2.2.1/credentials",
    "POST": f"{VOLT}/ocpi/2.2.1/credentials",
    "PUT": f"{VOLT}/ocpi/2.2.1/credentials",
}
numbers = itertools.count()


@dataclass
class Token:
    """One of ours for the partner, as it ought to be."""

    text: str
    state: str


@dataclass
class Model:
    """What ought to be true; the oldest token stands first."""

    tokens: list[Token]
    registered: bool = False
    answers: list[int] = field(default_factory=list)

    def expect(self, which: int, request: str) -> int:
        """The HTTP status that a request with this token gets, and what it does to the tokens."""
        token = self.tokens[which]
        if token.state == "dead":
            return 401
        if token.state == "A":
            return {"module": 401, "PUT": 405}.get(request, 200)
        if token.state == "C" or request in ("module", "POST", "PUT"):
            token.state = "C"
            for older in self.tokens[:which]:
                older.state = "dead"
        return 405 if request == "POST" else 200


request = st.tuples(st.integers(0, 8), st.sampled_from(sorted(URLS)))
renewal = st.tuples(st.just(-1), st.sampled_from(["answered", "lost", "lost before it arrived", "refused"]))
FIRST = (0, "POST")


@given(st.lists(request | renewal, min_size=1, max_size=25))
@example([FIRST, FIRST, (2, "module"), (1, "module"), (0, "POST")])
@example([FIRST, (1, "PUT"), (1, "PUT"), (1, "versions"), (3, "versions"), (1, "versions"), (2, "GET")])
@example([FIRST, (1, "GET"), (-1, "lost"), (2, "versions"), (1, "module"), (2, "module"), (1, "module")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_tokens_live_and_die_by_the_table(world: World, volt: Node, steps: list[tuple[int, str]]) -> None:
    number = next(numbers)
    name = f"partner {number}"
    party = f"{number:03}"
    peer = Peer(f"https://{number}.example", roles=(("EMSP", "DE", party),)).in_world(world)
    model = Model([Token((await partners.invite(volt, name)).token, "A")])
    for which, what in steps:
        if which == -1:
            await renew(world, volt, name, peer, model, what)
        else:
            await ask(world, peer, model, which % len(model.tokens), what)
    partner = await partners.show(volt, name)
    assert (partner.status == "registered") == model.registered


async def ask(world: World, peer: Peer, model: Model, which: int, what: str) -> None:
    token = model.tokens[which].text
    expected = model.expect(which, what)
    body = None
    if what in ("POST", "PUT"):
        gives = f"b-{next(numbers)}"
        peer.accepted.add(gives)
        body = peer.credentials(gives)
    method = what if what in ("POST", "PUT") else "GET"
    reply = await world.ask(method, URLS[what], token, body)
    assert reply.http_status == expected, (what, model)
    if body is not None and reply.ok:
        model.tokens.append(Token(reply.data["token"], "C"))
        model.registered = True


async def renew(world: World, volt: Node, name: str, peer: Peer, model: Model, outcome: str) -> None:
    """We PUT, and the partner reads our versions with the new token while it works on that."""
    if not model.registered:
        return
    offered: list[str] = []

    async def look_back(request: Request) -> Reply:
        if request.method == "PUT":
            offered.append(request.body["token"])
            assert (await world.ask("GET", URLS["versions"], offered[0])).ok
            for each in model.tokens:
                assert await alive(volt, each.text) == (each.state != "dead"), "a look at our versions killed a token"
            if outcome == "refused":
                return Reply(200, 3001, "no")
            if outcome == "lost":
                raise Unreachable("broke off")
        return await peer.answer(request)

    world.places[peer.url] = look_back
    if outcome == "lost before it arrived":
        world.instead = lambda request: offer_only(request, offered)
    try:
        await partners.rotate(volt, name)
        assert outcome == "answered"
    except HandshakeFailed:
        assert outcome != "answered"
    finally:
        world.instead = lambda request: None
    state = {"answered": "C", "refused": "dead"}.get(outcome, "B")
    model.tokens.append(Token(offered[0], state))


def offer_only(request: Request, offered: list[str]) -> Exception | None:
    if request.method != "PUT":
        return None
    offered.append(request.body["token"])
    return Unreachable("no connection")


async def alive(node: Node, token: str) -> bool:
    return await node.store.read(lambda tx: kept.by_token(tx, hash_of(token))) is not None


async def test_tokens_live_and_die_alike_on_both_databases(world: World, peer: Peer, store_url: str) -> None:
    store = await Store.open(store_url, KEY)
    try:
        volt = platform(world, store, VOLT, "CPO:SE:VLT")
        model = Model([Token((await partners.invite(volt, "friend")).token, "A")])
        for which, what in [FIRST, FIRST, (1, "module"), (0, "POST"), (1, "PUT"), (2, "PUT"), (3, "versions")]:
            await ask(world, peer, model, which, what)
        await renew(world, volt, "friend", peer, model, "lost")
        assert [await alive(volt, each.text) for each in model.tokens] == [
            each.state != "dead" for each in model.tokens
        ]
        assert await partners.remove(volt, "friend")
        assert not any([await alive(volt, each.text) for each in model.tokens])
    finally:
        await store.close()
