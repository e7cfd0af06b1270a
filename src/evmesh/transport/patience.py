"""How long a partner that cannot be told anything is left alone.

    there ──failed──▶ away for 1 s ──failed──▶ away for 2 s ──failed──▶ … an hour
      ▲                   │                        │
      └──── answered ─────┴────────────────────────┘
                    heard from: away for a tenth of it, a minute at most

Failures of tries that were under way when the first one failed say the same thing, not more. A wait that the partner
asked for is kept, whatever it does meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from evmesh.base.clock import Clock
from evmesh.transport.outcomes import backoff

LONGEST_SILENCE = 60.0


@dataclass(slots=True)
class _Away:
    """`failures` in a row; not to be tried before `until`, because it `asked` so or by our own reckoning."""

    failures: int
    since: datetime
    until: datetime
    asked: bool = False


class Patience:
    def __init__(self, clock: Clock, jitter: Callable[[float], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._away: dict[int, _Away] = {}

    def failed(self, partner_id: int, wait: float | None = None) -> datetime:
        """It could not be told anything; when to try again, at the earliest after the wait that it asked for."""
        now = self._clock()
        away = self._away.setdefault(partner_id, _Away(0, now, now))
        if away.until <= now:
            away.failures += 1
            away.since, away.asked = now, False
        away.asked = away.asked or wait is not None
        away.until = max(away.until, now + timedelta(seconds=self._jitter(backoff(away.failures, wait))))
        return away.until

    def answered(self, partner_id: int) -> bool:
        """Something got through; whether that is news."""
        return self._away.pop(partner_id, None) is not None

    def heard_from(self, partner_id: int) -> bool:
        """It has called us; whether it is to be tried earlier now."""
        away = self._away.get(partner_id)
        if away is None or away.asked:
            return False
        earlier = away.since + timedelta(seconds=min(LONGEST_SILENCE, backoff(away.failures) / 10))
        if earlier >= away.until:
            return False
        away.until = earlier
        return True

    def away(self, now: datetime) -> set[int]:
        """Those to be left alone at this moment."""
        return {partner_id for partner_id, away in self._away.items() if away.until > now}

    def next(self, now: datetime) -> datetime | None:
        """When the first of those may be tried again."""
        return min((away.until for away in self._away.values() if away.until > now), default=None)
