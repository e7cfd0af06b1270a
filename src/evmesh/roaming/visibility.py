"""Who may see what of ours: one rule for lists, counts, single GETs and pushes.

A partner sees objects of a kind when one of its roles is a Receiver of that module, and of those

    what             where it sees one party of ours (2.1.1)      else
    Locations        that party's                                 all
    Tariffs          that party's                                 all
    Tokens           that party's                                 all
    Sessions, CDRs   that party's, with its own tokens            those with its own tokens
    records          none: the module is of 2.3.0                 those of invoices between it and us

It is pushed what it sees, if it has a Receiver endpoint for the module. [introduction_modules]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evmesh.ocpi.roles import RECEIVERS
from evmesh.ocpi.status_codes import InvalidParameter
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document, Partner, Party
from evmesh.roaming import kinds
from evmesh.roaming.node import Node
from evmesh.store.objects import Held, party
from evmesh.store.pages import Wanted


@dataclass(frozen=True, slots=True)
class Scope:
    """Parties as `store.objects.party` writes them; None is no limit, nothing is nobody's."""

    owners: tuple[str, ...] | None = None
    token_parties: tuple[str, ...] | None = None

    def holds(self, owner: str, token_party: str | None) -> bool:
        if self.owners is not None and owner not in self.owners:
            return False
        return self.token_parties is None or token_party in self.token_parties


def scope(partner: Partner, kind: str) -> Scope:
    """What the partner may see of our objects of a kind."""
    if not partner.plays(*RECEIVERS[kind]):
        return Scope(owners=())
    owners = None
    if partner.release is not None and not partner.dialect.release.many_parties:
        owners = () if partner.our_party is None else (party(*partner.our_party),)
    if kind in ("sessions", "cdrs", "invoicereconciliation"):
        return Scope(owners, tuple(dict.fromkeys(party(*each) for each in partner.parties())))
    return Scope(owners)


def sees(partner: Partner, held: Held) -> bool:
    """Whether the partner may see this object of ours."""
    return scope(partner, held.kind).holds(held.owner, held.token_party)


def reaches(partner: Partner, kind: str) -> bool:
    """Whether the partner takes pushes of a kind at all."""
    return (
        partner.status == "registered"
        and partner.release is not None
        and partner.plays(*RECEIVERS[kind])
        and partner.endpoint(kind, "RECEIVER") is not None
    )


def receivers(
    node: Node, partners: Sequence[Partner], kind: str, document: Document, *, to: Party | None = None
) -> list[Partner]:
    """Of these partners, those that are to be told of our object; `to` is for whom it is where it does not say so."""
    owner = party(*kinds.owner(document))
    token_party = kinds.token_party(kind, document) if to is None else party(*to)
    return [p for p in partners if reaches(p, kind) and scope(p, kind).holds(owner, token_party)]


def wanted(node: Node, partner: Partner, kind: str, query: Mapping[str, str]) -> Wanted:
    """What a list shows to the partner; InvalidParameter when a filter cannot be read."""
    seen = scope(partner, kind)
    return Wanted(
        kind=kind,
        release=partner.dialect.name,
        now=node.clock(),
        owners=seen.owners,
        token_parties=seen.token_parties,
        date_from=_moment(query, "date_from"),
        date_to=_moment(query, "date_to"),
    )


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    try:
        return parse_timestamp(text)
    except (ValueError, OverflowError):
        raise InvalidParameter(f"{name}: {text[:40]!r} is not a timestamp such as 2026-03-01T12:00:00Z") from None
