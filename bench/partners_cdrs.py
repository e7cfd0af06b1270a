"""A database full of what partners charge: the CDRs of a year, with what is known around each.

Each charge is worked out once (`Charge`): readings become periods, those a priced CDR, and the claims that a partner
might make of it. A CDR is such a claim at a station, with a card, on a day: its text with names and dates put in.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import count, islice
from typing import Any

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.types import timestamp
from evmesh.pricing.check import check
from evmesh.pricing.generation import Reading, cdr_costs, charging_periods
from evmesh.pricing.habits import READINGS, ROUNDINGS
from evmesh.pricing.issuing import credit_cdr, issue_cdr
from evmesh.pricing.policy import STANDARD
from evmesh.pricing.zones import time_zone
from evmesh.roaming import kinds
from evmesh.store import objects, partners, tariff_history
from evmesh.store.database import Store
from evmesh.store.schema import OURS, counter
from evmesh.store.schema import objects as table
from evmesh.store.transaction import Tx

Document = dict[str, Any]

ZONE = "Europe/Amsterdam"
FIRST_DAY = date(2026, 1, 5)
LONG_AGO = datetime(2025, 12, 1, tzinfo=UTC)
STATIONS, CARDS, EVSES_A_PLACE = 4000, 20_000, 4
VARIANTS = 24
RELEASES = {"volt": "2.2.1", "ampere": "2.3.0"}
"""The partners, each with its release."""
SHARES = {"explained": 15, "differs": 10, "cannot_be_priced": 5, "credit": 10}
"""Of a thousand CDRs; the others are right."""
HABITS = {each.code: each for each in (*ROUNDINGS, *READINGS)}
OFTEN = ("periods_rounded_tax_on_sum", "step_size_ignored", "wrong_zone_utc", "price_limits_ignored")


def component(kind: str, figure: str, step_size: int = 1) -> Document:
    return {"type": kind, "price": Decimal(figure), "vat": 21, "step_size": step_size}


def element(*components: Document, **restrictions: Any) -> Document:
    made: Document = {"price_components": list(components)}
    return made | {"restrictions": restrictions} if restrictions else made


TARIFFS: list[Document] = [
    {"elements": [element(component("ENERGY", "0.45"))]},
    {"elements": [element(component("FLAT", "0.50")), element(component("ENERGY", "0.39", 100))]},
    {
        "elements": [
            element(component("ENERGY", "0.29"), start_time="21:00", end_time="07:00"),
            element(component("ENERGY", "0.49"), start_time="07:00", end_time="21:00"),
        ]
    },
    {"elements": [element(component("ENERGY", "0.35")), element(component("PARKING_TIME", "4.80", 300))]},
    {
        "elements": [element(component("ENERGY", "0.42"))],
        "min_price": {"before_taxes": 1, "after_taxes": Decimal("1.21")},
    },
    {
        "elements": [
            element(component("ENERGY", "0.31"), day_of_week=["SATURDAY", "SUNDAY"]),
            element(component("ENERGY", "0.37"), component("TIME", "0.60", 60)),
        ]
    },
]


def tariff(party: str, number: int) -> Document:
    return {
        "country_code": "NL", "party_id": party, "id": f"T{number}", "currency": "EUR", "tax_included": "NO",
        **TARIFFS[number], "last_updated": timestamp(LONG_AGO),
    }  # fmt: skip


def place(party: str, number: int) -> Document:
    connector = {
        "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "max_voltage": 230,
        "max_amperage": 32, "tariff_ids": [f"T{number % len(TARIFFS)}"], "last_updated": timestamp(LONG_AGO),
    }  # fmt: skip
    return {
        "country_code": "NL", "party_id": party, "id": f"LOC{number:04}", "publish": True, "name": f"Plein {number}",
        "address": f"Stationsplein {number}", "city": "Utrecht", "postal_code": "3511 ED", "country": "NLD",
        "coordinates": {"latitude": "52.089200", "longitude": "5.109900"}, "time_zone": ZONE,
        "evses": [
            {
                "uid": f"E{number * EVSES_A_PLACE + each:05}", "evse_id": f"NL*{party}*E{number}*{each}",
                "status": "AVAILABLE", "connectors": [connector], "last_updated": timestamp(LONG_AGO),
            }
            for each in range(EVSES_A_PLACE)
        ],
        "last_updated": timestamp(LONG_AGO),
    }  # fmt: skip


def card(number: int) -> Document:
    return {
        "country_code": "NL", "party_id": "MSP", "uid": f"04A1B2C3{number:06}", "type": "RFID",
        "contract_id": f"NL-MSP-C{number:08}", "issuer": "Driver BV", "valid": True, "whitelist": "ALWAYS",
        "last_updated": timestamp(LONG_AGO),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A document with holes for names and dates, in the newest words and in the partner's own."""

    document: str
    wire: str | None
    start: datetime
    end: datetime

    @classmethod
    def of(cls, name: str, document: Document, release: str, start: datetime, end: datetime) -> Text:
        canonical = wire.encode(document).decode()
        said = wire.encode(wire.write(name, document, dialect(release)).document).decode()
        return cls(_holes(canonical, start), None if said == canonical else _holes(said, start), start, end)


def _holes(text: str, start: datetime) -> str:
    """`%` never stands in these texts."""
    for ahead in (0, 1):
        text = text.replace(f"{start + timedelta(days=ahead):%Y-%m-%d}", f"%(day{ahead})s")
    for hole in ("id", "evse", "place", "card", "credits"):
        text = text.replace(f"<{hole}>", f"%({hole})s")
    return text


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge and what might be claimed for it, by the verdict that each claim deserves."""

    claims: dict[str, Text]
    session: Text


@cache
def charge(partner: str, weekday: date, variant: int) -> Charge:
    """The charge of a variant on the first such day: of its season, and of its day of the week."""
    dice = random.Random(f"{weekday} {variant}")
    release, party = RELEASES[partner], partner[:3].upper()
    priced_by = tariff(party, variant % len(TARIFFS))
    begins = datetime.combine(weekday, time(dice.randrange(6, 22), dice.randrange(60), dice.randrange(60)))
    start = begins.replace(tzinfo=time_zone(ZONE)).astimezone(UTC)
    readings = [Reading(start, Decimal(0), power_kw=Decimal(11))]
    for minutes in range(15, dice.randrange(16, 150), 15):
        energy = readings[-1].energy_kwh + Decimal(dice.randrange(1500, 2750)) / 1000
        readings.append(Reading(start + timedelta(minutes=minutes), energy, power_kw=Decimal(11)))
    end = readings[-1].moment
    if "PARKING_TIME" in str(priced_by) and dice.random() < 0.5:
        readings[-1] = Reading(end, readings[-1].energy_kwh, "parking", Decimal(0))
        end += timedelta(seconds=dice.randrange(300, 5400))
    session = {
        "country_code": "NL", "party_id": party, "id": "S<id>", "start_date_time": timestamp(start),
        "end_date_time": timestamp(end), "kwh": readings[-1].energy_kwh,
        "cdr_token": {
            "country_code": "NL", "party_id": "MSP", "uid": "04A1B2C3<card>", "type": "RFID",
            "contract_id": "NL-MSP-C00<card>",
        },
        "auth_method": "WHITELIST", "location_id": "LOC<place>", "evse_uid": "E<evse>", "connector_id": "1",
        "currency": "EUR", "charging_periods": charging_periods(readings, priced_by, ZONE, until=end),
        "status": "COMPLETED", "last_updated": timestamp(end),
    }  # fmt: skip
    where = {
        "id": "LOC<place>", "name": "Plein <place>", "address": "Stationsplein <place>", "city": "Utrecht",
        "postal_code": "3511 ED", "country": "NLD", "evse_uid": "E<evse>", "evse_id": f"NL*{party}*E<evse>",
        "coordinates": {"latitude": "52.089200", "longitude": "5.109900"}, "connector_id": "1",
        "connector_standard": "IEC_62196_T2", "connector_format": "SOCKET", "connector_power_type": "AC_3_PHASE",
    }  # fmt: skip
    cdr = issue_cdr(session, [priced_by], where, ZONE, id="<id>", issued_at=end).cdr
    documents = _claims(cdr, dice) | {"credit": credit_cdr(cdr, id="X<id>", issued_at=end)}
    documents["credit"] |= {"credit_reference_id": "<credits>"}
    return Charge(
        {verdict: Text.of("CDR", document, release, start, end) for verdict, document in documents.items()},
        Text.of("Session", session, release, start, end),
    )


def _claims(cdr: Document, dice: random.Random) -> dict[str, Document]:
    """The CDR with the right total, with one of a known habit, with a wrong one, and with a tariff that it lacks."""
    net, taxes = cdr["total_cost"]["before_taxes"], cdr["total_cost"]["taxes"]
    nameless = [{**period, "tariff_id": "GONE"} for period in cdr["charging_periods"]]
    found = {
        "agrees": cdr,
        "explained": cdr | {"total_cost": {"before_taxes": net + sum(tax["amount"] for tax in taxes)}},
        "differs": cdr | {"total_cost": {"before_taxes": net + Decimal(dice.randrange(17, 700)) / 100}},
        "cannot_be_priced": cdr | {"charging_periods": nameless},
    }  # fmt: skip
    for code in OFTEN:
        habit = HABITS[code]
        zone = "Etc/UTC" if habit.zone == "utc" else ZONE
        claim = cdr | {"total_cost": cdr_costs(cdr, None, zone, habit.policy(STANDARD))["total_cost"]}
        if check(claim, None, ZONE, search=False).verdict == "differs":
            found["explained"] = claim
            break
    return found


def stored(
    seq: int, kind: str, partner: int, document: str, said: str | None, release: str, owner: tuple[str, str], id: str,
    updated: datetime, *, key_ids: tuple[str, ...] = (), token_party: str | None = None,
) -> Document:  # fmt: skip
    return {
        "seq": seq, "kind": kind, "partner_id": partner, "country_code": owner[0], "party_id": owner[1], "id": id,
        "key": dialect(release).key(*owner, *(key_ids or (id,))), "last_updated": updated, "change": seq,
        "document": document, "wire": said, "release": release, "token_party": token_party, "absent_since": None,
        "owner": objects.party(*owner), "folded_id": id.casefold(), "folded_contract": None, "first_change": seq,
    }  # fmt: skip


async def fill(store: Store, cdrs: int, done: Callable[[int], None]) -> Counter[str]:
    """Puts so many CDRs of two partners into an empty database; tells how many of them deserve each verdict."""
    numbers = count(1)
    ids = await store.write(lambda tx: _around(tx, numbers))
    deserved: Counter[str] = Counter()
    rows = _cdrs(cdrs, ids, numbers, deserved)
    while portion := list(islice(rows, 10_000)):
        await store.write(lambda tx, portion=portion: tx.execute(table.insert(), portion))
        done(sum(each["kind"] == "cdrs" for each in portion))
    newest = next(numbers)
    await store.write(lambda tx: tx.execute(counter.update().values(value=newest)))
    return deserved


def _around(tx: Tx, numbers: Iterator[int]) -> dict[str, int]:
    """The partners, the places and tariffs that they told, and our cards."""
    rows = []
    ids = {}
    for name, release in RELEASES.items():
        party = name[:3].upper()
        role = {"role": "CPO", "country_code": "NL", "party_id": party, "business_details": {"name": name}}
        endpoints = [{"identifier": "locations", "role": "SENDER", "url": f"https://{name}.example/locations"}]
        made = partners.insert(tx, name, status="registered", release=release, roles=[role], endpoints=endpoints)
        ids[name] = made.id
        documents = [("locations", place(party, number)) for number in range(STATIONS // EVSES_A_PLACE)]
        documents += [("tariffs", tariff(party, number)) for number in range(len(TARIFFS))]
        for kind, document in documents:
            text = wire.encode(document).decode()
            row = stored(
                next(numbers), kind, made.id, text, None, release, ("NL", party), document["id"], LONG_AGO
            )  # fmt: skip
            rows.append(row)
            if kind == "tariffs":
                held = objects.Held(**{name: row[name] for name in objects.Held.__struct_fields__})
                tariff_history.add(tx, held)
    for number in range(CARDS):
        document = card(number)
        text = wire.encode(document).decode()
        rows.append(
            stored(
                next(numbers), "tokens", OURS, text, None, kinds.CANONICAL.name, ("NL", "MSP"), document["uid"],
                LONG_AGO, key_ids=kinds.ids("tokens", document),
            )
        )  # fmt: skip
    tx.execute(table.insert(), rows)
    return ids


def _cdrs(cdrs: int, ids: dict[str, int], numbers: Iterator[int], deserved: Counter[str]) -> Iterator[Document]:
    dice = random.Random(7)
    kinds_of_claim = list(SHARES)
    chances = [SHARES[kind] / 1000 for kind in kinds_of_claim]
    names = list(RELEASES)
    last: tuple[str, Document, Charge, str] | None = None
    for number in range(cdrs):
        kind = dice.choices([*kinds_of_claim, "agrees"], [*chances, 1 - sum(chances)])[0]
        if kind == "credit" and last is not None:
            # A credit takes back the CDR before it: what it claims is whole, so it agrees.
            name, holes, made, _ = last
            holes = holes | {"credits": holes["id"], "id": holes["id"]}
            id, last = f"X{holes['id']}", None
        else:
            kind = "agrees" if kind == "credit" else kind
            ago, station = divmod(number, STATIONS)
            name = names[station % len(names)]
            day = FIRST_DAY + timedelta(days=ago)
            # Stations follow each other through the tariffs, two partners beside each other.
            variant = (station // 2 + ago * 7) % VARIANTS
            made = charge(name, _alike(day), variant)
            id = f"{number:08}"
            holes = {
                "id": id, "evse": f"{station:05}", "place": f"{station // EVSES_A_PLACE:04}", "credits": "",
                "card": f"{(station + ago * STATIONS) % CARDS:06}", "day0": day.isoformat(),
                "day1": (day + timedelta(days=1)).isoformat(),
            }  # fmt: skip
            last = (name, holes, made, kind) if kind == "agrees" else None
        deserved["agrees" if kind == "credit" else kind] += 1
        text = made.claims[kind]
        moved = date.fromisoformat(holes["day0"]) - text.start.date()
        owner, release = ("NL", name[:3].upper()), RELEASES[name]
        if number % 3 == 0 and kind != "credit":
            told = made.session
            yield stored(
                next(numbers), "sessions", ids[name], told.document % holes, told.wire and told.wire % holes, release,
                owner, f"S{id}", told.end + moved, token_party="NL*MSP",
            )  # fmt: skip
        yield stored(
            next(numbers), "cdrs", ids[name], text.document % holes, text.wire and text.wire % holes, release, owner,
            id, text.end + moved, token_party="NL*MSP",
        )  # fmt: skip


@cache
def _alike(day: date) -> date:
    """The first day of the same weekday, on which the clocks stand alike."""
    zone = time_zone(ZONE)
    noon = datetime.combine(day, time(12), zone)
    first = FIRST_DAY + timedelta(days=(day - FIRST_DAY).days % 7)
    while datetime.combine(first, time(12), zone).utcoffset() != noon.utcoffset():
        first += timedelta(days=7)
    return first
