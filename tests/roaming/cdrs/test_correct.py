"""Our own CDRs, corrected: credited whole, billed anew once, and each partner is told what it can be told."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ports import Document, Partner
from evmesh.pricing.check import check
from evmesh.roaming import publish
from evmesh.roaming.cdrs import correct
from evmesh.roaming.cdrs.correct import CannotCorrect
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.meter import Meter
from evmesh.store import deliveries, faults, objects
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx
from tests.roaming.calls import NOON, Clock, befriend, cdr, document_of, tariff, token
from tests.roaming.sessions.charging import (
    PLACE,
    Obedient,
    at,
    give_token,
    lacked,
    open_city,
    open_faults,
    publish_all,
    reading,
)

CPO = ("SE", "VLT")


def costing(price: Any, *, minutes: float = 0, **fields: Any) -> Document:
    component = {"type": "ENERGY", "price": Decimal(str(price)), "vat": 25, "step_size": 1}
    return tariff(at=minutes, elements=[{"price_components": [component]}], **fields)


def bill(id: str = "C1", **fields: Any) -> Document:
    """A CDR for one kWh at 4 SEK, of a session of another system: there are no meter values."""
    period = {"start_date_time": "2026-03-01T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}
    return cdr(CPO, id, **({"session_id": "S1", "charging_periods": [period | {"tariff_id": "T1"}]} | fields))


async def held_cdr(node: Node, id: str) -> Held:
    (held,) = await node.store.read(lambda tx: objects.find(tx, "cdrs", id))
    return held


async def credit(node: Node, held: Held, **more: Any) -> Document:
    return document_of(await node.store.write(lambda tx: correct.credit(tx, node, held, **more)))


async def rebill(node: Node, held: Held, **more: Any) -> Document:
    return document_of(await node.store.write(lambda tx: correct.rebill(tx, node, held, **more)))


@pytest.fixture
async def ems(node: Node) -> Partner:
    return await befriend(node)


@pytest.fixture
async def wrong(node: Node, ems: Partner, clock: Clock) -> Held:
    """A CDR under a price of 4 SEK for a kWh, which was 3 when the charge began."""
    clock.moment = at(-120)
    await publish_all(node, ("tariffs", costing(3, minutes=-120)))
    clock.moment = NOON
    await publish_all(node, ("tariffs", costing(5)), ("cdrs", bill(tariffs=[costing(4)])))
    return await held_cdr(node, "C1")


async def test_a_credit_is_the_cdr_with_the_negative_total(node: Node, wrong: Held, clock: Clock) -> None:
    clock.forward(3600)
    made = await credit(node, wrong)

    whole = document_of(wrong)
    changed = {name: value for name, value in made.items() if whole.get(name) != value}
    assert changed == {
        "id": "C1-C",
        "credit": True,
        "credit_reference_id": "C1",
        "total_cost": {"before_taxes": -4, "taxes": [{"name": "VAT", "amount": -1}]},
        "last_updated": "2026-03-01T13:00:00Z",
    }
    assert whole.keys() <= made.keys()
    assert await open_faults(node) == []


async def test_a_reason_is_its_remark(node: Node, wrong: Held) -> None:
    with pytest.raises(CannotCorrect, match="longer than the 255"):
        await credit(node, wrong, reason="x" * 256)

    assert (await credit(node, wrong, reason="Wrong price"))["remark"] == "Wrong price"


async def test_it_is_billed_anew_as_was_published_when_the_charge_began(node: Node, wrong: Held) -> None:
    await credit(node, wrong)

    made = await rebill(node, wrong)

    assert made["total_cost"] == {
        "before_taxes": 3,
        "taxes": [{"name": "VAT", "percentage": 25, "amount": Decimal("0.75")}],
    }
    assert (made["session_id"], made["tariffs"][0]["elements"]) == ("S1", costing(3)["elements"])
    assert (len(made["id"]), made["cdr_token"]) == (36, document_of(wrong)["cdr_token"])
    assert check(made, None, "Europe/Stockholm").verdict == "agrees"
    assert await open_faults(node) == []


async def test_it_is_billed_anew_under_a_given_tariff(node: Node, wrong: Held) -> None:
    await credit(node, wrong)
    given = {**costing("2.5"), "id": "OTHER", "country_code": "XX", "party_id": "XXX"}

    made = await rebill(node, wrong, tariff=given)

    assert made["total_cost"]["before_taxes"] == Decimal("2.5")
    assert [period["tariff_id"] for period in made["charging_periods"]] == ["OTHER"]
    assert (made["tariffs"][0]["country_code"], made["tariffs"][0]["party_id"]) == CPO


async def test_a_tariff_that_was_deleted_by_then_does_not_count(node: Node, wrong: Held, clock: Clock) -> None:
    """Nothing was published when the charge began: what the CDR carries counts."""

    def withdraw(tx: Tx) -> None:
        publish.retract(tx, node, objects.listing(tx, "tariffs")[0])

    clock.moment = at(-90)
    await node.store.write(withdraw)
    clock.moment = NOON
    await credit(node, wrong)

    assert (await rebill(node, wrong))["total_cost"]["before_taxes"] == 4


async def test_the_partner_gets_both(node: Node, wrong: Held) -> None:
    before = await deliveries_of(node)
    await credit(node, wrong)
    await rebill(node, wrong)

    assert await deliveries_of(node) - before == {"C1-C", (await the_new_one(node))}
    assert ("ems", "cdrs") in await lacked(node)


async def test_nothing_is_corrected_twice_and_a_correction_can_be(node: Node, wrong: Held) -> None:
    with pytest.raises(CannotCorrect, match=r"SE\*VLT\*C1 is not credited yet: evmesh cdrs credit comes first"):
        await rebill(node, wrong)
    await credit(node, wrong)
    with pytest.raises(CannotCorrect, match=r"SE\*VLT\*C1 was credited before, by C1-C"):
        await credit(node, wrong)
    with pytest.raises(CannotCorrect, match=r"SE\*VLT\*C1-C is itself a credit"):
        await credit(node, await held_cdr(node, "C1-C"))
    first = await rebill(node, wrong)
    with pytest.raises(CannotCorrect, match=f"was billed anew before, by {first['id']}"):
        await rebill(node, wrong)

    again = await held_cdr(node, first["id"])
    await credit(node, again)
    second = await rebill(node, again, tariff=costing(2))

    assert second["total_cost"]["before_taxes"] == 2
    assert second["id"] not in (first["id"], "C1")


async def test_a_credit_that_came_from_a_file_counts_whatever_its_id(node: Node, wrong: Held) -> None:
    back = {"credit": True, "credit_reference_id": "C1", "total_cost": {"before_taxes": -4}}
    await publish_all(node, ("cdrs", bill("OLD-77", **back)))

    with pytest.raises(CannotCorrect, match="was credited before, by OLD-77"):
        await credit(node, wrong)
    assert (await rebill(node, wrong))["total_cost"]["before_taxes"] == 3


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (costing(3, currency="NOK"), "cannot be billed anew: .*NOK"),
        (costing(3) | {"elements": []}, "cannot be billed anew: .*elements"),
    ],
)
async def test_a_tariff_that_does_not_fit_bills_nothing(node: Node, wrong: Held, given: Document, why: str) -> None:
    await credit(node, wrong)

    with pytest.raises(CannotCorrect, match=why):
        await rebill(node, wrong, tariff=given)

    assert await node.store.read(lambda tx: len(objects.listing(tx, "cdrs"))) == 2


async def test_without_any_tariff_one_must_be_given(node: Node, ems: Partner) -> None:
    period = {"start_date_time": "2026-03-01T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}
    await publish_all(node, ("cdrs", bill(charging_periods=[period])))
    free = await held_cdr(node, "C1")
    await credit(node, free)

    with pytest.raises(CannotCorrect, match="has no tariff: one must be given"):
        await rebill(node, free)
    assert (await rebill(node, free, tariff=costing(2)))["total_cost"]["before_taxes"] == 2


async def test_a_partners_cdr_is_not_ours_to_correct(node: Node, wrong: Held, ems: Partner) -> None:
    def run(tx: Tx) -> Held:
        text = wire.encode(bill("P1")).decode()
        return objects.put(tx, "cdrs", ems.id, "SE", "EMS", "P1", "se*ems*p1", text, None, "2.2.1", NOON)[1]

    theirs = await node.store.write(run)

    with pytest.raises(CannotCorrect, match="a partner's: evmesh cdrs dispute is for those"):
        await credit(node, theirs)
    with pytest.raises(CannotCorrect, match="a partner's"):
        await rebill(node, theirs)


async def test_an_id_without_room_for_that_of_its_credit(node: Node, ems: Partner) -> None:
    await publish_all(node, ("cdrs", bill("X" * 38)))

    with pytest.raises(CannotCorrect, match="too long for that of its credit"):
        await credit(node, await held_cdr(node, "X" * 38))


async def test_a_partner_without_credits_is_a_fault_that_says_so(node: Node) -> None:
    await befriend(node, "old", "2.1.1")
    await publish_all(node, ("tariffs", costing(3, minutes=-120)), ("cdrs", bill(tariffs=[costing(4)])))
    wrong = await held_cdr(node, "C1")
    await faults_closed(node)

    await credit(node, wrong)

    (fault,) = await node.store.read(lambda tx: faults.open_faults(tx))
    assert (fault.kind, fault.subject) == ("cdr_unsayable", "cdrs SE*VLT*C1-C")
    assert "old cannot be told: 2.1.1 has no credit CDRs" in fault.detail


async def test_another_tariff_cuts_the_periods_anew_from_the_meter_values(
    node: Node, ems: Partner, clock: Clock
) -> None:
    """12 kWh in two hours from 13:00 on, at an even pace; the price rises at 14:00 local time."""
    node.stations = Obedient()
    meter = Meter(node)
    await give_token(node, ems, token())
    await open_city(node)
    id = (await meter.authorise(PLACE, "04AABBCC", "RFID")).session_id
    assert id is not None
    await meter.started(id, PLACE, at(0), None)
    clock.moment = at(120)
    await meter.stopped(id, reading(120, 12, 6), None)
    held = await held_cdr(node, id)
    assert len(document_of(held)["charging_periods"]) == 1
    await credit(node, held)
    elements = [
        {"price_components": [{"type": "ENERGY", "price": 2, "vat": 25, "step_size": 1}],
         "restrictions": {"end_time": "14:00"}},
        {"price_components": [{"type": "ENERGY", "price": 4, "vat": 25, "step_size": 1}]},
    ]  # fmt: skip

    made = await rebill(node, held, tariff=tariff(elements=elements))

    assert [period["start_date_time"][11:16] for period in made["charging_periods"]] == ["12:00", "13:00"]
    assert made["total_cost"]["before_taxes"] == 6 * 2 + 6 * 4
    assert (made["session_id"], made["total_energy"]) == (id, 12)
    assert await open_faults(node) == []


async def deliveries_of(node: Node) -> set[str]:
    """The CDRs that the partner still has to be told."""

    def run(tx: Tx) -> set[str]:
        rows = [row for row in deliveries.listing(tx, limit=100) if row.kind == "cdrs"]
        return {held.id for row in rows if (held := objects.by_seq(tx, row.seq)) is not None}

    return await node.store.read(run)


async def the_new_one(node: Node) -> str:
    held = await node.store.read(lambda tx: objects.listing(tx, "cdrs"))
    return held[-1].id


async def faults_closed(node: Node) -> None:
    def run(tx: Tx) -> None:
        for fault in faults.open_faults(tx):
            faults.close_fault(tx, fault.kind, fault.subject)

    await node.store.write(run)
