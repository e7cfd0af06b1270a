"""All handlers of a node, by operation: what the server is given."""

from __future__ import annotations

from collections.abc import Callable

from evmesh.ports import Handler
from evmesh.roaming import versions
from evmesh.roaming.cdrs import receiver as cdrs_receiver
from evmesh.roaming.cdrs import sender as cdrs_sender
from evmesh.roaming.commands import receiver as commands_receiver
from evmesh.roaming.commands import sender as commands_sender
from evmesh.roaming.credentials import server as credentials
from evmesh.roaming.invoicereconciliation import receiver as records_receiver
from evmesh.roaming.invoicereconciliation import sender as records_sender
from evmesh.roaming.locations import receiver as locations_receiver
from evmesh.roaming.locations import sender as locations_sender
from evmesh.roaming.node import Node
from evmesh.roaming.sessions import receiver as sessions_receiver
from evmesh.roaming.sessions import sender as sessions_sender
from evmesh.roaming.tariffs import receiver as tariffs_receiver
from evmesh.roaming.tariffs import sender as tariffs_sender
from evmesh.roaming.tokens import authorise
from evmesh.roaming.tokens import receiver as tokens_receiver
from evmesh.roaming.tokens import sender as tokens_sender

SLICES: tuple[Callable[[Node], dict[str, Handler]], ...] = (
    versions.handlers,
    credentials.handlers,
    locations_sender.handlers,
    locations_receiver.handlers,
    tariffs_sender.handlers,
    tariffs_receiver.handlers,
    tokens_sender.handlers,
    tokens_receiver.handlers,
    authorise.handlers,
    sessions_sender.handlers,
    sessions_receiver.handlers,
    cdrs_sender.handlers,
    cdrs_receiver.handlers,
    commands_sender.handlers,
    commands_receiver.handlers,
    records_sender.handlers,
    records_receiver.handlers,
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
