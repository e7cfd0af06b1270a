"""One row per operation: the table that drives routes, the client, version details and the conformance check.

Every chapter ends with its `OPERATIONS`. An operation's id says where it stands: `locations.receiver.put_evse` is
called on the Receiver interface of the module `locations`; configuration modules have no interface. The path is
relative to the module's endpoint URL and written with the specification's segment names; ids are percent-encoded in
it, so matching works on raw segments and decodes afterwards. [transport_and_format_interface_endpoints]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import msgspec

FILTERS = ("date_from", "date_to", "offset", "limit")
"""What every paged list understands. [transport_and_format_paginated_request]"""


class Operation(msgspec.Struct, frozen=True):
    """One thing that one platform can ask of another.

    `body` and `answer` name the objects that travel; a `PATCH` body is a part of its object. `releases`, when given,
    are the only ones that have the operation.
    """

    id: str
    method: str
    path: str
    query: tuple[str, ...] = ()
    body: str | None = None
    answer: str | None = None
    paged: bool = False
    releases: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return self.id.partition(".")[0]

    @property
    def interface(self) -> str | None:
        """`SENDER` or `RECEIVER`; None where both sides are alike (versions, credentials)."""
        part = self.id.split(".")[1].upper()
        return part if part in ("SENDER", "RECEIVER") else None

    @property
    def partial(self) -> bool:
        return self.method == "PATCH"

    @property
    def owner_in_path(self) -> bool:
        return self.path.startswith("/{country_code}/{party_id}")

    def url(self, endpoint: str, parameters: Mapping[str, str]) -> str:
        """The address of the operation below a module's endpoint URL; KeyError when a parameter is missing."""
        segments = [
            _segment(parameters[part[1:-1]]) if part.startswith("{") else part for part in self.path.split("/")[1:]
        ]
        return "/".join([endpoint.rstrip("/"), *segments]) if segments else endpoint


def _segment(text: str) -> str:
    """One segment of a path; an id of dots alone would otherwise mean another folder."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    open: dict[str, _Node] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)


class Routes:
    """Finds the operation that a method and a raw path below one endpoint mean.

    A fixed segment wins over a parameter. Segments are compared and decoded one by one, so an id may hold any
    character, a percent-encoded slash included. An empty segment is no id; one slash at the end is nothing.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            node = self._root
            for part in operation.path.split("/")[1:]:
                branch = node.open if part.startswith("{") else node.fixed
                node = branch.setdefault(part.strip("{}"), _Node())
            node.operations[operation.method] = operation

    def match(self, method: str, raw_path: str) -> tuple[Operation | None, dict[str, str], tuple[str, ...]]:
        """The operation, its decoded path parameters, and the methods that the path knows.

        No operation and no methods: nothing lies there (404). No operation but methods: another verb was meant (405).
        """
        path = raw_path[:-1] if raw_path.endswith("/") else raw_path
        if path and not path.startswith("/"):
            return None, {}, ()
        segments = path.split("/")[1:]
        best: tuple[Operation | None, dict[str, str], tuple[str, ...]] = (None, {}, ())
        allowed: dict[str, None] = {}
        for node, parameters in self._walk(self._root, segments, {}):
            allowed.update(dict.fromkeys(node.operations))
            operation = node.operations.get(method)
            if operation is not None and best[0] is None:
                best = (operation, parameters, ())
        return best[0], best[1], tuple(allowed)

    def _walk(
        self, node: _Node, segments: list[str], parameters: dict[str, str]
    ) -> Iterable[tuple[_Node, dict[str, str]]]:
        if not segments:
            if node.operations:
                yield node, parameters
            return
        first, rest = unquote(segments[0]), segments[1:]
        if first in node.fixed:
            yield from self._walk(node.fixed[first], rest, parameters)
        for name, child in node.open.items() if first else ():
            yield from self._walk(child, rest, {**parameters, name: first})
