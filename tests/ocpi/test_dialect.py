"""What a partner's release means for us, asked by capability."""

import pytest

from evmesh.ocpi.dialect import dialect, highest_common, releases_best_first
from evmesh.ocpi.releases import NEWEST, RELEASES, release


def test_releases_are_known_by_their_numbers() -> None:
    assert releases_best_first() == ("2.3.0", "2.2.1", "2.1.1") == tuple(RELEASES)
    assert NEWEST == "2.3.0"
    assert release("2.2.1") is RELEASES["2.2.1"]
    assert dialect("2.2.1").name == "2.2.1"
    for unknown in ("2.2", "3.0", ""):
        with pytest.raises(KeyError):
            dialect(unknown)
        with pytest.raises(KeyError):
            release(unknown)


@pytest.mark.parametrize(
    ("offered", "common"),
    [(["2.0", "2.1.1", "2.2.1"], "2.2.1"), (["2.3.0", "2.1.1"], "2.3.0"), (["2.2", "2.0"], None), ([], None)],
)
def test_the_newest_that_both_speak_is_spoken(offered: list[str], common: str | None) -> None:
    assert highest_common(offered) == common


def test_a_partner_may_differ_from_its_release_in_how_it_sends_tokens() -> None:
    assert dialect("2.2.1").base64_token is True
    assert dialect("2.1.1").base64_token is False
    assert dialect("2.2.1", False).base64_token is False
    assert dialect("2.1.1", True).base64_token is True


def test_keys_and_ids_compare_as_the_release_says() -> None:
    newer, old = dialect("2.2.1"), dialect("2.1.1")
    assert newer.key("SE", "VLT", "Loc1", "E1") == "se*vlt*loc1*e1"
    assert old.key("SE", "VLT", "Loc1") == "se*vlt*Loc1"
    assert newer.same_id("a", "A")
    assert not old.same_id("a", "A")
    assert old.same_id("a", "a")


def test_what_differs_in_behaviour() -> None:
    """The table of the releases, as the specification has it."""
    old, middle, new = (RELEASES[name] for name in ("2.1.1", "2.2.1", "2.3.0"))
    since_2_2 = (
        "has_interface_roles", "has_routing_headers", "has_message_ids", "base64_token", "many_parties",
        "owner_in_object", "ids_ignore_case", "patch_needs_last_updated", "patch_appends_periods", "has_token_type",
        "has_command_result", "unknown_token_is_404", "has_charging_preferences", "tariff_has_dates",
    )  # fmt: skip
    for flag in since_2_2:
        assert (getattr(old, flag), getattr(middle, flag), getattr(new, flag)) == (False, True, True), flag
    for flag in ("has_tariff_patch", "ascii_strings"):
        assert (getattr(old, flag), getattr(middle, flag), getattr(new, flag)) == (True, False, False), flag
    assert (old.hub_by_role, middle.hub_by_role, new.hub_by_role) == (False, True, False)
    assert (old.takes_unknown_fields, middle.takes_unknown_fields, new.takes_unknown_fields) == (False, False, True)


def test_objects_are_called_as_the_release_calls_them() -> None:
    assert RELEASES["2.1.1"].name_of("CommandResult") == "CommandResponse"
    assert RELEASES["2.2.1"].name_of("CommandResult") == "CommandResult"
    assert RELEASES["2.1.1"].name_of("Location") == "Location"
