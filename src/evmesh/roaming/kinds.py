"""The six kinds of objects that are held, listed and delivered: what they are called and told apart by.

A kind is named by its module. Documents here are canonical ones, so every field has its newest name.
"""

from __future__ import annotations

from datetime import datetime

from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.releases import NEWEST
from evmesh.ocpi.types import parse_timestamp
from evmesh.ports import Document, Party
from evmesh.store.objects import party

NAMES = {
    "locations": "Location",
    "tariffs": "Tariff",
    "sessions": "Session",
    "cdrs": "CDR",
    "tokens": "Token",
    "invoicereconciliation": "InvoiceReconciliationRecord",
}

CANONICAL = dialect(NEWEST)
"""How our own objects are worded and keyed."""


def ids(kind: str, document: Document) -> tuple[str, ...]:
    """What names the object among its owner's: its id; for a token uid and type together."""
    return (document["uid"], document["type"]) if kind == "tokens" else (document["id"],)


def owner(document: Document) -> Party:
    return document["country_code"], document["party_id"]


def own_key(kind: str, document: Document) -> str:
    """The key of one of our own objects."""
    return CANONICAL.key(*owner(document), *ids(kind, document))


def token_party(kind: str, document: Document) -> str | None:
    """Whose token was charged with: the party that may see a Session or CDR. None where that is not known."""
    if kind not in ("sessions", "cdrs"):
        return None
    token = document.get("cdr_token") or {}
    if not token.get("country_code") or not token.get("party_id"):
        return None
    return party(token["country_code"], token["party_id"])


def contract_id(kind: str, document: Document) -> str | None:
    """What a Session of 2.1.1 names a token by."""
    return document.get("contract_id") if kind == "tokens" else None


def last_updated(document: Document) -> datetime:
    return parse_timestamp(document["last_updated"])
