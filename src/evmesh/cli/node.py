"""Commands that work on a node: its settings, its database, its way to partners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from evmesh.config import Settings
    from evmesh.roaming.node import Node
    from evmesh.store.database import Store

T = TypeVar("T")


def settings_of(context: typer.Context) -> Settings:
    """The settings of the node in the folder that `-C` names."""
    from evmesh.config import load

    return load(context.obj.folder)


def with_store(context: typer.Context, work: Callable[[Settings, Store], Awaitable[T]]) -> T:
    """Runs `work` with the node's database open; the node itself may run or not."""
    settings = settings_of(context)

    async def run() -> T:
        from evmesh.store.database import Store

        store = await Store.open(settings.database, settings.secret_key)
        try:
            return await work(settings, store)
        finally:
            await store.close()

    return asyncio.run(run())


def with_node(context: typer.Context, work: Callable[[Node], Awaitable[T]]) -> T:
    """Runs `work` as the node: with its database and its way to call partners."""
    settings = settings_of(context)

    async def run() -> T:
        from evmesh.platform import opened

        async with opened(settings) as node:
            return await work(node)

    return asyncio.run(run())
