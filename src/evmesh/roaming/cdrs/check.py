"""What happens when a CDR of a partner has been stored, pushed or pulled, in the same transaction.

1. What is known around it is gathered (`around`).
2. It is judged (`judge`), and the verdict kept. A verdict refuses nothing: somebody claims money, and gets an answer
   when the claim has been looked at.
3. What it claims is posted in the ledger, once; a record of an invoice that waits for it is looked at again.
4. A dispute that waits for it goes on: a credit, or the CDR that bills the session anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from evmesh.base.findings import Finding
from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect, dialect
from evmesh.ocpi.types import parse_timestamp, timestamp
from evmesh.ports import Document, Partner
from evmesh.roaming import receive
from evmesh.roaming.cdrs import disputes, posting
from evmesh.roaming.cdrs.around import Around, Seen
from evmesh.roaming.cdrs.judge import Case, Judgement, judge
from evmesh.roaming.invoicereconciliation import incoming
from evmesh.roaming.node import Node
from evmesh.store import faults, objects, partners, verdicts
from evmesh.store.objects import Held
from evmesh.store.transaction import Tx, now
from evmesh.store.verdicts import Verdict

UNKNOWN_TOKEN = "cdr_of_unknown_token"
UNKNOWN_ORIGINAL = "credit_of_unknown_cdr"
"""Kinds of faults; the subject is the CDR."""

log = logging.getLogger(__name__)


def received(
    tx: Tx, node: Node, partner: Partner, spoken: Dialect, held: Held, findings: Sequence[Finding] = ()
) -> Verdict:
    """A partner's CDR is new here."""
    cdr = wire.decode(held.document)
    seen = Around(tx, node).look(partner, spoken, held, cdr, findings, received_at=now(tx))
    verdict = _verdict(seen, now(tx))
    verdicts.put(tx, [verdict])
    _faults(tx, partner, cdr, verdict, seen)
    posting.claimed(tx, partner, held, cdr)
    incoming.arrived(tx, held)
    disputes.heard(tx, node, partner, held, verdict, seen.original)
    return verdict


def again(tx: Tx, node: Node, partner: Partner, held: Held) -> Verdict:
    """Judge anew a CDR that we hold; its tariffs are still those of its time. Nothing else happens."""
    verdict = _verdict(_seen(tx, node, partner, held), now(tx))
    verdicts.put(tx, [verdict])
    return verdict


def case_of(tx: Tx, node: Node, partner: Partner, held: Held) -> Case:
    """What a CDR that we hold is judged by."""
    return _seen(tx, node, partner, held).case


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """The CDRs of partners whose numbers are above `after` and not above `until`: of one partner, and of charges that
    began from `since` on and before `before`, where that is given."""

    after: int
    until: int
    partner_id: int | None = None
    since: datetime | None = None
    before: datetime | None = None

    def asks_for(self, moment: datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.before is None or moment < self.before)


class Anew(msgspec.Struct, frozen=True):
    """What judging a stretch anew gave: how many CDRs got each verdict, and the verdicts that are not what they were.
    `first` are the numbers of CDRs that had none."""

    found: dict[str, int]
    changed: list[Verdict]
    first: set[int]


def look(tx: Tx, node: Node, stretch: Stretch) -> list[tuple[Seen, Verdict | None]]:
    """The CDRs of a stretch with what is known around each, and its former verdict. `anew` needs no transaction: one
    that lasted as long as judging takes would keep SQLite from cutting back its log."""
    known = {each.id: each for each in partners.all_partners(tx, removed=True)}
    former = verdicts.between(tx, stretch.after, stretch.until)
    acquainted = verdicts.acquainted(tx, stretch.after, stretch.until)
    asked = [
        (held, former.get(held.seq), *_reread(tx, known[held.partner_id], held))
        for held in objects.listing(
            tx,
            "cdrs",
            theirs=True,
            partner_id=stretch.partner_id,
            after_seq=stretch.after,
            until_seq=stretch.until,
            limit=None,
        )
        if held.seq not in former or stretch.asks_for(former[held.seq].start)
    ]
    around = Around(tx, node)
    around.ahead([cdr for _, _, cdr, _ in asked])
    found = []
    for held, before, cdr, findings in asked:
        alone = held.seq not in acquainted
        seen = _looked_again(around, known[held.partner_id], held, before, cdr, findings, alone=alone)
        if stretch.asks_for(seen.charge.start):
            found.append((seen, before))
    return found


def anew(looked: Iterable[tuple[Seen, Verdict | None]], checked_at: datetime) -> Anew:
    """Judge CDRs anew, and write nothing: `keep` does."""
    given = Anew({}, [], set())
    for seen, before in looked:
        verdict = _verdict(seen, checked_at)
        given.found[verdict.verdict] = given.found.get(verdict.verdict, 0) + 1
        if before is None:
            given.first.add(verdict.seq)
        if before is None or msgspec.structs.replace(verdict, checked_at=before.checked_at) != before:
            given.changed.append(verdict)
    return given


def keep(tx: Tx, node: Node, given: Anew) -> None:
    """Write the verdicts that `anew` gave, perhaps in another process.

    CDRs that had no verdict saw no others there: those that have to do with others are judged once more.
    """
    verdicts.put(tx, given.changed)
    acquainted = verdicts.acquainted(tx, min(given.first) - 1, max(given.first)) if given.first else set()
    for verdict in given.changed:
        if verdict.is_credit and verdict.report["by"] == "original":
            credit = objects.by_seq(tx, verdict.seq)
            if credit is not None:
                # What it takes back came later than the credit.
                faults.close_fault(tx, UNKNOWN_ORIGINAL, f"cdrs {credit.owner}*{credit.id}")
        if verdict.seq in given.first and verdict.seq in acquainted:
            held, partner = objects.by_seq(tx, verdict.seq), partners.get(tx, verdict.partner_id)
            if held is not None and partner is not None:
                again(tx, node, partner, held)


def _seen(tx: Tx, node: Node, partner: Partner, held: Held) -> Seen:
    former = verdicts.get(tx, held.seq)
    return _looked_again(Around(tx, node), partner, held, former, *_reread(tx, partner, held))


def _reread(tx: Tx, partner: Partner, held: Held) -> tuple[Document, Sequence[Finding]]:
    """A CDR that we hold, and the findings of its reading."""
    owner = held.country_code, held.party_id
    context = receive.their_context(tx, partner, owner)
    read = wire.read("CDR", held.wire_or_document.encode(), dialect(held.release), context)
    # Where the partner's own words are the canonical ones, they were just read.
    cdr = read.document if held.wire is None and read.document is not None else wire.decode(held.document)
    return cdr, read.findings


def _looked_again(
    around: Around,
    partner: Partner,
    held: Held,
    former: Verdict | None,
    cdr: Document,
    findings: Sequence[Finding],
    *,
    alone: bool = False,
) -> Seen:
    received_at = held.last_updated if former is None else parse_timestamp(former.report["received_at"])
    return around.look(partner, dialect(held.release), held, cdr, findings, received_at=received_at, alone=alone)


def _verdict(seen: Seen, checked_at: datetime) -> Verdict:
    judged = _safely(seen.case, seen.held)
    return Verdict(
        **msgspec.structs.asdict(seen.charge),
        verdict=judged.verdict,
        checked_at=checked_at,
        report=judged.report | {"received_at": timestamp(seen.case.circumstances.received_at)},
    )


def _safely(case: Case, held: Held) -> Judgement:
    """A claim is kept even where judging it fails: that is our mistake, and the log has it."""
    try:
        return judge(case)
    except Exception as error:
        log.exception("the CDR %s*%s could not be judged", held.owner, held.id)
        finding = {"severity": "error", "code": "not_judged", "pointer": "", "message": str(error)[:200]}
        levels = {"well_formed": {"outcome": "not_checked", "findings": [finding]}}
        nothing: Document = {"claimed": None, "expected": None, "difference": None, "habits": []}
        return Judgement("cannot_be_priced", {"verdict": "cannot_be_priced", "by": None, **nothing, "levels": levels})


def _faults(tx: Tx, partner: Partner, cdr: Document, verdict: Verdict, seen: Seen) -> None:
    subject = f"cdrs {seen.held.owner}*{seen.held.id}"
    codes = {each["code"] for each in verdict.report["levels"].get("plausible", {}).get("findings", ())}
    if "unknown_token" in codes:
        token = cdr.get("cdr_token") or {}
        who = token.get("uid") or token.get("contract_id")
        detail = f"{partner.name} charges us for a token that we do not know: {who}"
        faults.open_fault(tx, UNKNOWN_TOKEN, subject, detail, partner_id=partner.id)
    if cdr.get("credit") and cdr.get("credit_reference_id") is not None and seen.original is None:
        detail = f"{partner.name} credits the CDR {cdr['credit_reference_id']}, which we do not have"
        faults.open_fault(tx, UNKNOWN_ORIGINAL, subject, detail, partner_id=partner.id)
