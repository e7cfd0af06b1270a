"""A Sender's list: pages of our own objects, as the partner's release words them and as far as the partner may see.

Wordings are made when they are first needed and kept, so a page is read, not translated. The link to the next page
carries where this one ended (`cursor`), beside the offset that OCPI knows: following links costs the same at the end
of a list as at its start, and a partner that counts offsets itself gets the same objects.
[transport_and_format_pagination]
"""

from __future__ import annotations

from collections.abc import Mapping

from evmesh.ocpi.status_codes import InvalidParameter
from evmesh.ports import Answer, Call, PageHeaders
from evmesh.roaming import visibility
from evmesh.roaming.node import Node
from evmesh.roaming.worded import ensure_worded, may_wait_for_others
from evmesh.store import pages, wordings
from evmesh.store.pages import Page
from evmesh.store.transaction import Tx

LARGEST = 2**62
"""No list is that long; the databases count no further."""

ASKS_A_DATE = frozenset({"sessions"})
"""Lists that grow without end are asked for from a date on. [mod_sessions_get_method]"""


async def listing(node: Node, call: Call, kind: str) -> Answer:
    """One page of our objects of a kind. InvalidParameter when a parameter makes no sense."""
    wanted = visibility.wanted(node, call.partner, kind, call.query)
    if wanted.date_from is None and kind in ASKS_A_DATE:
        raise InvalidParameter("date_from is required")
    offset = _number(call.query, "offset", 0)
    cursor = _number(call.query, "cursor", 0)
    cap = node.settings.page_limit(kind)
    limit = min(_number(call.query, "limit", cap, least=1), cap)

    def look(tx: Tx) -> tuple[Page, int] | None:
        # One look at the database where everything is worded, as it nearly always is.
        if wordings.stale(tx, kind, wanted.release, 1):
            return None
        page = pages.page(tx, wanted, after_seq=cursor, offset=0 if cursor else offset, limit=limit)
        return page, pages.total(tx, wanted)

    if may_wait_for_others(kind, wanted.release):
        await ensure_worded(node, kind, wanted.release)
    while (found := await node.store.read(look)) is None:
        await ensure_worded(node, kind, wanted.release)
    page, total = found
    following = None
    if page.more:
        following = {"offset": str(offset + len(page.texts)), "limit": str(limit), "cursor": str(page.last_seq)}
    return Answer(
        data=f"[{','.join(page.texts)}]".encode(),
        page=PageHeaders(total=total, limit=limit, next_query=following),
    )


def _number(query: Mapping[str, str], name: str, default: int, *, least: int = 0) -> int:
    text = query.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit()) or int(text[:30]) < least:
        raise InvalidParameter(f"{name}: {text[:40]!r} is not a number of at least {least}")
    return min(int(text[:30]), LARGEST)
