"""A token is heard in both forms, said in the partner's, and dies when it should."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.ports import Partner
from evmesh.roaming.credentials.tokens import recognise
from evmesh.store import partners
from evmesh.store.database import Store
from evmesh.store.secrets import hash_of
from evmesh.transport.auth import CACHE_SECONDS, Tokens, authorization, tokens_in
from evmesh.transport.routing import OPERATIONS

VERSIONS = OPERATIONS["versions.list"]
LOCATIONS = OPERATIONS["locations.sender.list"]
tokens = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


def test_the_samples_are_right_but_for_the_line_break() -> None:
    assert authorization("example-token", base64_token=True) == "Token ZXhhbXBsZS10b2tlbg=="
    assert authorization("example-token\n", base64_token=True) == "Token ZXhhbXBsZS10b2tlbg=="
    assert "example-token" in tokens_in("Token ZXhhbXBsZS10b2tlbgo=")


@given(tokens, st.booleans())
def test_what_we_say_we_would_understand(token: str, base64_token: bool) -> None:
    header = authorization(token, base64_token=base64_token)
    assert header.isprintable()
    assert token in tokens_in(header)


@pytest.mark.parametrize("token", ["with space", "line\nbreak", "käse", ""])
def test_a_token_that_no_header_can_carry_is_not_sent_plainly(token: str) -> None:
    with pytest.raises(ValueError, match="header"):
        authorization(token, base64_token=False)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        "Token  abc",
        "Bearer abc",
        "abc",
        "Token abc def",
        "Token\tabc",
        "Token " + "a" * 600,
    ],
)
def test_only_the_exact_form_is_accepted(header: str | None) -> None:
    assert tokens_in(header) == []


def test_padding_that_was_forgotten_is_added() -> None:
    assert "example-token" in tokens_in("Token ZXhhbXBsZS10b2tlbg")


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'evmesh.db'}", b"key")
    yield store
    await store.close()


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def authenticate(store: Store, stopwatch: Stopwatch) -> Tokens:
    return Tokens(partial(recognise, store), monotonic=stopwatch)


async def partner(store: Store, status: str = "registered", **our_tokens: str) -> Partner:
    """A partner with tokens of ours, given by purpose."""

    def write(tx: partners.Tx) -> Partner:
        new = partners.insert(tx, "emsp", status=status, release="2.2.1")
        for purpose, token in our_tokens.items():
            partners.add_our_token(tx, new.id, hash_of(token), purpose)  # type: ignore[arg-type]
        return new

    return await store.write(write)


async def who(authenticate: Tokens, token: str, operation: object = LOCATIONS) -> str | None:
    caller = await authenticate(f"Token {token}", operation)  # type: ignore[arg-type]
    return None if caller is None else caller.partner.name


async def test_a_token_is_known_in_both_forms(store: Store, authenticate: Tokens) -> None:
    await partner(store, C="secret")
    for header in (authorization("secret", base64_token=True), authorization("secret", base64_token=False)):
        caller = await authenticate(header, LOCATIONS)
        assert caller is not None
        assert (caller.partner.name, caller.token.hash) == ("emsp", hash_of("secret"))
    assert await who(authenticate, "other") is None


async def test_an_invitation_opens_versions_but_no_other_module(store: Store, authenticate: Tokens) -> None:
    await partner(store, "invited", A="invited")
    assert await who(authenticate, "invited", VERSIONS) == "emsp"
    assert await who(authenticate, "invited") is None


async def test_the_first_request_with_a_new_token_ends_the_old_one(store: Store, authenticate: Tokens) -> None:
    """Also when the old one was used a moment ago and is remembered."""
    await partner(store, A="first", C="second")
    assert await who(authenticate, "second") == "emsp"
    assert await who(authenticate, "second") == "emsp"
    emsp = await store.read(lambda tx: partners.by_name(tx, "emsp"))
    assert emsp is not None
    await store.write(lambda tx: partners.add_our_token(tx, emsp.id, hash_of("third"), "C"))
    assert await who(authenticate, "second") == "emsp"
    assert await who(authenticate, "third") == "emsp"
    assert await who(authenticate, "second") is None
    assert await who(authenticate, "first", VERSIONS) is None


async def test_a_busy_partner_is_looked_up_once_and_a_change_is_noticed_soon(
    store: Store, stopwatch: Stopwatch
) -> None:
    looks = 0

    async def counted(token: str, operation: object) -> object:
        nonlocal looks
        looks += 1
        return await recognise(store, token, operation)  # type: ignore[arg-type]

    authenticate = Tokens(counted, monotonic=stopwatch)  # type: ignore[arg-type]
    emsp = await partner(store, C="secret")
    for _ in range(5):
        assert await who(authenticate, "secret") == "emsp"
    assert looks == 2  # the first use, which changes something, and one to remember
    emsp.status = "suspended"
    await store.write(lambda tx: partners.save(tx, emsp))
    stopwatch.seconds += CACHE_SECONDS
    assert await who(authenticate, "secret") is None


async def test_what_was_changed_here_can_be_forgotten_at_once(store: Store, authenticate: Tokens) -> None:
    emsp = await partner(store, C="secret")
    await who(authenticate, "secret")
    await who(authenticate, "secret")
    await store.write(lambda tx: partners.remove(tx, emsp.id))
    authenticate.forget()
    assert await who(authenticate, "secret") is None


async def test_a_handshake_always_looks(store: Store, authenticate: Tokens) -> None:
    emsp = await partner(store, C="secret")
    await who(authenticate, "secret")
    await who(authenticate, "secret")
    await store.write(lambda tx: partners.remove(tx, emsp.id))
    assert await who(authenticate, "secret", OPERATIONS["credentials.update"]) is None
