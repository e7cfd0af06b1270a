"""Objects: put by put, found by key, marked when they are gone."""

import pytest
from sqlalchemy import Connection

from evmesh.store import objects
from evmesh.store.database import Store
from evmesh.store.objects import Outcome
from evmesh.store.transaction import current_change
from tests.store.conftest import SetClock
from tests.store.objects_to_keep import at, put


async def test_a_first_put_creates_and_a_second_replaces(store: Store) -> None:
    created, first = await store.write(put("A"))
    replaced, second = await store.write(put("A", minutes=1, text='{"id":"A","name":"new"}'))
    assert (created, replaced) == (Outcome.CREATED, Outcome.REPLACED)
    assert second.seq == first.seq
    assert second.change > first.change
    assert second.document == '{"id":"A","name":"new"}'
    assert second.last_updated == at(1)


async def test_an_older_object_changes_nothing(store: Store) -> None:
    _, held = await store.write(put("A", minutes=5))
    outcome, kept = await store.write(put("A", minutes=4, text='{"id":"A","name":"old"}'))
    assert outcome is Outcome.STALE
    assert kept == held
    assert await store.read(current_change) == held.change


async def test_an_older_object_may_be_let_in(store: Store) -> None:
    await store.write(put("A", minutes=5))
    outcome, held = await store.write(put("A", minutes=4, text='{"id":"A","name":"old"}', refuse_stale=False))
    assert (outcome, held.last_updated) == (Outcome.REPLACED, at(4))


async def test_an_equal_last_updated_is_accepted(store: Store) -> None:
    await store.write(put("A"))
    outcome, held = await store.write(put("A", text='{"id":"A","name":"another"}'))
    assert (outcome, held.document) == (Outcome.REPLACED, '{"id":"A","name":"another"}')


async def test_the_same_again_is_no_change(store: Store) -> None:
    _, held = await store.write(put("A", wire="{}"))
    outcome, again = await store.write(put("A", wire="{}"))
    assert outcome is Outcome.UNCHANGED
    assert again == held
    assert await store.read(current_change) == held.change


async def test_another_wire_document_is_a_change(store: Store) -> None:
    await store.write(put("A", wire=None))
    outcome, held = await store.write(put("A", wire='{"id" : "A"}'))
    assert outcome is Outcome.REPLACED
    assert held.wire_or_document == '{"id" : "A"}'


async def test_documents_are_kept_to_the_letter(store: Store) -> None:
    text = '{"id":"A",  "price": 1.10, "big": 12345678901234.1234567, "name": "Ö\\u0000 ☃"}'
    _, held = await store.write(put("A", text=text))
    found = await store.read(lambda tx: objects.by_seq(tx, held.seq))
    assert found is not None
    assert found.document == text


async def test_the_same_key_of_another_partner_is_another_object(store: Store) -> None:
    for partner_id in (0, 1, 2):
        outcome, _ = await store.write(put("A", partner_id=partner_id, text=f'{{"of":{partner_id}}}'))
        assert outcome is Outcome.CREATED

    def owner(tx: Connection, partner_id: int | None) -> str | None:
        held = objects.get(tx, "locations", "se*vlt*a", partner_id)
        return held and held.document

    assert await store.read(lambda tx: owner(tx, 2)) == '{"of":2}'
    assert await store.read(lambda tx: owner(tx, None)) == '{"of":0}', "ours comes first"
    assert await store.read(lambda tx: owner(tx, 3)) is None


async def test_an_object_is_found_by_its_id_in_any_case(store: Store) -> None:
    await store.write(put("Abc", kind="tokens", partner_id=2))
    await store.write(put("aBC", kind="tokens", partner_id=1, party="NL*EMS"))
    found = await store.read(lambda tx: objects.find(tx, "tokens", "ABC"))
    assert [held.partner_id for held in found] == [1, 2]


async def test_what_is_gone_is_marked_and_comes_back_with_a_put(store: Store, clock: SetClock) -> None:
    _, held = await store.write(put("A", kind="tariffs"))
    assert await store.write(lambda tx: objects.remove(tx, held.seq))
    assert await store.read(lambda tx: objects.get(tx, "tariffs", held.key)) is None
    gone = await store.read(lambda tx: objects.get(tx, "tariffs", held.key, absent=True))
    assert gone is not None
    assert gone.absent_since == clock()
    assert gone.change > held.change
    assert not await store.write(lambda tx: objects.remove(tx, held.seq)), "it is gone already"

    outcome, back = await store.write(put("A", kind="tariffs"))
    assert outcome is Outcome.REPLACED
    assert (back.seq, back.absent_since) == (held.seq, None)


async def test_come_back_without_a_new_document(store: Store) -> None:
    _, held = await store.write(put("A"))
    await store.write(lambda tx: objects.remove(tx, held.seq))
    await store.write(lambda tx: objects.come_back(tx, held.seq))
    assert await store.read(lambda tx: objects.get(tx, "locations", held.key)) is not None


async def test_a_complete_list_marks_what_it_no_longer_has(store: Store) -> None:
    for name in "ABC":
        await store.write(put(name, partner_id=1))
    await store.write(put("B", partner_id=2))
    await store.write(put("B"))
    begun = await store.read(current_change)
    await store.write(put("D", partner_id=1))  # while the list was being read

    gone = await store.write(
        lambda tx: objects.mark_absent(tx, "locations", 1, {"se*vlt*a", "se*vlt*c"}, unchanged_since=begun)
    )
    assert len(gone) == 1
    left = await store.read(lambda tx: objects.listing(tx, "locations", partner_id=1))
    assert [held.id for held in left] == ["A", "C", "D"]
    assert len(await store.read(lambda tx: objects.find(tx, "locations", "B"))) == 2, "others' stay"


async def test_marking_works_for_more_than_a_statement_can_carry(store: Store) -> None:
    def many(tx: Connection) -> None:
        for number in range(2500):
            put(f"L{number}", partner_id=1)(tx)

    await store.write(many)
    begun = await store.read(current_change)
    gone = await store.write(lambda tx: objects.mark_absent(tx, "locations", 1, set(), unchanged_since=begun))
    assert len(gone) == 2500
    assert await store.read(objects.counts) == {}


async def test_listings_by_whose_they_are(store: Store) -> None:
    await store.write(put("ours", kind="sessions", token_party="de*ems"))
    await store.write(put("theirs", kind="sessions", partner_id=1, party="NL*ABC"))
    await store.write(put("others", kind="sessions", partner_id=2, party="NL*DEF"))

    async def listed(**wanted: object) -> list[str]:
        found = await store.read(lambda tx: objects.listing(tx, "sessions", **wanted))  # type: ignore[arg-type]
        return [held.id for held in found]

    assert await listed() == ["ours"]
    assert await listed(theirs=True) == ["theirs", "others"]
    assert await listed(partner_id=2) == ["others"]
    assert await listed(theirs=True, owner="nl*abc") == ["theirs"]
    assert await listed(token_party="DE*EMS") == ["ours"]
    assert await listed(theirs=True, limit=1) == ["theirs"]
    assert await store.read(objects.counts) == {("sessions", 0): 1, ("sessions", 1): 1, ("sessions", 2): 1}


async def test_changes_are_numbered_in_the_order_in_which_they_are_written(store: Store) -> None:
    held = [(await store.write(put(f"L{n}")))[1] for n in range(5)]
    assert [h.change for h in held] == sorted({h.change for h in held})
    assert [h.seq for h in held] == sorted({h.seq for h in held})
    assert await store.read(current_change) == held[-1].change


async def test_a_naive_time_is_refused(store: Store) -> None:
    def naive(tx: Connection) -> None:
        objects.put(tx, "cdrs", 0, "SE", "VLT", "1", "1", "{}", None, "2.2.1", at(0).replace(tzinfo=None))

    with pytest.raises(Exception, match="no time zone"):
        await store.write(naive)


def test_parties_are_written_in_one_way() -> None:
    assert objects.party("se", "Vlt") == "SE*VLT"


async def test_a_token_is_found_by_its_contract(store: Store) -> None:
    await store.write(put("theirs", kind="tokens", partner_id=1, contract_id="DE-EMS-C1"))
    await store.write(put("ours", kind="tokens", contract_id="DE-EMS-C2"))
    await store.write(put("none", kind="tokens"))

    async def found(contract_id: str) -> str | None:
        held = await store.read(lambda tx: objects.token_of_contract(tx, contract_id))
        return held and held.id

    assert await found("de-ems-c1") == "theirs"
    assert await found("DE-EMS-C2") == "ours"
    assert await found("DE-EMS-C3") is None
    await store.write(put("ours", kind="tokens", minutes=1, contract_id="DE-EMS-C3"))
    assert await found("DE-EMS-C2") is None
