"""The Link header of pages, written and read. [transport_and_format_paginated_response]"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urljoin

_LINK = re.compile(r'<\s*([^>]*?)\s*>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";,]*))?)*)')
_PLAIN = re.compile(r"[\w.~:-]*", re.ASCII)
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)


def next_link(url: str, query: Mapping[str, str], next_query: Mapping[str, str]) -> str:
    """The header for the page that follows: the same URL and filters, another place in the list."""
    kept = {name: value for name, value in query.items() if name not in ("offset", "limit") and name not in next_query}
    parts = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in (kept | dict(next_query)).items())
    return f'<{url}?{parts}>; rel="next"'


def _quoted(text: str) -> str:
    """Most of what stands in a query needs no quoting, and every page has a few of these."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe=":")


def next_url(links: Iterable[str], base: str) -> str | None:
    """The absolute URL of the next page, None on the last; `base` is the URL of this one."""
    for header in links:
        for target, parameters in _LINK.findall(header):
            rel = _REL.search(parameters)
            if rel is not None and "next" in (rel[1] or rel[2]).casefold().split():
                return str(urljoin(base, target))
    return None
