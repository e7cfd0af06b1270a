"""The credentials that partners give us: GET, POST, PUT and DELETE on our endpoint. `handshake` has the rules.

Handshakes of one partner run one after another, in the order in which they came: of two that crossed, the later one
must be the one that is stored, since it is the later one that the partner goes by.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable

from evmesh.ocpi.dialect import Dialect, dialect
from evmesh.ocpi.status_codes import CannotCallBack, NotAuthorized, UnsupportedVersion
from evmesh.ports import Answer, Call, Document, Handler, Partner
from evmesh.roaming import versions
from evmesh.roaming.credentials import handshake
from evmesh.roaming.credentials.handshake import Offer, Theirs
from evmesh.roaming.credentials.visit import Visit
from evmesh.roaming.node import Node, OurParty
from evmesh.store import partners
from evmesh.store.partners import OurToken
from evmesh.store.secrets import hash_of
from evmesh.store.transaction import Tx

OnRegistered = Callable[[Partner], Awaitable[None] | None]
"""Called when a partner is stored that is new, or of which more than its tokens is new: what it has of us and we of it
may be incomplete now."""

CALL_BACK_WITHIN = 15.0
"""Seconds for reading the other side's versions and details. Its request is waiting for our answer meanwhile, and
nobody waits for ever."""

log = logging.getLogger(__name__)


def handlers(node: Node, on_registered: OnRegistered | None = None) -> dict[str, Handler]:
    """`on_registered` is not waited for: the partner learns its new token from our answer, and can be asked nothing
    before."""
    turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
    running: set[asyncio.Task[None]] = set()

    async def get(call: Call) -> Answer:
        return Answer(handshake.our_credentials(node, call.partner, call.dialect, call.token))

    async def exchange(call: Call) -> Answer:
        async with turns[call.partner.id]:
            before, _ = await _bearer(node, call)
            after, ours = await _handshake(node, call, before)
        if handshake.seen_anew(before, after):
            log.info("%s is registered on OCPI %s", after.name, after.release)
            if on_registered is not None:
                task = asyncio.create_task(_tell(on_registered, after))
                running.add(task)
                task.add_done_callback(running.discard)
        return Answer(ours)

    async def unregister(call: Call) -> Answer:
        async with turns[call.partner.id]:
            partner, _ = await _bearer(node, call)
            await node.store.write(lambda tx: partners.remove(tx, partner.id))
        log.info("%s has ended its registration", partner.name)
        return Answer()

    return {
        "credentials.get": get,
        "credentials.register": exchange,
        "credentials.update": exchange,
        "credentials.unregister": unregister,
    }


async def _tell(on_registered: OnRegistered, partner: Partner) -> None:
    try:
        outcome = on_registered(partner)
        if outcome is not None:
            await outcome
    except Exception:
        # The handshake is done and answered; what follows from it is not the partner's business.
        log.exception("%s is registered, but what should follow has failed", partner.name)


async def _bearer(node: Node, call: Call) -> tuple[Partner, OurToken]:
    """Who calls, as it is now: an earlier request of the partner may have changed it while this one waited."""
    return await node.store.read(lambda tx: _bearer_now(tx, call))


def _bearer_now(tx: Tx, call: Call) -> tuple[Partner, OurToken]:
    found = partners.by_token(tx, call.token_hash)
    if found is None:
        raise NotAuthorized("this token is no longer valid")
    partner, token = found
    handshake.check_method(call.operation, token.purpose, partner.status)
    return found


async def _handshake(node: Node, call: Call, partner: Partner) -> tuple[Partner, Document]:
    """The partner as it is stored now, and our credentials for it with its new token."""
    ours = _ours(node, partner, call.dialect)
    theirs = handshake.read_credentials(call.body, call.dialect, ours)
    known = await node.store.read(partners.all_partners)
    handshake.check_parties(theirs, partner, node, known)
    offer = await _call_back(node, call.dialect, partner, theirs)
    token = node.new_token()
    answer = handshake.our_credentials(node, handshake.agreed(partner, theirs, offer, ours), call.dialect, token)

    def keep(tx: Tx) -> Partner:
        now, _ = _bearer_now(tx, call)
        handshake.check_parties(theirs, now, node, partners.all_partners(tx))
        saved = partners.save(tx, handshake.agreed(now, theirs, offer, ours))
        partners.set_their_token(tx, saved.id, theirs.token)
        partners.add_our_token(tx, saved.id, hash_of(token), "C")
        return saved

    return await node.store.write(keep), answer


def _ours(node: Node, partner: Partner, spoken: Dialect) -> OurParty | None:
    if spoken.release.many_parties:
        return None
    party = versions.one_party(node, partner)
    if party is None:
        raise UnsupportedVersion(f"OCPI {spoken.name} is not spoken here: we have no party for it")
    return party


async def _call_back(node: Node, spoken: Dialect, partner: Partner, theirs: Theirs) -> Offer:
    """What the caller offers in the release that it called us in, read with the token that it just gave us."""
    # The release is known here before anything is asked, so its form of token comes first with a new partner.
    form = partner.base64_token if partner.release == spoken.name else dialect(spoken.name).base64_token
    visit = Visit(node.calls, theirs.token, base64_token=form, release=spoken.name)
    try:
        async with asyncio.timeout(CALL_BACK_WITHIN):
            return await visit.offer(
                theirs.url, lambda found: handshake.choose(found, versions.releases(node, partner), spoken.name)
            )
    except TimeoutError:
        raise CannotCallBack(f"versions at {theirs.url}: no answer within {CALL_BACK_WITHIN:g} seconds") from None
