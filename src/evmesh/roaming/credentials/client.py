"""The handshake from the side that begins it: register with a platform, renew the connection, end it.

What a person can cause ends in a `PartnershipError`. Whether the other platform has done what it was asked is not
always known when it fails; what is left here then is what `handshake` says.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.status_codes import CANNOT_CALL_BACK, OcpiError
from evmesh.ports import Forbidden, NoSuchEndpoint, Partner, PartnerError, Reply
from evmesh.roaming import versions
from evmesh.roaming.credentials import handshake
from evmesh.roaming.credentials.errors import AlreadyRegistered, HandshakeFailed, NameInUse, NotRegistered
from evmesh.roaming.credentials.handshake import Offer, Theirs
from evmesh.roaming.credentials.visit import UNAUTHORIZED, Visit, said
from evmesh.roaming.node import Node, OurParty
from evmesh.store import partners
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx

NOT_KNOWN_THERE = (UNAUTHORIZED, 404, 405)
"""HTTP statuses that say, to a DELETE, that there is nothing to end."""

CONFIRM_WITHIN = 5.0
LONGEST_NAME = 60


class _Refused(HandshakeFailed):
    """The other platform has certainly not done what it was asked."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A connection to be: the row that holds our token B while our POST is open. `was` is what the row was before,
    None when there was none."""

    partner: Partner
    was: Partner | None


async def register(
    node: Node,
    versions_url: str,
    token: str,
    *,
    name: str | None = None,
    release: str | None = None,
    us: OurParty | None = None,
) -> Partner:
    """Become a partner of the platform that gave us this token A.

    `name` is what we call it, its own name when left out; `release` the one to speak, the best common one when left
    out; `us` whom of us it sees where a connection has one party. When this fails, nothing is left of it here.
    """
    if not handshake.is_address(versions_url):
        raise HandshakeFailed(f"{versions_url} is not an absolute http or https URL")
    draft = Partner(
        name=name or urlsplit(versions_url).netloc,
        our_role=None if us is None else us.role,
        our_party=None if us is None else us.party,
        versions_url=versions_url,
    )
    visit = Visit(node.calls, token)
    offer = await _look(node, visit, draft, release)
    ours = node.new_token()
    begun = await node.store.write(lambda tx: _begin(tx, draft, ours, named=name is not None))
    try:
        theirs = await _ask(node, visit, "POST", offer, begun.partner, ours)
        rename = name is None and begun.was is None
        partner = await _keep(node, visit, offer, begun.partner, theirs, ours, rename=rename)
    except BaseException:
        # A cancelled handshake, too, leaves nothing.
        await node.store.write(lambda tx: _take_back(tx, begun, ours))
        raise
    await _confirm(node, partner, theirs.token)
    return partner


async def renew(node: Node, partner: Partner, *, release: str | None = None) -> Partner:
    """Renew the tokens of both sides, say who we are now, and read what the partner offers now.

    `release` is the one to speak from now on, the best common one when left out. When this fails, the connection goes
    on as it was.
    """
    former = await node.store.read(lambda tx: partners.their_token(tx, partner.id))
    if former is None or partner.release is None:
        raise NotRegistered(f"{partner.name} has not registered yet")
    visit = Visit(node.calls, former, base64_token=partner.base64_token, release=partner.release)
    offer = await _look(node, visit, partner, release)
    ours = node.new_token()
    await node.store.write(lambda tx: partners.add_our_token(tx, partner.id, hash_of(ours), "B"))
    try:
        theirs = await _ask(node, visit, "PUT", offer, partner, ours)
    except _Refused:
        await node.store.write(lambda tx: partners.retire_token(tx, hash_of(ours)))
        raise
    renewed = await _keep(node, visit, offer, partner, theirs, ours, former=former)
    await _confirm(node, renewed, theirs.token)
    return renewed


async def unregister(node: Node, partner: Partner) -> bool:
    """Tell the partner that the connection ends; whether it knows now. What is kept here is for the caller to end."""
    token = await node.store.read(lambda tx: partners.their_token(tx, partner.id))
    url = partner.endpoint("credentials", None)
    if token is None or url is None:
        return False
    try:
        reply = await Visit(node.calls, token, base64_token=partner.base64_token).send("DELETE", url)
    except PartnerError:
        return False
    return reply.ok or reply.http_status in NOT_KNOWN_THERE


async def _look(node: Node, visit: Visit, partner: Partner, release: str | None) -> Offer:
    assert partner.versions_url is not None
    ours = versions.releases(node, partner)
    try:
        return await visit.offer(partner.versions_url, lambda theirs: handshake.choose(theirs, ours, release))
    except OcpiError as error:
        raise HandshakeFailed(error.message) from error


def _begin(tx: Tx, draft: Partner, token: str, *, named: bool) -> _Begun:
    """Let our token B in, on the row of the partner to be.

    A connection that ended, or one that was only begun, comes to life again in its old row, so that what we hold of
    the partner is held of one partner and not of two.
    """
    everyone = partners.all_partners(tx, removed=True)
    if named:
        known = [each for each in everyone if each.name == draft.name]
        if any(each.status in ("registered", "suspended") for each in known):
            raise NameInUse(f"there is a partner named {draft.name} already: choose another name, or remove it first")
    else:
        known = [each for each in everyone if each.versions_url == draft.versions_url]
    resting = [each for each in known if each.status in ("invited", "removed")]
    was = max(resting, key=lambda each: (each.status == "invited", each.id), default=None)
    if was is None:
        partner = partners.insert(
            tx,
            free_name(tx, draft.name),
            our_role=draft.our_role,
            our_party=draft.our_party,
            versions_url=draft.versions_url,
        )
    else:
        name = was.name if was.status == "invited" else free_name(tx, was.name)
        partner = partners.save(tx, msgspec.structs.replace(draft, id=was.id, name=name, created_at=was.created_at))
    partners.add_our_token(tx, partner.id, hash_of(token), "B")
    return _Begun(partner, was)


def _take_back(tx: Tx, begun: _Begun, token: str) -> None:
    now = partners.get(tx, begun.partner.id)
    if now is None or now.status != "invited":
        return
    if begun.was is None:
        partners.forget(tx, now.id)
    else:
        partners.retire_token(tx, hash_of(token))
        partners.save(tx, begun.was)


async def _ask(node: Node, visit: Visit, method: str, offer: Offer, partner: Partner, token: str) -> Theirs:
    """The other platform's credentials in exchange for ours, which hold the token."""
    spoken = dialect(offer.release)
    url = offer.url("credentials")
    body = wire.encode(handshake.our_credentials(node, partner, spoken, token))
    try:
        reply = await visit.send(method, url, body)
    except (Forbidden, NoSuchEndpoint) as error:
        raise _Refused(f"our credentials could not be sent to {url}: {error}") from error
    except PartnerError as error:
        raise HandshakeFailed(
            f"our credentials were sent to {url} without a usable answer ({error}); it is safe to try again"
        ) from error
    if not reply.ok:
        raise _refusal(node, url, method, reply)
    ours = None if spoken.release.many_parties else versions.one_party(node, partner)
    try:
        if not isinstance(reply.data, dict):
            raise HandshakeFailed(f"{url} took our credentials and answered with none of its own")
        return handshake.read_credentials(reply.data, spoken, ours)
    except OcpiError as error:
        raise HandshakeFailed(f"{url} answered with credentials that cannot be used: {error.message}") from error


def _refusal(node: Node, url: str, method: str, reply: Reply) -> HandshakeFailed | AlreadyRegistered:
    why = f"{url} does not take our credentials: {said(reply)}"
    if reply.http_status == 405 and method == "POST":
        return AlreadyRegistered(f"{why}; for them we are registered already, so ask for a new invitation")
    if reply.status_code == CANNOT_CALL_BACK:
        why = f"{why} (is this node running, and can they reach it at {node.url}?)"
    certain = reply.http_status < 500 and (reply.status_code is not None or reply.http_status >= 400)
    return _Refused(why) if certain else HandshakeFailed(why)


async def _keep(
    node: Node,
    visit: Visit,
    offer: Offer,
    partner: Partner,
    theirs: Theirs,
    token: str,
    *,
    former: str | None = None,
    rename: bool = False,
) -> Partner:
    """Store what was agreed. `former` is what we called them with when the handshake began, None for a new partner."""
    offer = replace(offer, base64_token=visit.base64_token)
    ours = None if dialect(offer.release).release.many_parties else versions.one_party(node, partner)

    def keep(tx: Tx) -> Partner:
        now = partners.get(tx, partner.id)
        if now is None or now.status == "removed" or partners.their_token(tx, now.id) != former:
            raise HandshakeFailed(f"the connection with {partner.name} was changed by somebody else at the same time")
        handshake.check_parties(theirs, now, node, partners.all_partners(tx))
        if rename:
            own_name = (theirs.roles[0].get("business_details") or {}).get("name") or now.name
            now = msgspec.structs.replace(now, name=free_name(tx, own_name[:LONGEST_NAME].strip()))
        saved = partners.save(tx, handshake.agreed(now, theirs, offer, ours))
        partners.set_their_token(tx, saved.id, theirs.token)
        partners.token_given(tx, hash_of(token))
        return saved

    try:
        return await node.store.write(keep)
    except OcpiError as error:
        raise HandshakeFailed(f"the credentials of {partner.name} are refused: {error.message}") from error


async def _confirm(node: Node, partner: Partner, token: str) -> None:
    """Use their new token, so that older ones die there now and not when something happens to be told."""
    assert partner.versions_url is not None
    with suppress(OcpiError, TimeoutError):
        async with asyncio.timeout(CONFIRM_WITHIN):
            await Visit(node.calls, token, base64_token=partner.base64_token).get(
                "versions", partner.versions_url, handshake.read_versions
            )


def free_name(tx: Tx, wanted: str) -> str:
    """The name, with a number when somebody has it."""
    name, number = wanted, 1
    while partners.by_name(tx, name) is not None:
        number += 1
        name = f"{wanted} {number}"
    return name
