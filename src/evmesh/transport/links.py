"""The Link header of pages, written and read. [transport_and_format_paginated_response]"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode, urljoin

_LINK = re.compile(r'<\s*([^>]*?)\s*>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";,]*))?)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)


def next_link(url: str, query: Mapping[str, str], next_query: Mapping[str, str]) -> str:
    """The header for the page that follows: the same URL and filters, another place in the list."""
    kept = {name: value for name, value in query.items() if name not in ("offset", "limit") and name not in next_query}
    return f'<{url}?{urlencode(kept | dict(next_query), quote_via=quote, safe=":")}>; rel="next"'


def next_url(links: Iterable[str], base: str) -> str | None:
    """The absolute URL of the next page, None on the last; `base` is the URL of this one."""
    for header in links:
        for target, parameters in _LINK.findall(header):
            rel = _REL.search(parameters)
            if rel is not None and "next" in (rel[1] or rel[2]).casefold().split():
                return str(urljoin(base, target))
    return None
