"""The handshake: how two platforms come to trust each other, and the rules of it. No I/O in this file.

One platform invites: it makes a token A and hands it over with its versions URL, outside OCPI. The other begins:

    the one that begins                                    the one that invited
      reads versions and details with A          ────▶
      POSTs its credentials, with a fresh B      ────▶
                                                 ◀────       reads versions and details of that release with B
      stores the inviter, its C, and B for good  ◀────       stores the other, its B, and C; answers with C

From then on the one calls with C and the other with B. Either may repeat the exchange with PUT, to renew the tokens,
to tell of other parties or endpoints, or to change the release; DELETE ends it. [credentials_credentials_endpoint]

1. Nothing of a partner is stored before its handshake has succeeded; then all of it is, in one transaction.
2. Any answer may be lost. Whoever answered believes that the exchange is done, whoever asked cannot know it. So a
   token dies only when it is certain that the other side has the next one: with the first request that carries the
   next one. Until then the same request may come again with the same token, and everything is done again.
3. A token that stands in a request of ours is a promise that we may have to take back: until the answer is here it
   opens versions and credentials, which the other side needs to answer at all. Read there, it proves nothing. When
   the answer to a PUT stays away the other side may have taken the new token or not, and both stay good; the first
   use on anything else shows that it has.
4. A failed POST leaves nothing, whatever the other side believes: its token for us dies, and A still works there.
5. A party belongs to one partner. Whoever claims one that is another's, or ours, is refused.

The tokens that we accept from one partner, each in the state that its row says:

    state                          opens                                  its first use
    A  the invitation              versions, credentials                  changes nothing
    B  in a request of ours that   versions, credentials; once the        nothing on versions and GET credentials;
       is not answered yet         partner is registered, everything      on anything else it becomes C, and acts so
    C  given                       everything                             every older token of the partner dies
    dead                           nothing: HTTP 401

    method                 with A                       with C, or B of a registered partner
    GET                    says the token back          says the token back
    POST                   registers, also again        405
    PUT, DELETE            405                          does it

The releases: where a connection has one party at either end, credentials carry no role and endpoints no interface;
we are whom the invitation said, and the partner plays the opposite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import Dialect
from evmesh.ocpi.operation import Operation
from evmesh.ocpi.roles import OPPOSITE, interfaces
from evmesh.ocpi.status_codes import (
    CannotCallBack,
    InvalidParameter,
    MethodNotAllowed,
    MissingEndpoints,
    NotFound,
    UnsupportedVersion,
)
from evmesh.ports import Document, Partner, PartnerStatus
from evmesh.roaming import versions
from evmesh.roaming.node import Node, OurParty

CONFIGURATION = ("versions", "credentials")
"""The modules that a token opens before its bearer is a partner."""

REQUIRED = ("credentials",)
"""Without these there is no connection to keep up. More is not asked: a partner that only reads our Locations needs no
endpoint for them, and what is missing is shown to the operator (`gaps`). [credentials_required_endpoints_not_available]
"""

_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")


@dataclass(frozen=True, slots=True)
class Theirs:
    """Credentials that a platform sent us, in the newest words."""

    token: str
    url: str
    roles: tuple[Document, ...]
    hub_party_id: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What was found at a platform: the release to speak, its endpoints there, and the form of token that it takes."""

    release: str
    endpoints: tuple[Document, ...]
    base64_token: bool

    def url(self, module: str) -> str:
        return next(str(each["url"]) for each in self.endpoints if each["identifier"].casefold() == module)


def opens(purpose: str, status: PartnerStatus, operation: Operation) -> bool:
    """Whether a token that is alive admits its bearer to the operation."""
    return operation.module in CONFIGURATION or (purpose != "A" and status == "registered")


def proves(purpose: str, status: PartnerStatus, operation: Operation) -> bool:
    """Whether this use shows that the partner has the token for good, so that older ones can die."""
    if purpose == "B":
        return status == "registered" and operation.module != "versions" and operation.id != "credentials.get"
    return purpose == "C"


def check_method(operation: Operation, purpose: str, status: PartnerStatus) -> None:
    """MethodNotAllowed where the table above says 405."""
    connected = purpose != "A" and status in ("registered", "suspended")
    if operation.method == "POST" and purpose != "A":
        raise MethodNotAllowed("you are registered already: PUT changes credentials, DELETE ends the registration")
    if operation.method in ("PUT", "DELETE") and not connected:
        raise MethodNotAllowed(f"{operation.method} is for registered platforms: register with POST first")


def read_versions(data: Any) -> dict[str, str]:
    """The details URL of each release that a platform speaks; CannotCallBack when it is no list of versions.

    What cannot be read in it is passed over, like a release that we do not know.
    """
    if not isinstance(data, list):
        raise CannotCallBack("a list of versions expected")
    rows = [row for row in data if isinstance(row, dict)]
    return {str(row["version"]): row["url"] for row in rows if row.get("version") and is_address(row.get("url"))}


def choose(theirs: Mapping[str, str], ours: Sequence[str], wanted: str | None = None) -> str:
    """The release to speak: the wanted one, else the best of ours that they speak; UnsupportedVersion when neither is
    possible."""
    known = f"spoken there: {', '.join(theirs) or 'none'}; spoken here: {', '.join(ours) or 'none'}"
    if wanted is not None and (wanted not in theirs or wanted not in ours):
        raise UnsupportedVersion(f"OCPI {wanted} is not spoken at both ends ({known})")
    found = wanted if wanted is not None else next((name for name in ours if name in theirs), None)
    if found is None:
        raise UnsupportedVersion(f"there is no common release ({known})")
    return found


def read_endpoints(data: Any, spoken: Dialect) -> tuple[Document, ...]:
    """The endpoints in a platform's version details: CannotCallBack when these are none, MissingEndpoints when one that
    is required is not among them.

    Entries that cannot be called are passed over. Modules that we do not know are kept: they harm nobody.
    """
    listed = data.get("endpoints") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise CannotCallBack("a list of endpoints expected")
    found = []
    for row in listed:
        if isinstance(row, dict) and isinstance(row.get("identifier"), str) and is_address(row.get("url")):
            endpoint: Document = {"identifier": row["identifier"], "url": row["url"]}
            interface = str(row.get("role")).strip().upper()
            if spoken.release.has_interface_roles and interface in ("SENDER", "RECEIVER"):
                endpoint["role"] = interface
            found.append(endpoint)
    modules = {each["identifier"].casefold() for each in found}
    missing = [module for module in REQUIRED if module not in modules]
    if missing:
        raise MissingEndpoints(f"no absolute URL for {', '.join(missing)}, which is required")
    return tuple(found)


def read_credentials(body: bytes | Document, spoken: Dialect, ours: OurParty | None) -> Theirs:
    """The credentials of the other platform; InvalidParameter says what is wrong with them.

    Read more strictly than what changes hands later: all trust in the partner rests on them. `ours` is whom of us it
    sees where a connection has one party.
    """
    role = None if ours is None else OPPOSITE.get(ours.role)
    read = wire.read("Credentials", body, spoken, wire.Context(role=role))
    if read.document is None:
        raise InvalidParameter(read.why())
    found = read.document
    if not _TOKEN.fullmatch(found["token"]):
        raise InvalidParameter("/token: a token has 1 to 64 printable ASCII characters and no spaces")
    if not is_address(found["url"]):
        raise InvalidParameter(f"/url: not an absolute http or https URL: {found['url'][:80]!r}")
    return Theirs(found["token"], found["url"], _read_roles(found["roles"]), found.get("hub_party_id"))


def _read_roles(roles: list[Document]) -> tuple[Document, ...]:
    if not roles:
        raise InvalidParameter("/roles: at least one role is required")
    seen = set()
    for index, role in enumerate(roles):
        if not _COUNTRY.fullmatch(role["country_code"]):
            raise InvalidParameter(f"/roles/{index}/country_code: two letters expected, as in ISO 3166-1 alpha-2")
        if not _PARTY.fullmatch(role["party_id"]):
            raise InvalidParameter(f"/roles/{index}/party_id: three letters or digits expected, as in ISO 15118")
        name = (role["role"], role["country_code"].casefold(), role["party_id"].casefold())
        if name in seen:
            raise InvalidParameter(f"/roles/{index}: {' '.join(name).upper()} is given twice")
        seen.add(name)
    return tuple(roles)


def is_address(url: Any) -> bool:
    """Whether it is an absolute URL that can be called at all; whether it may be is the operator's policy."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def check_parties(theirs: Theirs, partner: Partner, node: Node, partners: Iterable[Partner]) -> None:
    """InvalidParameter when a role's party is ours or belongs to another of the partners that are connected."""
    others = [each for each in partners if each.id != partner.id and each.status in ("registered", "suspended")]
    for index, role in enumerate(theirs.roles):
        party = (role["country_code"], role["party_id"])
        if node.ours(party) or any(each.owns(party) for each in others):
            # Whose it is stays between us and our operator.
            raise InvalidParameter(f"/roles/{index}: the party {'*'.join(party)} belongs to another platform here")


def our_credentials(node: Node, partner: Partner, spoken: Dialect, token: str) -> Document:
    """What the partner is to know of us, with the token that it is to call us with; NotFound when that dialect cannot
    be spoken with it. [credentials_credentials_object]"""
    shown = versions.parties_shown(node, partner, spoken)
    if not shown:
        raise NotFound(f"OCPI {spoken.name} is not spoken here")
    document = {"token": token, "url": node.versions_url, "roles": [party.document() for party in shown]}
    context = wire.Context()
    if not spoken.release.many_parties:
        context = wire.Context(role=shown[0].role, party=shown[0].party)
    return wire.write("Credentials", document, spoken, context).document


def agreed(partner: Partner, theirs: Theirs, offer: Offer, ours: OurParty | None) -> Partner:
    """The partner as it is to be stored when a handshake has succeeded. `ours` as in `read_credentials`."""
    return msgspec.structs.replace(
        partner,
        status="suspended" if partner.status == "suspended" else "registered",
        release=offer.release,
        base64_token=offer.base64_token,
        our_role=None if ours is None else ours.role,
        our_party=None if ours is None else ours.party,
        versions_url=theirs.url,
        hub_party_id=theirs.hub_party_id,
        roles=list(theirs.roles),
        endpoints=list(offer.endpoints),
    )


def seen_anew(before: Partner, after: Partner) -> bool:
    """Whether more has changed than tokens, so that what was exchanged before may be incomplete now."""
    return before.status != after.status or any(
        getattr(before, name) != getattr(after, name)
        for name in ("release", "our_role", "our_party", "roles", "endpoints")
    )


def gaps(node: Node, partner: Partner) -> list[tuple[str, str]]:
    """The (module, interface) pairs that the partner's roles have, that ours would use, and that it does not offer."""
    if partner.release is None:
        return []
    shown = versions.parties_shown(node, partner, partner.dialect)
    ours = {pair for party in shown for pair in interfaces(party.role)}
    theirs = {pair for role in partner.roles for pair in interfaces(str(role.get("role")))}
    return [
        (module, interface)
        for module in versions.OFFERED
        if versions.in_release(module, partner.dialect)
        for interface, counterpart in (("SENDER", "RECEIVER"), ("RECEIVER", "SENDER"))
        # An eMSP is called back at addresses that it gives with each command.
        if (module, interface) != ("commands", "SENDER")
        and (module, interface) in theirs
        and (module, counterpart) in ours
        and partner.endpoint(module, interface) is None
    ]
