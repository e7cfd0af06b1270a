"""Rules about amounts and taxes, and what European law asks of prices that anybody can charge at."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from evmesh.base.findings import Severity
from evmesh.pricing.advice import Advice, Asked, Rule
from evmesh.pricing.currencies import CURRENCY_OF_COUNTRY, minor_unit
from evmesh.pricing.exact import decimal_text
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.restrictions import in_window

# Roughly how many of them make a euro: enough to tell a price from a slip of the pen.
_TO_THE_EURO = {
    "BGN": 2, "CHF": 1, "CZK": 25, "DKK": 7, "EUR": 1, "GBP": 1, "HUF": 400, "ISK": 150, "NOK": 11, "PLN": 4, "RON": 5,
    "SEK": 11, "TRY": 40, "UAH": 45, "USD": 1, "CAD": 1, "AUD": 2, "JPY": 160, "INR": 95,
}  # fmt: skip

# Standard rates; electricity at a charger has no reduced one in most places. A rate that is not here is not judged.
_STANDARD_VAT: dict[str, tuple[int | float, ...]] = {
    "AUT": (20,), "BEL": (21, 6), "BGR": (20,), "CHE": (8.1,), "CYP": (19,), "CZE": (21,), "DEU": (19,), "DNK": (25,),
    "ESP": (21, 10), "EST": (22, 24), "FIN": (25.5,), "FRA": (20, 5.5), "GBR": (20, 5), "GRC": (24,), "HRV": (25,),
    "HUN": (27,), "IRL": (23, 9), "ITA": (22, 10), "LTU": (21,), "LUX": (17, 8), "LVA": (21,), "MLT": (18,),
    "NLD": (21,), "NOR": (25,), "POL": (23,), "PRT": (23,), "ROU": (19, 21), "SVK": (20, 23), "SVN": (22,),
    "SWE": (25,),
}  # fmt: skip

_NIGHT = (22 * 60, 6 * 60)


def limits(asked: Asked) -> Iterator[Advice]:
    least, most = asked.plan.minimum, asked.plan.maximum
    for name, limit in (("min_price", least), ("max_price", most)):
        if limit is None:
            continue
        if limit.net is not None and limit.gross is not None and limit.net > limit.gross:
            text = f"{name} is higher before taxes than after"
            yield Advice("error", "limit_net_above_gross", "/" + name, text, "exchange or correct the amounts")
        if (limit.net or 0) < 0 or (limit.gross or 0) < 0:
            yield Advice("error", "limit_negative", "/" + name, f"{name} is negative", "correct it")
        if asked.plan.tax == "YES" and limit.gross is None:
            text = f"prices are with taxes and {name} is without: it may not be applicable"
            yield Advice("warning", "limit_without_gross", "/" + name, text, "give after_taxes too")
    if least is not None and most is not None:
        pairs = ((least.net, most.net), (least.gross, most.gross))
        if any(one is not None and other is not None and one > other for one, other in pairs):
            text = "min_price is above max_price"
            yield Advice("error", "min_above_max", "/max_price", text, "correct one of them")


def taxes(asked: Asked) -> Iterator[Advice]:
    named = [c for element in asked.plan.elements for c in element.components if c.vat is not None]
    bare = [c for element in asked.plan.elements for c in element.components if c.vat is None and c.price]
    mode = asked.plan.tax
    if mode == "N/A" and named:
        text = "no taxes apply, and yet a component names a vat: it is not heeded"
        yield Advice("warning", "vat_with_not_applicable", named[0].pointer + "/vat", text, "leave it out")
    if mode == "YES" and bare:
        text = "prices are with taxes and no rate is named: the amount before taxes cannot be told"
        yield Advice("warning", "tax_included_without_rate", bare[0].pointer, text, "name the vat")
    if named and bare and mode in ("NO", "YES"):
        text = "some components name a vat and others do not: those count as without VAT, which is not 0 %"
        yield Advice("warning", "vat_on_some_only", bare[0].pointer, text, "name a vat everywhere, 0 where it is 0")
    rates = {component.vat for component in named}
    if len(rates) > 1:
        shown = ", ".join(f"{decimal_text(rate)} %" for rate in sorted(r for r in rates if r is not None))
        text = f"several rates of VAT: {shown}"
        yield Advice("info", "mixed_vat", "/elements", text, "make sure that they are meant")
    usual = _STANDARD_VAT.get(asked.country or "")
    if usual is not None:
        fits = {Fraction(str(rate)) for rate in usual} | {Fraction(0)}
        for component in named:
            if component.vat not in fits and component.vat is not None:
                shown = " or ".join(f"{rate} %" for rate in usual)
                text = f"{decimal_text(component.vat)} % VAT is unusual in {asked.country}: {shown}"
                yield Advice("warning", "odd_vat", component.pointer + "/vat", text, "check the rate")


def currency(asked: Asked) -> Iterator[Advice]:
    code = asked.plan.currency
    if minor_unit(code) is None:
        yield Advice("error", "unknown_currency", "/currency", f"there is no currency {code}", "use ISO 4217")
        return
    expected = CURRENCY_OF_COUNTRY.get(asked.country or "")
    if expected is not None and expected != code:
        text = f"{code} in {asked.country}, where one pays in {expected}"
        yield Advice("warning", "currency_of_another_country", "/currency", text, "check the currency")


def prices_out_of_range(asked: Asked) -> Iterator[Advice]:
    scale = _TO_THE_EURO.get(asked.plan.currency)
    for element in asked.plan.elements:
        for component in element.components:
            price, at = component.price, component.pointer + "/price"
            if scale is None or price <= 0:
                continue
            euros = price / scale
            shown = f"{decimal_text(price)} {asked.plan.currency}"
            if component.type == "ENERGY" and euros > 3:
                text = f"{shown} per kWh is very high: cents instead of the currency?"
                yield Advice("warning", "price_out_of_range", at, text, "give the price of one kWh")
            elif component.type == "ENERGY" and euros < Fraction(1, 50):
                text = f"{shown} per kWh is very low: a price per Wh or in another unit?"
                yield Advice("warning", "price_out_of_range", at, text, "give the price of one kWh")
            elif component.type in ("TIME", "PARKING_TIME") and euros < Fraction(1, 2):
                text = f"{shown} per hour is very low: was it meant per minute?"
                yield Advice("warning", "price_out_of_range", at, text, "give the price of one hour")
            elif component.type in ("TIME", "PARKING_TIME") and euros > 100:
                text = f"{shown} per hour is very high"
                yield Advice("warning", "price_out_of_range", at, text, "give the price of one hour")


def free_tiers(asked: Asked) -> Iterator[Advice]:
    for dimension in ("ENERGY", "TIME"):
        components = list(asked.components(dimension))
        zero = [component for component in components if component.price == 0]
        if zero and len(zero) < len(components):
            text = f"{dimension} is free in one tier and not in the others"
            yield Advice("info", "price_zero_in_one_tier", zero[0].pointer, text, "make sure that it is meant")


def what_is_priced(asked: Asked) -> Iterator[Advice]:
    def costs(dimension: str) -> bool:
        return any(component.price > 0 for component in asked.components(dimension))

    if costs("TIME") and not list(asked.components("PARKING_TIME")):
        text = "time is priced and parking is not: a full car stays for free"
        yield Advice("info", "time_without_parking", "/elements", text, "price PARKING_TIME, at 0 if it is meant")
    if costs("FLAT") and not any(costs(dimension) for dimension in ("ENERGY", "TIME")):
        text = "only a fee per charge: nothing depends on what is used"
        yield Advice("info", "no_price_by_use", "/elements", text, "make sure that it is meant")
    if not asked.session_elements():
        text = "only reservations are priced: charging is free"
        yield Advice("warning", "session_without_price", "/elements", text, "add an element for the session")


def feed_in(asked: Asked) -> Iterator[Advice]:
    """OCPI has no price of its own for energy that flows back: a negative volume meets the price of what is drawn."""
    for element in asked.session_elements():
        each, component = element.restrictions, element.component("ENERGY")
        back = any(limit is not None and limit <= 0 for limit in (each.max_power, each.max_current))
        if component is not None and back:
            text = "this price holds while energy flows back: the driver is paid it for every kWh"
            fix = "make sure that it is meant; a negative price charges for energy that flows back"
            yield Advice("info", "feed_in_price", component.pointer, text, fix)


def parking_at_night(asked: Asked) -> Iterator[Advice]:
    for element in asked.session_elements():
        component = element.component("PARKING_TIME")
        if component is not None and component.price > 0:
            each = element.restrictions
            if any(in_window(each, minute, STANDARD) for minute in (*range(_NIGHT[0], 1440, 30), *range(0, 300, 30))):
                text = "a parking fee at night: cars that are full at midnight pay until morning"
                fix = "restrict it to the day, or make sure that it is meant"
                yield Advice("info", "parking_fee_at_night", component.pointer, text, fix)
                return


def everybody(asked: Asked) -> Iterator[Advice]:
    """What AFIR asks of prices for ad hoc charging."""
    if asked.plan.type != "AD_HOC_PAYMENT":
        return
    energy = any(component.price > 0 for component in asked.components("ENERGY"))
    timed = [component for component in asked.components("TIME") if component.price > 0]
    fast = asked.power_kw is not None and asked.power_kw >= 50
    if not energy and (timed or any(component.price > 0 for component in asked.components("FLAT"))):
        severity: Severity = "error" if fast else "warning"
        text = "ad hoc charging without a price per kWh; from 50 kW on the price must be per kWh"
        yield Advice(severity, "afir_price_per_kwh", "/elements", text, "price ENERGY")
    if energy and timed and fast:
        text = "from 50 kW on time may only be charged as a fee for staying too long"
        fix = "charge PARKING_TIME, or TIME only from a min_duration on"
        if any(asked.plan.elements[component.element].restrictions.min_duration is None for component in timed):
            yield Advice("warning", "afir_time_price", timed[0].pointer, text, fix)
    if asked.plan.tax == "NO" and not any(
        component.vat is not None for element in asked.plan.elements for component in element.components
    ):
        text = "drivers must see the price that they pay, and no tax is named"
        yield Advice("warning", "afir_price_with_taxes", "/tax_included", text, "name the vat, or give prices with it")
    if not asked.document.get("tariff_alt_text"):
        text = "a text for drivers is missing"
        yield Advice("info", "afir_price_text", "/tariff_alt_text", text, "add tariff_alt_text, in the local language")


RULES: tuple[Rule, ...] = (
    limits,
    taxes,
    currency,
    prices_out_of_range,
    free_tiers,
    what_is_priced,
    feed_in,
    parking_at_night,
    everybody,
)
