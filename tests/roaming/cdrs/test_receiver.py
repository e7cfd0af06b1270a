"""Partners' CDRs: taken once, found again, never changed."""

from typing import Any

import pytest

from evmesh.ocpi.status_codes import InvalidParameter, NotFound
from evmesh.ports import Answer, Partner
from evmesh.roaming.cdrs import receiver
from evmesh.roaming.node import Node
from evmesh.store import faults, objects
from tests.roaming.calls import EMS, RELEASES, VOLTERA, answer, befriend, call, cdr, data, location, say, stamp, token
from tests.roaming.sessions.charging import open_faults, publish_all

CPO = ("DE", "CPO")


async def post(node: Node, partner: Partner, body: Any) -> Answer:
    return await answer(receiver.handlers(node), call(partner, "cdrs.receiver.post", body=body))


async def get(node: Node, partner: Partner, *path: str) -> Any:
    return data(await answer(receiver.handlers(node), call(partner, "cdrs.receiver.get", *path)))


async def from_cpo(node: Node, release: str = "2.2.1", **fields: Any) -> tuple[Partner, Any]:
    """A CPO, and a CDR of its for a driver of ours, as it says it."""
    partner = await befriend(node, "cpo", release, roles=[("CPO", CPO)])
    await publish_all(node, ("tokens", token(VOLTERA)))
    document = cdr(CPO, driver=VOLTERA, **fields)
    if partner.dialect.release.owner_in_object:
        return partner, await say(node, "cdrs", document, release)
    # 2.1.1 embeds the Location, so to say it somebody must have it.
    wired = {k: v for k, v in document.items() if k not in ("country_code", "party_id", "cdr_token", "cdr_location")}
    place = {k: v for k, v in location(CPO).items() if k not in ("country_code", "party_id", "publish", "evses")}
    connector = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    connector |= {"voltage": 230, "amperage": 32, "last_updated": stamp()}
    evse = {"uid": "E1", "evse_id": "DE*CPO*E1", "status": "AVAILABLE", "last_updated": stamp()}
    wired["stop_date_time"] = wired.pop("end_date_time")
    wired["total_cost"] = 4
    wired["auth_id"] = token(VOLTERA)["contract_id"]
    wired["location"] = {**place, "type": "ON_STREET", "evses": [{**evse, "connectors": [connector]}]}
    return partner, wired


@pytest.mark.parametrize("release", RELEASES)
async def test_a_cdr_is_stored_and_its_location_told(node: Node, release: str) -> None:
    partner, said = await from_cpo(node, release)

    given = await post(node, partner, said)

    url = f"https://us.example/ocpi/{release}/receiver/cdrs/DE/CPO/C1"
    assert (given.status_code, given.http_status, given.headers) == (1000, 200, {"Location": url})
    assert await get(node, partner, *CPO, "C1") == said
    assert await open_faults(node) == []


async def test_the_same_again_is_fine(node: Node) -> None:
    partner, said = await from_cpo(node)
    first = await post(node, partner, said)

    again = await post(node, partner, {**said, "last_updated": stamp(5)})

    assert again.headers == first.headers
    assert len(await node.store.read(lambda tx: objects.listing(tx, "cdrs", theirs=True))) == 1
    assert (await get(node, partner, *CPO, "C1"))["last_updated"] == stamp(0)


@pytest.mark.parametrize("release", RELEASES)
async def test_another_one_of_the_same_id_is_refused(node: Node, release: str) -> None:
    partner, said = await from_cpo(node, release)
    await post(node, partner, said)

    with pytest.raises(InvalidParameter, match="do not change"):
        await post(node, partner, {**said, "total_energy": 2})
    assert (await get(node, partner, *CPO, "C1"))["total_energy"] == 1


async def test_ids_that_differ_by_case_are_the_same_cdr(node: Node) -> None:
    partner, said = await from_cpo(node)
    await post(node, partner, said)

    with pytest.raises(InvalidParameter):
        await post(node, partner, {**said, "id": "c1", "total_energy": 2})


async def test_two_cpos_may_use_the_same_id(node: Node) -> None:
    partner, said = await from_cpo(node)
    other = await befriend(node, "other", roles=[("CPO", ("FR", "OTH"))])
    await post(node, partner, said)

    given = await post(node, other, {**said, "country_code": "FR", "party_id": "OTH"})

    assert given.headers["Location"].endswith("/cdrs/FR/OTH/C1")


async def test_a_cdr_of_a_foreign_party_is_refused(node: Node) -> None:
    partner, said = await from_cpo(node)

    with pytest.raises(InvalidParameter):
        await post(node, partner, {**said, "party_id": "XXX"})


async def test_only_its_owner_reads_it(node: Node) -> None:
    partner, said = await from_cpo(node)
    other = await befriend(node, "other", roles=[("CPO", ("FR", "OTH"))])
    await post(node, partner, said)

    for path in ((*CPO, "C1"), ("FR", "OTH", "C1")):
        with pytest.raises(NotFound):
            await get(node, other, *path)


async def test_an_unknown_token_is_kept_and_told(node: Node) -> None:
    partner, said = await from_cpo(node)
    stranger = {**said["cdr_token"], "uid": "NOBODY"}
    await post(node, partner, {**said, "cdr_token": stranger})
    foreign = {**said["cdr_token"], "country_code": EMS[0], "party_id": EMS[1]}
    await post(node, partner, {**said, "id": "C2", "cdr_token": foreign})

    found = await node.store.read(lambda tx: faults.open_faults(tx))
    assert [(fault.kind, fault.subject) for fault in found] == [
        ("cdr_of_unknown_token", "cdrs DE*CPO*C1"),
        ("cdr_of_unknown_token", "cdrs DE*CPO*C2"),
    ]


async def test_a_credit_for_nothing_is_kept_and_told(node: Node) -> None:
    partner, said = await from_cpo(node)
    await post(node, partner, said)
    credit = {**said, "credit": True, "total_cost": {"excl_vat": -4, "incl_vat": -5}}

    await post(node, partner, {**credit, "id": "CR1", "credit_reference_id": "C1"})
    assert await open_faults(node) == []
    await post(node, partner, {**credit, "id": "CR2", "credit_reference_id": "C9"})
    assert await open_faults(node) == ["credit_of_unknown_cdr"]


async def test_an_id_with_odd_characters_stays_one_segment(node: Node) -> None:
    partner, said = await from_cpo(node)

    given = await post(node, partner, {**said, "id": "a/b c"})

    assert given.headers["Location"].endswith("/cdrs/DE/CPO/a%2Fb%20c")
