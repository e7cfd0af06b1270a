"""From a raw path below `/ocpi` to the operation that it means.

    /versions                                     versions.list
    /{release}                                    versions.details
    /{release}/credentials                        credentials.*
    /{release}/{sender|receiver}/{module}…        the module's operations

Every release has sender and receiver apart, also those that do not say so in version details: a platform may play
both sides of a module. Paths are matched raw and with or without a slash at the end, so that an id may hold any
character. [version_information_endpoint] [transport_and_format_interface_endpoints]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from evmesh.ocpi import (
    bookings,
    cdrs,
    chargingprofiles,
    commands,
    credentials,
    hubclientinfo,
    invoice_reconciliation,
    locations,
    payments,
    sessions,
    tariffs,
    tokens,
    versions,
)
from evmesh.ocpi.operation import Operation, Routes
from evmesh.ocpi.status_codes import MethodNotAllowed, NotFound

OPERATIONS: dict[str, Operation] = {
    operation.id: operation
    for chapter in (
        versions,
        credentials,
        locations,
        sessions,
        cdrs,
        tariffs,
        tokens,
        commands,
        chargingprofiles,
        hubclientinfo,
        payments,
        bookings,
        invoice_reconciliation,
    )
    for operation in chapter.OPERATIONS
}
"""Every operation of every release, by its id."""

CONFIGURATION = frozenset({"versions", "credentials", "hubclientinfo"})
"""Modules between platforms, not parties: no routing headers. [transport_and_format_message_routing]"""

HANDSHAKE = frozenset({"versions", "credentials"})
"""What the token of an invitation opens. [transport_and_format_authorization_header]"""


@dataclass(frozen=True, slots=True)
class Found:
    """`release` is the one in the path; None for the list of versions, which comes before any."""

    operation: Operation
    release: str | None
    parameters: dict[str, str]


class NotThere(NotFound):
    pass


class WrongMethod(MethodNotAllowed):
    """Another verb was meant; `allowed` are those that the path knows."""

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"{method} is not possible here; possible is {', '.join(self.allowed)}")


class Map:
    """All paths of a platform that has a handler for these operations and speaks these releases."""

    def __init__(self, handled: Iterable[str], releases: Iterable[str]) -> None:
        operations = [OPERATIONS[name] for name in handled]
        self._versions = Routes([o for o in operations if o.id == "versions.list"])
        self._releases = {
            release: _endpoints([o for o in operations if not o.releases or release in o.releases])
            for release in releases
        }
        self._known: dict[tuple[str, str], Found] = {}

    def find(self, method: str, raw_path: str) -> Found:
        """`raw_path` begins with a slash. NotThere or WrongMethod say what is wrong."""
        known = self._known.get((method, raw_path))
        if known is None:
            known = self._find(method, raw_path)
            if not known.parameters:
                # As many as there are operations without an id in the path.
                self._known[method, raw_path] = known
        return known

    def _find(self, method: str, raw_path: str) -> Found:
        _, first, *rest = raw_path.split("/")
        if first == "versions" and rest in ([], [""]):
            return _match(self._versions, None, method, "")
        release = unquote(first)
        endpoints = self._releases.get(release)
        if endpoints is None:
            raise NotThere(f"there is no release {release[:40]!r} here; spoken are {', '.join(self._releases)}")
        at, below = _split(rest)
        routes = endpoints.get(at)
        if routes is None:
            raise NotThere(f"there is no endpoint {'/'.join(at)[:80]!r} in {release}; see the version details")
        return _match(routes, release, method, below)


def _endpoints(operations: list[Operation]) -> Mapping[tuple[str, ...], Routes]:
    found: dict[tuple[str, ...], list[Operation]] = {}
    for operation in operations:
        if operation.id != "versions.list":
            found.setdefault(_endpoint(operation), []).append(operation)
    return {at: Routes(some) for at, some in found.items()}


def _endpoint(operation: Operation) -> tuple[str, ...]:
    """Where below the release its module lies."""
    if operation.module == "versions":
        return ()
    if operation.interface is None:
        return (operation.module,)
    return operation.interface.lower(), operation.module


def _split(segments: list[str]) -> tuple[tuple[str, ...], str]:
    """The endpoint that the segments below a release name, and the rest of the path, raw."""
    if segments in ([], [""]):
        return (), ""
    length = 2 if segments[0] in ("sender", "receiver") else 1
    at, below = segments[:length], segments[length:]
    return tuple(at), "".join("/" + segment for segment in below)


def _match(routes: Routes, release: str | None, method: str, below: str) -> Found:
    operation, parameters, allowed = routes.match(method, below)
    if operation is not None and all(parameters.values()):
        return Found(operation, release, parameters)
    if allowed and operation is None:
        raise WrongMethod(method, allowed)
    raise NotThere("nothing lies at this path")
