"""Disputes about partners' CDRs: opened with the report of the check, moved on by people and by what comes in."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from evmesh.billing import dispute as rules
from evmesh.billing import letter as letters
from evmesh.billing.contracts import USUAL, Contract
from evmesh.billing.dispute import Dispute, Event, NotPossible
from evmesh.billing.invoice import Company
from evmesh.billing.letter import Letter
from evmesh.billing.settings import Billing
from evmesh.billing.words import Language
from evmesh.ocpi import wire
from evmesh.ports import Partner
from evmesh.pricing.habit_words import in_words
from evmesh.roaming.node import Node
from evmesh.store import disputes, objects, partners, verdicts
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx, now
from evmesh.store.verdicts import Verdict


def contract_of(node: Node, partner: Partner | None) -> Contract:
    """What was agreed with a partner, or what everybody gets."""
    return USUAL if partner is None else node.settings.contracts.get(partner.name, USUAL)


def open_dispute(tx: Tx, node: Node, held: Held, *, reason: str | None = None, note: str = "") -> Dispute:
    """Open a dispute about a partner's CDR. NotPossible when there is one, or nothing is wrong with it."""
    there = disputes.alive(tx, held.seq)
    if there is not None:
        raise NotPossible(f"the CDR {held.id} is disputed already: dispute {there.id}")
    verdict = verdicts.get(tx, held.seq)
    if verdict is None:
        raise NotPossible(f"the CDR {held.id} has no verdict yet: evmesh cdrs check gives it one")
    if verdict.is_credit:
        raise NotPossible(f"{held.id} is a credit; what it takes back can be disputed")
    made = rules.opened(
        partner_id=held.partner_id,
        seq=held.seq,
        cdr=f"{held.owner}*{held.id}",
        currency=verdict.currency,
        report=verdict.report,
        at=now(tx),
        answer_within=contract_of(node, partners.get(tx, held.partner_id)).answer_within,
        reason=reason,
        note=note,
    )
    return disputes.insert(tx, made)


def step(tx: Tx, node: Node, id: int, event: Event, *, note: str = "") -> Dispute:
    """Say what happened to a dispute. NotPossible when its state knows no such step, or there is none."""
    found = disputes.get(tx, id)
    if found is None:
        raise NotPossible(f"there is no dispute {id}")
    within = contract_of(node, partners.get(tx, found.partner_id)).answer_within
    moved = rules.moved(found, event, now(tx), answer_within=within, note=note)
    disputes.update(tx, moved)
    return moved


def letter(tx: Tx, node: Node, billing: Billing, dispute: Dispute, *, language: Language | None = None) -> Letter:
    """The letter that tells the partner of a dispute, in the partner's language unless told otherwise. Who both are
    say the settings of billing, and where they do not, what each told the other on registering."""
    held, partner = objects.by_seq(tx, dispute.seq), partners.get(tx, dispute.partner_id)
    assert held is not None, "no CDR is ever deleted"
    assert partner is not None, "no partner is ever deleted"
    cdr = wire.decode(held.document)
    customer = next((each for each in billing.customer if each.partner == partner.name), None)
    token = cdr.get("cdr_token") or {}
    us = node.ours((str(token.get("country_code")), str(token.get("party_id")))) or node.parties[0]
    spoken: Language = language or (customer.language if customer else "en")
    habits = dispute.evidence.get("habits") or ()
    return letters.letter(
        dispute,
        cdr,
        sender=billing.company or Company(name=us.name, country=us.country_code),
        recipient=customer.company if customer else Company(name=_name(partner, held), country=held.country_code),
        answer_within=contract_of(node, partner).answer_within,
        habits=[in_words(habit["code"], habit["text"], spoken) for habit in habits],
        language=spoken,
    )


def _name(partner: Partner, held: Held) -> str:
    """What a partner calls the party that a CDR is of."""
    for role in partner.roles:
        if objects.party(role["country_code"], role["party_id"]) == held.owner:
            return str(role["business_details"]["name"])
    return partner.name


def heard(tx: Tx, node: Node, partner: Partner, held: Held, verdict: Verdict, original: Held | None) -> None:
    """A partner's CDR came: a credit of a disputed one, or the one that bills its session anew, in either order.

    A credit of other money than was claimed takes nothing back: the dispute goes on.
    """
    within = contract_of(node, partner).answer_within
    if verdict.is_credit:
        found = None if original is None else disputes.alive(tx, original.seq)
        if found is None or found.state == "credited" or verdict.verdict == "differs":
            return
        found = rules.moved(found, "credit", now(tx), answer_within=within, note=held.id, credit_seq=held.seq)
        anew = _billed_anew(tx, found)
        if anew is not None:
            found = _rebilled(tx, found, anew, within)
        disputes.update(tx, found)
        return
    found = disputes.awaiting(tx, verdict)
    if found is not None:
        disputes.update(tx, _rebilled(tx, found, verdict, within))


def _billed_anew(tx: Tx, dispute: Dispute) -> Verdict | None:
    """The CDR that bills the same session, if it came before the credit."""
    disputed = verdicts.get(tx, dispute.seq)
    if disputed is None:
        return None
    for each in verdicts.neighbours(tx, msgspec.structs.replace(disputed, evse=None)):
        if each.is_credit or each.partner_id != dispute.partner_id or each.seq < dispute.seq:
            continue
        if each.session == disputed.session and (disputed.session is not None or each.start == disputed.start):
            return verdicts.get(tx, each.seq)
    return None


def _rebilled(tx: Tx, dispute: Dispute, verdict: Verdict, within: timedelta) -> Dispute:
    note = f"the new CDR {verdict.verdict.replace('_', ' ')}"
    return rules.moved(dispute, "rebill", now(tx), answer_within=within, note=note, new_seq=verdict.seq)
