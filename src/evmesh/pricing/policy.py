"""What the specification leaves open, each with our decision as the default.

A contract may have decided otherwise: then it is a `PricingPolicy` with that field changed, not other code. The same
fields describe what other engines do, which is how `check.py` finds the habit behind a claim.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from evmesh.pricing.exact import Rounding


class Tax(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One tax of a place, for tariffs that name no rate: `Tax("GST", Decimal("5"))`."""

    name: str
    percentage: Decimal
    account_number: str | None = None


class PricingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to price where the specification is silent or read in two ways. The defaults are evmesh's reading."""

    name: str = "evmesh"

    # Which element counts: each dimension takes its own first match, or the first matching element takes all.
    element_lookup: Literal["per_dimension", "first_element"] = "per_dimension"
    # The weekday of an overnight window: of the instant, or of the evening when the window opened.
    window_day: Literal["instant", "start"] = "instant"
    # A window whose start_time equals its end_time.
    equal_window: Literal["whole_day", "never"] = "whole_day"
    # A period whose power or current crosses a limit: its whole range must lie in the band, or any moment of it.
    band: Literal["whole", "any_moment"] = "whole"
    # A power limit where no power was reported: take the mean from energy and time, or let the limit pass or fail.
    missing_power: Literal["derive", "match", "no_match"] = "derive"
    # From when min_duration and max_duration count when a reservation came first.
    duration_from: Literal["charging", "reservation"] = "charging"

    # Without tariff_ids: one tariff for the whole session, or anew for each period.
    tariff_choice: Literal["session_start", "period_start"] = "session_start"
    # A period without tariff_id among others that have one.
    period_without_tariff: Literal["free", "choose"] = "free"
    # Whether a tariff may be used outside its validity ("what would May have cost under the new tariff").
    validity: Literal["keep", "ignore"] = "keep"
    # The tariff type that this charge asks for; empty = told from the kind of token.
    tariff_type: str = ""

    # FLAT in several elements: the first that is active, each of them once, or the last.
    flat: Literal["first", "each", "last", "none"] = "first"
    # A start fee for the reservation and one for the session, or only the session's.
    reservation_flat: Literal["own", "never"] = "own"
    # What a CDR that has only a reservation means.
    lone_reservation: Literal["expired", "cancelled"] = "expired"
    # A session without energy costs nothing.
    no_charge_without_energy: bool = False
    # Energy that flowed back: at the same price, or not paid for.
    negative_energy: Literal["net", "free"] = "net"

    # Where step_size rounds: once over the session, for each price, in each period, or nowhere.
    step_size: Literal["session", "price", "period", "none"] = "session"
    # Which time is rounded: parking when any was priced, the dimension of the last period, or both.
    step_time: Literal["parking_first", "last", "both"] = "parking_first"
    # Which volume step_size looks at: the priced part, or also what no component priced.
    step_volume: Literal["priced", "all"] = "priced"
    # Hours as the clock says where the printed digits agree, or the printed digits to the letter.
    hours: Literal["clock", "printed"] = "clock"
    # TIME that the CDR does not report: never invented, or taken from the clock.
    missing_time: Literal["never", "clock"] = "never"

    price_limits: Literal["apply", "ignore"] = "apply"
    # Taxes for components that name no vat (tax_included YES or NO), as the place demands.
    taxes: tuple[Tax, ...] = ()

    # Money: exact inside unless something is rounded on the way, and tax then reckoned per piece or on the sum.
    round_each: Literal["nothing", "line", "period"] = "nothing"
    round_each_places: int = 2
    tax_on: Literal["piece", "sum"] = "piece"
    # The way out: OCPI fields at four decimals.
    places: int = 4
    rounding: Rounding = "half_up"

    def tax_factor(self) -> Fraction:
        """1 + the sum of the table's rates."""
        return 1 + sum((Fraction(tax.percentage) for tax in self.taxes), Fraction(0)) / 100

    def changed(self, **fields: Any) -> PricingPolicy:
        """The same policy but for these fields."""
        return msgspec.structs.replace(self, **fields)

    def document(self) -> dict[str, Any]:
        """The fields that differ from the defaults, and the name: what a report shows."""
        shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return {"name": self.name} | shown


STANDARD = PricingPolicy()


def policy_from(document: dict[str, Any]) -> PricingPolicy:
    """A policy from a decoded JSON or TOML table. ValueError names the field that is wrong."""
    try:
        return msgspec.convert(document, PricingPolicy, strict=False)
    except msgspec.ValidationError as reason:
        raise ValueError(f"not a pricing policy: {reason}") from None
