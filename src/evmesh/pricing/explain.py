"""A tariff and a bill in plain words.

`explain` says what a tariff asks, one sentence for each price, in the order in which they are looked at. `explain_bill`
says line by line where an amount comes from. Both say exactly what the engine does: they walk its own plan and lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from evmesh.pricing.bill import Bill, Line
from evmesh.pricing.currencies import minor_unit
from evmesh.pricing.exact import decimal_text, rounded
from evmesh.pricing.plan import Component, Element, Limit, Plan, Restrictions, read_plan
from evmesh.pricing.words import Words, because, words

_EXPLAINED = ("FLAT", "ENERGY", "TIME", "PARKING_TIME")


class NotReadable(ValueError):
    """The tariff cannot be priced by, so there is nothing to explain."""


def explain(tariff: Mapping[str, Any], language: str = "en", *, taxes_known: bool = True) -> list[str]:
    """What a canonical tariff costs, in sentences. NotReadable for one that cannot be used, ValueError for a language
    without words."""
    says = words(language)
    plan, findings = read_plan(tariff, taxes_known=taxes_known)
    if plan is None:
        raise NotReadable("; ".join(str(finding) for finding in findings if finding.fatal))
    said = [says["tariff"].format(id=plan.id, currency=plan.currency)]
    said += _validity(plan, says)
    if _is_free(plan):
        return [*said, says["free"].capitalize() + "."]
    said.append(says[f"tax_{plan.tax}"])
    several = False
    for dimension in _EXPLAINED:
        elements = [e for e in plan.elements if e.restrictions.kind == "" and e.component(dimension) is not None]
        several = several or len(elements) > 1
        said += [_sentence(element, dimension, plan, says, len(elements) > 1) for element in elements]
    for element in plan.elements:
        if element.restrictions.kind:
            said += [_reservation(element, component, plan, says) for component in element.components]
    said += [_limit(plan.minimum, "minimum", plan, says)] if plan.minimum else []
    said += [_limit(plan.maximum, "maximum", plan, says)] if plan.maximum else []
    unpriced = [
        says[dimension].lower()
        for dimension in ("ENERGY", "TIME", "PARKING_TIME")
        if not any(e.restrictions.kind == "" and e.component(dimension) is not None for e in plan.elements)
    ]
    if unpriced:
        said.append(says["not_priced"].format(what=_listed(unpriced, says)))
    if several:
        said.append(says["first_match"])
    return said


def explain_bill(bill: Bill, language: str = "en") -> list[str]:
    """Where the amounts of a bill come from, line by line; its findings in English at the end."""
    says = words(language)
    said = [_line(line, bill, says) for line in bill.lines]
    net, gross = bill.total.net, bill.total.gross
    amounts = {"currency": bill.currency, "net": _money(net, bill.currency, says)}
    amounts["gross"] = _money(gross, bill.currency, says)
    key = "no_total" if net is None and gross is None else "total_gross" if net is None else "total_both"
    said.append(says["total_net" if key == "total_both" and gross is None else key].format(**amounts))
    return said + [str(finding) for finding in bill.findings if finding.severity != "info"]


def what_for(line: Line, says: Words) -> str:
    """What a line asks money for: energy, a start fee, the time of a reservation or the fee for one."""
    if line.field != "total_reservation_cost":
        return says[str(line.dimension)]
    return says["RESERVATION"] + (f", {says['kind_FLAT']}" if line.dimension == "FLAT" else "")


def _is_free(plan: Plan) -> bool:
    return all(component.price == 0 for element in plan.elements for component in element.components) and not (
        plan.minimum
    )


def _validity(plan: Plan, says: Words) -> list[str]:
    start, end = plan.valid_from, plan.valid_until
    dates = {
        "date": f"{start:%Y-%m-%d %H:%M} UTC" if start else "",
        "until": f"{end:%Y-%m-%d %H:%M} UTC" if end else "",
    }
    if start and end:
        return [says["valid_between"].format(**dates)]
    if start:
        return [says["valid_from"].format(**dates)]
    return [says["valid_until"].format(date=dates["until"])] if end else []


def _sentence(element: Element, dimension: str, plan: Plan, says: Words, several: bool) -> str:
    component = element.component(dimension)
    assert component is not None
    when = _conditions(element.restrictions, says)
    condition = ", ".join(when) if when else says["otherwise"] if several else ""
    head = f"{says[dimension]}, {condition}" if condition else says[dimension]
    return f"{head}: {_price(component, plan, says)}."


def _reservation(element: Element, component: Component, plan: Plan, says: Words) -> str:
    kind = element.restrictions.kind
    when = [says[f"kind_{component.type}"]] if f"kind_{component.type}" in says else []
    when += _conditions(element.restrictions, says)
    return f"{says[kind]}, {', '.join(when)}: {_price(component, plan, says)}."


def _price(component: Component, plan: Plan, says: Words) -> str:
    unit = {"ENERGY": "per_kwh", "FLAT": "once"}.get(component.type, "per_hour")
    said = [says[unit].format(price=_number(component.price, says), currency=plan.currency)]
    if component.price == 0:
        return says["free"]
    if component.vat is not None and plan.tax in ("YES", "NO"):
        key = "with_vat" if plan.tax == "YES" else "plus_vat"
        said.append(says[key].format(vat=_number(component.vat, says)))
    step = component.step_size
    if component.type == "ENERGY" and step > 1:
        said.append(says["step_wh"].format(step=step))
    elif component.type in ("TIME", "PARKING_TIME") and step > 1:
        said.append(says["step_min"].format(step=step // 60) if step % 60 == 0 else says["step_s"].format(step=step))
    return ", ".join(said)


def _conditions(each: Restrictions, says: Words) -> list[str]:
    said: list[str] = []
    if each.days:
        said.append(_days(each.days, says))
    if each.start_time is not None or each.end_time is not None:
        same = each.start_time == each.end_time
        start, end = _clock(each.start_time or 0), _clock(each.end_time or 24 * 60)
        said.append(says["all_day"] if same else says["between"].format(start=start, end=end))
    if each.start_date is not None or each.end_date is not None:
        key = "between" if each.start_date and each.end_date else "from" if each.start_date else "until"
        said.append(says[f"dates_{key}"].format(date=each.start_date, until=each.end_date))
    said += _range(says, "kwh", each.min_kwh, each.max_kwh, lambda kwh: _number(kwh, says))
    said += _range(says, "time", each.min_duration, each.max_duration, lambda s: _duration(s, says))
    said += _range(says, "power", each.min_power, each.max_power, lambda kw: _number(kw, says))
    said += _range(says, "current", each.min_current, each.max_current, lambda a: _number(a, says))
    return said


def _range(
    says: Words,
    what: str,
    least: Fraction | int | None,
    most: Fraction | int | None,
    shown: Callable[[Fraction | int], str],
) -> list[str]:
    if not least and most is None:
        return []
    low = "first" if what in ("kwh", "time") else "below"
    high = "after" if what in ("kwh", "time") else "above"
    key = low if not least else high if most is None else "between"
    least, most = least or 0, 0 if most is None else most
    return [says[f"{key}_{what}"].format(least=shown(least), most=shown(most))]


def _days(days: frozenset[int], says: Words) -> str:
    if days == frozenset(range(7)):
        return says["days_all"]
    if days == frozenset(range(5)):
        return says["days_weekdays"]
    if days == frozenset({5, 6}):
        return says["days_weekend"]
    return _listed([says[f"day_{day}"] for day in sorted(days)], says)


def _limit(limit: Limit, which: str, plan: Plan, says: Words) -> str:
    key = "limit_both" if limit.net is not None and limit.gross is not None else "limit_net"
    if limit.net is None:
        key = "limit_gross"
    amounts = {"net": _number(limit.net or 0, says), "gross": _number(limit.gross or 0, says)}
    return says[which].format(limit=says[key].format(currency=plan.currency, **amounts))


def _line(line: Line, bill: Bill, says: Words) -> str:
    if line.dimension is None or line.volume is None or line.price is None or line.billed is None:
        # A limit may move only the amount after taxes.
        amount = line.amount.net or line.amount.gross or Fraction(0)
        key = "rounding" if line.kind == "rounding" else "limit_up" if amount > 0 else "limit_down"
        return f"{says[key]}: {_short(amount, says)} {bill.currency}"
    unit = {"ENERGY": "kWh", "FLAT": ""}.get(line.dimension, "h")
    head = f"{says['line_period'].format(n=(line.period or 0) + 1)}, {what_for(line, says)}"
    if line.surplus:
        volume, billed = _short(line.volume, says), _short(line.billed, says)
        head += f", {says['line_step'].format(volume=volume, unit=unit, billed=billed)}"
    cost, price = line.billed * line.price, _number(line.price, says)
    reckoned = f"{_short(line.billed, says)} {unit} × {price} = " if unit else ""
    vat = ""
    if line.vat is not None and line.amount.tax is not None:
        vat = f", {says['plus_vat' if line.amount.net == cost else 'with_vat'].format(vat=_number(line.vat, says))}"
    grounds = says["line_because"].format(reason=because(line.reason, says))
    return f"{head}: {reckoned}{_short(cost, says)} {bill.currency}{vat} ({grounds})"


def _short(value: Fraction, says: Words) -> str:
    """At most six digits behind the point: enough to see, short enough to read."""
    return _number(Fraction(rounded(value, 6)), says)


def _money(value: Fraction | None, currency: str, says: Words) -> str:
    if value is None:
        return "?"
    places = max(minor_unit(currency) or 0, 4)
    return _number(Fraction(rounded(value, places)), says, least=minor_unit(currency) or 0)


def _number(value: Fraction | int, says: Words, *, least: int = 0) -> str:
    text = decimal_text(Fraction(value))
    whole, point, digits = text.partition(".")
    digits = digits.ljust(least, "0") if least else digits
    return f"{whole}{says['decimal_point']}{digits}" if point or digits else whole


def _duration(seconds: Fraction | int, says: Words) -> str:
    if seconds % 3600 == 0:
        return says["hours"].format(n=int(seconds // 3600))
    if seconds % 60 == 0:
        return says["minutes"].format(n=int(seconds // 60))
    return says["seconds"].format(n=decimal_text(Fraction(seconds)))


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _listed(names: list[str], says: Words) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {says['and']} {names[-1]}"
