"""Our own objects: stored together with what partners then lack, and worded when they are to be told.

`publish` runs inside the transaction of whoever changes something, so an object and its deliveries are there together
or not at all. A delivery does not hold what to send. For each try `prepare` looks at the object as it is at that
moment, at what the partner was last told, and says what closes the gap:

    the object now            the partner was told    what is sent
    can be said               the same text           nothing
    can be said               another text            a PATCH, when allowed and safe (`difference.py`), else the whole
    can be said               nothing                 the whole object
    can be said later         anything                nothing until then (`NotYet`)
    cannot be said, or gone   something               a retraction
    gone                      nothing                 a retraction: the partner may have pulled it
    cannot be said            nothing                 nothing (`Unsayable` names the reason)
    cannot be said, or gone   a retraction            nothing

A record of an invoice is posted when it is new to the partner, and put when it has changed.

Retractions: a tariff or a record is deleted; a Location's EVSEs are told as REMOVED, since OCPI has no DELETE for
Locations; a token becomes invalid. Sessions and CDRs are never taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.types import timestamp
from evmesh.ocpi.wire import Context, Unsayable
from evmesh.ports import Document, NotYet, Partner, Party, Push
from evmesh.roaming import difference, kinds, visibility
from evmesh.roaming.cdrs import posting
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.locations.last_updated import later, risen
from evmesh.roaming.node import Node
from evmesh.store import deliveries, objects, partners, tariff_history
from evmesh.store.deliveries import Delivery
from evmesh.store.objects import Held, Outcome
from evmesh.store.schema import OURS
from evmesh.store.transaction import Tx, now

PUTS = {
    "locations": ("locations.receiver.put_location", "location_id"),
    "tariffs": ("tariffs.receiver.put", "tariff_id"),
    "sessions": ("sessions.receiver.put", "session_id"),
    "tokens": ("tokens.receiver.put", "token_uid"),
    "invoicereconciliation": ("invoicereconciliation.receiver.put", "id"),
}
"""How a whole object is sent, and what its path calls its id."""

POSTS = {"cdrs": "cdrs.receiver.post", "invoicereconciliation": "invoicereconciliation.receiver.post"}
"""How what is new to the partner is sent, where that is another way."""

DELETES = {"tariffs": "tariffs.receiver.delete", "invoicereconciliation": "invoicereconciliation.receiver.delete"}


class NotOurs(ValueError):
    """The object belongs to a party that is not one of ours; its text says which."""


def publish(tx: Tx, node: Node, kind: str, document: Document, *, partners: Sequence[Partner]) -> Held:
    """Store our own object (canonical) and note for each of `partners` that should have it that it lacks it.

    An older `last_updated` than the stored one changes nothing. A CDR is posted in the ledger. Raises NotOurs.
    """
    return put_own(tx, node, kind, document, partners=partners)[1]


def put_own(
    tx: Tx, node: Node, kind: str, document: Document, *, partners: Sequence[Partner], to: Party | None = None
) -> tuple[Outcome, Held]:
    """The same, and says what became of it: created, replaced, unchanged, or stale.

    `to` is for whom the object is, where it does not say so itself.
    """
    owner = kinds.owner(document)
    if node.ours(owner) is None:
        raise NotOurs(f"{owner[0]}*{owner[1]} is not one of our parties")
    if kind == "locations":
        document = risen(document)
    outcome, held = objects.put(
        tx,
        kind,
        OURS,
        *owner,
        kinds.ids(kind, document)[0],
        kinds.own_key(kind, document),
        wire.encode(document).decode(),
        None,
        kinds.CANONICAL.name,
        kinds.last_updated(document),
        kinds.token_party(kind, document) if to is None else objects.party(*to),
        contract_id=kinds.contract_id(kind, document),
    )
    if outcome in (Outcome.CREATED, Outcome.REPLACED):
        if kind == "tariffs":
            tariff_history.add(tx, held)
        elif kind == "cdrs":
            posting.charged(tx, node, held, document, partners)
            incoming.arrived(tx, held)
        for partner in visibility.receivers(node, partners, kind, document, to=to):
            deliveries.lack(tx, partner.id, held.seq, kind)
    return outcome, held


def retract(tx: Tx, node: Node, held: Held) -> None:
    """Take an object of ours out of every list, and tell all partners that were told of it or may have pulled it."""
    if objects.remove(tx, held.seq):
        if held.kind == "tariffs":
            tariff_history.deleted(tx, held)
        saw = {
            each.id
            for each in partners.all_partners(tx)
            if visibility.reaches(each, held.kind) and visibility.sees(each, held)
        }
        for partner_id in sorted(saw.union(deliveries.concerned(tx, held.seq))):
            deliveries.lack(tx, partner_id, held.seq, held.kind, "delete")


def set_evse_status(
    tx: Tx,
    node: Node,
    location: tuple[str, str, str],
    evse_uid: str,
    status: str,
    at: datetime,
    *,
    before: str | None = None,
    partners: Sequence[Partner],
) -> Held | None:
    """An EVSE of ours has another status since `at`. None when we have no such EVSE (any more).

    `location` is (country_code, party_id, id). The same status again changes nothing, and nothing is changed where
    it is another than the one `before`.
    """
    held = objects.get(tx, "locations", kinds.CANONICAL.key(*location))
    if held is None:
        return None
    document = wire.decode(held.document)
    evses = document.get("evses") or []
    place = next((i for i, evse in enumerate(evses) if kinds.CANONICAL.same_id(evse["uid"], evse_uid)), None)
    if place is None:
        return None
    evse = evses[place]
    if evse["status"] == "REMOVED":
        return None
    if evse["status"] == status or before not in (None, evse["status"]):
        return held
    # The stamp passes the Location's, so that whoever compares stamps takes the change.
    stamp = later(later(timestamp(at), evse["last_updated"]), document["last_updated"])
    evses[place] = {**evse, "status": status, "last_updated": stamp}
    return publish(tx, node, "locations", document, partners=partners)


def our_context(tx: Tx, node: Node, document: Document | None = None) -> Context:
    """For translating: looks objects up in the store. With a document of ours, its owner is known too."""
    owner: Party | None = kinds.owner(document) if document is not None and "party_id" in document else None
    return Context(owner=owner, lookup=lookup(tx))


def lookup(tx: Tx) -> Callable[..., Document | None]:
    """Finds canonical objects, ours before anybody else's, gone ones too: what was charged there still names them."""

    def find(kind: str, *key: str) -> Document | None:
        if kind == "Token":
            held = objects.token_of_contract(tx, key[0])
        else:
            module = "locations" if kind == "Location" else "tariffs"
            held = objects.get(tx, module, kinds.CANONICAL.key(*key), None, absent=True)
            if held is None:
                owner = objects.party(key[0], key[1])
                named = objects.find(tx, module, key[2], absent=True)
                held = next((each for each in named if each.owner == owner), None)
        return None if held is None else wire.decode(held.document)

    return find


async def prepare(node: Node, partner: Partner, delivery: Delivery, *, patch_allowed: bool) -> Push | None:
    """What to send the partner for a delivery, now; None when it lacks nothing any more.

    Raises NeedsObject when another object must be there first, Unsayable when the partner's release has no words for
    it, NotYet when it has them from a later moment on.
    """
    return await node.store.glance(lambda tx: _prepare(tx, node, partner, delivery, patch_allowed))


def _prepare(tx: Tx, node: Node, partner: Partner, delivery: Delivery, patch_allowed: bool) -> Push | None:
    held = objects.by_seq(tx, delivery.seq)
    if held is None or not visibility.sees(partner, held):
        return None
    gone = held.absent_since is not None or delivery.action == "delete"
    push = _push(tx, node, partner, held, gone, patch_allowed)
    return None if push is None else _addressed(push, partner, held)


def _push(tx: Tx, node: Node, partner: Partner, held: Held, gone: bool, patch_allowed: bool) -> Push | None:
    told = _told(tx, partner, held)
    document = wire.decode(held.document)
    try:
        written = wire.write(kinds.NAMES[held.kind], document, partner.dialect, our_context(tx, node, document))
    except Unsayable:
        retraction = _retraction(partner, held, told)
        if retraction is None and not gone:
            raise
        return retraction
    if gone:
        return _retraction(partner, held, told or Told(partner.dialect.name, written.text))
    if written.sayable_from is not None and written.sayable_from > now(tx):
        raise NotYet(written.sayable_from)
    if told is not None and told.same(written.text, partner):
        return None
    if patch_allowed and told is not None and told.release == partner.release:
        change = difference.part(held.kind, told.document, written.document, partner.dialect.release)
        if change is not None:
            return _partly(held, written, change, partner)
    return _wholly(held, written.document, partner, written.text, new=told is None)


def _addressed(push: Push, partner: Partner, held: Held) -> Push:
    """Of a CDR or a Session, its owner speaks to the party whose token it was; of an invoice's record, to the one
    between whom and us it is. [transport_and_format_message_routing_headers]"""
    if held.token_party is None or not partner.dialect.release.has_routing_headers:
        return push
    country_code, _, party_id = held.token_party.partition("*")
    return replace(push, from_party=(held.country_code, held.party_id), to_party=(country_code, party_id))


@dataclass(frozen=True, slots=True)
class Told:
    """What a partner was last told of an object: the text, in the words of a release."""

    release: str
    text: bytes

    @property
    def document(self) -> Document:
        document: Document = wire.decode(self.text)
        return document

    def same(self, text: bytes, partner: Partner) -> bool:
        return self.release == partner.release and self.text == text


def _told(tx: Tx, partner: Partner, held: Held) -> Told | None:
    known = deliveries.told_of(tx, partner.id, held.seq)
    if known is None:
        return None
    release, _, text = known[1].partition("\n")
    return Told(release, text.encode())


def _to_remember(partner: Partner, text: bytes) -> str:
    return f"{partner.dialect.name}\n{text.decode()}"


def _wholly(held: Held, said: Document, partner: Partner, text: bytes, *, new: bool = False) -> Push:
    told = _to_remember(partner, text)
    if held.kind in POSTS and (new or held.kind not in PUTS):
        return Push(POSTS[held.kind], {}, held.change, body=text, told=told)
    operation = PUTS[held.kind][0]
    return Push(operation, _path(held), held.change, _query(held, said, partner), text, told)


def _partly(held: Held, written: wire.Written, change: difference.Part, partner: Partner) -> Push:
    return Push(
        change.operation,
        {**_path(held), **change.below},
        held.change,
        _query(held, written.document, partner),
        wire.encode(change.body),
        _to_remember(partner, written.text),
        patch=True,
    )


def _path(held: Held) -> dict[str, str]:
    return {"country_code": held.country_code, "party_id": held.party_id, PUTS[held.kind][1]: held.id}


def _query(held: Held, said: Document, partner: Partner) -> dict[str, str]:
    """A token is named by its type too, which is RFID unless said otherwise. [mod_tokens_put_method]"""
    if held.kind != "tokens" or not partner.dialect.release.has_token_type:
        return {}
    return {"type": said["type"]}


def _retraction(partner: Partner, held: Held, told: Told | None) -> Push | None:
    """What takes back what the partner was told; None when nothing is left to take back."""
    if told is None:
        return None
    if held.kind in DELETES:
        return Push(DELETES[held.kind], _path(held), held.change)
    if held.kind not in ("locations", "tokens"):
        return None
    said = _as_spoken_now(partner, held, told)
    if said is None:
        return None
    stamp = timestamp(held.last_updated)
    if held.kind == "tokens":
        if said["valid"] is False:
            return None
        said = {**said, "valid": False, "last_updated": later(said["last_updated"], stamp)}
    else:
        evses = said.get("evses") or []
        if all(evse["status"] == "REMOVED" for evse in evses):
            return None
        evses = [_removed(evse, stamp) for evse in evses]
        said = {**said, "last_updated": later(said["last_updated"], stamp), "evses": evses}
    return _wholly(held, said, partner, wire.encode(said))


def _removed(evse: Document, stamp: str) -> Document:
    if evse["status"] == "REMOVED":
        return evse
    return {**evse, "status": "REMOVED", "last_updated": later(evse["last_updated"], stamp)}


def _as_spoken_now(partner: Partner, held: Held, told: Told) -> Document | None:
    """What was told, in the release that the partner speaks by now."""
    if told.release == partner.release:
        return told.document
    name, owner = kinds.NAMES[held.kind], (held.country_code, held.party_id)
    lifted = wire.read(name, told.document, dialect(told.release), Context(owner=owner)).document
    try:
        return None if lifted is None else wire.write(name, lifted, partner.dialect, Context(owner=owner)).document
    except Unsayable:
        return None
