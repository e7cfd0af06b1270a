"""Our own charges and their meter values."""

from decimal import Decimal
from typing import Any

import msgspec

from evmesh.store import charges
from evmesh.store.charges import Charge
from evmesh.store.database import Store
from tests.store.objects_to_keep import at

CHARGE = Charge(
    session_id="s1",
    country_code="SE",
    party_id="VLT",
    location_id="L1",
    evse_uid="E1",
    connector_id="1",
    state="charging",
    token_uid="Abc",
    token={"uid": "Abc"},
    auth_method="WHITELIST",
    created_at=at(0),
    start=at(0),
    currency="SEK",
    zone="Europe/Stockholm",
    cdr_location={"id": "L1"},
    tariffs=[{"id": "T1", "price": Decimal("1.10")}],
    last_updated=at(0),
)


async def keep(store: Store, **fields: Any) -> Charge:
    charge: Charge = msgspec.structs.replace(CHARGE, **fields)
    await store.write(lambda tx: charges.put(tx, charge))
    return charge


async def test_a_charge_is_kept_as_it_now_is(store: Store) -> None:
    await keep(store)
    ended = await keep(store, state="ended", end=at(30))
    found = await store.read(lambda tx: charges.get(tx, "s1"))
    assert found == msgspec.structs.replace(ended, token_uid="abc")
    assert await store.read(lambda tx: charges.get(tx, "s2")) is None


async def test_charges_by_place_card_and_state(store: Store) -> None:
    await keep(store, session_id="old", created_at=at(-60), state="ended")
    await keep(store, session_id="here")
    await keep(store, session_id="there", evse_uid="E2", token_uid="ABC", created_at=at(1))
    await keep(store, session_id="elsewhere", location_id="L2", state="ended")

    def ids(found: list[Charge]) -> list[str]:
        return [charge.session_id for charge in found]

    both = ["charging", "ended"]
    assert ids(await store.read(lambda tx: charges.at_evse(tx, "L1", "E1", both))) == ["here", "old"]
    assert ids(await store.read(lambda tx: charges.at_evse(tx, "L1", "E1", ["ended"]))) == ["old"]
    assert ids(await store.read(lambda tx: charges.of_token(tx, "aBC", "L1", at(-1)))) == ["there", "here"]
    assert ids(await store.read(lambda tx: charges.in_states(tx, ["charging"]))) == ["there", "here"]


async def test_charges_that_have_something_to_do(store: Store) -> None:
    await keep(store, session_id="later", due_at=at(10))
    await keep(store, session_id="soon", due_at=at(5))
    await keep(store, session_id="never")
    assert await store.read(charges.next_due) == at(5)
    assert [c.session_id for c in await store.read(lambda tx: charges.due(tx, at(10)))] == ["soon", "later"]

    await store.write(lambda tx: charges.wait_until(tx, "soon", at(20)))
    await store.write(lambda tx: charges.wait_until(tx, "never", at(1)))
    assert await store.read(charges.next_due) == at(1)
    assert [c.session_id for c in await store.read(lambda tx: charges.due(tx, at(5)))] == ["never", "soon"]


async def test_meter_values_in_order_of_time(store: Store) -> None:
    for minute, energy in [(2, "2.50"), (1, "1.0"), (2, "2.75")]:
        value = {"energy_kwh": Decimal(energy)}
        await store.write(lambda tx, m=minute, v=value: charges.add_reading(tx, "s1", at(m), v))  # type: ignore[misc]
    assert await store.read(lambda tx: charges.readings_of(tx, "s1")) == [
        (at(1), {"energy_kwh": Decimal("1.0")}),
        (at(2), {"energy_kwh": Decimal("2.75")}),
    ]
    assert await store.read(lambda tx: charges.readings_of(tx, "s2")) == []
