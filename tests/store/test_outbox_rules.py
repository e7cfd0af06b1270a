"""Whatever happens in whatever order: the latest change reaches the partner, and then nothing is left to do.

A small model of one object and one partner takes the same steps as the rows: changes, tries, and each way in which a
try can end. The steps run on SQLite, inside one transaction that is undone.
"""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection, create_engine

from evmesh.store import deliveries, objects, partners
from evmesh.store.deliveries import Delivery
from evmesh.store.migrations import migrate
from evmesh.store.secrets import Secrets
from evmesh.store.transaction import Surroundings, begin_changes, surround
from tests.store.conftest import SetClock
from tests.store.objects_to_keep import put

LEASE = 60.0


class Outbox(RuleBasedStateMachine):
    """`partner_has` is what the partner holds: the change it was told last, None for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.engine = create_engine("sqlite://")
        self.tx: Connection = self.engine.connect()
        surround(self.tx.info, Surroundings(self.clock, Secrets(b"key")))
        migrate(self.tx)
        begin_changes(self.tx)
        self.partner = partners.insert(self.tx, "P", status="registered").id
        self.minute = 0
        self.seq = 0
        self.wanted: int | None = None
        self.partner_has: int | None = None
        self.refused: int | None = None
        self.trying: Delivery | None = None

    def teardown(self) -> None:
        self.tx.close()
        self.engine.dispose()

    @rule()
    def change(self) -> None:
        self.minute += 1
        _, held = put("X", minutes=self.minute, text=f"{self.minute}")(self.tx)
        deliveries.lack(self.tx, self.partner, held.seq, "locations")
        self.seq, self.wanted = held.seq, held.change

    @precondition(lambda self: self.wanted is not None and self.trying is None)
    @rule()
    def begin(self) -> None:
        begun = deliveries.due(self.tx, self.clock(), 10, LEASE)
        assert len(begun) <= 1
        self.trying = begun[0] if begun else None

    @precondition(lambda self: self.trying is not None)
    @rule(reads_late=st.booleans())
    def deliver(self, reads_late: bool) -> None:
        """The object is read at some moment between the beginning of the try and its end."""
        assert self.trying is not None
        held = objects.by_seq(self.tx, self.seq)
        assert held is not None
        told = held.change if reads_late else self.trying.change
        self.partner_has = told
        done = deliveries.delivered(self.tx, self.trying.id, told, "text")
        assert done == (told == self.wanted)
        self.trying = None

    @precondition(lambda self: self.trying is not None)
    @rule(after=st.integers(0, 100))
    def fail(self, after: int) -> None:
        assert self.trying is not None
        deliveries.failed(self.tx, self.trying.id, "away", self.clock() + timedelta(seconds=after))
        self.trying = None

    @precondition(lambda self: self.trying is not None)
    @rule(state=st.sampled_from(["doubtful", "refused"]))
    def settle(self, state: deliveries.Settled) -> None:
        assert self.trying is not None
        if deliveries.settle(self.tx, self.trying.id, self.trying.change, state, "no"):
            assert self.trying.change == self.wanted
            self.refused = self.trying.change
        self.trying = None

    @precondition(lambda self: self.trying is not None)
    @rule()
    def die(self) -> None:
        """The process that tries is killed, and the node starts again."""
        deliveries.release_leases(self.tx)
        self.trying = None

    @rule(seconds=st.integers(1, 120))
    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds)
        if self.trying is not None and seconds >= LEASE:
            # A try that lasts longer than its lease is given up by whoever holds it.
            self.trying = None

    @invariant()
    def nothing_is_lost_and_nothing_is_left(self) -> None:
        rows = deliveries.listing(self.tx)
        if self.wanted is None or self.partner_has == self.wanted:
            assert rows == []
            return
        (row,) = rows
        assert row.wanted_change == self.wanted
        if self.refused == self.wanted:
            assert row.state in ("doubtful", "refused")
        else:
            # Somebody tries it, or will: by its moment, or when the lease runs out.
            assert deliveries.next_due(self.tx) is not None

    @invariant()
    def what_was_told_is_known(self) -> None:
        told = deliveries.told_of(self.tx, self.partner, self.seq)
        assert (told and told[0]) == self.partner_has


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
