"""2.2.1 and the newest words: prices with VAT, tariffs, values of enums that opened later."""

from decimal import Decimal
from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from tests.ocpi.documents import Document, own, spelled

TODAY, OLDER = dialect("2.3.0"), dialect("2.2.1")


def lifted(name: str, document: Document) -> Document:
    read = wire.read(name, document, OLDER)
    assert read.document is not None, read.findings
    return read.document


def said(name: str, document: Document) -> tuple[Document, list[tuple[str, str]]]:
    written = wire.write(name, document, OLDER)
    return written.document, [(f.code, f.pointer) for f in written.findings]


def cost(price: Document) -> Document:
    return own("2.2.1", "Session", total_cost=price)


@pytest.mark.parametrize(
    ("price", "meaning"),
    [
        ({"excl_vat": 10}, {"before_taxes": 10}),
        ({"excl_vat": 10, "incl_vat": None}, {"before_taxes": 10}),
        ({"excl_vat": 10, "incl_vat": 10}, {"before_taxes": 10, "taxes": [{"name": "VAT", "amount": 0}]}),
        (
            {"excl_vat": Decimal("10.00"), "incl_vat": Decimal("12.50")},
            {"before_taxes": Decimal("10.00"), "taxes": [{"name": "VAT", "amount": Decimal("2.50")}]},
        ),
    ],
    ids=["unknown tax", "null", "no tax to pay", "a tax"],
)
def test_a_price_with_vat_is_a_price_and_one_tax(price: Document, meaning: Document) -> None:
    document = lifted("Session", cost(price))
    assert spelled(document["total_cost"]) == spelled(meaning)
    back, findings = said("Session", document)
    assert back["total_cost"] == {key: value for key, value in price.items() if value is not None}
    assert findings == []


def test_taxes_add_up_exactly_however_long_the_numbers_are() -> None:
    long = {"excl_vat": Decimal("123456789012345678.1234567890"), "incl_vat": Decimal("0.00000000000000000001")}
    assert said("Session", lifted("Session", cost(long)))[0]["total_cost"] == long


def test_several_taxes_become_one_vat_and_that_is_told() -> None:
    taxes = [{"name": "GST", "percentage": 5, "amount": Decimal("0.50")}, {"name": "QST", "amount": 1}]
    session = own("2.3.0", "Session", total_cost={"before_taxes": 10, "taxes": taxes})
    document, findings = said("Session", session)
    assert document["total_cost"] == {"excl_vat": 10, "incl_vat": Decimal("11.50")}
    assert findings == [("lost", "/total_cost/taxes")]


def test_limits_of_a_price_have_no_taxes_but_two_amounts() -> None:
    tariff = own("2.2.1", "Tariff", min_price={"excl_vat": 8, "incl_vat": 10}, max_price={"excl_vat": Decimal("40.0")})
    document = lifted("Tariff", tariff)
    assert document["min_price"] == {"before_taxes": 8, "after_taxes": 10}
    assert document["max_price"] == {"before_taxes": Decimal("40.0")}
    assert document["tax_included"] == "NO"
    assert said("Tariff", document) == (tariff, [])


def priced(tax_included: str, *components: Document, **changes: Any) -> Document:
    elements = [{"price_components": [{"type": "ENERGY", "step_size": 1, **each}]} for each in components]
    return own("2.3.0", "Tariff", tax_included=tax_included, elements=elements, **changes)


def prices(tariff: Document) -> list[str]:
    return [str(element["price_components"][0]["price"]) for element in tariff["elements"]]


def test_prices_with_tax_are_divided_by_the_rate_that_stands_beside_them() -> None:
    document, findings = said("Tariff", priced("YES", {"price": Decimal("5.00"), "vat": 25}))
    assert prices(document) == ["4"]
    assert findings == []


def test_what_does_not_divide_is_rounded_and_that_is_told() -> None:
    document, findings = said("Tariff", priced("YES", {"price": 1, "vat": 19}))
    assert prices(document) == ["0.8403361345"]
    assert findings == [("rounded", "/elements/0/price_components/0/price")]


@pytest.mark.parametrize("component", [{"price": 5}, {"price": 5, "vat": -100}], ids=["no rate", "a rate of -100 %"])
def test_prices_with_an_unknown_tax_withhold_the_tariff(component: Document) -> None:
    with pytest.raises(wire.Unsayable):
        wire.write("Tariff", priced("YES", component), OLDER)


def test_nothing_costs_nothing_with_and_without_tax() -> None:
    assert prices(said("Tariff", priced("YES", {"price": 0}))[0]) == ["0"]


def test_that_no_tax_applies_cannot_be_said() -> None:
    assert said("Tariff", priced("N/A", {"price": 5}))[1] == [("lost", "/tax_included")]
    assert said("Tariff", priced("NO", {"price": 5}))[1] == []


def test_the_price_of_a_booking_stays_out_and_takes_nothing_with_it() -> None:
    tariff = priced("YES", {"price": 5, "type": "FLAT"}, {"price": 5, "vat": 25})
    tariff["elements"][0]["restrictions"] = {"booking": "BOOKING"}
    document, findings = said("Tariff", tariff)
    assert prices(document) == ["4"]
    assert findings == [("left_out", "/elements/0")]
    with pytest.raises(wire.Unsayable, match=r"nothing of Tariff.elements"):
        wire.write("Tariff", {**tariff, "tax_included": "NO", "elements": tariff["elements"][:1]}, OLDER)


def test_a_tariff_inside_a_cdr_is_left_out_where_it_cannot_be_said() -> None:
    cdr = own("2.3.0", "CDR", tariffs=[priced("YES", {"price": 5}), priced("NO", {"price": 4})])
    document, findings = said("CDR", cdr)
    assert [prices(tariff) for tariff in document["tariffs"]] == [["4"]]
    assert findings == [("left_out", "/tariffs/0")]


def test_money_asked_for_in_advance_is_lost() -> None:
    document, findings = said("Tariff", own("2.3.0", "Tariff", preauthorize_amount=50))
    assert "preauthorize_amount" not in document
    assert findings == [("lost", "/preauthorize_amount")]


def test_fields_that_came_later_are_lost_and_that_is_told() -> None:
    document, findings = said("Location", own("2.3.0", "Location", help_phone="112", parking_places=[]))
    assert document == own("2.2.1", "Location")
    assert findings == [("lost", "/help_phone")]


def test_a_token_of_a_kind_that_came_later_is_another_one() -> None:
    for kind in ("EMAID", "IMPLANT"):
        document, findings = said("Token", own("2.3.0", "Token", type=kind))
        assert document["type"] == "OTHER"
        assert findings == [("said_otherwise", "/type")]


def with_plugs(*evses: list[str]) -> Document:
    connector = own("2.3.0", "Connector")
    return own(
        "2.3.0",
        "Location",
        evses=[
            own("2.3.0", "EVSE", uid=f"E{n}", connectors=[connector | {"standard": plug} for plug in plugs])
            for n, plugs in enumerate(evses)
        ],
    )


def test_a_plug_without_a_name_takes_its_connector_then_its_evse() -> None:
    document, findings = said("Location", with_plugs(["MCS", "CHADEMO"], ["MCS"], ["A_PLUG_TO_COME"]))
    assert [[c["standard"] for c in evse["connectors"]] for evse in document["evses"]] == [["CHADEMO"]]
    places = ["/evses/0/connectors/0", "/evses/1/connectors/0", "/evses/1", "/evses/2/connectors/0", "/evses/2"]
    assert findings == [("left_out", place) for place in places]
    assert said("Location", with_plugs(["MCS"]))[0]["evses"] == []


def test_unknown_values_of_open_enums_stay_until_they_meet_a_closed_one() -> None:
    evse = own("2.3.0", "EVSE", capabilities=["RFID_READER", "TELEPATHY"], parking_restrictions=["UFO_ONLY"])
    assert wire.read("EVSE", evse, TODAY).document == evse
    assert wire.write("EVSE", evse, TODAY).document == evse
    document, findings = said("EVSE", evse)
    assert document["capabilities"] == ["RFID_READER"]
    assert document["parking_restrictions"] == []
    assert findings == [("left_out", "/capabilities/1"), ("left_out", "/parking_restrictions/0")]
    location, findings = said("Location", own("2.3.0", "Location", parking_type="ROOFTOP"))
    assert "parking_type" not in location
    assert findings == [("left_out", "/parking_type")]


def test_an_endpoint_of_a_module_that_came_later_is_left_out() -> None:
    details = own("2.3.0", "VersionDetails", version="2.2.1")
    details["endpoints"] = [*details["endpoints"], {**details["endpoints"][0], "identifier": "payments"}]
    document, findings = said("VersionDetails", details)
    assert document["endpoints"] == details["endpoints"][:1]
    assert findings == [("left_out", "/endpoints/1")]


def test_a_hub_names_itself_in_another_way() -> None:
    credentials = own("2.3.0", "Credentials", hub_party_id="SEHUB")
    document, findings = said("Credentials", credentials)
    assert "hub_party_id" not in document
    assert findings == [("lost", "/hub_party_id")]
    role = credentials["roles"][0] | {"role": "HUB"}
    read = wire.read("Credentials", own("2.2.1", "Credentials", roles=[role]), OLDER)
    assert read.findings == []
    assert read.document is not None
    assert read.document["roles"][0]["role"] == "HUB"
    assert [f.severity for f in wire.check("Credentials", read.document, "2.3.0")] == ["warning"]
