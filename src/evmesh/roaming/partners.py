"""Our partners, as whoever runs the node sees them: invite one, accept an invitation, renew, look, end.

These functions stand behind the command line and whatever else runs a node. All work beside a running node, in a
process of their own: they change the database, and the node sees it. Only who registers or renews needs a node that
runs, since the other platform calls back. What cannot be done is told with a `PartnershipError`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from evmesh.ocpi.roles import OPPOSITE
from evmesh.ocpi.types import timestamp
from evmesh.ports import Partner, Party
from evmesh.roaming import versions
from evmesh.roaming.credentials import client, handshake
from evmesh.roaming.credentials.client import LONGEST_NAME
from evmesh.roaming.credentials.errors import (
    AlreadyRegistered,
    NoSuchParty,
    NotRegistered,
    PartnershipError,
    UnknownPartner,
)
from evmesh.roaming.credentials.server import OnRegistered
from evmesh.roaming.node import Node, OurParty
from evmesh.store import deliveries, pulls
from evmesh.store import partners as kept
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx

__all__ = [
    "Invitation",
    "PartnershipError",
    "connect",
    "connection",
    "invite",
    "listing",
    "remove",
    "rotate",
    "show",
    "update",
]


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the other platform needs to register with us. The token cannot be shown again."""

    versions_url: str
    token: str


async def invite(node: Node, name: str, *, as_role: str | None = None, as_party: Party | None = None) -> Invitation:
    """Make a token A for a platform that we call `name` from now on.

    `as_role` and `as_party` say whom of us it sees if it speaks a release with one party on a connection. Inviting
    the same name again makes the earlier invitation void; who was removed comes back as the same partner.
    """
    name = _name(name)
    us = _us(node, as_role, as_party)
    token = node.new_token()

    def keep(tx: Tx) -> None:
        known = [each for each in kept.all_partners(tx, removed=True) if each.name == name]
        if any(each.status in ("registered", "suspended") for each in known):
            raise AlreadyRegistered(f"{name} is registered already: rotate renews its tokens, remove ends it")
        was = max(known, key=lambda each: (each.status == "invited", each.id), default=None)
        shown: dict[str, Any] = {"our_role": us and us.role, "our_party": us and us.party}
        if was is None:
            partner = kept.insert(tx, name, **shown)
        else:
            partner = kept.save(tx, Partner(id=was.id, name=name, created_at=was.created_at, **shown))
            kept.retire_tokens(tx, partner.id)
        kept.add_our_token(tx, partner.id, hash_of(token), "A")

    await node.store.write(keep)
    return Invitation(node.versions_url, token)


async def connect(
    node: Node,
    versions_url: str,
    token: str,
    *,
    name: str | None = None,
    release: str | None = None,
    as_role: str | None = None,
    as_party: Party | None = None,
    on_registered: OnRegistered | None = None,
) -> Partner:
    """Register with the platform that gave us an invitation; our node must be running, since it is called back.

    `name` is what we call the partner (its own name when left out), `release` what to speak (the best common one when
    left out), `as_role` and `as_party` as in `invite`.
    """
    partner = await client.register(
        node,
        versions_url.strip(),
        token.strip(),
        name=None if name is None else _name(name),
        release=release,
        us=_us(node, as_role, as_party),
    )
    await _tell(on_registered, partner)
    return partner


async def listing(node: Node) -> list[Partner]:
    """All partners but the removed, those that are only invited included."""
    return await node.store.read(kept.all_partners)


async def show(node: Node, name: str) -> Partner:
    """The partner of that name; UnknownPartner when nobody has it."""
    return await node.store.read(lambda tx: _named(tx, name))


async def connection(node: Node, partner: Partner) -> dict[str, Any]:
    """How the connection does, for people: one line per fact, only what there is."""

    def look(tx: Tx) -> dict[str, Any]:
        alive = [token for token in kept.our_tokens(tx, partner.id) if token.retired_at is None]
        lacking = deliveries.counts(tx).get(partner.id, deliveries.Count())
        facts: dict[str, Any] = {
            "we_are": ", ".join(_said(party) for party in _shown(node, partner)),
            "token_form": "Base64" if partner.base64_token else "plain",
            "their_tokens": ", ".join(
                f"{token.purpose} of {timestamp(token.created_at)}" + ("" if token.used_at else " (never used)")
                for token in alive
            ),
            "not_offered": ", ".join(f"{module} {interface}" for module, interface in handshake.gaps(node, partner)),
            "waiting": lacking.waiting + lacking.trying,
            "waiting_since": lacking.oldest and timestamp(lacking.oldest),
            "doubtful": lacking.doubtful,
            "refused": lacking.refused,
        }
        for pull in pulls.all_pulls(tx, partner.id):
            facts[f"pulled_{pull.module}"] = f"{timestamp(pull.completed_at)} {pull.outcome}"
        return facts

    facts = await node.store.read(look)
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


async def update(
    node: Node, name: str, *, release: str | None = None, on_registered: OnRegistered | None = None
) -> Partner:
    """Tell the partner who we are now and read what it offers now, in the release given or the best common one. The
    tokens are renewed with it: of ours only hashes are kept, so the present one could not be said again."""
    return await _renew(node, await show(node, name), release, on_registered)


async def rotate(node: Node, name: str, *, on_registered: OnRegistered | None = None) -> Partner:
    """Renew the tokens of both sides and leave everything else as it is. The old ones die as soon as the new ones are
    used: theirs for us at once, ours for them with their next call."""
    partner = await show(node, name)
    return await _renew(node, partner, partner.release, on_registered)


async def remove(node: Node, name: str, *, quietly: bool = False) -> bool:
    """End the connection, or take back the invitation. Nobody's tokens work any more; what was charged stays.

    Returns whether the partner knows: it is told unless `quietly`, and may not be there.
    """
    partner = await show(node, name)
    told = False
    if not quietly:
        told = partner.status == "invited" or await client.unregister(node, partner)
    await node.store.write(lambda tx: kept.remove(tx, partner.id))
    return told


async def _renew(node: Node, before: Partner, release: str | None, on_registered: OnRegistered | None) -> Partner:
    if before.status == "invited":
        raise NotRegistered(f"{before.name} was invited and has not registered yet")
    after = await client.renew(node, before, release=release)
    if handshake.seen_anew(before, after):
        await _tell(on_registered, after)
    return after


async def _tell(on_registered: OnRegistered | None, partner: Partner) -> None:
    if on_registered is not None:
        outcome = on_registered(partner)
        if inspect.isawaitable(outcome):
            await outcome


def _named(tx: Tx, name: str) -> Partner:
    partner = kept.by_name(tx, name)
    if partner is None:
        others = ", ".join(each.name for each in kept.all_partners(tx)) or "nobody yet"
        raise UnknownPartner(f"there is no partner named {name}; there is {others}")
    return partner


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise PartnershipError(f"a partner's name is a line of 1 to {LONGEST_NAME} characters")
    return name


def _us(node: Node, role: str | None, party: Party | None) -> OurParty | None:
    """The party of ours that was meant, None when none was named."""
    if role is None and party is None:
        return None
    for each in node.parties:
        same = party is None or node.ours(party, each.role) == each
        if same and role in (None, each.role) and each.role in OPPOSITE:
            return each
    wanted = " ".join([*([role] if role else []), *(["*".join(party)] if party else [])])
    raise NoSuchParty(f"{wanted} is not ours; ours are {', '.join(_said(each) for each in node.parties)}")


def _said(party: OurParty) -> str:
    return f"{party.role} {party.country_code}*{party.party_id}"


def _shown(node: Node, partner: Partner) -> tuple[OurParty, ...]:
    return () if partner.release is None else versions.parties_shown(node, partner, partner.dialect)
