"""The generic Receiver, on all releases: what is stored, what is refused, what changes nothing."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.status_codes import InvalidParameter, NotFound, NotJson
from evmesh.ports import Document, Partner
from evmesh.roaming import receive
from evmesh.roaming.node import Node
from evmesh.store import objects, partners
from tests.roaming.calls import (
    EMS,
    RELEASES,
    befriend,
    call,
    data,
    document_of,
    location,
    period,
    say,
    session,
    stamp,
    tariff,
    with_fields,
)

NRD = ("NO", "NRD")
TARIFF = ("Tariff", "tariffs", ("T1",))
SESSION = ("Session", "sessions", ("S1",))
LOCATION = ("Location", "locations", ("LOC1",))
CPO = (("CPO", EMS),)


@pytest.mark.parametrize("release", RELEASES)
async def test_what_was_put_is_got_back_as_it_was_said(node: Node, release: str) -> None:
    partner = await befriend(node, release=release, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), release)
    said["x_unknown"] = {"kept": [1, Decimal("2.50")]}

    answer = await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=said), *TARIFF)
    got = await receive.get(node, call(partner, "tariffs.receiver.get", *EMS, "T1"), *TARIFF)

    assert (answer.status_code, answer.data) == (1000, None)
    assert data(got) == said


async def test_a_canonical_document_is_kept_beside_the_wire(node: Node) -> None:
    partner = await befriend(node, release="2.1.1", roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.1.1")

    await receive.put(node, call(partner, "tariffs.receiver.put", "se", "ems", "T1", body=said), *TARIFF)

    held = await node.store.read(lambda tx: objects.find(tx, "tariffs", "T1"))
    assert document_of(held[0])["country_code"] == "SE"
    assert document_of(held[0])["tax_included"] == "NO"
    assert wire.decode(held[0].wire_or_document) == said


async def test_the_party_in_the_path_must_be_the_callers(node: Node) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(NRD), "2.2.1")

    with pytest.raises(NotFound) as refusal:
        await receive.put(node, call(partner, "tariffs.receiver.put", *NRD, "T1", body=said), *TARIFF)

    assert refusal.value.http_status == 404
    assert await node.store.read(lambda tx: objects.find(tx, "tariffs", "T1")) == []


@pytest.mark.parametrize("field", ["country_code", "party_id", "id"])
async def test_path_and_body_must_agree(node: Node, field: str) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.2.1")
    said[field] = "XX"

    with pytest.raises(InvalidParameter):
        await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=said), *TARIFF)


@pytest.mark.parametrize(("release", "same"), [("2.1.1", False), ("2.2.1", True), ("2.3.0", True)])
async def test_ids_compare_without_case_from_2_2_1(node: Node, release: str, same: bool) -> None:
    partner = await befriend(node, release=release, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS, "t1"), release)
    await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "t1", body=said), "Tariff", "tariffs", ("t1",))

    if same:
        got = await receive.get(node, call(partner, "tariffs.receiver.get", "se", "ems", "T1"), *TARIFF)
        assert data(got)["id"] == "t1"
    else:
        with pytest.raises(NotFound):
            await receive.get(node, call(partner, "tariffs.receiver.get", *EMS, "T1"), *TARIFF)


async def test_an_older_put_changes_nothing_and_an_equal_one_is_taken(node: Node) -> None:
    partner = await befriend(node, roles=CPO)

    async def put(currency: str, at: float) -> str:
        said = await say(node, "tariffs", tariff(EMS, at=at, currency=currency), "2.2.1")
        answer = await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=said), *TARIFF)
        assert answer.status_code == 1000
        got = await receive.get(node, call(partner, "tariffs.receiver.get", *EMS, "T1"), *TARIFF)
        return str(data(got)["currency"])

    assert await put("SEK", 10) == "SEK"
    assert await put("NOK", 5) == "SEK"
    assert await put("EUR", 10) == "EUR"
    assert await put("DKK", 11) == "DKK"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", NotJson),
        (b"[]", InvalidParameter),
        (b"null", InvalidParameter),
        (b'{"id": "T1"}', InvalidParameter),
        (b'{"country_code": "SE", "party_id": "EMS", "id": 7}', InvalidParameter),
    ],
)
async def test_what_cannot_be_used_is_refused(node: Node, body: bytes, error: type[Exception]) -> None:
    partner = await befriend(node, roles=CPO)

    with pytest.raises(error):
        await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=body), *TARIFF)


async def test_a_refusal_names_the_field(node: Node) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.2.1")
    del said["currency"]

    with pytest.raises(InvalidParameter, match="/currency"):
        await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=said), *TARIFF)


async def test_an_id_that_no_database_holds_is_refused(node: Node) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.2.1")
    said["id"] = "T\x001"

    with pytest.raises(InvalidParameter, match="printed"):
        await receive.put(
            node, call(partner, "tariffs.receiver.put", *EMS, "T\x001", body=said), "Tariff", "tariffs", ("T\x001",)
        )


async def test_text_with_odd_characters_survives(node: Node) -> None:
    partner = await befriend(node, release="2.3.0", roles=CPO)
    said = await say(node, "locations", location(EMS), "2.3.0")
    said["name"] = "充电\x00🚗\\u0000"

    await receive.put(node, call(partner, "locations.receiver.put_location", *EMS, "LOC1", body=said), *LOCATION)

    got = await receive.get(node, call(partner, "locations.receiver.get_location", *EMS, "LOC1"), *LOCATION)
    assert data(got)["name"] == "充电\x00🚗\\u0000"


async def test_delete_marks_as_gone_and_a_put_brings_back(node: Node) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.2.1")
    put = call(partner, "tariffs.receiver.put", *EMS, "T1", body=said)
    await receive.put(node, put, *TARIFF)

    await receive.delete(node, call(partner, "tariffs.receiver.delete", *EMS, "T1"), *TARIFF)
    for gone in (receive.get, receive.delete):
        with pytest.raises(NotFound):
            await gone(node, call(partner, "tariffs.receiver.delete", *EMS, "T1"), *TARIFF)
    await receive.put(node, put, *TARIFF)

    assert data(await receive.get(node, call(partner, "tariffs.receiver.get", *EMS, "T1"), *TARIFF)) == said


async def test_two_partners_objects_do_not_meet(node: Node) -> None:
    one = await befriend(node, "one", roles=(("CPO", ("SE", "ONE")),))
    two = await befriend(node, "two", roles=(("CPO", ("SE", "TWO")),))
    said = await say(node, "tariffs", tariff(("SE", "ONE")), "2.2.1")
    await receive.put(node, call(one, "tariffs.receiver.put", "SE", "ONE", "T1", body=said), *TARIFF)

    with pytest.raises(NotFound):
        await receive.get(node, call(two, "tariffs.receiver.get", "SE", "ONE", "T1"), *TARIFF)
    with pytest.raises(NotFound):
        await receive.get(node, call(two, "tariffs.receiver.get", "SE", "TWO", "T1"), *TARIFF)


async def _with_session(node: Node, release: str, **fields: Any) -> Partner:
    partner = await befriend(node, release=release, roles=CPO)
    await befriend(node, "other", release="2.2.1")
    place = await say(node, "locations", location(EMS), release)
    await receive.put(node, call(partner, "locations.receiver.put_location", *EMS, "LOC1", body=place), *LOCATION)
    said = await say(node, "sessions", session(EMS, driver=("SE", "VLT"), **fields), release)
    await receive.put(node, call(partner, "sessions.receiver.put", *EMS, "S1", body=said), *SESSION)
    return partner


async def _session_now(node: Node, partner: Partner) -> Document:
    got = await receive.get(node, call(partner, "sessions.receiver.get", *EMS, "S1"), *SESSION)
    found: Document = data(got)
    return found


@pytest.mark.parametrize("release", RELEASES)
async def test_a_patch_sets_whole_fields_and_leaves_the_rest(node: Node, release: str) -> None:
    partner = await _with_session(node, release)
    before = await _session_now(node, partner)
    change = {"kwh": 2, "last_updated": stamp(1)}

    await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert await _session_now(node, partner) == {**before, **change}


@pytest.mark.parametrize("release", RELEASES)
async def test_a_patch_without_last_updated(node: Node, release: str) -> None:
    partner = await _with_session(node, release)
    patch = call(partner, "sessions.receiver.patch", *EMS, "S1", body={"kwh": 2})

    if dialect(release).release.patch_needs_last_updated:
        with pytest.raises(InvalidParameter, match="last_updated"):
            await receive.patch(node, patch, *SESSION)
    else:
        await receive.patch(node, patch, *SESSION)
        assert (await _session_now(node, partner))["kwh"] == 2


async def test_an_older_patch_changes_nothing(node: Node) -> None:
    partner = await _with_session(node, "2.2.1", at=10)
    before = await _session_now(node, partner)
    change = {"kwh": 2, "last_updated": stamp(9)}

    answer = await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert answer.status_code == 1000
    assert await _session_now(node, partner) == before


@pytest.mark.parametrize("release", ["2.2.1", "2.3.0"])
async def test_periods_are_appended_and_a_repeated_patch_doubles_none(node: Node, release: str) -> None:
    partner = await _with_session(node, release)
    change = {"charging_periods": [period(15), period(30)], "last_updated": stamp(30)}

    for _ in range(2):
        await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert (await _session_now(node, partner))["charging_periods"] == [period(), period(15), period(30)]


async def test_an_empty_list_of_periods_leaves_the_stored_ones(node: Node) -> None:
    partner = await _with_session(node, "2.2.1")

    for empty in ([], None):
        change = {"charging_periods": empty, "last_updated": stamp(1)}
        await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert (await _session_now(node, partner))["charging_periods"] == [period()]


async def test_a_period_of_the_same_start_is_replaced(node: Node) -> None:
    partner = await _with_session(node, "2.2.1")
    change = {"charging_periods": [period(0, kwh=5)], "last_updated": stamp(1)}

    await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert (await _session_now(node, partner))["charging_periods"] == [period(0, kwh=5)]


async def test_2_1_1_replaces_lists(node: Node) -> None:
    partner = await _with_session(node, "2.1.1")
    change = {"charging_periods": [period(15)]}

    await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=change), *SESSION)

    assert (await _session_now(node, partner))["charging_periods"] == [period(15)]


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"last_updated": 5}', b'{"last_updated": "soon"}'])
async def test_a_patch_that_is_none_is_refused(node: Node, body: bytes) -> None:
    partner = await _with_session(node, "2.2.1")

    with pytest.raises(InvalidParameter):
        await receive.patch(node, call(partner, "sessions.receiver.patch", *EMS, "S1", body=body), *SESSION)


@pytest.mark.parametrize("change", [{"id": "S2"}, {"party_id": "XXX"}, {"status": None}, {"kwh": "much"}])
async def test_a_patch_may_not_break_or_rename_the_object(node: Node, change: dict[str, object]) -> None:
    partner = await _with_session(node, "2.2.1")
    before = await _session_now(node, partner)

    with pytest.raises(InvalidParameter):
        await receive.patch(
            node,
            call(partner, "sessions.receiver.patch", *EMS, "S1", body={**change, "last_updated": stamp(1)}),
            *SESSION,
        )

    assert await _session_now(node, partner) == before


async def test_a_patch_of_nothing_we_know_is_404(node: Node) -> None:
    partner = await befriend(node, roles=CPO)

    with pytest.raises(NotFound):
        await receive.patch(
            node, call(partner, "sessions.receiver.patch", *EMS, "S1", body={"last_updated": stamp()}), *SESSION
        )


async def test_after_a_change_of_release_documents_are_said_in_the_new_one(node: Node) -> None:
    partner = await befriend(node, release="2.1.1", roles=CPO)
    old = await say(node, "tariffs", tariff(EMS), "2.1.1")
    await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=old), *TARIFF)

    partner.release, partner.our_party, partner.our_role = "2.2.1", None, None
    await node.store.write(lambda tx: partners.save(tx, partner))
    got = data(await receive.get(node, call(partner, "tariffs.receiver.get", *EMS, "t1"), *TARIFF))
    new = await say(node, "tariffs", with_fields(tariff(EMS, at=1), currency="EUR"), "2.2.1")
    await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=new), *TARIFF)

    assert (got["country_code"], got["party_id"], got["id"]) == ("SE", "EMS", "T1")
    found = await node.store.read(lambda tx: objects.find(tx, "tariffs", "T1"))
    assert [document_of(held)["currency"] for held in found] == ["EUR"]


async def test_a_rule_of_the_module_can_refuse(node: Node) -> None:
    partner = await befriend(node, roles=CPO)
    said = await say(node, "tariffs", tariff(EMS), "2.2.1")

    def never(tx: object, document: dict[str, object]) -> None:
        raise InvalidParameter(f"not {document['id']}")

    with pytest.raises(InvalidParameter, match="not T1"):
        await receive.put(node, call(partner, "tariffs.receiver.put", *EMS, "T1", body=said), *TARIFF, rule=never)
    assert await node.store.read(lambda tx: objects.find(tx, "tariffs", "T1")) == []
