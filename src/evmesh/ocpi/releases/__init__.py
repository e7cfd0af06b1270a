"""The releases, newest first. Each knows its rules, its way to the newest words, and how it behaves.

Behaviour that differs is a flag here; code asks `dialect.has_routing_headers`, never for a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from evmesh.ocpi.releases import v2_1_1, v2_2_1, v2_3_0
from evmesh.ocpi.releases.change import Context, Document, NeedsObject, Step, Unsayable
from evmesh.ocpi.schema import Checkers, Rules

__all__ = ["NEWEST", "RELEASES", "Context", "Document", "NeedsObject", "Release", "Unsayable", "release"]


@dataclass(frozen=True, eq=False)
class Release:
    """One release: `steps` lead from the newest words to its own, newest boundary first."""

    name: str
    rules: Rules
    steps: tuple[Step, ...]
    has_interface_roles: bool = True
    has_routing_headers: bool = True
    has_message_ids: bool = True
    base64_token: bool = True
    many_parties: bool = True
    owner_in_object: bool = True
    ids_ignore_case: bool = True
    patch_needs_last_updated: bool = True
    patch_appends_periods: bool = True
    has_tariff_patch: bool = False
    has_token_type: bool = True
    has_command_result: bool = True
    unknown_token_is_404: bool = True
    has_charging_preferences: bool = True
    hub_by_role: bool = False
    takes_unknown_fields: bool = False
    ascii_strings: bool = False
    tariff_has_dates: bool = True

    @cached_property
    def checkers(self) -> Checkers:
        return Checkers(self.rules, self.takes_unknown_fields)

    def name_of(self, name: str) -> str:
        """What the object is called in this release."""
        for step in self.steps:
            name = step.said_as.get(name, name)
        return name

    def lift(self, name: str, document: Document, context: Context) -> Document:
        """A document of this release in the newest words."""
        for place in range(len(self.steps) - 1, -1, -1):
            context.bring = self._bringer(place, context)
            document = self.steps[place].up(name, document, context)
        return document

    def say(self, name: str, document: Document, context: Context) -> Document:
        """A canonical document in this release's words; Unsayable or NeedsObject when that cannot be."""
        for place, step in enumerate(self.steps):
            context.bring = self._bringer(place, context)
            document = step.down(name, document, context)
        return document

    def _bringer(self, place: int, context: Context):  # type: ignore[no-untyped-def]
        def bring(name: str, document: Document) -> Document:
            quiet = Context(owner=context.owner, lookup=context.lookup, embedding=True)
            for step in self.steps[:place]:
                document = step.down(name, document, quiet)
            return document

        return bring


_TO_2_2_1 = Step(v2_3_0.RULES, v2_2_1.CHANGES)
_TO_2_1_1 = Step(_TO_2_2_1.older, v2_1_1.CHANGES)

RELEASES: dict[str, Release] = {
    each.name: each
    for each in (
        Release("2.3.0", v2_3_0.RULES, (), takes_unknown_fields=True),
        Release("2.2.1", _TO_2_2_1.older, (_TO_2_2_1,), hub_by_role=True),
        Release(
            "2.1.1",
            _TO_2_1_1.older,
            (_TO_2_2_1, _TO_2_1_1),
            has_interface_roles=False,
            has_routing_headers=False,
            has_message_ids=False,
            base64_token=False,
            many_parties=False,
            owner_in_object=False,
            ids_ignore_case=False,
            patch_needs_last_updated=False,
            patch_appends_periods=False,
            has_tariff_patch=True,
            has_token_type=False,
            has_command_result=False,
            unknown_token_is_404=False,
            has_charging_preferences=False,
            ascii_strings=True,
            tariff_has_dates=False,
        ),
    )
}
NEWEST = next(iter(RELEASES))


def release(name: str) -> Release:
    """The release of that name; KeyError when evmesh does not speak it."""
    return RELEASES[name]
