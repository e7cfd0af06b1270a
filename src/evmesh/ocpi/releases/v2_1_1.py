"""2.1.1, told as what 2.2.1 changed: many parties on a connection, tokens and places by reference, money with VAT.

The big difference is what a Session and a CDR carry. 2.1.1 embeds the Location, reduced to the EVSE and connector in
use, and names the driver by `auth_id` alone; 2.2.1 refers. Going up, the references are taken from the embedded
Location (the wire document beside the canonical one keeps it). Going down, the Location and the Token are looked up;
without the Location the Session cannot be said yet (`NeedsObject`). [changelog_changelog_ocpi_2_2]
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from evmesh.ocpi.releases.change import (
    Change,
    Context,
    Document,
    NeedsObject,
    Unsayable,
    added,
    added_objects,
    limited,
    renamed,
    retold,
    values_added,
    values_ended,
)
from evmesh.ocpi.schema import EnumRule, FieldRule, Rules, text

LOCATION_TYPES = ("ON_STREET", "PARKING_GARAGE", "UNDERGROUND_GARAGE", "PARKING_LOT", "OTHER", "UNKNOWN")
COMMAND_RESULTS = {
    "ACCEPTED": "ACCEPTED",
    "NOT_SUPPORTED": "NOT_SUPPORTED",
    "REJECTED": "REJECTED",
    "TIMEOUT": "TIMEOUT",
    "CANCELED_RESERVATION": "REJECTED",
    "EVSE_OCCUPIED": "REJECTED",
    "EVSE_INOPERATIVE": "REJECTED",
    "FAILED": "REJECTED",
    "UNKNOWN_RESERVATION": "REJECTED",
}
"""The asynchronous result in 2.1.1's one enum for both answers. [mod_commands_commandresponsetype_enum]"""


def _owner_up(document: Document, context: Context) -> None:
    """Who owns an object stands in the URL or the credentials only."""
    if context.owner is not None:
        document.setdefault("country_code", context.owner[0])
        document.setdefault("party_id", context.owner[1])


def _owner_down(document: Document, context: Context) -> None:
    owner = document.pop("country_code", None), document.pop("party_id", None)
    if context.owner is None and None not in owner:
        context.owner = owner


def _owned(of: str) -> Change:
    return retold(
        of,
        edit=lambda rules: rules.without(of, "country_code", "party_id"),
        up=_owner_up,
        down=_owner_down,
    )


def _location_rules(rules: Rules) -> None:
    rules.without("Location", "publish", "publish_allowed_to", "state", "parking_type")
    rules.enums["LocationType"] = EnumRule("LocationType", "locations", LOCATION_TYPES, False)
    rules.put(
        "Location",
        text("id", "string", 39),
        FieldRule("type", "LocationType", "1"),
        text("address", "string", 45),
        text("postal_code", "string", 10),
        text("time_zone", "string", 255, "?"),
    )


def _location_up(location: Document, context: Context) -> None:
    kind = location.pop("type", None)
    if kind == "OTHER":
        context.note("lost", "a Location of type OTHER is read as one of no known parking_type", "type")
    elif kind is not None and kind != "UNKNOWN":
        location["parking_type"] = kind
    location.setdefault("publish", True)
    if location.get("postal_code") == "":
        del location["postal_code"]


def _location_down(location: Document, context: Context) -> None:
    if location.pop("publish", True) is False and not context.embedding:
        raise Unsayable("2.1.1 cannot say that a Location is not for everybody", "Location")
    for name in ("publish_allowed_to", "state"):
        if location.pop(name, None):
            context.note("lost", f"Location.{name} has no place in 2.1.1", name)
    kind = location.pop("parking_type", None)
    if kind is None:
        location["type"] = "UNKNOWN"
    elif kind in LOCATION_TYPES:
        location["type"] = kind
    else:
        location["type"] = "OTHER"
        context.note("said_otherwise", f"{kind} is said as OTHER", "type")
    if not location.get("postal_code"):
        location["postal_code"] = ""
        context.note("said_otherwise", "a missing postal code is said as an empty one", "postal_code")


def _coordinates_down(position: Document, context: Context) -> None:
    for name in ("latitude", "longitude"):
        value = position.get(name)
        if isinstance(value, str):
            try:
                exact = Decimal(value)
            except InvalidOperation:
                continue
            six = exact.quantize(Decimal("0.000001"), ROUND_HALF_UP)
            if six != exact:
                context.note("rounded", f"{value} is said as {six}", name)
            position[name] = str(six)


def _coordinates(of: str) -> Change:
    return Change(
        lambda rules: rules.put(
            of,
            text("latitude", "string", 10, pattern=r"-?[0-9]{1,2}\.[0-9]{6}"),
            text("longitude", "string", 11, pattern=r"-?[0-9]{1,3}\.[0-9]{6}"),
        ),
        of,
        None,
        _coordinates_down,
        (f"{of}.latitude", f"{of}.longitude"),
    )


def _hours_rules(rules: Rules) -> None:
    rules.objects["Hours"] = replace(rules.objects["Hours"], one_of=(("regular_hours", "twentyfourseven"),))


def _hours_up(hours: Document, context: Context) -> None:
    if hours.get("twentyfourseven") is None and hours.get("regular_hours"):
        hours["twentyfourseven"] = False


def _hours_down(hours: Document, context: Context) -> None:
    # 2.1.1 lets exactly one of the two stand.
    if hours.get("twentyfourseven") is True:
        hours.pop("regular_hours", None)
    elif hours.get("regular_hours"):
        hours.pop("twentyfourseven", None)


def _connector_rules(rules: Rules) -> None:
    rules.without("Connector", "tariff_ids", "max_electric_power")
    rules.put("Connector", text("id", "string", 36), text("tariff_id", "string", 36, "?"))


def _connector_up(connector: Document, context: Context) -> None:
    tariff = connector.pop("tariff_id", None)
    if tariff is not None:
        connector["tariff_ids"] = [tariff]


def _connector_down(connector: Document, context: Context) -> None:
    tariffs = connector.pop("tariff_ids", None) or []
    if tariffs:
        connector["tariff_id"] = _usual_tariff(tariffs, context)
        if len(tariffs) > 1:
            context.note("lost", "2.1.1 has room for one tariff on a connector", "tariff_id")
    if connector.pop("max_electric_power", None) is not None:
        context.note("lost", "Connector.max_electric_power has no place in 2.1.1", "max_electric_power")


def _usual_tariff(tariffs: list[str], context: Context) -> str:
    """The one that holds when nobody asked for anything special: without a type, or REGULAR."""
    if context.owner is not None and len(tariffs) > 1:
        for tariff_id in tariffs:
            tariff = context.find("Tariff", *context.owner, tariff_id)
            if tariff is not None and tariff.get("type") in (None, "REGULAR"):
                return tariff_id
    return tariffs[0]


def _token_up(token: Document, context: Context) -> None:
    if context.owner is None and context.token_party is not None:
        token.setdefault("country_code", context.token_party[0])
        token.setdefault("party_id", context.token_party[1])


def _embed_rules(rules: Rules, of: str, start: str, end: str, *gone: str) -> None:
    rules.without(of, "cdr_token", *gone)
    rules.put(of, text("auth_id", "string", 36), FieldRule("location", "Location", "1"))
    for new, old in (("start_date_time", start), ("end_date_time", end)):
        before = replace(rules.objects[of].fields[new], name=old)
        rules.without(of, new)
        rules.put(of, before)


def _token_ref_up(document: Document, context: Context) -> None:
    """`auth_id` is the contract. The card behind it is filled in when we know it, never invented."""
    auth_id = document.pop("auth_id")
    reference: Document = {"contract_id": auth_id}
    if context.token_party is not None:
        reference["country_code"], reference["party_id"] = context.token_party
    known = context.find("Token", auth_id)
    if known is not None:
        reference |= {k: known[k] for k in ("country_code", "party_id", "uid", "type") if k in known}
    document["cdr_token"] = reference


def _token_ref_down(document: Document, context: Context) -> None:
    reference = document.pop("cdr_token", None)
    if reference is not None:
        if reference.get("contract_id") is None:
            raise Unsayable("2.1.1 names a driver by contract, and this token has none")
        document["auth_id"] = reference["contract_id"]


def _rename(document: Document, old: str, new: str) -> None:
    if old in document:
        document[new] = document.pop(old)


def _net_up(document: Document, *names: str) -> None:
    for name in names:
        if document.get(name) is not None:
            document[name] = {"excl_vat": document[name]}


def _net_down(document: Document, context: Context, *names: str) -> None:
    for name in names:
        price = document.get(name)
        if price is not None:
            if price.get("incl_vat") is not None:
                context.note("lost", "2.1.1 has no place for an amount with VAT", name)
            document[name] = price.get("excl_vat")


def _session_rules(rules: Rules) -> None:
    _embed_rules(
        rules, "Session", "start_datetime", "end_datetime",
        "location_id", "evse_uid", "connector_id", "authorization_reference",
    )  # fmt: skip
    rules.put("Session", text("id", "string", 36), FieldRule("total_cost", "number", "?"))


def _session_up(session: Document, context: Context) -> None:
    _rename(session, "start_datetime", "start_date_time")
    _rename(session, "end_datetime", "end_date_time")
    _token_ref_up(session, context)
    _net_up(session, "total_cost")
    location = session.pop("location")
    evse, connector = _used(location)
    session["location_id"] = location["id"]
    if evse is not None and connector is not None:
        session["evse_uid"], session["connector_id"] = evse["uid"], connector["id"]


def _used(location: Document) -> tuple[Document | None, Document | None]:
    evse = next(iter(location.get("evses") or ()), None)
    connector = next(iter((evse or {}).get("connectors") or ()), None)
    return evse, connector


def _session_down(session: Document, context: Context) -> None:
    _rename(session, "start_date_time", "start_datetime")
    _rename(session, "end_date_time", "end_datetime")
    _token_ref_down(session, context)
    _net_down(session, context, "total_cost")
    place = [session.pop(name, None) for name in ("location_id", "evse_uid", "connector_id")]
    location = _location_of(session, place[0], context)
    session["location"] = _reduced(location, place[1], place[2], context)
    context.embedding = True
    if session.pop("authorization_reference", None) is not None:
        context.note("lost", "2.1.1 carries no authorization_reference", "authorization_reference")


def _location_of(document: Document, location_id: str | None, context: Context) -> Document:
    if location_id is None:
        raise Unsayable("2.1.1 wants the Location, and none is named")
    owner = (document.get("country_code", ""), document.get("party_id", ""))
    location = context.find("Location", *owner, location_id)
    if location is None:
        raise NeedsObject("Location", *owner, location_id)
    return location


def _reduced(location: Document, evse_uid: str | None, connector_id: str | None, context: Context) -> Document:
    """The Location with the EVSE and the connector in use alone."""
    evses = []
    for evse in location.get("evses") or []:
        if _same(evse.get("uid"), evse_uid):
            connectors = [c for c in evse.get("connectors") or [] if _same(c.get("id"), connector_id)]
            if not connectors and connector_id is not None:
                context.note(
                    "left_out", f"the EVSE has no connector {connector_id} now", "location", severity="warning"
                )
            evses.append({**evse, "connectors": connectors or evse.get("connectors", [])})
    if not evses and evse_uid is not None:
        context.note("left_out", f"the Location has no EVSE {evse_uid} now", "location", severity="warning")
    return {**location, "evses": evses}


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() == other.casefold()


PLACE = ("name", "address", "city", "postal_code", "country", "coordinates")
PLUG = {
    "connector_standard": "standard",
    "connector_format": "format",
    "connector_power_type": "power_type",
}
"""What a CDR tells of the place, as it was at the time, by its names there and in a Location."""

PLUG_OF_CDR = ("evse_uid", "evse_id", "connector_id", *PLUG)
"""What a CDR no longer tells when its plug has no name in 2.1.1 and stays out of the embedded Location."""

COST_PARTS = (
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
CDR_LATER = (
    *COST_PARTS,
    "session_id",
    "authorization_reference",
    "signed_data",
    "invoice_reference_id",
    "home_charging_compensation",
    "credit_reference_id",
)


def _cdr_rules(rules: Rules) -> None:
    _embed_rules(
        rules, "CDR", "start_date_time", "stop_date_time",
        "cdr_location", "credit", *CDR_LATER,
    )  # fmt: skip
    rules.put("CDR", text("id", "CiString", 36), FieldRule("total_cost", "number", "1"))


def _cdr_up(cdr: Document, context: Context) -> None:
    _rename(cdr, "stop_date_time", "end_date_time")
    _token_ref_up(cdr, context)
    _net_up(cdr, "total_cost")
    cdr["cdr_location"] = _cdr_location(cdr.pop("location"))


def _cdr_location(location: Document) -> Document:
    evse, connector = _used(location)
    return {
        **_renamed(location, {"id": "id"} | {name: name for name in PLACE}),
        **_renamed(evse or {}, {"uid": "evse_uid", "evse_id": "evse_id"}),
        **_renamed(connector or {}, {"id": "connector_id"} | {old: new for new, old in PLUG.items()}),
    }


def _cdr_down(cdr: Document, context: Context) -> None:
    if cdr.pop("credit", None):
        raise Unsayable("2.1.1 has no credit CDRs", "CDR")
    _rename(cdr, "end_date_time", "stop_date_time")
    _token_ref_down(cdr, context)
    for name in CDR_LATER:
        if cdr.pop(name, None) is not None:
            context.note("lost", f"CDR.{name} has no place in 2.1.1", name)
    _net_down(cdr, context, "total_cost")
    place = cdr.pop("cdr_location", None) or {}
    location = _reduced(
        _location_of(cdr, place.get("id"), context), place.get("evse_uid"), place.get("connector_id"), context
    )
    evse, connector = _used(location)
    if evse is not None and connector is not None:
        connector = {**connector, **_renamed(place, PLUG)}
        location["evses"] = [{**evse, **_renamed(place, {"evse_id": "evse_id"}), "connectors": [connector]}]
    cdr["location"] = {**location, **_renamed(place, {name: name for name in PLACE})}
    if place.get("state") is not None:
        context.note("lost", "CdrLocation.state has no place in 2.1.1", "cdr_location", "state")
    context.embedding = True


def _renamed(document: Document, names: dict[str, str]) -> Document:
    return {new: document[old] for old, new in names.items() if document.get(old) is not None}


def _tariff_rules(rules: Rules) -> None:
    rules.without("Tariff", "type", "min_price", "max_price", "start_date_time", "end_date_time")
    rules.put("Tariff", text("id", "string", 36))


def _tariff_down(tariff: Document, context: Context) -> None:
    for name in ("min_price", "max_price"):
        limit = tariff.pop(name, None)
        if limit is not None and (name == "max_price" or any(limit.values())):
            raise Unsayable(f"2.1.1 has no {name}, and without it the price is another", "Tariff")
    if tariff.pop("type", None) not in (None, "REGULAR"):
        raise Unsayable("2.1.1 knows no tariffs for special cases", "Tariff")
    for name in ("start_date_time", "end_date_time"):
        # When a tariff starts to hold is kept by sending it then (`sayable_from` in wire.py).
        if tariff.pop(name, None) is not None:
            context.note("lost", f"Tariff.{name} has no place in 2.1.1", name)


def _element_rules(rules: Rules) -> None:
    rules.without("TariffRestrictions", "min_current", "max_current", "reservation")
    rules.put("TariffRestrictions", text("start_date", "string", 10, "?"), text("end_date", "string", 10, "?"))
    del rules.enums["ReservationRestrictionType"]


def _element_down(element: Document, context: Context) -> None:
    restrictions: dict[str, Any] = element.get("restrictions") or {}
    if restrictions.get("reservation") is not None:
        raise Unsayable("the price of a reservation has no place in 2.1.1")
    for name in ("min_current", "max_current"):
        if restrictions.get(name) is not None:
            raise Unsayable(f"2.1.1 has no {name}, and without it the price is another", "Tariff")


def _vat_down(component: Document, context: Context) -> None:
    if component.pop("vat", None) is not None:
        context.note("lost", "2.1.1 has no VAT on a price", "vat")


def _credentials_rules(rules: Rules) -> None:
    rules.without("Credentials", "roles")
    rules.put(
        "Credentials",
        FieldRule("business_details", "BusinessDetails", "1"),
        text("party_id", "string", 3),
        text("country_code", "string", 2),
    )


def _credentials_up(credentials: Document, context: Context) -> None:
    role: Document = {
        name: credentials.pop(name) for name in ("business_details", "party_id", "country_code") if name in credentials
    }
    if context.role is not None:
        role["role"] = context.role
    credentials["roles"] = [role]


def _credentials_down(credentials: Document, context: Context) -> None:
    roles = credentials.pop("roles", None) or []
    chosen = next((role for role in roles if _is_asked_for(role, context)), None)
    if chosen is None:
        raise Unsayable("2.1.1 credentials speak for one party, and the one asked for is not among the roles")
    if len(roles) > 1:
        context.note("lost", "2.1.1 has one party on a connection", "party_id")
    credentials |= {k: chosen[k] for k in ("business_details", "party_id", "country_code") if k in chosen}


def _is_asked_for(role: Document, context: Context) -> bool:
    if context.role is not None and role.get("role") != context.role:
        return False
    wanted = context.party
    return wanted is None or all(_same(*pair) for pair in zip(wanted, _party(role), strict=True))


def _party(role: Document) -> tuple[str | None, str | None]:
    return role.get("country_code"), role.get("party_id")


def _reservation_up(reserve: Document, context: Context) -> None:
    reserve["reservation_id"] = str(reserve["reservation_id"])


def _reservation_down(reserve: Document, context: Context) -> None:
    reference = reserve.get("reservation_id")
    if not (isinstance(reference, str) and reference.isascii() and reference.isdigit()):
        raise Unsayable("reservation ids are numbers in 2.1.1")
    if reference != "0" and reference.startswith("0"):
        raise Unsayable(f"as a number {reference} would be another reservation id")
    reserve["reservation_id"] = int(reference)


def _result_down(result: Document, context: Context) -> None:
    value = result.get("result", "")
    said = COMMAND_RESULTS.get(value, "REJECTED")
    if said != value:
        context.note("said_otherwise", f"{value} is said as {said}", "result")
    result["result"] = said
    _message_down(result, context)


def _result_up(result: Document, context: Context) -> None:
    if result.get("result") == "UNKNOWN_SESSION":
        context.note("said_otherwise", "UNKNOWN_SESSION is read as REJECTED", "result")
        result["result"] = "REJECTED"


def _command_rules(rules: Rules) -> None:
    rules.without("CommandResponse", "timeout", "message")
    del rules.objects["CommandResult"], rules.enums["CommandResultType"]


def _response_up(response: Document, context: Context) -> None:
    if response.get("result") == "TIMEOUT":
        context.note("said_otherwise", "an immediate TIMEOUT is read as REJECTED", "result")
        response["result"] = "REJECTED"


def _response_down(response: Document, context: Context) -> None:
    response.pop("timeout", None)
    _message_down(response, context)


def _message_down(answer: Document, context: Context) -> None:
    if answer.pop("message", None):
        context.note("lost", "2.1.1 has no message in the answer to a command", "message")


def _references_rules(rules: Rules) -> None:
    rules.put(
        "LocationReferences",
        text("location_id", "string", 39),
        text("evse_uids", "string", 39, "*"),
        text("connector_ids", "string", 36, "*"),
    )


def _allowed_rules(rules: Rules) -> None:
    rules.without("AuthorizationInfo", "token", "authorization_reference")
    rule = rules.enums.pop("AllowedType")
    rules.enums["Allowed"] = replace(rule, name="Allowed")
    rules.put("AuthorizationInfo", FieldRule("allowed", "Allowed", "1"))


def _allowed_down(info: Document, context: Context) -> None:
    for name in ("token", "authorization_reference"):
        if info.pop(name, None) is not None:
            context.note("lost", f"AuthorizationInfo.{name} has no place in 2.1.1", name)


CHANGES: tuple[Change, ...] = (
    _owned("Location"),
    retold(
        "Location", edit=_location_rules, up=_location_up, down=_location_down,
        losses=(
            "=LocationType", "Location.publish_allowed_to", "Location.state", "Location.parking_type",
            "Location.address",
        ),
    ),
    _coordinates("GeoLocation"),
    _coordinates("AdditionalGeoLocation"),
    retold("Hours", edit=_hours_rules, up=_hours_up, down=_hours_down, losses=("Hours.twentyfourseven",)),
    limited("EVSE", text("uid", "string", 39), text("evse_id", "string", 48, "?")),
    limited("Image", text("type", "string", 4)),
    renamed("Connector", "max_voltage", "voltage"),
    renamed("Connector", "max_amperage", "amperage"),
    retold(
        "Connector", edit=_connector_rules, up=_connector_up, down=_connector_down,
        losses=("Connector.tariff_ids", "Connector.max_electric_power"),
    ),
    renamed("EnvironmentalImpact", "category", "source"),
    _owned("Tariff"),
    retold(
        "Tariff", edit=_tariff_rules, up=None, down=_tariff_down,
        losses=(
            "Tariff.type", "Tariff.min_price", "Tariff.start_date_time", "Tariff.end_date_time", "CDR.tariffs",
        ),
    ),
    retold("TariffElement", edit=_element_rules, up=None, down=_element_down, losses=("Tariff.elements",)),
    retold(
        "PriceComponent", edit=lambda rules: rules.without("PriceComponent", "vat"), up=None, down=_vat_down,
        losses=("PriceComponent.vat",),
    ),
    _owned("Token"),
    retold("Token", edit=lambda rules: rules.put("Token", text("uid", "string", 36)), up=_token_up, down=None),
    renamed("Token", "contract_id", "auth_id", text("auth_id", "string", 36)),
    added("Token", "group_id", "default_profile_type", "energy_contract"),
    retold(
        "AuthorizationInfo", edit=_allowed_rules, up=None, down=_allowed_down,
        losses=("AuthorizationInfo.token", "AuthorizationInfo.authorization_reference"),
    ),
    retold(
        "LocationReferences", edit=_references_rules, up=None, down=None, losses=("LocationReferences.connector_ids",)
    ),
    retold(
        "Session", edit=_session_rules, up=_session_up, down=_session_down,
        losses=("Session.total_cost", "Session.authorization_reference", "Session.cdr_token"),
    ),
    _owned("Session"),
    retold(
        "CDR", edit=_cdr_rules, up=_cdr_up, down=_cdr_down,
        losses=(
            "CDR.total_cost", "CDR.cdr_token", "CdrLocation.name", "CdrLocation.postal_code", "CdrLocation.state",
            "CDR.credit", *(f"CDR.{name}" for name in CDR_LATER),
        ),
    ),
    _owned("CDR"),
    added("ChargingPeriod", "tariff_id"),
    retold(
        "Credentials", edit=_credentials_rules, up=_credentials_up, down=_credentials_down,
        losses=("Credentials.roles",),
    ),
    added("Endpoint", "role"),
    limited("StartSession", text("location_id", "string", 39), text("evse_uid", "string", 39, "?")),
    added("StartSession", "connector_id", "authorization_reference"),
    limited("StopSession", text("session_id", "string", 36)),
    limited(
        "UnlockConnector", text("location_id", "string", 39), text("evse_uid", "string", 39),
        text("connector_id", "string", 36),
    ),
    limited(
        "ReserveNow", FieldRule("reservation_id", "int", "1"), text("location_id", "string", 39),
        text("evse_uid", "string", 39, "?"),
    ),
    added("ReserveNow", "authorization_reference"),
    retold("ReserveNow", edit=lambda rules: None, up=_reservation_up, down=_reservation_down),
    Change(
        _command_rules, "CommandResult", _result_up, _result_down, said_as={"CommandResult": "CommandResponse"},
        losses=("=CommandResultType", "CommandResult.message"),
    ),
    retold(
        "CommandResponse", edit=lambda rules: None, up=_response_up, down=_response_down,
        losses=("=CommandResponseType", "CommandResponse.timeout", "CommandResponse.message"),
    ),
    values_ended("CommandResponseType", "TIMEOUT"),
    values_added("AuthMethod", "COMMAND", instead={"*": "AUTH_REQUEST"}),
    values_added("SessionStatus", "RESERVATION", instead={"*": "PENDING"}),
    values_added("TokenType", "APP_USER", "AD_HOC_USER", instead={"*": "OTHER"}),
    values_added(
        "PowerType", "AC_2_PHASE", "AC_2_PHASE_SPLIT",
        losses=("EVSE.connectors", "Location.evses", *(f"CdrLocation.{name}" for name in PLUG_OF_CDR)),
    ),
    values_added(
        "Capability", "CHARGING_PREFERENCES_CAPABLE", "CHIP_CARD_SUPPORT", "CONTACTLESS_CARD_SUPPORT",
        "DEBIT_CARD_PAYABLE", "PED_TERMINAL", "START_SESSION_CONNECTOR_REQUIRED", "TOKEN_GROUP_CAPABLE",
        losses=("EVSE.capabilities",),
    ),
    values_added(
        "ConnectorType", "CHAOJI", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O", "GBT_AC", "GBT_DC", "NEMA_5_20",
        "NEMA_6_30", "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30", "NEMA_14_50", "PANTOGRAPH_BOTTOM_UP",
        "PANTOGRAPH_TOP_DOWN",
        losses=("EVSE.connectors", "Location.evses", *(f"CdrLocation.{name}" for name in PLUG_OF_CDR)),
    ),
    values_added(
        "Facility", "BIKE_SHARING", "TRAM_STOP", "METRO_STATION", "PARKING_LOT", losses=("Location.facilities",),
    ),
    values_added("ModuleID", "chargingprofiles", "hubclientinfo"),
    values_added("VersionNumber", "2.2", "2.2.1"),
    values_added("CommandType", "CANCEL_RESERVATION"),
    values_added(
        "CdrDimensionType", "CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "MAX_POWER", "MIN_POWER", "POWER",
        "RESERVATION_TIME", "STATE_OF_CHARGE",
        losses=("ChargingPeriod.dimensions", "Session.charging_periods", "CDR.charging_periods"),
    ),
    values_ended("CdrDimensionType", "FLAT"),
    added_objects(
        "ActiveChargingProfile", "ActiveChargingProfileResult", "CancelReservation", "CdrLocation", "CdrToken",
        "ChargingPreferences", "ChargingProfile", "ChargingProfilePeriod", "ChargingProfileResponse",
        "ChargingProfileResult", "ClearProfileResult", "ClientInfo", "CredentialsRole", "EnergyContract", "Price",
        "PublishTokenType", "SetChargingProfile", "SignedData", "SignedValue",
        "ChargingPreferencesResponse", "ChargingProfileResponseType", "ChargingProfileResultType",
        "ChargingRateUnit", "ConnectionStatus", "InterfaceRole", "ParkingType", "ProfileType", "Role", "TariffType",
    ),
)  # fmt: skip
