"""Where the city of a French station comes from. The addresses are made up in the forms that the register has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evmesh.opendata.french_addresses import Address, city_in_name, communes, same_department, taken_apart


@pytest.mark.parametrize(
    ("address", "insee", "expected"),
    [
        ("2 rue du Port, 56000 Vannes, France", "56260", Address("2 rue du Port", "Vannes", "56000", 2)),
        ("Rue du Pré 9 88700 Rambervillers", "88367", Address("Rue du Pré 9", "Rambervillers", "88700", 2)),
        (
            "4 route d'Ambert 63660 SAINT ANTHEME (63) Auvergne-Rhône-Alpes FRANCE",
            "63319",
            Address("4 route d'Ambert", "SAINT ANTHEME", "63660", 2),
        ),
        ("12 quai Sud 44570 Trignac 44570 Trignac", "44210", Address("12 quai Sud", "Trignac", "44570", 2)),
        ("1 place Carrée 92800 PUTEAUX CEDEX 9", "92062", Address("1 place Carrée", "PUTEAUX", "92800", 2)),
        ("13005 Marseille", "13205", Address("13005 Marseille", "Marseille", "13005", 2)),
        ("24124 Chem. des Matelots", "13031", Address("24124 Chem. des Matelots", "", "", 0)),
        ("A8 aire de Brégnières, 06250 Mougins", "36210", Address("A8 aire de Brégnières", "Mougins", "06250", 2)),
        ("Rue Galois, 10, Saint-Junien", "87154", Address("Rue Galois, 10", "Saint-Junien", "", 3)),
        ("Aire du Chavanon, , Merlines", "19134", Address("Aire du Chavanon", "Merlines", "", 3)),
        ("173, avenue des Minimes", "31555", Address("173, avenue des Minimes", "", "", 0)),
        ("Aire de Senas, A7, km 219", "13105", Address("Aire de Senas, A7, km 219", "", "", 0)),
        ("6384+G8 Cormontreuil, France", "51172", Address("6384+G8 Cormontreuil", "Cormontreuil", "", 4)),
        ("", "75056", Address("", "", "", 0)),
    ],
)
def test_forms_of_addresses(address: str, insee: str, expected: Address) -> None:
    assert taken_apart(address, insee) == expected


def test_corsica_has_its_own_codes() -> None:
    assert same_department("20090", "2A004")
    assert same_department("20200", "2b033")
    assert not same_department("20090", "21054")


def test_most_addresses_name_the_commune_whatever_their_spelling() -> None:
    spelt = ["SAINT ETIENNE", "SAINT ETIENNE", "St-Etienne", "Saint-Étienne", "Saint-Étienne", "Villars"]
    addresses = [(Address("", city, "42000", 2), "42218") for city in spelt]
    assert communes(addresses) == {"42218": "Saint-Étienne"}


def test_an_address_of_another_department_does_not_name_the_commune() -> None:
    assert communes([(Address("", "Nice", "06000", 2), "36210")]) == {}


@pytest.mark.parametrize(
    ("name", "city"),
    [
        ("Supermarché - Wattignies", "Wattignies"),
        ("Hôtel - Bar - Vichy", "Vichy"),
        ("Orgeval, France", "Orgeval"),
        ("Montluçon, France - Aire des Vérités", "Montluçon"),
        ("Allego - Carrefour Moulins", ""),
        ("Parking - Zone 2", ""),
        ("Mairie", ""),
        ("", ""),
    ],
)
def test_city_in_the_name_of_a_station(name: str, city: str) -> None:
    assert city_in_name(name, ("Allego",)) == city


@given(st.text(), st.text(max_size=5))
def test_no_address_raises_and_none_is_lost(address: str, insee: str) -> None:
    apart = taken_apart(address, insee)
    assert bool(apart.city) == (apart.source != 0)
    assert apart.street or not address.strip(" ,;-")
