"""Our own objects: stored with what partners then lack, and told until nothing is lacking."""

from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Document, NotYet, Partner, Push
from evmesh.roaming import publish
from evmesh.roaming.node import Node
from evmesh.store import deliveries, objects, partners
from evmesh.store.deliveries import Delivery
from evmesh.store.objects import Held, Outcome
from tests.roaming.calls import (
    EMS,
    RELEASES,
    Clock,
    befriend,
    cdr,
    connector,
    document_of,
    evse,
    location,
    period,
    session,
    stamp,
    tariff,
    token,
)

OURS = ("SE", "VLT")


async def published(node: Node, kind: str, document: Document) -> Held:
    def run(tx: Any) -> Held:
        return publish.publish(tx, node, kind, document, partners=partners.all_partners(tx))

    return await node.store.write(run)


async def lacking(node: Node) -> list[tuple[int, int, str]]:
    rows = await node.store.read(lambda tx: deliveries.listing(tx))
    return [(row.partner_id, row.seq, row.action) for row in rows]


async def next_push(node: Node, partner: Partner, *, patch_allowed: bool = True) -> tuple[Delivery, Push | None]:
    """Begin the partner's next delivery, as the delivery loop does."""
    (begun,) = await node.store.write(lambda tx: deliveries.due(tx, node.clock(), 1, 60.0))
    return begun, await publish.prepare(node, partner, begun, patch_allowed=patch_allowed)


async def arrived(node: Node, begun: Delivery, push: Push | None) -> None:
    if push is None:
        await node.store.write(lambda tx: deliveries.forgo(tx, begun.id, begun.change))
    else:
        await node.store.write(lambda tx: deliveries.delivered(tx, begun.id, push.change, push.told))


async def deliver(node: Node, partner: Partner) -> Push | None:
    begun, push = await next_push(node, partner)
    await arrived(node, begun, push)
    return push


def body(push: Push | None) -> Document:
    assert push is not None
    assert push.body is not None
    document: Document = wire.decode(push.body)
    return document


async def test_an_object_and_what_partners_lack_are_written_together(node: Node) -> None:
    one, two = await befriend(node, "one"), await befriend(node, "two", "2.1.1")
    await befriend(node, "cpo", roles=(("CPO", ("DE", "CPO")),))

    held = await published(node, "locations", location())

    assert await lacking(node) == [(one.id, held.seq, "put"), (two.id, held.seq, "put")]


async def test_neither_is_there_when_the_transaction_fails(node: Node) -> None:
    await befriend(node)

    def run(tx: Any) -> None:
        publish.publish(tx, node, "locations", location(), partners=partners.all_partners(tx))
        raise RuntimeError("after all not")

    with pytest.raises(RuntimeError):
        await node.store.write(run)
    assert await lacking(node) == []
    assert await node.store.read(lambda tx: objects.listing(tx, "locations")) == []


async def test_what_is_not_ours_is_refused(node: Node) -> None:
    with pytest.raises(publish.NotOurs, match=r"DE\*XXX"):
        await published(node, "locations", location(("DE", "XXX")))


async def test_nothing_new_and_nothing_older_is_lacking(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "tariffs", tariff(at=5))
    await deliver(node, partner)

    same = await node.store.write(lambda tx: publish.put_own(tx, node, "tariffs", tariff(at=5), partners=[partner]))
    stale = await node.store.write(
        lambda tx: publish.put_own(tx, node, "tariffs", tariff(at=4, currency="EUR"), partners=[partner])
    )

    assert (same[0], stale[0]) == (Outcome.UNCHANGED, Outcome.STALE)
    assert await lacking(node) == []


async def test_last_updated_rises_from_connector_to_location(node: Node) -> None:
    plug = connector("1", at=7)
    held = await published(node, "locations", location(evses=[evse("E1", connectors=[plug]), evse("E2", at=3)]))

    document = document_of(held)
    assert [document["evses"][0]["last_updated"], document["evses"][1]["last_updated"]] == [stamp(7), stamp(3)]
    assert document["last_updated"] == stamp(7)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("kind", "operation", "id"),
    [
        ("locations", "locations.receiver.put_location", {"location_id": "LOC1"}),
        ("tariffs", "tariffs.receiver.put", {"tariff_id": "T1"}),
        ("sessions", "sessions.receiver.put", {"session_id": "S1"}),
    ],
)
async def test_a_new_object_is_put_whole(
    node: Node, release: str, kind: str, operation: str, id: dict[str, str]
) -> None:
    document = {"locations": location, "tariffs": tariff, "sessions": session}[kind]()
    await published(node, "locations", location())
    partner = await befriend(node, release=release)
    await published(node, kind, {**document, "last_updated": stamp(1)})

    push = await deliver(node, partner)

    assert push is not None
    assert (push.operation, push.query, push.patch) == (operation, {}, False)
    assert push.path == {"country_code": "SE", "party_id": "VLT", **id}
    assert (
        wire.check({"locations": "Location", "tariffs": "Tariff", "sessions": "Session"}[kind], body(push), release)
        == []
    )
    assert await lacking(node) == []


async def test_a_cdr_is_posted(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "cdrs", cdr())

    push = await deliver(node, partner)

    assert push is not None
    assert (push.operation, push.path) == ("cdrs.receiver.post", {})


@pytest.mark.parametrize(("release", "query"), [("2.1.1", {}), ("2.2.1", {"type": "APP_USER"})])
async def test_a_token_names_its_type_where_the_release_can(node: Node, release: str, query: dict[str, str]) -> None:
    partner = await befriend(node, release=release, roles=(("CPO", EMS),))
    await published(node, "tokens", token(OURS, type="APP_USER"))

    push = await deliver(node, partner)

    assert push is not None
    assert push.query == query
    assert push.path["token_uid"] == "04AABBCC"


async def test_a_change_is_a_patch_the_first_time_and_a_put_afterwards(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "locations", location())
    await deliver(node, partner)
    plugs = evse()["connectors"]
    await published(node, "locations", location(evses=[evse("E1", "CHARGING", at=5, connectors=plugs), evse("E2")]))

    begun, patch = await next_push(node, partner)
    put = await publish.prepare(node, partner, begun, patch_allowed=False)

    assert patch is not None
    assert put is not None
    assert (patch.operation, patch.patch) == ("locations.receiver.patch_evse", True)
    assert patch.path == {"country_code": "SE", "party_id": "VLT", "location_id": "LOC1", "evse_uid": "E1"}
    assert body(patch) == {"status": "CHARGING", "last_updated": stamp(5)}
    assert (put.operation, put.patch, put.told) == ("locations.receiver.put_location", False, patch.told)


@pytest.mark.parametrize(("release", "parties"), [("2.3.0", (OURS, EMS)), ("2.1.1", (None, None))])
async def test_owner_and_token_party_speak_to_each_other(node: Node, release: str, parties: tuple[Any, Any]) -> None:
    partner = await befriend(node, "partner", release)
    await published(node, "locations", location())
    await deliver(node, partner)
    for kind, document in (("sessions", session()), ("cdrs", cdr())):
        await published(node, kind, document)
        push = await deliver(node, partner)
        assert push is not None
        assert (push.from_party, push.to_party) == parties


async def test_ten_changes_while_a_partner_is_away_are_one_push(node: Node) -> None:
    partner = await befriend(node)
    for n in range(10):
        await published(node, "sessions", session(at=n, kwh=n))

    push = await deliver(node, partner)

    assert body(push)["kwh"] == 9
    assert await lacking(node) == []


async def test_a_session_grows_by_patches(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "sessions", session())
    await deliver(node, partner)
    await published(node, "sessions", session(at=15, kwh=2, charging_periods=[period(), period(15)]))

    push = await deliver(node, partner)

    assert body(push) == {"kwh": 2, "charging_periods": [period(15)], "last_updated": stamp(15)}


async def test_a_change_back_to_what_was_told_sends_nothing(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "tariffs", tariff())
    await deliver(node, partner)
    for at, currency in ((0, "EUR"), (0, "SEK")):
        await published(node, "tariffs", tariff(at=at, currency=currency))

    assert await deliver(node, partner) is None
    assert await lacking(node) == []


async def test_after_a_change_of_release_the_whole_is_sent(node: Node) -> None:
    partner = await befriend(node, release="2.2.1")
    await published(node, "locations", location())
    await deliver(node, partner)
    partner.release = "2.3.0"
    await node.store.write(lambda tx: partners.save(tx, partner))
    await published(node, "locations", location(at=1, name="B"))

    push = await deliver(node, partner)

    assert push is not None
    assert push.operation == "locations.receiver.put_location"


async def test_a_tariff_that_is_gone_is_deleted(node: Node) -> None:
    knows = await befriend(node, "knows")
    held = await published(node, "tariffs", tariff())
    await deliver(node, knows)

    await node.store.write(lambda tx: publish.retract(tx, node, held))
    push = await deliver(node, knows)

    assert push is not None
    assert (push.operation, push.body, push.told) == ("tariffs.receiver.delete", None, None)
    assert push.path == {"country_code": "SE", "party_id": "VLT", "tariff_id": "T1"}
    assert await lacking(node) == []


@pytest.mark.parametrize("release", RELEASES)
async def test_who_may_have_pulled_what_is_gone_is_told_too(node: Node, release: str) -> None:
    emsp = await befriend(node, "emsp", release)
    cpo = await befriend(node, "cpo", release, roles=(("CPO", EMS),))

    async def gone(kind: str, document: Document, partner: Partner) -> Push | None:
        held = await node.store.write(lambda tx: publish.publish(tx, node, kind, document, partners=[]))
        await node.store.write(lambda tx: publish.retract(tx, node, held))
        return await deliver(node, partner)

    evses = body(await gone("locations", location(), emsp))["evses"]
    deleted = await gone("tariffs", tariff(), emsp)
    card = body(await gone("tokens", token(OURS), cpo))

    assert [each["status"] for each in evses] == ["REMOVED", "REMOVED"]
    assert deleted is not None
    assert deleted.operation == "tariffs.receiver.delete"
    assert card["valid"] is False
    assert await lacking(node) == []


async def test_what_a_partner_could_never_see_is_not_taken_back_from_it(node: Node) -> None:
    old = await befriend(node, "old", "2.1.1")
    await befriend(node, "cpo", roles=(("CPO", EMS),))
    private = await published(node, "locations", location(publish=False))

    await node.store.write(lambda tx: publish.retract(tx, node, private))

    assert {partner for partner, _, _ in await lacking(node)} == {old.id}
    assert await deliver(node, old) is None


async def test_a_location_that_is_gone_has_its_evses_removed(node: Node, clock: Clock) -> None:
    partner = await befriend(node)
    held = await published(node, "locations", location())
    await deliver(node, partner)

    await node.store.write(lambda tx: publish.retract(tx, node, held))
    said = body(await deliver(node, partner))

    assert [each["status"] for each in said["evses"]] == ["REMOVED", "REMOVED"]
    assert await lacking(node) == []


async def test_a_token_that_is_gone_becomes_invalid(node: Node) -> None:
    partner = await befriend(node, roles=(("CPO", EMS),))
    held = await published(node, "tokens", token(OURS))
    await deliver(node, partner)

    await node.store.write(lambda tx: publish.retract(tx, node, held))

    assert body(await deliver(node, partner))["valid"] is False


async def test_a_location_that_becomes_private_is_retracted_in_2_1_1_and_can_return(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await published(node, "locations", location())
    await deliver(node, partner)

    await published(node, "locations", location(at=5, publish=False))
    retracted = body(await deliver(node, partner))
    await published(node, "locations", location(at=6, publish=False, name="still private"))
    (begun,) = await node.store.write(lambda tx: deliveries.due(tx, node.clock(), 1, 60.0))
    with pytest.raises(wire.Unsayable):
        await publish.prepare(node, partner, begun, patch_allowed=True)
    await node.store.write(lambda tx: deliveries.forgo(tx, begun.id, begun.change))
    await published(node, "locations", location(at=7))
    returned = body(await deliver(node, partner))

    assert {each["status"] for each in retracted["evses"]} == {"REMOVED"}
    assert retracted["last_updated"] == stamp(5)
    assert {each["last_updated"] for each in retracted["evses"]} == {stamp(5)}
    assert {each["status"] for each in returned["evses"]} == {"AVAILABLE"}


async def test_a_tariff_that_2_1_1_can_no_longer_say_is_deleted_there(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await published(node, "tariffs", tariff())
    await deliver(node, partner)
    await published(node, "tariffs", tariff(at=1, min_price={"before_taxes": 5}))

    push = await deliver(node, partner)

    assert push is not None
    assert push.operation == "tariffs.receiver.delete"


async def test_what_was_never_sayable_is_withheld(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await published(node, "locations", location(publish=False))

    with pytest.raises(wire.Unsayable):
        await next_push(node, partner)


async def test_a_session_waits_for_its_location_in_2_1_1(node: Node) -> None:
    partner = await befriend(node, release="2.1.1")
    await published(node, "sessions", session())

    with pytest.raises(wire.NeedsObject):
        await next_push(node, partner)


async def test_a_tariff_of_the_future_waits_for_its_day_in_2_1_1(node: Node, clock: Clock) -> None:
    partner = await befriend(node, release="2.1.1")
    await published(node, "tariffs", tariff(start_date_time=stamp(60)))
    (begun,) = await node.store.write(lambda tx: deliveries.due(tx, node.clock(), 1, 60.0))

    with pytest.raises(NotYet) as wait:
        await publish.prepare(node, partner, begun, patch_allowed=True)
    clock.moment = wait.value.due_at
    push = await publish.prepare(node, partner, begun, patch_allowed=True)

    assert body(push)["id"] == "T1"


async def test_who_no_longer_sees_an_object_is_told_nothing(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "sessions", session())
    partner.roles = [{"role": "EMSP", "country_code": "DE", "party_id": "NEW"}]

    assert (await next_push(node, partner))[1] is None


async def test_an_evse_changes_its_status(node: Node) -> None:
    partner = await befriend(node)
    await published(node, "locations", location())
    await deliver(node, partner)

    def run(tx: Any, uid: str = "e1", minutes: float = 5, status: str = "CHARGING") -> Held | None:
        at = node.clock().replace(minute=int(minutes))
        return publish.set_evse_status(tx, node, (*OURS, "loc1"), uid, status, at, partners=partners.all_partners(tx))

    document = document_of(await node.store.write(run))
    push = await deliver(node, partner)
    await node.store.write(run)

    assert [each["status"] for each in document["evses"]] == ["CHARGING", "AVAILABLE"]
    assert document["last_updated"] == document["evses"][0]["last_updated"] == stamp(5)
    assert body(push) == {"status": "CHARGING", "last_updated": stamp(5)}
    assert await lacking(node) == []
    assert await node.store.write(lambda tx: run(tx, "unknown")) is None
    late = document_of(await node.store.write(lambda tx: run(tx, "E1", 2, "AVAILABLE")))
    assert late["last_updated"] == stamp(5)
