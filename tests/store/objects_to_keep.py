"""Small objects for tests of the store, which does not look into documents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from evmesh.store import objects
from evmesh.store.objects import Held, Outcome
from tests.store.conftest import NOON


def put(
    id: str,
    *,
    kind: str = "locations",
    partner_id: int = 0,
    party: str = "SE*VLT",
    minutes: float = 0,
    text: str | None = None,
    wire: str | None = None,
    token_party: str | None = None,
    **options: Any,
) -> Callable[[Connection], tuple[Outcome, Held]]:
    """A transaction function that puts an object, last updated some minutes after noon."""
    country_code, party_id = party.split("*")
    document = text or f'{{"id":"{id}"}}'

    def run(tx: Connection) -> tuple[Outcome, Held]:
        return objects.put(
            tx,
            kind,
            partner_id,
            country_code,
            party_id,
            id,
            f"{party}*{id}".casefold(),
            document,
            wire,
            "2.2.1",
            at(minutes),
            token_party,
            **options,
        )

    return run


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)
