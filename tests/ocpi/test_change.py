"""How differences between releases are put together, shown on a release of our own invention."""

from dataclasses import replace
from typing import Any

import pytest

from evmesh.ocpi.releases import NEWEST, RELEASES
from evmesh.ocpi.releases.change import (
    Change,
    Context,
    Document,
    Step,
    Unsayable,
    added,
    added_objects,
    limited,
    opened,
    renamed,
    retold,
    values_added,
    values_ended,
)
from evmesh.ocpi.schema import FieldRule, ObjectRule, Rules, text


def rules() -> Rules:
    """A house has a door and windows; a window has a colour."""
    found = Rules()
    found.objects["House"] = ObjectRule(
        "House",
        "locations",
        {
            "door": FieldRule("door", "Door", "?"),
            "gate": FieldRule("gate", "Door", "1"),
            "windows": FieldRule("windows", "Window", "*"),
            "roofs": FieldRule("roofs", "Window", "+"),
            "name": text("name", "string", 10, "?"),
        },
    )
    found.objects["Door"] = ObjectRule("Door", "locations", {"colour": FieldRule("colour", "Colour", "1")})
    found.objects["Window"] = ObjectRule(
        "Window",
        "locations",
        {"colours": FieldRule("colours", "Colour", "+"), "trim": FieldRule("trim", "Colour", "?")},
    )
    found.enums["Colour"] = replace(
        RELEASES[NEWEST].rules.enums["Status"], name="Colour", values=("RED", "BLUE", "GREY")
    )
    return found


def step(*changes: Change) -> Step:
    return Step(rules(), changes)


def down(of: Step, document: Document, name: str = "House") -> tuple[Document, list[tuple[str, str]]]:
    context = Context()
    return of.down(name, document, context), [(f.code, f.pointer) for f in context.findings]


RED: Document = {"colour": "RED"}
GREY: Document = {"colour": "GREY"}
PLAIN: Document = {"gate": RED}
NO_GREY = step(values_added("Colour", "GREY"))


def test_a_value_that_came_later_takes_what_cannot_be_without_it() -> None:
    assert down(NO_GREY, PLAIN | {"door": GREY}) == (PLAIN, [("left_out", "/door")])
    with pytest.raises(Unsayable, match="Colour GREY"):
        down(NO_GREY, {"gate": GREY})


def test_a_list_loses_the_item_and_one_that_needs_items_is_lost_without_any() -> None:
    red, grey, both = {"colours": ["RED"]}, {"colours": ["GREY"]}, {"colours": ["GREY", "RED"]}
    said, findings = down(NO_GREY, PLAIN | {"windows": [grey, both]})
    assert said["windows"] == [red]
    places = ["/windows/0/colours/0", "/windows/0", "/windows/1/colours/0"]
    assert findings == [("left_out", place) for place in places]
    assert down(NO_GREY, PLAIN | {"windows": [grey]})[0]["windows"] == []
    with pytest.raises(Unsayable, match=r"nothing of House\.roofs"):
        down(NO_GREY, PLAIN | {"roofs": [grey]})


def test_an_optional_value_is_left_out_alone() -> None:
    window = {"colours": ["RED"], "trim": "GREY"}
    assert down(NO_GREY, window, "Window") == ({"colours": ["RED"]}, [("left_out", "/trim")])


def test_another_value_may_say_it_instead() -> None:
    instead = step(values_added("Colour", "GREY", instead={"GREY": "BLUE"}))
    assert down(instead, GREY, "Door") == ({"colour": "BLUE"}, [("said_otherwise", "/colour")])
    anything = step(values_added("Colour", "GREY", instead={"*": "RED"}))
    assert down(anything, {"colour": "PINK"}, "Door")[0] == {"colour": "RED"}


def test_what_must_be_left_out_as_a_whole_goes_up_to_there() -> None:
    def refuse(document: Document, context: Context) -> None:
        raise Unsayable("no windows without their house", "House")

    whole = step(retold("Window", edit=lambda rules: None, up=None, down=refuse))
    with pytest.raises(Unsayable, match="without their house"):
        down(whole, PLAIN | {"windows": [{}]})


def test_the_same_holds_of_a_single_child() -> None:
    def refuse(document: Document, context: Context) -> None:
        raise Unsayable("no door without its house", "House")

    with pytest.raises(Unsayable, match="without its house"):
        down(step(retold("Door", edit=lambda rules: None, up=None, down=refuse)), PLAIN | {"door": RED})


def test_added_fields_are_lost_with_a_word_unless_there_was_nothing() -> None:
    older = step(added("House", "name", "door"))
    assert "name" not in older.older.objects["House"].fields
    assert older.losses == {"House.name", "House.door"}
    assert down(older, PLAIN | {"name": "Villa", "door": None}) == (PLAIN, [("lost", "/name")])
    assert down(older, PLAIN | {"name": None}) == (PLAIN, [])


def test_a_renamed_field_keeps_its_place_and_what_it_holds() -> None:
    older = step(
        renamed("House", "name", "label"), renamed("House", "gate", "entrance", FieldRule("entrance", "Door", "1"))
    )
    assert list(older.older.objects["House"].fields) == ["door", "entrance", "windows", "roofs", "label"]
    assert down(older, PLAIN | {"name": "Villa"})[0] == {"label": "Villa", "entrance": RED}
    assert older.up("House", {"label": "Villa", "entrance": RED}, Context()) == PLAIN | {"name": "Villa"}
    assert older.up("House", {}, Context()) == down(older, {})[0] == {}


def test_limits_and_ended_values_translate_nothing() -> None:
    older = step(limited("House", text("name", "string", 5, "?")), values_ended("Colour", "PINK"), opened())
    document = PLAIN | {"name": "a long name", "door": {"colour": "PINK"}}
    assert older.older.objects["House"].fields["name"].max_length == 5
    assert older.older.enums["Colour"].values == ("RED", "BLUE", "GREY", "PINK")
    assert down(older, document) == (document, [])
    assert older.up("House", document, Context()) == document


def test_an_enum_that_opened_later_refuses_what_it_does_not_know() -> None:
    newer = rules()
    newer.enums["Colour"] = replace(newer.enums["Colour"], open=True)
    older = Step(newer, (opened("Colour"),))
    assert older.older.enums["Colour"].open is False
    assert down(older, PLAIN | {"door": {"colour": "MAUVE"}}) == (PLAIN, [("left_out", "/door")])


@pytest.mark.parametrize(
    "wrong",
    [added("House", "chimney"), added_objects("Castle"), values_added("Colour", "PINK")],
    ids=["field", "object", "value"],
)
def test_a_difference_that_is_none_is_a_mistake(wrong: Change) -> None:
    with pytest.raises(KeyError):
        step(wrong)


def test_what_does_not_differ_is_not_touched() -> None:
    older = step(added_objects("Window"))
    assert "Window" not in older.older.objects
    document: Any = PLAIN | {"name": "Villa"}
    assert step().down("House", document, Context()) is document
    assert step().up("House", document, Context()) is document


def test_children_are_lifted_before_the_object_that_they_stand_in() -> None:
    seen: list[Any] = []

    def lift_door(door: Document, context: Context) -> None:
        door["painted"] = True

    def lift_house(house: Document, context: Context) -> None:
        seen.append((house["door"], house["windows"]))

    older = step(
        retold("Door", edit=lambda rules: None, up=lift_door, down=None),
        retold("House", edit=lambda rules: None, up=lift_house, down=None),
    )
    document = PLAIN | {"door": RED, "windows": [{}]}
    older.up("House", document, Context())
    assert seen == [({"colour": "RED", "painted": True}, [{}])]
    assert document == PLAIN | {"door": RED, "windows": [{}]}


def test_places_in_findings_are_those_of_the_whole_document() -> None:
    """Also after something was left out on the way."""
    context = Context()
    house = PLAIN | {
        "door": GREY,
        "windows": [{"colours": ["GREY"]}, {"colours": ["RED"], "trim": "GREY"}],
        "roofs": [],
    }
    NO_GREY.down("House", house, context)
    places = ["/door", "/windows/0/colours/0", "/windows/0", "/windows/1/trim"]
    assert [f.pointer for f in context.findings] == places
    assert context.path == []


def test_a_lookup_brings_objects_in_the_words_of_the_release() -> None:
    context = Context(lookup=lambda kind, *key: {"id": key[-1]}, bring=lambda kind, found: {**found, "brought": kind})
    assert context.find("Tariff", "SE", "VLT", "DAY") == {"id": "DAY", "brought": "Tariff"}
    assert Context().find("Tariff", "DAY") is None
    assert Context(lookup=lambda kind, *key: None).find("Tariff", "DAY") is None
