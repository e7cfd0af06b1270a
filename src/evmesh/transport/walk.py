"""The way through the pages of a partner's list: links are followed as given, but not for ever and not anywhere.

    Nonsense     a page that came before, by its address or by what it holds
                 ten empty pages in a row, or more pages than any list has
                 a Link that leads to a host which is not the partner's

A partner that links nothing though it counts more objects than it showed is one that never links; its pages are
counted off instead. [transport_and_format_paginated_response]
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from evmesh.ocpi import wire
from evmesh.ports import Nonsense, Reply
from evmesh.transport.addresses import same_place

EMPTY_PAGES = 10


class Walk:
    """The way through the pages of one list, and the guards against walking for ever."""

    def __init__(self, url: str, origins: list[SplitResult], most: int) -> None:
        self.url: str | None = url
        self.received = 0
        self._origins = origins
        self._most = most
        self._seen = {url}
        self._contents: set[int] = set()
        self._empty = 0
        self._linked = False

    def step(self, items: list[Any], url: str, link: str | None) -> None:
        """Note a page that came from `url`, and turn to the one that it links. Nonsense when it was there before, or
        leads elsewhere."""
        self.received += len(items)
        self._empty = 0 if items else self._empty + 1
        if items:
            content = hash(wire.encode([items[0], items[-1], len(items)]))
            if content in self._contents:
                raise Nonsense("the pages go round in a circle: the same one came twice")
            self._contents.add(content)
        self.url = None
        if link is not None:
            self._linked = True
            self.go(kept_secure(url, link))

    def go(self, url: str) -> None:
        if url in self._seen:
            raise Nonsense("the pages go round in a circle: a Link leads back")
        if self._empty > EMPTY_PAGES or len(self._seen) >= self._most:
            raise Nonsense("the list does not end")
        if not any(same_place(origin, urlsplit(url)) for origin in self._origins):
            raise Nonsense(f"a Link leads elsewhere, to {urlsplit(url).hostname}")
        self._seen.add(url)
        self.url = url

    def unlinked_rest(self, reply: Reply) -> bool:
        """Whether the partner counts more objects than came and has not linked a single page: then it never links."""
        total = reply.headers.get("X-Total-Count", "")
        counted = total.isascii() and total.isdigit()
        return not self._linked and bool(reply.data) and counted and int(total[:15]) > self.received


def kept_secure(here: str, link: str) -> str:
    """A platform behind a proxy that ends TLS often links itself as http; it is still the same place."""
    now, then = urlsplit(here), urlsplit(link)
    if now.scheme == "https" and then.scheme == "http" and now.hostname == then.hostname and not then.port:
        return urlunsplit(then._replace(scheme="https", netloc=now.netloc))
    return link
