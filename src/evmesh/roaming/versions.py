"""The versions module: which releases we speak with a partner, and where each of our modules is.

What a partner is shown depends on the connection. Where a release knows many parties, it sees all of ours, and the
interfaces of all their roles. Where it knows one, the invitation said which; an endpoint then carries no role, since
the other side can only be its opposite. [version_information_endpoint]
"""

from __future__ import annotations

from evmesh.ocpi.dialect import Dialect, dialect
from evmesh.ocpi.roles import OPPOSITE, interfaces
from evmesh.ocpi.status_codes import NotFound
from evmesh.ports import Answer, Call, Document, Handler, Partner
from evmesh.roaming import kinds
from evmesh.roaming.node import Node, OurParty

OFFERED = ("locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "invoicereconciliation")
"""The modules that do something when they are called. A module joins when its behaviour is built: to offer one that
only exists on paper would make partners wait for answers that never come."""


def one_party(node: Node, partner: Partner) -> OurParty | None:
    """Whom of us the partner sees where a connection has one party: whom the invitation named, else the first that is
    the opposite of what the partner plays, else the first of all. None when we have nobody for such a connection."""
    able = [party for party in node.parties if party.role in OPPOSITE]
    if partner.our_role is not None:
        able = [party for party in able if party.role == partner.our_role]
    if partner.our_party is not None:
        named = node.ours(partner.our_party, partner.our_role)
        able = [party for party in able if party == named]
    if partner.our_role is None:
        wanted = {OPPOSITE[role["role"]] for role in partner.roles if role.get("role") in OPPOSITE}
        able = [party for party in able if party.role in wanted] or able
    return able[0] if able else None


def parties_shown(node: Node, partner: Partner, spoken: Dialect) -> tuple[OurParty, ...]:
    """Our parties that the partner sees when that dialect is spoken; none means that it cannot be spoken."""
    if spoken.release.many_parties:
        return node.parties
    party = one_party(node, partner)
    return () if party is None else (party,)


def releases(node: Node, partner: Partner) -> tuple[str, ...]:
    """The releases that can be spoken with the partner, best first."""
    return tuple(name for name in node.releases if parties_shown(node, partner, dialect(name)))


def endpoints(node: Node, partner: Partner, spoken: Dialect) -> list[Document]:
    """Our endpoints for the partner, as Endpoint documents. [versions_endpoint_class]"""
    played = {pair for party in parties_shown(node, partner, spoken) for pair in interfaces(party.role)}
    # The interface of credentials means nothing; the specification asks for SENDER.
    found = [_endpoint("credentials", node.endpoint(spoken.name, "credentials", None), "SENDER", spoken)]
    for module in OFFERED:
        if not in_release(module, spoken):
            continue
        for interface in ("SENDER", "RECEIVER"):
            if (module, interface) in played:
                url = node.endpoint(spoken.name, module, interface)
                found.append(_endpoint(module, url, interface, spoken))
    return found


def in_release(module: str, spoken: Dialect) -> bool:
    """Whether the release has the objects of the module."""
    name = kinds.NAMES.get(module)
    return name is None or spoken.release.name_of(name) in spoken.release.rules.objects


def _endpoint(module: str, url: str, interface: str, spoken: Dialect) -> Document:
    if spoken.release.has_interface_roles:
        return {"identifier": module, "role": interface, "url": url}
    return {"identifier": module, "url": url}


def handlers(node: Node) -> dict[str, Handler]:
    """Both are read with an invitation's token as well as with that of a connection."""

    async def listing(call: Call) -> Answer:
        return Answer([{"version": name, "url": details_url(node, name)} for name in releases(node, call.partner)])

    async def details(call: Call) -> Answer:
        release = call.dialect.name
        if release not in releases(node, call.partner):
            raise NotFound(f"OCPI {release} is not spoken here; {node.versions_url} lists what is")
        return Answer({"version": release, "endpoints": endpoints(node, call.partner, call.dialect)})

    return {"versions.list": listing, "versions.details": details}


def details_url(node: Node, release: str) -> str:
    return f"{node.url}/ocpi/{release}"
