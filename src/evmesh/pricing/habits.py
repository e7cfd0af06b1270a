"""Habits of other engines: what a claimed price may have come from.

Most differences about money are not errors but readings: every period rounded to cents, VAT on the rounded sum, hours
as printed, the clock in UTC. Each habit is a name, a sentence, and a change of our policy or of what is compared, so
that a search over them finds the one that gives the claim.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from evmesh.pricing.exact import Rounding
from evmesh.pricing.policy import PricingPolicy

Zone = Literal["as_given", "utc", "standard_time", "country"]


class Habit(msgspec.Struct, frozen=True):
    """One way in which others price: `changes` of the policy, another zone, or another rounding of the total."""

    code: str
    text: str
    changes: tuple[tuple[str, Any], ...] = ()
    zone: Zone = "as_given"
    rounding: Rounding = "half_up"
    # How the amount after taxes came from the one before.
    gross: Literal["own", "on_rounded_net", "same_as_net"] = "own"
    # The amount after taxes stands where the one before belongs.
    swapped: bool = False

    def policy(self, policy: PricingPolicy) -> PricingPolicy:
        return policy.changed(**dict(self.changes)) if self.changes else policy


def _habit(code: str, text: str, **changes: Any) -> Habit:
    return Habit(code, text, tuple(changes.items()))


# Ways to round: they may come on top of another habit.
ROUNDINGS: tuple[Habit, ...] = (
    Habit("tax_on_rounded_total", "VAT reckoned on the rounded total", gross="on_rounded_net"),
    _habit(
        "periods_rounded_tax_on_sum",
        "each period rounded to cents, VAT on the rounded sum",
        round_each="period",
        tax_on="sum",
    ),
    _habit("lines_rounded_tax_on_sum", "each line rounded to cents, VAT on the sum", round_each="line", tax_on="sum"),
    _habit("periods_rounded", "each period rounded to cents before and after VAT", round_each="period"),
    _habit("lines_rounded", "each line rounded to cents before and after VAT", round_each="line"),
    Habit("rounded_half_even", "halves rounded to the even cent", rounding="half_even"),
    Habit("rounded_down", "the total cut off, not rounded", rounding="down"),
    Habit("rounded_up", "the total rounded up", rounding="up"),
)

# Other readings of the rules.
READINGS: tuple[Habit, ...] = (
    _habit("printed_hours_literally", "the printed hours taken to the letter", hours="printed"),
    _habit("step_size_per_period", "step_size applied to each period", step_size="period"),
    _habit("step_size_per_price", "step_size applied to what each price asks for", step_size="price"),
    _habit("step_size_ignored", "step_size not applied", step_size="none"),
    _habit("both_times_rounded", "step_size applied to charging and to parking time", step_time="both"),
    _habit("last_time_rounded", "step_size applied to the last kind of time, not to parking", step_time="last"),
    _habit("step_counts_unpriced", "step_size also counts what had no price", step_volume="all"),
    Habit("wrong_zone_utc", "local times taken as UTC", zone="utc"),
    Habit("summer_time_ignored", "summer time left out", zone="standard_time"),
    Habit("zone_of_country", "the zone of the country instead of the Location's", zone="country"),
    _habit("price_limits_ignored", "minimum and maximum price left out", price_limits="ignore"),
    _habit("each_flat_charged", "every FLAT charged that was active", flat="each"),
    _habit("last_flat_charged", "the last FLAT charged, not the first", flat="last"),
    _habit("no_flat_charged", "FLAT left out", flat="none"),
    _habit("no_reservation_flat", "the FLAT of the reservation left out", reservation_flat="never"),
    _habit("reservation_not_expired", "a lone reservation priced as used or cancelled", lone_reservation="cancelled"),
    _habit("first_element_only", "only the first matching element counted", element_lookup="first_element"),
    _habit("tariff_of_each_period", "the tariff chosen anew for each period", tariff_choice="period_start"),
    _habit("period_without_tariff_priced", "periods without tariff_id priced too", period_without_tariff="choose"),
    _habit("duration_from_reservation", "durations counted from the reservation", duration_from="reservation"),
    _habit("band_any_moment", "power or current in the band at any moment", band="any_moment"),
    _habit("power_limit_passes", "power limits pass where no power was reported", missing_power="match"),
    _habit("power_limit_fails", "power limits fail where no power was reported", missing_power="no_match"),
    _habit("equal_window_never", "a window that starts when it ends never counts", equal_window="never"),
    _habit("weekday_of_evening", "overnight windows belong to the evening's weekday", window_day="start"),
    _habit("nothing_without_energy", "no charge where no energy flowed", no_charge_without_energy=True),
    _habit("fed_in_energy_unpaid", "energy that flowed back not paid for", negative_energy="free"),
    _habit("time_from_clock", "hours taken from the clock where the CDR has none", missing_time="clock"),
    Habit("tax_left_out", "no tax on top", gross="same_as_net"),
    Habit("gross_as_net", "the amount after taxes given as the one before", swapped=True),
)
