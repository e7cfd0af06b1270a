"""Partners and tokens: who is who, what is secret, what a removal leaves."""

import pytest
from sqlalchemy import Connection, select

from evmesh.ports import Partner
from evmesh.store import aside, deliveries, objects, partners, pulls
from evmesh.store.database import Store, sqlite_path
from evmesh.store.errors import WrongKey
from evmesh.store.schema import partners as table
from evmesh.store.secrets import hash_of
from tests.store.conftest import KEY, NOON, SetClock
from tests.store.objects_to_keep import put

ROLES = [{"role": "EMSP", "country_code": "DE", "party_id": "EMS", "business_details": {"name": "E", "x-own": 1}}]
ENDPOINTS = [{"identifier": "tokens", "role": "SENDER", "url": "https://ems.example/tokens"}]


async def invite(store: Store, name: str = "EMS") -> Partner:
    return await store.write(lambda tx: partners.insert(tx, name, our_role="CPO", our_party=("SE", "VLT")))


async def test_a_partner_is_kept_as_it_is(store: Store, clock: SetClock) -> None:
    invited = await invite(store)
    assert (invited.status, invited.created_at, invited.our_party) == ("invited", NOON, ("SE", "VLT"))
    clock.forward(1)

    def register(tx: Connection) -> Partner:
        partner = partners.by_name(tx, "EMS")
        assert partner == invited
        partner.status, partner.release, partner.base64_token = "registered", "2.2.1", False
        partner.roles, partner.endpoints, partner.versions_url = ROLES, ENDPOINTS, "https://ems.example/versions"
        return partners.save(tx, partner)

    saved = await store.write(register)
    assert (saved.created_at, saved.updated_at) == (NOON, clock())
    assert await store.read(lambda tx: partners.get(tx, invited.id)) == saved
    assert await store.read(partners.all_partners) == [saved]


async def test_a_name_is_taken_once(store: Store) -> None:
    await invite(store)
    with pytest.raises(partners.NameTaken, match="EMS"):
        await invite(store)


async def test_a_partner_that_is_not_there(store: Store) -> None:
    assert await store.read(lambda tx: partners.get(tx, 7)) is None
    assert await store.read(lambda tx: partners.by_name(tx, "nobody")) is None
    assert await store.read(lambda tx: partners.their_token(tx, 7)) is None
    with pytest.raises(LookupError):
        await store.write(lambda tx: partners.save(tx, Partner(id=7, name="nobody")))


async def test_their_token_is_known_to_us_and_not_readable_in_the_database(store: Store) -> None:
    partner = await invite(store)
    token = "their-token-åäö-0123456789"
    await store.write(lambda tx: partners.set_their_token(tx, partner.id, token))
    assert await store.read(lambda tx: partners.their_token(tx, partner.id)) == token
    kept = await store.read(lambda tx: tx.scalars(select(table.c.their_token)).one())
    assert kept is not None
    assert token not in kept
    await store.write(lambda tx: partners.set_their_token(tx, partner.id, None))
    assert await store.read(lambda tx: partners.their_token(tx, partner.id)) is None


async def test_no_token_stands_in_the_file(sqlite_database_url: str) -> None:
    """Neither theirs nor ours, neither in the database nor in its log."""
    store = await Store.open(sqlite_database_url, KEY)
    partner = await invite(store)
    theirs, ours = "theirs-0123456789abcdef", "ours-0123456789abcdef"
    await store.write(lambda tx: partners.set_their_token(tx, partner.id, theirs))
    await store.write(lambda tx: partners.add_our_token(tx, partner.id, hash_of(ours), "C"))
    path = sqlite_path(sqlite_database_url)
    assert path is not None
    files = list(path.parent.glob("evmesh.db*"))
    content = b"".join(file.read_bytes() for file in files)
    await store.close()
    content += path.read_bytes()
    assert b"EMS" in content, "the file was looked into"
    assert theirs.encode() not in content
    assert ours.encode() not in content


async def test_another_secret_key_opens_no_token(database_url: str) -> None:
    store = await Store.open(database_url, KEY)
    partner = await invite(store)
    await store.write(lambda tx: partners.set_their_token(tx, partner.id, "a token"))
    await store.close()
    store = await Store.open(database_url, b"another key")
    with pytest.raises(WrongKey, match=r"evmesh\.toml"):
        await store.read(lambda tx: partners.their_token(tx, partner.id))
    await store.close()


async def test_our_token_says_who_calls(store: Store, clock: SetClock) -> None:
    partner = await invite(store)
    await store.write(lambda tx: partners.add_our_token(tx, partner.id, hash_of("A"), "A"))
    found = await store.read(lambda tx: partners.by_token(tx, hash_of("A")))
    assert found is not None
    who, token = found
    assert (who, token.purpose, token.used_at) == (partner, "A", None)
    assert await store.read(lambda tx: partners.by_token(tx, hash_of("a"))) is None

    clock.forward(1)
    await store.write(lambda tx: partners.token_used(tx, hash_of("A")))
    first_use = clock()
    clock.forward(1)
    await store.write(lambda tx: partners.token_used(tx, hash_of("A")))
    (token,) = await store.read(lambda tx: partners.our_tokens(tx, partner.id))
    assert token.used_at == first_use


async def test_old_tokens_live_until_they_are_retired(store: Store) -> None:
    partner, other = await invite(store), await invite(store, "another")

    def give(tx: Connection) -> None:
        for name in ("A", "C", "newer C"):
            partners.add_our_token(tx, partner.id, hash_of(name), "A" if name == "A" else "C")
        partners.add_our_token(tx, other.id, hash_of("other"), "C")

    async def alive() -> list[str]:
        names = ["A", "C", "newer C", "other"]
        found = {n: await store.read(lambda tx, n=n: partners.by_token(tx, hash_of(n))) for n in names}  # type: ignore[misc]
        return [name for name in names if found[name]]

    await store.write(give)
    assert await alive() == ["A", "C", "newer C", "other"]
    await store.write(lambda tx: partners.retire_token(tx, hash_of("A")))
    assert await alive() == ["C", "newer C", "other"]
    assert await store.write(lambda tx: partners.retire_tokens(tx, partner.id, but=hash_of("newer C"))) == 1
    assert await alive() == ["newer C", "other"]


async def test_a_removed_partner_leaves_what_is_money(store: Store) -> None:
    partner = await invite(store)

    def fill(tx: Connection) -> None:
        partners.set_their_token(tx, partner.id, "theirs")
        partners.add_our_token(tx, partner.id, hash_of("ours"), "C")
        for kind in ("locations", "tariffs", "tokens", "sessions", "cdrs"):
            put("A", kind=kind, partner_id=partner.id)(tx)
        _, held = put("ours")(tx)
        deliveries.lack(tx, partner.id, held.seq, "locations")
        aside.keep(tx, partner.id, "cdrs", None, "{", [])
        pulls.record(tx, partner.id, "cdrs", "complete")

    await store.write(fill)
    await store.write(lambda tx: partners.remove(tx, partner.id))
    assert await store.read(partners.all_partners) == []
    kept = await store.read(lambda tx: partners.get(tx, partner.id))
    assert kept is not None
    assert kept.status == "removed"
    assert await store.read(lambda tx: partners.by_token(tx, hash_of("ours"))) is None
    assert await store.read(lambda tx: partners.their_token(tx, partner.id)) is None
    assert await store.read(lambda tx: deliveries.listing(tx)) == []
    assert await store.read(lambda tx: aside.listing(tx)) == []
    assert await store.read(lambda tx: pulls.all_pulls(tx)) == []
    counts = await store.read(objects.counts)
    assert counts == {("sessions", partner.id): 1, ("cdrs", partner.id): 1, ("locations", 0): 1}

    again = await invite(store)
    assert again.id != partner.id, "the name is free again, and means somebody else"


async def test_the_first_use_of_a_token_ends_those_before_it(store: Store) -> None:
    """Given in the same moment, they still have an order."""
    partner = await invite(store)
    for name in ("older", "this", "newer"):
        await store.write(lambda tx, n=name: partners.add_our_token(tx, partner.id, hash_of(n), "B"))  # type: ignore[misc]
    assert await store.write(lambda tx: partners.retire_older_tokens(tx, hash_of("this"))) == 1
    await store.write(lambda tx: partners.token_given(tx, hash_of("this")))
    tokens = await store.read(lambda tx: partners.our_tokens(tx, partner.id))
    assert [(token.purpose, token.retired_at is None) for token in tokens] == [("B", False), ("C", True), ("B", True)]


async def test_a_connection_that_never_came_about_leaves_nothing(store: Store) -> None:
    partner = await invite(store)
    await store.write(lambda tx: partners.add_our_token(tx, partner.id, hash_of("A"), "A"))
    await store.write(lambda tx: partners.forget(tx, partner.id))
    assert await store.read(lambda tx: partners.all_partners(tx, removed=True)) == []
    assert await store.read(lambda tx: partners.our_tokens(tx, partner.id)) == []
