"""All handlers of a node, by operation: what the server is given."""

from __future__ import annotations

from collections.abc import Callable

import evmesh.roaming.cdrs.receiver
import evmesh.roaming.cdrs.sender
import evmesh.roaming.commands.receiver
import evmesh.roaming.commands.sender
import evmesh.roaming.credentials.server
import evmesh.roaming.locations.receiver
import evmesh.roaming.locations.sender
import evmesh.roaming.sessions.receiver
import evmesh.roaming.sessions.sender
import evmesh.roaming.tariffs.receiver
import evmesh.roaming.tariffs.sender
import evmesh.roaming.tokens.authorise
import evmesh.roaming.tokens.receiver
import evmesh.roaming.tokens.sender
import evmesh.roaming.versions
from evmesh.ports import Handler
from evmesh.roaming import cdrs, commands, credentials, locations, sessions, tariffs, tokens, versions
from evmesh.roaming.node import Node

SLICES: tuple[Callable[[Node], dict[str, Handler]], ...] = (
    versions.handlers,
    credentials.server.handlers,
    locations.sender.handlers,
    locations.receiver.handlers,
    tariffs.sender.handlers,
    tariffs.receiver.handlers,
    tokens.sender.handlers,
    tokens.receiver.handlers,
    tokens.authorise.handlers,
    sessions.sender.handlers,
    sessions.receiver.handlers,
    cdrs.sender.handlers,
    cdrs.receiver.handlers,
    commands.sender.handlers,
    commands.receiver.handlers,
)


def all_handlers(node: Node) -> dict[str, Handler]:
    """What each slice answers; ValueError when two claim the same operation."""
    merged: dict[str, Handler] = {}
    for handlers in SLICES:
        for operation, handler in handlers(node).items():
            if operation in merged:
                raise ValueError(f"{operation} has two handlers, the second in {handlers.__module__}")
            merged[operation] = handler
    return merged
