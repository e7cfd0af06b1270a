"""May this card charge here? Asked at our stations, and answered for our tokens.

A CPO that knows the card goes by its whitelist; where that leaves it to the eMSP, the eMSP is asked in real time:

    whitelist         valid              not valid          the eMSP does not answer
    ALWAYS            allowed            refused            (not asked)
    ALLOWED           allowed            refused            (not asked)
    ALLOWED_OFFLINE   asked              asked              allowed if valid
    NEVER             asked              asked              refused

An eMSP that knows better than our copy decides: `valid` false does not keep us from asking. An answer that names
places must name this one. [mod_tokens_whitelist_type_enum] [mod_tokens_real_time_authorization]

A card that nobody has told us of is asked of all eMSPs at once; the first ALLOWED within the time limit counts.

A card that came with a command, or was allowed in real time, is not asked for again at that Location within
AUTHORISED_FOR, but a NEVER token is asked for each time unless a command brought it. [mod_commands_startsession_object]
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.status_codes import (
    UNKNOWN_TOKEN,
    InvalidParameter,
    NotEnoughInformation,
    UnknownToken,
)
from evmesh.ocpi.wire import Context
from evmesh.ports import Answer, Call, Document, Handler, Partner, PartnerError, Party, Place
from evmesh.roaming import kinds, visibility
from evmesh.roaming.node import Node
from evmesh.store import charges, objects, partners, token_limits
from evmesh.store.objects import Held
from evmesh.store.schema import OURS
from evmesh.store.token_limits import Limits
from evmesh.store.transaction import Tx

AUTHORISED_FOR = timedelta(minutes=15)
"""How long an authorisation holds for the same card at the same Location."""

USUAL_TYPE = "RFID"
NOT_READ = ("APP_USER", "AD_HOC_USER")
"""Tokens that no station can read: they come by command and are not asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided. `token` is what is known of the card, with at least the fields of a CdrToken when allowed;
    `reason` is an AllowedType, or says what kept us from asking."""

    allowed: bool
    reason: str
    method: str = "WHITELIST"
    token: Document | None = None
    reference: str | None = None
    info: str | None = None


async def authorise(node: Node, uid: str, token_type: str, place: Place) -> Verdict:
    """Decide at one of our stations, within `authorise_timeout` seconds."""
    known, before, registered = await node.store.glance(lambda tx: _what_we_know(tx, node, uid, token_type, place))
    if before is not None:
        return before
    own = [each for each in known if each.partner_id == OURS]
    if own:
        return await _our_own(node, own[0], place)
    tokens: list[tuple[Partner, Document]] = [
        (registered[held.partner_id], wire.decode(held.document)) for held in known if held.partner_id in registered
    ]
    if known and not tokens:
        return Verdict(False, "NOT_ALLOWED")
    refused: Verdict | None = None
    to_ask: list[tuple[Partner, Document]] = []
    for partner, token in tokens:
        if token.get("whitelist") in ("ALWAYS", "ALLOWED"):
            if token.get("valid"):
                return Verdict(True, "ALLOWED", token=token)
            refused = Verdict(False, "BLOCKED", token=token)
        else:
            to_ask.append((partner, token))
    if to_ask:
        return await _ask_the_owners(node, to_ask, place)
    if refused is not None:
        return refused
    if token_type in NOT_READ:
        return Verdict(False, "UNKNOWN")
    return await _ask_everybody(node, registered.values(), uid, token_type, place)


def _what_we_know(
    tx: Tx, node: Node, uid: str, token_type: str, place: Place
) -> tuple[list[Held], Verdict | None, dict[int, Partner]]:
    known = [
        held
        for held in objects.find(tx, "tokens", uid)
        if wire.decode(held.document).get("type", "").casefold() == token_type.casefold()
    ]
    registered = {p.id: p for p in partners.all_partners(tx) if p.status == "registered" and p.plays("EMSP", "HUB")}
    return known, _already_allowed(tx, node, known, uid, token_type, place), registered


def _already_allowed(
    tx: Tx, node: Node, known: Sequence[Held], uid: str, token_type: str, place: Place
) -> Verdict | None:
    never = any(wire.decode(held.document).get("whitelist") == "NEVER" for held in known)
    for charge in charges.of_token(tx, uid, place.location_id, node.clock() - AUTHORISED_FOR):
        if (charge.country_code, charge.party_id) != (place.country_code, place.party_id):
            continue
        if str(charge.token.get("type", "")).casefold() != token_type.casefold():
            continue
        if charge.auth_method == "COMMAND":
            return Verdict(True, "ALLOWED", "WHITELIST", charge.token, charge.authorization_reference)
        if charge.auth_method == "AUTH_REQUEST" and not never:
            return Verdict(True, "ALLOWED", "AUTH_REQUEST", charge.token, charge.authorization_reference)
    return None


async def _our_own(node: Node, held: Held, place: Place) -> Verdict:
    """A token of ours at a station of ours: both sides of the question are here."""
    references = {"location_id": place.location_id, "evse_uids": [place.evse_uid]}
    limits = await node.store.read(lambda tx: token_limits.get(tx, held.key))
    token = wire.decode(held.document)
    return _verdict(judge(token, limits, references, node.clock(), node.new_id()), token, place, kinds.CANONICAL)


async def _ask_the_owners(node: Node, tokens: Sequence[tuple[Partner, Document]], place: Place) -> Verdict:
    verdicts = await _first_allowed(
        node,
        [
            _ask(node, partner, (token["country_code"], token["party_id"]), token["uid"], token["type"], place, token)
            for partner, token in tokens
        ],
    )
    for verdict in verdicts:
        if verdict is not None and (verdict.allowed or len(tokens) == 1):
            return verdict
    for (_, token), answered in zip(tokens, verdicts, strict=True):
        if answered is None and token.get("whitelist") == "ALLOWED_OFFLINE" and token.get("valid"):
            return Verdict(True, "ALLOWED", token=token, info="the eMSP did not answer")
    return next((verdict for verdict in verdicts if verdict is not None), Verdict(False, "NO_ANSWER"))


async def _ask_everybody(node: Node, registered: Iterable[Partner], uid: str, token_type: str, place: Place) -> Verdict:
    asked = [
        _ask(node, partner, party, uid, token_type, place, None)
        for partner in registered
        if partner.endpoint("tokens", "SENDER") is not None
        and partner.our_party in (None, (place.country_code, place.party_id))
        for party in partner.parties("EMSP") or partner.parties()[:1]
    ]
    verdicts = [verdict for verdict in await _first_allowed(node, asked) if verdict is not None]
    for verdict in verdicts:
        if verdict.allowed:
            return verdict
    # Somebody who knows the card and refuses it says more than those who do not know it.
    return next((verdict for verdict in verdicts if verdict.reason != "UNKNOWN"), Verdict(False, "UNKNOWN"))


async def _first_allowed(node: Node, asked: Sequence[Coroutine[Any, Any, Verdict | None]]) -> list[Verdict | None]:
    """The answers that are there when one allows, or the time is over; None for those that are not."""
    tasks = [asyncio.create_task(each) for each in asked]
    waiting = set(tasks)
    try:
        async with asyncio.timeout(node.settings.authorise_timeout):
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any((verdict := task.result()) is not None and verdict.allowed for task in done):
                    break
    except TimeoutError:
        pass
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return [None if task.cancelled() else task.result() for task in tasks]


async def _ask(
    node: Node, partner: Partner, party: Party, uid: str, token_type: str, place: Place, known: Document | None
) -> Verdict | None:
    """What one eMSP says; None when it does not answer in a way that can be relied on."""
    spoken = partner.dialect
    references: Document = {"location_id": place.location_id, "evse_uids": [place.evse_uid]}
    if place.connector_id is not None and "connector_ids" in spoken.release.rules.objects["LocationReferences"].fields:
        references["connector_ids"] = [place.connector_id]
    try:
        body = wire.write("LocationReferences", references, spoken).text
        reply = await node.calls.call(
            partner,
            "tokens.sender.authorize",
            {"token_uid": uid},
            query={"type": said_type(spoken, token_type)},
            body=body,
            from_party=(place.country_code, place.party_id),
            to_party=party,
            timeout=node.settings.authorise_timeout,
        )
    except PartnerError:
        return None
    if reply.http_status == 404 or reply.status_code == UNKNOWN_TOKEN:
        return Verdict(False, "UNKNOWN", "AUTH_REQUEST")
    if not reply.ok or not isinstance(reply.data, dict):
        return None
    info = _understood(reply.data, spoken, party)
    if info is None:
        return None
    told = info.get("token")
    if told is not None and not partner.owns((told.get("country_code", ""), told.get("party_id", ""))):
        return Verdict(False, "NOT_ALLOWED", "AUTH_REQUEST")
    card: Document = told or known or {"uid": uid, "type": token_type}
    if told is None and known is None:
        # Where the answer has no token, what was asked for is all that is known of it.
        card |= {"country_code": party[0], "party_id": party[1], "contract_id": uid}
    return _verdict(info, card, place, spoken)


def _understood(data: Document, spoken: Dialect, party: Party) -> Document | None:
    """The AuthorizationInfo. One whose token cannot be used still says whether the driver may charge."""
    read = wire.read("AuthorizationInfo", data, spoken, Context(token_party=party))
    if read.document is None and all(each.pointer.startswith("/token") for each in read.findings if each.fatal):
        return {name: value for name, value in data.items() if name != "token"}
    return read.document


def _verdict(info: Document, token: Document, place: Place, spoken: Dialect) -> Verdict:
    text = (info.get("info") or {}).get("text")
    allowed = info["allowed"] == "ALLOWED"
    if allowed and info.get("location") is not None and not _holds(info["location"], place, spoken):
        return Verdict(False, "NOT_ALLOWED", "AUTH_REQUEST", token, info=text)
    return Verdict(allowed, info["allowed"], "AUTH_REQUEST", token, info.get("authorization_reference"), text)


def _holds(references: Document, place: Place, spoken: Dialect) -> bool:
    """Whether the place is among those that an answer allows; a list that is not there allows all."""
    if not spoken.same_id(references.get("location_id", ""), place.location_id):
        return False
    for name, wanted in (("evse_uids", place.evse_uid), ("connector_ids", place.connector_id)):
        named = references.get(name)
        if named and wanted is not None and not any(spoken.same_id(each, wanted) for each in named):
            return False
    return True


def said_type(spoken: Dialect, token_type: str) -> str:
    """How a release calls a type of token that it may not know."""
    rule = spoken.release.rules.enums["TokenType"]
    return token_type if rule.open or token_type in rule.values else "OTHER"


def handlers(node: Node) -> dict[str, Handler]:
    async def authorize(call: Call) -> Answer:
        return await answer(node, call)

    return {"tokens.sender.authorize": authorize}


async def answer(node: Node, call: Call) -> Answer:
    """A CPO asks whether one of our tokens may charge. [mod_tokens_post_method]"""
    uid = call.path["token_uid"]
    token_type = call.query.get("type") or call.query.get("token_type") or USUAL_TYPE
    references = _references(call)
    found = await node.store.glance(lambda tx: _ours(tx, call, uid, token_type))
    if found is None:
        message = f"no token {uid[:40]} of type {token_type[:20]} is known"
        raise UnknownToken(message) if call.dialect.release.unknown_token_is_404 else InvalidParameter(message)
    token, limits = found
    info = judge(token, limits, references, node.clock(), node.new_id())
    context = Context(token_party=(token["country_code"], token["party_id"]))
    return Answer(wire.write("AuthorizationInfo", info, call.dialect, context).document)


def _references(call: Call) -> Document | None:
    if not call.body.strip():
        return None
    read = wire.read("LocationReferences", call.body, call.dialect)
    if read.wire in (None, {}):
        return None
    if read.document is None:
        raise InvalidParameter(read.why())
    return read.document


def _ours(tx: Tx, call: Call, uid: str, token_type: str) -> tuple[Document, Limits | None] | None:
    """Our token of that name that the caller may see; of several parties' the addressed one's first."""
    candidates = []
    for held in objects.find(tx, "tokens", uid):
        token = wire.decode(held.document)
        if held.partner_id != OURS or not visibility.sees(call.partner, held):
            continue
        if not call.dialect.same_id(token["uid"], uid):
            continue
        if said_type(call.dialect, token["type"]).casefold() != token_type.casefold():
            continue
        owner = objects.party(token["country_code"], token["party_id"])
        addressed = call.to_party is not None and owner == objects.party(*call.to_party)
        candidates.append((not addressed, held, token))
    if not candidates:
        return None
    _, held, token = min(candidates, key=lambda each: each[0])
    return token, token_limits.get(tx, held.key)


def judge(
    token: Document, limits: Limits | None, references: Document | None, at: datetime, reference: str
) -> Document:
    """The AuthorizationInfo for a token of ours. NotEnoughInformation when it is bound to places and none is named.

    Opening hours and the state of an EVSE are the CPO's to judge. [mod_tokens_real_time_authorization]
    """
    limits = limits or Limits()
    refused = limits.refused
    if refused is None and limits.expires_at is not None and limits.expires_at <= at:
        refused = "EXPIRED"
    if refused is None and not token.get("valid"):
        refused = "BLOCKED"
    allowed_at = references
    if refused is None and limits.places is not None:
        if references is None:
            raise NotEnoughInformation("this token may charge at some places only: tell the location_id")
        allowed_at = _allowed_among(limits, references)
        if allowed_at is None:
            refused = "NOT_ALLOWED"
    info: Document = {"allowed": refused or "ALLOWED", "token": token}
    if refused is None:
        info["authorization_reference"] = reference
        if allowed_at is not None:
            info["location"] = allowed_at
    if limits.info is not None or refused is not None:
        text = limits.info or f"{token['uid']}: {TEXTS[refused or 'ALLOWED']}"
        language = token.get("language") if limits.info is not None else None
        info["info"] = {"language": language or "en", "text": text}
    return info


TEXTS = {
    "ALLOWED": "welcome",
    "BLOCKED": "this card is blocked",
    "EXPIRED": "this card has expired",
    "NO_CREDIT": "there is no credit left",
    "NOT_ALLOWED": "this card may not charge here",
}


def _allowed_among(limits: Limits, references: Document) -> Document | None:
    """The part of the references at which the token may charge; None when there is none."""
    same = kinds.CANONICAL.same_id
    for place in limits.places or ():
        if not same(place.location_id, references["location_id"]):
            continue
        asked = references.get("evse_uids") or []
        if not place.evse_uids:
            return references
        if not asked:
            return {**references, "evse_uids": list(place.evse_uids)}
        both = [uid for uid in asked if any(same(uid, each) for each in place.evse_uids)]
        return {**references, "evse_uids": both} if both else None
    return None
