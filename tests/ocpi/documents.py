"""Random documents of any release, built from its rules: what keeps every rule, what breaks one, what differs.

`documents("2.2.1", "Location")` is a hypothesis strategy; the documents keep the rules that span fields too, so a
strict reader has nothing to say about them. Optional fields are chosen by one bit mask per object, so that a failing
document shrinks to the least fields that fail.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from evmesh.ocpi.releases import RELEASES, Context
from evmesh.ocpi.schema import SESSION_ONLY, FieldRule, Rules
from evmesh.ocpi.types import timestamp
from evmesh.ocpi.wire import decode

Document = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

MAIN_OBJECTS = (
    "Location", "EVSE", "Connector", "Session", "CDR", "Tariff", "Token", "AuthorizationInfo", "LocationReferences",
    "Credentials", "StartSession", "StopSession", "ReserveNow", "CancelReservation", "UnlockConnector",
    "CommandResponse", "CommandResult",
)  # fmt: skip
"""What partners exchange on every connection; each in the newest release's name."""


def quick(examples: int) -> settings:
    """The same examples on every run: a test that passed here passes there."""
    calm = [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
    ]
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=calm)


# Leaves. Pools rather than free texts: what matters is the length, the alphabet and the form.

PATTERNED = (
    "52.12345", "-5.1234567", "52.123456", "-0.000001", "151.123456", "-33.86882", "0.0000000",
    "00:00", "08:30", "23:59", "2024-02-29", "1999-12-31", "2026-07-01",
)  # fmt: skip
COUNTRIES = ("NL", "SE", "de")
PARTIES = ("ABC", "VLT", "x1Y")
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
TIMES = (
    "2026-03-29T01:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-29T12:00:00.5Z",
    "2026-01-01T00:00:00.1234Z",
)  # fmt: skip
NUMBERS = ("0", "1.10", "0.0001", "12.3400", "100", "0.5", "2.00", "19.9999", "3", "-1.5", "250.75")

_asciis = ("1", "BE-1*E~77", "a b", "Id_{0}/%2F", "0042")
_texts = ("x", "Ekrö 5, Malmö", "充电站", 'O\'Neil "quoted" \\', "plain text")


def _strings(rule: FieldRule) -> st.SearchStrategy[str]:
    if rule.name == "country_code" and rule.max_length == 2:
        return st.sampled_from(COUNTRIES)
    if rule.name == "party_id" and rule.max_length == 3:
        return st.sampled_from(PARTIES)
    if rule.pattern is not None:
        fitting = [
            text for text in PATTERNED if re.fullmatch(rule.pattern, text) and len(text) <= (rule.max_length or 99)
        ]
        return st.sampled_from(fitting)
    most = rule.max_length or 60
    if rule.type == "URL":
        return st.sampled_from(["https://example.com/a", "HTTP://h:1/x?y=1&z=%20#f", "https://" + "u" * (most - 8)])
    pool = _asciis if rule.type == "CiString" else _texts
    longest = "L" * most if rule.type == "CiString" else "Å" * most
    return st.sampled_from([*(text for text in pool if len(text) <= most), longest])


def _times() -> st.SearchStrategy[str]:
    return st.one_of(
        st.integers(0, 10**8).map(lambda seconds: timestamp(FIRST + timedelta(seconds=seconds))),
        st.sampled_from(TIMES),
    )


def _numbers() -> st.SearchStrategy[Any]:
    pool = [int(text) if text.isdigit() else Decimal(text) for text in NUMBERS]
    return st.one_of(st.sampled_from(pool), st.integers(0, 10**6).map(lambda n: Decimal(n).scaleb(-3)))


def _scalars(rules: Rules, rule: FieldRule) -> st.SearchStrategy[Any]:
    if rule.type in rules.enums:
        return st.sampled_from(rules.enums[rule.type].values)
    if rule.type == "int":
        return st.integers(0, min(10**9, 10 ** (rule.max_digits or 9) - 1))
    plain: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "boolean": st.booleans,
        "DateTime": _times,
        "number": _numbers,
        "any": lambda: st.sampled_from([None, [], {}, {"a": [1, Decimal("1.10")]}, "text"]),
    }
    return plain[rule.type]() if rule.type in plain else _strings(rule)


_leaves: dict[tuple[int, FieldRule], st.SearchStrategy[Any]] = {}


def _leaf(rules: Rules, rule: FieldRule) -> st.SearchStrategy[Any]:
    key = (id(rules), rule)
    if key not in _leaves:
        _leaves[key] = _scalars(rules, rule)
    return _leaves[key]


def documents(release: str, name: str, without: frozenset[str] = frozenset()) -> st.SearchStrategy[Document]:
    """Documents that keep every rule of the release. `name` is the newest; `without` leaves out fields wherever they
    would stand, each as `Object.field`."""
    spoken = RELEASES[release]
    return _documents(spoken.rules, spoken.name_of(name), without)


@st.composite
def _documents(draw: Draw, rules: Rules, name: str, without: frozenset[str]) -> Document:
    return _object(draw, rules, name, 0, without)


def _object(draw: Draw, rules: Rules, name: str, depth: int, without: frozenset[str]) -> Document:
    rule = rules.objects[name]
    fields = [f for f in rule.fields.values() if f"{name}.{f.name}" not in without]
    loose = [f for f in fields if not f.required]
    chosen = draw(st.integers(0, 2 ** len(loose) - 1)) if loose else 0
    if depth > 1 and chosen:
        chosen &= draw(st.integers(0, 2 ** len(loose) - 1))  # the deeper, the sparser
    present = {f.name for place, f in enumerate(loose) if chosen >> place & 1}
    document: Document = {}
    for f in fields:
        if f.required or f.name in present:
            document[f.name] = _field(draw, rules, f, depth, without)
    OBEY.get(name, _free)(draw, rules, document)
    return document


def _field(draw: Draw, rules: Rules, f: FieldRule, depth: int, without: frozenset[str]) -> Any:
    def one() -> Any:
        return _object(draw, rules, f.type, depth + 1, without) if f.type in rules.objects else draw(_leaf(rules, f))

    if not f.many:
        return one()
    least = 1 if f.cardinality == "+" else 0
    return [one() for _ in range(draw(st.integers(least, 2)))]


# Rules that span fields, kept by mending what was drawn.


def _free(draw: Draw, rules: Rules, document: Document) -> None:
    """Nothing spans the fields of this object."""


def _publish_token(draw: Draw, rules: Rules, token: Document) -> None:
    if not any(token.get(name) for name in ("uid", "visual_number", "group_id")):
        token["group_id"] = "G1"
    if token.get("uid"):
        token.setdefault("type", "RFID")
    if token.get("visual_number"):
        token.setdefault("issuer", "Issuer")


def _location(draw: Draw, rules: Rules, location: Document) -> None:
    if location.get("publish") is True:
        location.pop("publish_allowed_to", None)
    places = [place["id"] for place in location.get("parking_places", ())]
    if len(places) > len(set(places)):
        location["parking_places"] = location["parking_places"][:1]
    for evse in location.get("evses", ()):
        for parking in evse.get("parking", ()):
            parking["parking_id"] = places[0] if places else parking["parking_id"]


def _hours(draw: Draw, rules: Rules, hours: Document) -> None:
    if rules.objects["Hours"].one_of:
        if hours.get("regular_hours"):
            hours.pop("twentyfourseven", None)
        return
    if hours["twentyfourseven"]:
        hours.pop("regular_hours", None)
    elif not hours.get("regular_hours"):
        hours["regular_hours"] = [{"weekday": 7, "period_begin": "08:00", "period_end": "20:00"}]


def _regular_hours(draw: Draw, rules: Rules, hours: Document) -> None:
    hours["weekday"] = hours["weekday"] % 7 + 1
    if hours["period_end"] <= hours["period_begin"]:
        hours["period_begin"], hours["period_end"] = "00:00", "23:59"


def _cdr(draw: Draw, rules: Rules, cdr: Document) -> None:
    if "credit" in rules.objects["CDR"].fields:
        if cdr.get("credit"):
            cdr.setdefault("credit_reference_id", "C1")
        else:
            cdr["id"] = cdr["id"][:36]
        for period in cdr["charging_periods"]:
            for dimension in period["dimensions"]:
                if dimension["type"] in SESSION_ONLY:
                    dimension["type"] = "ENERGY"
        for tariff in cdr.get("tariffs", ()):
            tariff |= {"country_code": cdr["country_code"], "party_id": cdr["party_id"]}
    _one_plug(draw, rules, cdr)


def _one_plug(draw: Draw, rules: Rules, document: Document) -> None:
    """What embeds a Location shows the EVSE and the Connector in use, no others."""
    for evse in document.get("location", {}).get("evses", [])[:1]:
        document["location"]["evses"] = [{**evse, "connectors": evse["connectors"][:1]}]


def _energy_mix(draw: Draw, rules: Rules, mix: Document) -> None:
    for place, source in enumerate(mix.get("energy_sources", ())):
        source["percentage"] = 100 if len(mix["energy_sources"]) == 1 else (Decimal("33.3"), Decimal("66.70"))[place]


def _start_session(draw: Draw, rules: Rules, start: Document) -> None:
    if start.get("connector_id"):
        start.setdefault("evse_uid", "E1")


def _tariff_element(draw: Draw, rules: Rules, element: Document) -> None:
    restrictions = element.get("restrictions", {})
    if restrictions.get("reservation") or restrictions.get("booking"):
        for component in element["price_components"]:
            if component["type"] not in ("FLAT", "TIME"):
                component["type"] = "TIME"


def _credentials(draw: Draw, rules: Rules, credentials: Document) -> None:
    if len(credentials.get("roles", ())) == 2:
        credentials["roles"][1]["party_id"] = "ZZZ"


def _dimension(draw: Draw, rules: Rules, dimension: Document) -> None:
    if dimension["type"] == "STATE_OF_CHARGE":
        dimension["volume"] = abs(dimension["volume"]) % 100


def _profile_result(draw: Draw, rules: Rules, result: Document) -> None:
    if "profile" in result:
        result["result"] = "ACCEPTED"
    elif result["result"] == "ACCEPTED":
        result["result"] = "REJECTED"


def _booking_location(draw: Draw, rules: Rules, place: Document) -> None:
    if not place.get("booking_option"):
        place["booking_option"] = {"evse_uid": "E1"}


OBEY: dict[str, Callable[[Draw, Rules, Document], None]] = {
    "PublishTokenType": _publish_token,
    "Location": _location,
    "Hours": _hours,
    "RegularHours": _regular_hours,
    "CDR": _cdr,
    "Session": _one_plug,
    "EnergyMix": _energy_mix,
    "StartSession": _start_session,
    "TariffElement": _tariff_element,
    "Credentials": _credentials,
    "CdrDimension": _dimension,
    "ActiveChargingProfileResult": _profile_result,
    "BookingLocation": _booking_location,
}


# Documents with something odd in them.

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 12, Decimal("12.5"), Decimal("1.0"), 10**17, 10**19, Decimal("1E+300"),
    Decimal("1E-300"), Decimal("0.00001"), "", "x", "12.5", "true", "é", "a\nb", "\x7f", " ", "NaN", "x" * 300,
    [], {}, [None], [[]], [{}], ["x"], {"a": 1},
    "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00Z\n", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z",
    "52.1", "52.12345\n", "08:00\n", "available", "Rfid", "HUB", "FLAT", "EMAID", "RESERVATION", "NEW_VALUE",
    "https://example.com/x\n", "www.example.com",
)  # fmt: skip


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document, outermost first."""
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
    for key in keys:
        yield from places(document[key])


FIELD_NAMES = sorted({name for each in RELEASES.values() for o in each.rules.objects.values() for name in o.fields})


@st.composite
def mutated(draw: Draw, release: str, name: str) -> Document:
    """A document of the release in which one to three things were made odd."""
    document: Document = deepcopy(draw(documents(release, name)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(document))
        container, key = found[draw(st.integers(0, len(found) - 1))] if found else (document, "x")
        kind = draw(st.integers(0, 9))
        if kind == 0:
            if found:
                del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[draw(st.sampled_from(FIELD_NAMES))] = deepcopy(draw(st.sampled_from(ODD)))
        else:
            container[key] = deepcopy(draw(st.sampled_from(ODD)))
    return document


json_values = st.recursive(
    st.sampled_from(ODD) | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELD_NAMES) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=12,
)


# Comparing.


def tidy(value: Any) -> Any:
    """The value without what means the same as absent: null and empty lists in objects."""
    if isinstance(value, dict):
        return {key: tidy(item) for key, item in value.items() if item is not None and item != []}
    return [tidy(item) for item in value] if isinstance(value, list) else value


def spelled(value: Any) -> Any:
    """Numbers by their digits, so that 1.10 differs from 1.1 and 1 from true."""
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spelled(item) for item in value]
    return value if isinstance(value, str) else f"<{value}>"


def lost(rules: Rules, name: str, before: Document, after: Document) -> set[str]:
    """The places where two documents differ, as `Object.field`; a changed enum value as `=Enum`."""
    rule, found = rules.objects[name], set()
    before, after = tidy(before), tidy(after)
    for field in before.keys() | after.keys():
        one, other = before.get(field), after.get(field)
        if one == other:
            continue
        f = rule.fields.get(field)
        if f is None or one is None or other is None:
            found.add(f"{name}.{field}")
        elif f.type in rules.objects and not f.many:
            found |= lost(rules, f.type, one, other)
        elif f.type in rules.objects and len(one) == len(other):
            found |= {place for x, y in zip(one, other, strict=True) for place in lost(rules, f.type, x, y)}
        elif f.type in rules.enums:
            found.add(f"={f.type}")
        else:
            found.add(f"{name}.{field}")
    return found


# Documents of our own making, kept as files.

WIRE = Path(__file__).resolve().parents[1] / "wire"


def own(release: str, name: str, kind: str = "least_fields", **changes: Any) -> Document:
    """A document of `tests/wire`, with some of its fields set otherwise; None leaves one out."""
    document: Document = decode((WIRE / release / f"{name}.{kind}.json").read_bytes()) | changes
    return {key: value for key, value in document.items() if value is not None}


# Translating.

OWNER = ("NL", "ABC")
DRIVER = ("SE", "EMS")


def context_of(document: Document, *known: tuple[str, Document], role: str = "CPO") -> Context:
    """What a platform knows when it translates the document: whose it is, and objects given as (kind, canonical)."""

    def lookup(kind: str, *key: str) -> Document | None:
        for of, found in known:
            if of == kind and key[-1] == (found["contract_id"] if kind == "Token" else found["id"]):
                return found
        return None

    owned = next(
        (part for part in (document, document.get("token")) if isinstance(part, dict) and "party_id" in part), {}
    )
    owner = (owned.get("country_code", OWNER[0]), owned.get("party_id", OWNER[1]))
    return Context(owner=owner, token_party=DRIVER, role=role, lookup=lookup)


def place_of(document: Document) -> tuple[str, str, str]:
    """Location id, EVSE uid and connector id of a canonical Session or CDR."""
    if "cdr_location" in document:
        place = document["cdr_location"]
        return place["id"], place["evse_uid"], place["connector_id"]
    return document["location_id"], document["evse_uid"], document["connector_id"]


@st.composite
def charged_at(draw: Draw, document: Document) -> Document:
    """A canonical Location with the EVSE and Connector that a canonical Session or CDR names, and maybe others."""
    location_id, evse_uid, connector_id = place_of(document)
    location: Document = deepcopy(draw(documents("2.3.0", "Location")))
    evse = deepcopy(draw(documents("2.3.0", "EVSE", frozenset({"EVSE.parking"}))))
    evse["uid"] = evse_uid
    evse["connectors"][0] |= {"id": connector_id, "standard": "IEC_62196_T2", "power_type": "AC_3_PHASE"}
    location["evses"] = [e for e in location.get("evses") or () if e["uid"].casefold() != evse_uid.casefold()]
    location["evses"].insert(0, evse)
    location |= {"id": location_id, "country_code": document["country_code"], "party_id": document["party_id"]}
    return location
