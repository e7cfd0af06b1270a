"""An invented city to charge in: Locations, Tariffs and Tokens, the same for the same seed.

The streets are invented; the coordinates lie around Uppsala. Every document keeps the rules of all three releases,
so that it can be shown to any partner.
"""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal

from evmesh.ocpi.types import timestamp
from evmesh.ports import Document, Party

TIME_ZONE = "Europe/Stockholm"
STREETS = (
    "Almgatan", "Björkvägen", "Domherrevägen", "Ekallén", "Fyrisgränd", "Granitvägen", "Hamnesplanaden", "Idungatan",
    "Järnbrogatan", "Kungsängsvägen", "Lindallén", "Murargatan", "Norrlandsgatan", "Odenplan", "Parkvägen",
    "Rosengatan", "Skolgatan", "Torggatan", "Vaksalagatan", "Ågatan",
)  # fmt: skip
KINDS = (
    ("PARKING_GARAGE", "garage", "AC"),
    ("ON_STREET", "street", "AC"),
    ("PARKING_LOT", "square", "AC"),
    ("PARKING_LOT", "fast charging", "DC"),
)
NAMES = ("Anna Berg", "Björn Ek", "Carin Dahl", "David Fors", "Elin Gran", "Filip Holm", "Greta Isak", "Henrik Jung")


def locations(party: Party, at: datetime, *, count: int = 40, seed: int = 7) -> list[Document]:
    """So many Locations of a CPO, with two to six EVSEs each, all AVAILABLE. `at` is their last_updated."""
    chance = random.Random(seed)
    return [_location(party, number, timestamp(at), chance) for number in range(1, count + 1)]


def _location(party: Party, number: int, at: str, chance: random.Random) -> Document:
    parking_type, word, current = KINDS[(number - 1) % len(KINDS)]
    street = STREETS[(number - 1) % len(STREETS)]
    evses = [_evse(party, number, place, current, at, chance) for place in range(1, chance.randint(2, 6) + 1)]
    return {
        "country_code": party[0],
        "party_id": party[1],
        "id": f"L{number:03d}",
        "publish": True,
        "name": f"{street} {word}",
        "address": f"{street} {chance.randint(1, 90)}",
        "city": "Uppsala",
        "postal_code": f"75{chance.randint(200, 699)}",
        "country": "SWE",
        "coordinates": {
            "latitude": f"{59.858 + chance.uniform(-0.04, 0.04):.6f}",
            "longitude": f"{17.639 + chance.uniform(-0.06, 0.06):.6f}",
        },
        "parking_type": parking_type,
        "evses": evses,
        "time_zone": TIME_ZONE,
        "opening_times": {"twentyfourseven": True},
        "charging_when_closed": True,
        "last_updated": at,
    }


def _evse(party: Party, location: int, place: int, current: str, at: str, chance: random.Random) -> Document:
    number = f"{location:03d}{place:02d}"
    tariff = "DC" if current == "DC" else chance.choice(("AC", "AC", "NIGHT"))
    connector: Document = {"id": "1", "tariff_ids": [tariff], "last_updated": at}
    if current == "DC":
        kilowatts = chance.choice((50, 150, 300))
        connector |= {
            "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
            "max_voltage": 900, "max_amperage": kilowatts * 1000 // 400, "max_electric_power": kilowatts * 1000,
        }  # fmt: skip
    else:
        amperes = chance.choice((16, 32))
        connector |= {
            "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
            "max_voltage": 230, "max_amperage": amperes, "max_electric_power": 3 * 230 * amperes,
        }  # fmt: skip
    return {
        "uid": f"E{number}",
        "evse_id": f"{party[0]}*{party[1]}*E{number}",
        "status": "AVAILABLE",
        "capabilities": ["REMOTE_START_STOP_CAPABLE", "RFID_READER", "RESERVABLE", "UNLOCK_CAPABLE"],
        "connectors": [connector],
        "physical_reference": str(place),
        "last_updated": at,
    }


def tariffs(party: Party, at: datetime) -> list[Document]:
    """Three tariffs: by energy with a fee for staying, cheaper at night, and fast charging with a start fee."""
    vat = 25

    def component(kind: str, price: str, step_size: int = 1) -> Document:
        return {"type": kind, "price": Decimal(price), "vat": vat, "step_size": step_size}

    def tariff(id: str, text: str, elements: list[Document]) -> Document:
        return {
            "country_code": party[0],
            "party_id": party[1],
            "id": id,
            "currency": "SEK",
            "tariff_alt_text": [{"language": "en", "text": text}],
            "elements": elements,
            "tax_included": "NO",
            "last_updated": timestamp(at),
        }

    return [
        tariff(
            "AC",
            "3.20 SEK per kWh, 12 SEK per hour when no longer charging",
            [{"price_components": [component("ENERGY", "3.20"), component("PARKING_TIME", "12.00", 60)]}],
        ),
        tariff(
            "NIGHT",
            "2.10 SEK per kWh from 22 to 6, else 3.40 SEK",
            [
                {
                    "price_components": [component("ENERGY", "2.10")],
                    "restrictions": {"start_time": "22:00", "end_time": "06:00"},
                },
                {"price_components": [component("ENERGY", "3.40")]},
            ],
        ),
        tariff(
            "DC",
            "4.80 SEK per kWh and 5 SEK to start",
            [{"price_components": [component("FLAT", "5.00"), component("ENERGY", "4.80")]}],
        ),
    ]


def tokens(party: Party, at: datetime, *, count: int = 20) -> list[Document]:
    """So many RFID tokens of an eMSP, and one app user for each fourth; the last card is blocked."""
    found = []
    for number in range(1, count + 1):
        contract = f"{party[0]}-{party[1]}-C{number:08d}-X"
        common: Document = {
            "country_code": party[0],
            "party_id": party[1],
            "contract_id": contract,
            "issuer": "evmesh demo",
            "whitelist": "NEVER",
            "language": "sv",
            "last_updated": timestamp(at),
        }
        valid = number < count
        visual = f"{NAMES[number % len(NAMES)]} {number:04d}"
        found.append({**common, "uid": f"04A2{number:010X}", "type": "RFID", "visual_number": visual, "valid": valid})
        if number % 4 == 1:
            found.append({**common, "uid": f"app-{number:04d}", "type": "APP_USER", "valid": True})
    return found
