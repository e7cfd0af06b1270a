"""All handlers of a node, by operation: what the server is given."""

from __future__ import annotations

from importlib import import_module

from evmesh.ports import Handler
from evmesh.roaming.node import Node

SLICES = (
    "versions",
    "credentials.server",
    "locations.sender",
    "locations.receiver",
    "tariffs.sender",
    "tariffs.receiver",
    "tokens.sender",
    "tokens.receiver",
    "tokens.authorise",
    "sessions.sender",
    "sessions.receiver",
    "cdrs.sender",
    "cdrs.receiver",
    "commands.sender",
    "commands.receiver",
)


def all_handlers(node: Node) -> dict[str, Handler]:
    """What each slice answers; ValueError when two slices claim the same operation."""
    merged: dict[str, Handler] = {}
    for slice in SLICES:
        for operation, handler in import_module(f"evmesh.roaming.{slice}").handlers(node).items():
            if operation in merged:
                raise ValueError(f"{operation} has two handlers, the second in {slice}")
            merged[operation] = handler
    return merged
