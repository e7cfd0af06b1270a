"""Wordings of our own objects: translated once per change and release, when somebody first asks.

The store keeps a mark per kind and release, the change up to which everything is worded (`store.wordings`). What has
changed since is translated here in portions, each read and worded within one moment of the database.

What a release cannot say is kept as withheld, with the reason; it stands in no list and no count. Something that
lacks another object (a Session of 2.1.1 embeds its Location) is withheld too, and tried again with every question.
"""

from __future__ import annotations

from functools import partial

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.wire import NeedsObject, Unsayable
from evmesh.roaming import kinds
from evmesh.roaming.node import Node
from evmesh.roaming.publish import our_context
from evmesh.store import objects, wordings
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx
from evmesh.store.wordings import Wording

PORTION = 500
EMBEDDING = frozenset({"sessions", "cdrs"})
"""What some release cannot say without another object."""

NEEDS = "needs: "
"""Begins the reason of what is withheld only until another object is there."""


def may_wait_for_others(kind: str, release: str) -> bool:
    """Whether objects of a kind may be withheld in a release only until other objects are there."""
    return kind in EMBEDDING and bool(dialect(release).release.steps)


async def ensure_worded(node: Node, kind: str, release: str) -> None:
    """Make every wording of a kind in a release that is missing or out of date."""

    def translate(tx: Tx) -> tuple[list[Held], list[Wording]]:
        changed = wordings.stale(tx, kind, release, PORTION)
        return changed, [worded(tx, node, held, release) for held in changed]

    while (portion := await node.store.read(translate))[0]:
        await node.store.write(partial(_keep, kind=kind, release=release, portion=portion))
    if may_wait_for_others(kind, release):
        await _try_again(node, kind, release)


def worded(tx: Tx, node: Node, held: Held, release: str) -> Wording:
    """How the release words one of our objects, as it now is."""
    document = wire.decode(held.document)
    try:
        written = wire.write(kinds.NAMES[held.kind], document, dialect(release), our_context(tx, node, document))
    except Unsayable as error:
        return Wording(held.seq, held.change, None, str(error), None)
    except NeedsObject as error:
        return Wording(held.seq, held.change, None, NEEDS + str(error), None)
    # A stamp a little ahead of our clock must not hide the object; only a date of its own does.
    changed_at = min(held.last_updated, node.clock())
    if written.sayable_from is not None:
        changed_at = max(changed_at, written.sayable_from)
    return Wording(held.seq, held.change, written.text.decode(), None, changed_at)


def _keep(tx: Tx, kind: str, release: str, portion: tuple[list[Held], list[Wording]]) -> None:
    changed, rows = portion
    wordings.word(tx, kind, release, rows)
    wordings.set_mark(tx, kind, release, changed[-1].change)


async def _try_again(node: Node, kind: str, release: str) -> None:
    def translate(tx: Tx) -> list[Wording]:
        rows = []
        for seq, reason in wordings.withheld(tx, kind, release).items():
            held = objects.by_seq(tx, seq) if reason.startswith(NEEDS) else None
            if held is not None and held.absent_since is None:
                rows.append(worded(tx, node, held, release))
        return [row for row in rows if row.text is not None]

    rows = await node.store.read(translate)
    if rows:
        await node.store.write(lambda tx: wordings.word(tx, kind, release, rows))
