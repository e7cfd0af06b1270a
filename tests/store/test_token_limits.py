"""What a token may not do is kept by its key until it is lifted."""

from evmesh.store import token_limits
from evmesh.store.database import Store
from evmesh.store.token_limits import Limits, Places
from tests.store.objects_to_keep import at


async def test_limits_are_kept_renewed_and_lifted(store: Store) -> None:
    first = Limits(refused="NO_CREDIT", info="top up", expires_at=at(60))
    second = Limits(places=[Places("L1"), Places("L2", ["E1", "E2"])])
    assert await store.read(lambda tx: token_limits.get(tx, "key")) is None
    for limits in (first, second, None):
        await store.write(lambda tx, limits=limits: token_limits.put(tx, "key", limits))  # type: ignore[misc]
        assert await store.read(lambda tx: token_limits.get(tx, "key")) == limits
