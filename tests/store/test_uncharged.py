"""Sessions without a CDR: those of one partner, whatever the case of the ids."""

from datetime import UTC, datetime

from evmesh.store import objects, verdicts
from evmesh.store.database import Store
from evmesh.store.transaction import Tx
from evmesh.store.uncharged import sessions_without_cdr
from evmesh.store.verdicts import Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session(tx: Tx, id: str, partner_id: int = 1) -> int:
    key = f"NO*FJD*{id.casefold()}"
    values = ("sessions", partner_id, "NO", "FJD", id, key, f'"{id}"', None, "2.3.0", NOON)
    return objects.put(tx, *values)[1].seq


def cdr(tx: Tx, seq: int, of_session: str, partner_id: int) -> None:
    judged = Verdict(
        seq=seq, partner_id=partner_id, verdict="agrees", currency="SEK", start=NOON, end=NOON, token=None,
        evse=None, session=of_session.casefold(), is_credit=False, checked_at=NOON, report={},
    )  # fmt: skip
    verdicts.put(tx, [judged])


async def test_what_no_cdr_of_the_partner_has_followed(store: Store) -> None:
    def run(tx: Tx) -> None:
        for id in ("S1", "s2", "S3", "S4"):
            session(tx, id)
        objects.remove(tx, session(tx, "GONE"))
        session(tx, "OTHER", 2)
        cdr(tx, 101, "S2", 1)
        cdr(tx, 102, "S3", 2)

    await store.write(run)
    assert await store.read(lambda tx: list(sessions_without_cdr(tx, 1))) == ['"S1"', '"S3"', '"S4"']
