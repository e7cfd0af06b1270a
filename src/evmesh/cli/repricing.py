"""Pricing anew what a node holds: its CDRs, what it knows of each, and the sums of what came out."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from evmesh.cli import documents
from evmesh.cli.documents import Document, Understood
from evmesh.cli.output import Failure

if TYPE_CHECKING:
    from evmesh.pricing.compiled import Compiled
    from evmesh.pricing.policy import PricingPolicy
    from evmesh.pricing.taxes import Amount
    from evmesh.store.database import Store
    from evmesh.store.objects import Held
    from evmesh.store.transaction import Tx

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Charge:
    """A CDR that the node holds, and what it knows beside it: whose it is (None: ours), the Location's zone, and the
    tariffs that the CDR only names."""

    cdr: Document
    began: datetime
    release: str
    partner: str | None
    zone: str | None
    tariffs: tuple[Document, ...]

    @property
    def whose(self) -> str:
        return "ours" if self.partner is None else "theirs"

    @property
    def currency(self) -> str:
        return str(self.cdr.get("currency"))


async def charges(
    store: Store, sides: Sequence[bool], names: dict[int, str], since: datetime, until: datetime
) -> AsyncIterator[Charge | None]:
    """All CDRs of ours (False) and of theirs (True), None for those that began at another time."""
    zones: dict[tuple[str, str], str | None] = {}
    for theirs in sides:
        after = 0
        while True:
            read = partial(_page, theirs=theirs, after=after, names=names, zones=zones, since=since, until=until)
            page = await store.read(read)
            for _, charge in page:
                yield charge
            if not page:
                break
            after = page[-1][0]


def _page(
    tx: Tx,
    *,
    theirs: bool,
    after: int,
    names: dict[int, str],
    zones: dict[tuple[str, str], str | None],
    since: datetime,
    until: datetime,
) -> list[tuple[int, Charge | None]]:
    from evmesh.ocpi.types import parse_timestamp
    from evmesh.ocpi.wire import decode
    from evmesh.store import objects

    found: list[tuple[int, Charge | None]] = []
    for held in objects.listing(tx, "cdrs", theirs=theirs, after_seq=after, limit=AT_ONCE):
        cdr = decode(held.document)
        began = parse_timestamp(cdr["start_date_time"])
        if not since <= began < until:
            found.append((held.seq, None))
            continue
        place = (held.owner, str((cdr.get("cdr_location") or {}).get("id")))
        if place not in zones:
            location = _of_owner(tx, "locations", *place)
            zones[place] = location.get("time_zone") if location else None
        partner = names.get(held.partner_id, str(held.partner_id)) if theirs else None
        tariffs = () if cdr.get("tariffs") else _named(tx, held, cdr)
        found.append((held.seq, Charge(cdr, began, held.release, partner, zones[place], tariffs)))
    return found


def _named(tx: Tx, held: Held, cdr: Document) -> tuple[Document, ...]:
    """The tariffs that the periods name, as they are now."""
    ids = {period.get("tariff_id") for period in cdr.get("charging_periods") or ()} - {None}
    found = [_of_owner(tx, "tariffs", held.owner, each) for each in sorted(ids)]
    return tuple(tariff for tariff in found if tariff is not None)


def _of_owner(tx: Tx, kind: str, owner: str, id: str) -> Document | None:
    from evmesh.ocpi.wire import decode
    from evmesh.store import objects

    held = next((held for held in objects.find(tx, kind, id, absent=True) if held.owner == owner), None)
    document: Document | None = None if held is None else decode(held.document)
    return document


class Pricer:
    """Prices charges under given tariffs, or under their own. One tariff is compiled, once for each zone."""

    def __init__(self, tariffs: list[Understood] | None, policy: PricingPolicy) -> None:
        self.policy = policy
        self.taxes_known = all(each.names_taxes for each in tariffs or ())
        self.tariffs = None if tariffs is None else [each.document for each in tariffs]
        for tariff in self.tariffs or ():
            _must_be_readable(tariff)
        if self.tariffs is not None and len(self.tariffs) == 1:
            # Whether it was valid then is not the question.
            whenever = {k: v for k, v in self.tariffs[0].items() if k not in ("start_date_time", "end_date_time")}
            self.tariffs = [whenever]
        self.engines: dict[str | None, Compiled | None] = {}

    def price(self, charge: Charge) -> tuple[Amount, str]:
        """What the CDR's total would be, or the code of the finding that says why there is none."""
        from evmesh.pricing.taxes import UNKNOWN, Amount

        cdr = charge.cdr if self.tariffs is None else _unnamed(charge.cdr)
        engine = self.engine(charge.zone)
        amount = UNKNOWN if engine is None else engine.totals_of(cdr).amount
        reason = ""
        if amount == UNKNOWN:
            amount, reason = self.slowly(charge, cdr)
        if cdr.get("credit"):
            amount = -amount
        return Amount(self.rounded(amount.net), self.rounded(amount.gross)), reason

    def engine(self, zone: str | None) -> Compiled | None:
        from evmesh.pricing.compiled import compile_plan
        from evmesh.pricing.plan import read_plan
        from evmesh.pricing.zones import UnknownZone

        if self.tariffs is None or len(self.tariffs) != 1:
            return None
        if zone not in self.engines:
            plan, _ = read_plan(self.tariffs[0], place="/tariffs/0", taxes_known=self.taxes_known)
            try:
                # Without a zone each charge has its country's, which only the reference engine looks up.
                fast = plan is not None and (zone is not None or not plan.local)
                self.engines[zone] = compile_plan(plan, zone, self.policy) if fast and plan is not None else None
            except UnknownZone:
                self.engines[zone] = None
        return self.engines[zone]

    def slowly(self, charge: Charge, cdr: Document) -> tuple[Amount, str]:
        from evmesh.pricing.price import price
        from evmesh.pricing.taxes import UNKNOWN

        tariffs, taxes_known = self.tariffs, self.taxes_known
        if tariffs is None:
            tariffs = list(charge.tariffs) or None
            taxes_known = documents.names_taxes(charge.release)
        bill = price(cdr, tariffs, charge.zone, self.policy, taxes_known=taxes_known)
        unsure = [finding for finding in bill.findings if finding.fatal or finding.code == "unknown_tariff"]
        if unsure or not bill.priced:
            return UNKNOWN, unsure[0].code if unsure else "not_priced"
        return bill.total, ""

    def rounded(self, value: Fraction | None) -> Fraction | None:
        """As a CDR prints it."""
        from evmesh.pricing.exact import rounded

        return None if value is None else Fraction(rounded(value, self.policy.places, self.policy.rounding))


def _must_be_readable(tariff: Document) -> None:
    from evmesh.pricing.plan import read_plan

    plan, findings = read_plan(tariff)
    if plan is None:
        reasons = "; ".join(str(finding) for finding in findings if finding.fatal)
        raise Failure(f"tariff {tariff.get('id')} cannot be priced by: {reasons}")


def _unnamed(cdr: Document) -> Document:
    """The charge without the tariffs that its periods name."""
    periods = [
        {name: value for name, value in period.items() if name != "tariff_id"} if isinstance(period, dict) else period
        for period in cdr.get("charging_periods") or ()
    ]
    return cdr | {"charging_periods": periods}


@dataclass(slots=True)
class Sum:
    """Charges of one side in one currency. Amounts after taxes are summed where all of them are known."""

    before: Amount
    after: Amount
    count: int = 0
    heap: list[tuple[Fraction, int, Charge, Amount, Amount]] = field(default_factory=list)


@dataclass(slots=True)
class Repriced:
    """What became of all charges; of differences only the `most` largest of each sum are kept."""

    most: int
    sums: dict[tuple[str, str], Sum] = field(default_factory=dict)
    unpriced: Counter[str] = field(default_factory=Counter)
    seen: int = 0

    def add(self, charge: Charge, after: Amount, reason: str) -> None:
        from evmesh.pricing.taxes import NOTHING

        self.seen += 1
        before = _claimed(charge.cdr)
        if reason or before is None:
            self.unpriced[reason or "no_claim"] += 1
            return
        key = (charge.whose, charge.currency)
        found = self.sums.setdefault(key, Sum(NOTHING, NOTHING))
        found.before, found.after, found.count = found.before + before, found.after + after, found.count + 1
        apart = _apart(before, after)
        if apart and self.most:
            heapq.heappush(found.heap, (abs(apart), -self.seen, charge, before, after))
            if len(found.heap) > self.most:
                heapq.heappop(found.heap)

    @property
    def largest(self) -> list[tuple[Charge, Amount, Amount]]:
        """The largest differences of each sum, greatest first."""
        return [
            each[2:]
            for _, found in sorted(self.sums.items())
            for each in sorted(found.heap, key=lambda each: each[:2], reverse=True)
        ]

    def document(self) -> Document:
        from evmesh.pricing.bill import amount_document

        def compared(before: Amount, after: Amount) -> Document:
            amounts = {"before": before, "after": after, "change": after - before}
            return {name: amount_document(amount) for name, amount in amounts.items()}

        return {
            "count": sum(each.count for each in self.sums.values()),
            "totals": [
                {"whose": whose, "currency": currency, "count": each.count, **compared(each.before, each.after)}
                for (whose, currency), each in sorted(self.sums.items())
            ],
            "not_priced": {
                "count": self.unpriced.total(),
                "reasons": [{"code": code, "count": count} for code, count in self.unpriced.most_common()],
            },
            "largest": [
                {
                    "id": charge.cdr.get("id"), "whose": charge.whose, "partner": charge.partner,
                    "start_date_time": charge.cdr["start_date_time"], "currency": charge.currency,
                    **compared(before, after),
                }
                for charge, before, after in self.largest
            ],
        }  # fmt: skip


def _apart(before: Amount, after: Amount) -> Fraction:
    """How much more it would have been; before taxes where both are known."""
    difference = after - before
    return difference.net if difference.net is not None else difference.gross or Fraction(0)


def _claimed(cdr: Document) -> Amount | None:
    """The CDR's own total; after taxes only where it names taxes."""
    from evmesh.pricing.exact import NotANumber, number
    from evmesh.pricing.taxes import Amount

    total: Any = cdr.get("total_cost")
    try:
        net = number(total["before_taxes"])
        taxes = [number(tax["amount"]) for tax in total.get("taxes") or ()]
    except (NotANumber, KeyError, TypeError, AttributeError):
        return None
    return Amount(net, sum(taxes, net) if taxes else None)
