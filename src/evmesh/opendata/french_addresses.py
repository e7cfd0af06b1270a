"""The city and the postal code of a French charging station, which the register holds inside the address at best.

The sources, best first; the first that speaks is believed:

1. The register's consolidated fields, where the row comes from the consolidated file.
2. `NNNNN City` in the address, the last there is. A number at the very beginning is a house number unless it belongs
   to the commune's department: `24124 Chem. des Matelots`.
3. `street, number or nothing, City`, the form in which some operators write addresses.
4. `6384+G8 City, France`: a plus code.
5. What the addresses of other stations call the commune of the same INSEE code, most of them.
6. `City, France` as the station's name, or what follows the last ` - ` in it (`Supermarket - City`), unless it only
   repeats the brand: `Allego - Carrefour Moulins` names a shop.
7. The INSEE code itself.

What stood at the end of the address and is said as city and postal code is taken off the address.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_POSTAL_CITY = re.compile(r"(?<![\d+])(\d{5})\s*[-,]?\s+(?=[^\W\d])([^\d,;()]+)")
_COUNTRY = re.compile(r"[\s,;-]*\b(?:France|FR)\s*$", re.IGNORECASE)
_CEDEX = re.compile(r"\s+CEDEX\b(?:\s+\d{1,2}\b)?", re.IGNORECASE)
_DEPARTMENT_TAIL = re.compile(r"\(\d[\dAB]\d?\).*", re.IGNORECASE | re.DOTALL)
_STREET_NUMBER_CITY = re.compile(r",\s*(?:\d+\s*(?:bis|ter|quater|[A-Za-z])?)?\s*,\s*([^\W\d][^,\d]*)$", re.IGNORECASE)
_PLUS_CODE_CITY = re.compile(r"^[2-9CFGHJMPQRVWX]{4}\+[2-9CFGHJMPQRVWX]{2,3}\s+([^\W\d][^,\d]*)$", re.IGNORECASE)
_NAME_FRANCE = re.compile(r"^([^,]+), France\b")
_NAME_AFTER_DASH = re.compile(r"^(.+) - ([^\W\d][^\d]*)$")


class Address(NamedTuple):
    """An address taken apart; `source` is the rule above (its number) that gave the city, 0 when none did."""

    street: str
    city: str
    postal_code: str
    source: int


def taken_apart(address: str, insee: str) -> Address:
    """What the address alone tells: rules 2 to 4."""
    whole = _CEDEX.sub("", _COUNTRY.sub("", address)).replace(" ,", ",").strip(" ,;-")
    for found in reversed(list(_POSTAL_CITY.finditer(whole))):
        postal_code = found[1]
        if found.start() == 0 and not same_department(postal_code, insee):
            continue
        city = _COUNTRY.sub("", found[2]).strip(" .-'’")
        if not city:
            continue
        rest = _DEPARTMENT_TAIL.sub("", whole[found.end() :]).strip(" ,;-")
        street = whole if rest else _before(whole, found.start())
        # Some say it twice: `2 rue du Port 44570 Trignac 44570 Trignac`.
        if street.endswith(said_before := f"{postal_code} {city}"):
            street = _before(street, len(street) - len(said_before))
        return Address(street, city, postal_code, 2)
    if match := _STREET_NUMBER_CITY.search(whole):
        return Address(_before(whole, match.start(1)), match[1].strip(), "", 3)
    if match := _PLUS_CODE_CITY.match(whole):
        return Address(whole, match[1].strip(), "", 4)
    return Address(whole or address, "", "", 0)


def _before(whole: str, end: int) -> str:
    """The address without its end, unless nothing would be left."""
    return whole[:end].strip(" ,;-") or whole


def same_department(postal_code: str, insee: str) -> bool:
    """Whether a postal code and a commune's INSEE code name the same department (Corsica's is 20 by post)."""
    department = "20" if insee[:2].upper() in ("2A", "2B") else insee[:2]
    return postal_code[:2] == department


def communes(addresses: Iterable[tuple[Address, str]]) -> dict[str, str]:
    """The name of each commune by its INSEE code, as most of these addresses spell it: rule 5."""
    spellings: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for address, insee in addresses:
        agreed = address.source == 2 and same_department(address.postal_code, insee)
        if insee and (agreed or address.source in (1, 3)):
            spellings[insee][_without_spelling(address.city)][address.city] += 1
    return {insee: _usual(by_name) for insee, by_name in spellings.items()}


def _usual(by_name: dict[str, Counter[str]]) -> str:
    """The most frequent name, in its most frequent spelling that is not all capitals."""
    _, spellings = min(by_name.items(), key=lambda item: (-item[1].total(), item[0]))
    return min(spellings, key=lambda spelling: (spelling.isupper(), -spellings[spelling], spelling))


def _without_spelling(city: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", city.casefold()) if not unicodedata.combining(c))
    words = re.sub(r"[^\w]+", " ", plain).split()
    return " ".join({"st": "saint", "ste": "sainte"}.get(word, word) for word in words)


def city_in_name(name: str, brands: Iterable[str]) -> str:
    """The city that a station's name ends with: rule 6; "" when it names none."""
    if match := _NAME_FRANCE.match(name):
        return match[1].strip()
    match = _NAME_AFTER_DASH.match(name)
    if match is None or match[1].casefold() in {brand.casefold() for brand in brands}:
        return ""
    return match[2].strip()
