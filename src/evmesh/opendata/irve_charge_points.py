"""A row of the French register as an EVSE with its connectors, and the parking place beside it.

The register's power counts what the charge point and its grid connection can give, not what a plug carries; each plug
gets what it carries of it (`ratings`). A row tells one power for all its plugs.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from evmesh.ocpi.types import timestamp
from evmesh.opendata.conversion import Document, Findings, changed_at, day, emi3, number
from evmesh.opendata.irve_rows import Row
from evmesh.opendata.ratings import TYPE_2, TYPE_2_COMBO, Rating, rating


class Plug(NamedTuple):
    """A flag of the register; the connector's id is the plug's name, so that it stays when another one is added."""

    flag: str
    connector_id: str
    standard: str


PLUGS = (
    Plug("prise_type_ef", "EF", "DOMESTIC_E"),
    Plug("prise_type_2", "T2", TYPE_2),
    Plug("prise_type_combo_ccs", "CCS", TYPE_2_COMBO),
    Plug("prise_type_chademo", "CHADEMO", "CHADEMO"),
)
OTHER_PLUG = "prise_type_autre"
DC_STANDARDS = frozenset({TYPE_2_COMBO, "CHADEMO"})

MOST_KILOWATTS = 1000
TYPE_2_KILOWATTS = 44
TYPE_2_USUAL = rating(TYPE_2, 22_000)._replace(watts=None)

FOR_CUSTOMERS = "parking privé réservé à la clientèle"
FOR_DISABLED = "réservé pmr"
ACCESSIBLE = "accessible mais non réservé pmr"


def evse(row: Row, here: str, findings: Findings, now: datetime) -> Document | None:
    """The charge point; None, with its finding, when no plug of it can be said. `here` is its place in the Location."""
    updated = timestamp(changed_at(row.text("date_maj"), now, row.at("date_maj"), findings))
    connectors = _connectors(row, here, findings, updated)
    if not connectors:
        return None
    document: Document = {"uid": row.uid}
    if emi3(row.uid):
        document["evse_id"] = row.uid
    else:
        findings.say("evse_id_form", f"{here}/uid", f"{row.text('id_pdc_itinerance')!r} is no EVSE ID")
    opens = day(row.text("date_mise_en_service"))
    document["status"] = "PLANNED" if opens and opens > now.date() else "UNKNOWN"
    capabilities = ["RESERVABLE"] if row.flag("reservation", findings) else []
    if row.flag("paiement_cb", findings):
        capabilities += ["CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE"]
    if capabilities:
        document["capabilities"] = capabilities
    document["connectors"] = connectors
    if restrictions := _parking_restrictions(row, connectors, findings):
        document["parking_restrictions"] = restrictions
    document["last_updated"] = updated
    return document


def parking(row: Row, findings: Findings) -> Document | None:
    """The place beside the charge point where the register calls it accessible. [mod_locations_parking_object]"""
    accessibility = row.text("accessibilite_pmr").casefold()
    if accessibility not in (FOR_DISABLED, ACCESSIBLE):
        return None
    if row.flag("reservation", findings) is not False:
        findings.say("accessibility_unsaid", row.at("accessibilite_pmr"), "accessible, but perhaps to be reserved")
        return None
    reserved = accessibility == FOR_DISABLED
    return {
        "id": row.uid,
        "vehicle_types": ["DISABLED"] if reserved else ["PERSONAL_VEHICLE", "DISABLED"],
        "restricted_to_type": reserved,
        "reservation_required": False,
    }


def _parking_restrictions(row: Row, connectors: list[Document], findings: Findings) -> list[str]:
    restrictions = []
    if row.text("accessibilite_pmr").casefold() == FOR_DISABLED:
        restrictions.append("DISABLED")
    if row.text("implantation_station").casefold() == FOR_CUSTOMERS:
        restrictions.append("CUSTOMERS")
    if row.flag("station_deux_roues", findings):
        power_types = {connector["power_type"] for connector in connectors}
        if power_types == {"AC_1_PHASE"}:
            restrictions.append("MOTORCYCLES")
        else:
            message = f"for two-wheelers, with {', '.join(sorted(power_types))}"
            findings.say("two_wheelers_doubted", row.at("station_deux_roues"), message)
    return restrictions


def _connectors(row: Row, here: str, findings: Findings, updated: str) -> list[Document]:
    plugs = _plugs(row, findings)
    if not plugs:
        return []
    kilowatts = _kilowatts(row, here, findings)
    beside_dc = any(plug.standard in DC_STANDARDS for plug in plugs)
    connectors = []
    for index, plug in enumerate(plugs):
        at = f"{here}/connectors/{index}"
        said = _rating(plug, kilowatts, beside_dc, at, findings)
        connector: Document = {
            "id": plug.connector_id,
            "standard": plug.standard,
            "format": _format(plug, row, said, at, findings),
            "power_type": said.power_type,
            "max_voltage": said.volts,
            "max_amperage": said.amperes,
        }
        if said.watts is not None:
            connector["max_electric_power"] = said.watts
        connector["last_updated"] = updated
        connectors.append(connector)
    return connectors


def _plugs(row: Row, findings: Findings) -> list[Plug]:
    plugs = [plug for plug in PLUGS if row.flag(plug.flag, findings)]
    other = row.flag(OTHER_PLUG, findings)
    named = ", ".join(plug.connector_id for plug in plugs)
    if not plugs:
        message = "its only plug is `other`" if other else "no plug is named"
        findings.say("no_sayable_plug", row.at(OTHER_PLUG), f"{row.uid} is left out: {message}")
    elif other and len(plugs) == len(PLUGS):
        findings.say("every_plug_claimed", row.at(), f"{named} and another one at {row.uid}")
    elif other:
        findings.say("other_plug_left_out", row.at(OTHER_PLUG), f"another plug beside {named}")
    return plugs


def _kilowatts(row: Row, here: str, findings: Findings) -> Decimal | None:
    said = row.values.get("puissance_nominale")
    kilowatts = number(said)
    if kilowatts is not None and kilowatts > MOST_KILOWATTS:
        findings.say("power_in_watts", f"{here}/connectors", f"{kilowatts} is taken for watts")
        kilowatts /= 1000
    if kilowatts is None or not 1 <= kilowatts <= MOST_KILOWATTS:
        findings.say("power_unknown", row.at("puissance_nominale"), f"{said!r} is no power in kW")
        return None
    return kilowatts


def _rating(plug: Plug, kilowatts: Decimal | None, beside_dc: bool, at: str, findings: Findings) -> Rating:
    if kilowatts is None:
        return rating(plug.standard, None)
    if plug.standard == TYPE_2 and beside_dc and kilowatts > TYPE_2_KILOWATTS:
        findings.say("ac_power_assumed", at, f"{kilowatts} kW is the power of another plug")
        return TYPE_2_USUAL
    said = rating(plug.standard, round(kilowatts * 1000))
    if said.capped:
        message = f"{kilowatts} kW is the charge point's, the plug carries {said.watts} W"
        findings.say("power_above_plug", f"{at}/max_electric_power", message)
    return said


def _format(plug: Plug, row: Row, said: Rating, at: str, findings: Findings) -> str:
    """Whether the cable is fixed: always for DC, never for a domestic socket, and Type 2 has a flag for it."""
    if plug.standard != TYPE_2:
        return "CABLE" if plug.standard in DC_STANDARDS else "SOCKET"
    cable = row.flag("cable_t2_attache", findings)
    if cable is None:
        cable = said.amperes > 32
        findings.say("cable_unknown", f"{at}/format", "the register does not say whether the Type 2 cable is fixed")
    return "CABLE" if cable else "SOCKET"
