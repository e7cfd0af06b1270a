"""Connectors of the Nordic register: which plug a code names, and what a capacity code gives to it.

A capacity code names volts and amperes, or watts of direct current alone, which `ratings` turns into both. A plug says
no more than it carries.
"""

from __future__ import annotations

from collections.abc import Mapping

from evmesh.opendata.conversion import Document, number, sayable_id, text
from evmesh.opendata.nobil_stations import Attributes, Station
from evmesh.opendata.ratings import TYPE_2, TYPE_2_COMBO, Rating, rating

PLUGS: Mapping[str, tuple[str, ...]] = {
    "14": ("DOMESTIC_F",),
    "29": ("TESLA_R",),
    "30": ("CHADEMO",),
    "31": ("IEC_62196_T1",),
    "32": (TYPE_2,),
    "34": ("IEC_60309_2_single_16",),
    "39": (TYPE_2_COMBO,),
    "40": ("TESLA_S",),
    "41": (TYPE_2_COMBO, "CHADEMO"),
    "42": ("CHADEMO", TYPE_2),
    "43": ("CHADEMO", TYPE_2_COMBO, TYPE_2),
    "50": (TYPE_2, "DOMESTIC_F"),
    "52": (TYPE_2, "DOMESTIC_K"),
    "60": ("IEC_62196_T1", TYPE_2),
}
"""Attribute 4. Codes above 40 with two plugs are old; 0 unspecified, 70 hydrogen, 82 gas and 87 MCS cannot be said."""
RED_OR_BLUE_THREE_PHASES = ("35", "36")

V230, IT_NET = 230, 133
"""Line to neutral. Much of Norway has 230 V between lines, 230 / √3 to an imagined neutral."""

CAPACITIES: Mapping[str, tuple[Rating, ...]] = {
    "7": (Rating("AC_1_PHASE", V230, 16, 3_600),),
    "8": (Rating("AC_1_PHASE", V230, 32, 7_400),),
    "10": (Rating("AC_3_PHASE", V230, 16, 11_000),),
    "11": (Rating("AC_3_PHASE", V230, 32, 22_000),),
    "12": (Rating("AC_3_PHASE", V230, 63, 43_000),),
    "16": (Rating("AC_3_PHASE", IT_NET, 16, 6_380),),
    "17": (Rating("AC_3_PHASE", IT_NET, 32, 12_760),),
    "18": (Rating("AC_3_PHASE", IT_NET, 63, 25_130),),
    "13": (Rating("DC", 500, 100, 50_000),),
    "19": (Rating("DC", 500, 50, 20_000),),
    "20": (Rating("DC", 500, 200, None), Rating("AC_3_PHASE", V230, 63, 43_000)),
    "21": (Rating("DC", 500, 50, None), Rating("AC_3_PHASE", V230, 32, 22_000)),
    "22": (Rating("DC", 480, 270, 135_000),),
    "23": (Rating("DC", 500, 200, 100_000),),
    "28": (Rating("DC", 400, 125, 50_000),),
}
"""Attribute 5 where the code names volts and amperes; 20 and 21 name a DC and an AC rating."""
DC_WATTS = {
    "24": 150_000, "25": 350_000, "29": 75_000, "30": 225_000, "31": 250_000, "32": 200_000, "33": 300_000,
    "36": 400_000, "37": 30_000, "38": 62_500, "39": 500_000, "41": 175_000, "42": 180_000, "43": 600_000,
    "44": 700_000, "45": 800_000,
}  # fmt: skip
"""Attribute 5 where the code names watts of direct current alone: see `ratings`."""

DC_PLUGS = frozenset({"CHADEMO", TYPE_2_COMBO, "TESLA_R"})
ONE_PHASE_PLUGS = frozenset({"DOMESTIC_F", "DOMESTIC_K", "IEC_62196_T1", "IEC_60309_2_single_16"})
THREE_PHASE_PLUGS = {16: "IEC_60309_2_three_16", 32: "IEC_60309_2_three_32"}
MOST_VOLTS, MOST_AMPERES = 1_500, 3_000
TYPE_2_USUAL = rating(TYPE_2, 22_000)._replace(watts=None)


def add_connectors(station: Station, key: str, attributes: Attributes, evse: str, connectors: list[Document]) -> None:
    """Adds the connectors of one numbered connector: several where an old code names several plugs."""
    code = attributes.code(4)
    standards = PLUGS.get(code, ())
    if code in RED_OR_BLUE_THREE_PHASES:
        amperes = max((said.amperes for said in CAPACITIES.get(attributes.code(5), ())), default=16)
        standards = (THREE_PHASE_PLUGS.get(amperes, "IEC_60309_2_three_64"),)
    if not standards:
        words = text(attributes.by_type.get("4", {}).get("trans"))
        message = f"{words or 'no plug'} (code {code or 'missing'})"
        station.findings.say("no_sayable_plug", station.at("attr", "conn", key, "4"), message)
    taken = {connector["id"] for connector in connectors}
    reported = attributes.value(29)
    first_id = reported if sayable_id(reported) and reported not in taken else key
    for index, standard in enumerate(standards):
        here = f"{evse}/connectors/{len(connectors)}"
        said = _rating(station, key, standard, attributes, here)
        connector: Document = {
            "id": first_id if index == 0 else f"{key}-{index + 1}",
            "standard": standard,
            "format": _format(station, standard, attributes, said, here),
            "power_type": said.power_type,
            "max_voltage": said.volts,
            "max_amperage": said.amperes,
        }
        if said.watts is not None:
            connector["max_electric_power"] = said.watts
        connectors.append(connector)


def _rating(station: Station, key: str, standard: str, attributes: Attributes, here: str) -> Rating:
    """What the capacity code gives to this plug, within what the plug carries."""
    findings, code = station.findings, attributes.code(5)
    where_said = station.at("attr", "conn", key, "5")
    takes_direct = standard in DC_PLUGS
    watts = DC_WATTS.get(code)
    # Tesla's plug takes both kinds of current.
    if watts is not None and (takes_direct or standard == "TESLA_S"):
        said = rating(standard, watts)
        if said.capped:
            findings.say("power_above_plug", f"{here}/max_electric_power", f"{watts} W is more than {standard} carries")
        return _as_measured(said, attributes)
    offered = CAPACITIES.get(code, ())
    if watts is None and not offered:
        findings.say("power_unknown", where_said, f"capacity code {code or 'missing'}")
        return rating(standard, None)
    fitting = (each for each in offered if standard == "TESLA_S" or takes_direct == (each.power_type == "DC"))
    fits = next(fitting, None)
    if fits is None:
        findings.say("capacity_disagrees", where_said, f"{standard} does not give what code {code} names")
        return TYPE_2_USUAL if standard == TYPE_2 else rating(standard, None)
    if standard not in ONE_PHASE_PLUGS:
        return _as_measured(fits, attributes)
    limit = rating(standard, fits.watts)
    if fits.power_type == "AC_1_PHASE" and fits.amperes <= limit.amperes:
        return fits
    findings.say("power_above_plug", f"{here}/max_electric_power", f"{fits.watts} W is more than {standard} carries")
    return limit


def _as_measured(said: Rating, attributes: Attributes) -> Rating:
    """The rating with the volts and amperes of direct current that the operator reports himself."""
    volts, amperes = number(attributes.value(12)), number(attributes.value(31))
    if said.power_type != "DC" or volts is None or amperes is None:
        return said
    if not (1 <= volts <= MOST_VOLTS and 1 <= amperes <= MOST_AMPERES):
        return said
    return said._replace(volts=int(volts), amperes=int(amperes))


def _format(station: Station, standard: str, attributes: Attributes, said: Rating, here: str) -> str:
    if said.power_type == "DC":
        return "CABLE"
    fixed = attributes.code(25)
    if fixed in ("1", "2"):
        return "CABLE" if fixed == "1" else "SOCKET"
    if standard != TYPE_2:
        return "CABLE" if standard in ("IEC_62196_T1", "TESLA_S") else "SOCKET"
    station.findings.say("cable_unknown", f"{here}/format", "whether the cable is fixed is not said")
    return "CABLE" if said.amperes > 32 else "SOCKET"
