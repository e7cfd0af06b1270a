"""May this card charge: decided at a station by whitelist, asked of eMSPs, answered for our own tokens."""

from typing import Any

import pytest

from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.status_codes import InvalidParameter, NotEnoughInformation, UnknownToken
from evmesh.ports import Partner, Place, Reply, Unreachable
from evmesh.roaming import kinds
from evmesh.roaming.commands import receiver
from evmesh.roaming.commands.carry_out import work
from evmesh.roaming.node import Node, Roaming
from evmesh.roaming.sessions.meter import Meter
from evmesh.roaming.tokens import authorise as subject
from evmesh.roaming.tokens.authorise import Verdict, authorise
from evmesh.store import charges, partners, token_limits
from evmesh.store.database import Store
from evmesh.store.token_limits import Limits, Places
from tests.roaming.calls import EMS, RELEASES, VOLTERA, Clock, answer, befriend, call, data, new_node, token
from tests.roaming.sessions.charging import (
    OTHER_PLACE,
    PLACE,
    UNKNOWN,
    Obedient,
    Partners,
    at,
    give_token,
    one,
    open_city,
    publish_all,
    reading,
    says,
)

UID = "04AABBCC"
ASK = "tokens.sender.authorize"
OTH = ("DE", "OTH")


@pytest.fixture
def peers() -> Partners:
    return Partners()


@pytest.fixture
def node(store: Store, clock: Clock, peers: Partners) -> Node:
    node = new_node(store, clock, peers)
    node.stations = Obedient()
    return node


async def decide(node: Node, uid: str = UID, kind: str = "RFID", place: Place = PLACE) -> Verdict:
    return await authorise(node, uid, kind, place)


async def knows(node: Node, release: str = "2.2.1", **fields: Any) -> Partner:
    """An eMSP, and a token of its that we know."""
    partner = await befriend(node, release=release)
    await give_token(node, partner, token(**fields))
    return partner


ALLOWED, BLOCKED, SILENT = says("ALLOWED"), says("BLOCKED"), Unreachable("gone")


@pytest.mark.parametrize(
    ("whitelist", "valid", "answered", "outcome"),
    [
        ("ALWAYS", True, None, ("ALLOWED", "WHITELIST")),
        ("ALWAYS", False, None, ("BLOCKED", None)),
        ("ALLOWED", True, None, ("ALLOWED", "WHITELIST")),
        ("ALLOWED", False, None, ("BLOCKED", None)),
        ("ALLOWED_OFFLINE", True, ALLOWED, ("ALLOWED", "AUTH_REQUEST")),
        ("ALLOWED_OFFLINE", False, ALLOWED, ("ALLOWED", "AUTH_REQUEST")),
        ("ALLOWED_OFFLINE", True, BLOCKED, ("BLOCKED", None)),
        ("ALLOWED_OFFLINE", True, UNKNOWN, ("UNKNOWN", None)),
        ("ALLOWED_OFFLINE", True, SILENT, ("ALLOWED", "WHITELIST")),
        ("ALLOWED_OFFLINE", True, Reply(500, None), ("ALLOWED", "WHITELIST")),
        ("ALLOWED_OFFLINE", True, Reply(200, 1000, data={"allowed": "MAYBE"}), ("ALLOWED", "WHITELIST")),
        ("ALLOWED_OFFLINE", False, SILENT, ("NO_ANSWER", None)),
        ("NEVER", True, ALLOWED, ("ALLOWED", "AUTH_REQUEST")),
        ("NEVER", False, ALLOWED, ("ALLOWED", "AUTH_REQUEST")),
        ("NEVER", True, BLOCKED, ("BLOCKED", None)),
        ("NEVER", True, SILENT, ("NO_ANSWER", None)),
    ],
)
async def test_the_whitelist(
    node: Node, peers: Partners, whitelist: str, valid: bool, answered: Any, outcome: tuple[str, str | None]
) -> None:
    await knows(node, whitelist=whitelist, valid=valid)
    if answered is not None:
        peers.answers["ems", ASK] = answered

    verdict = await decide(node)

    reason, method = outcome
    assert (verdict.reason, verdict.allowed) == (reason, reason == "ALLOWED")
    if method is not None:
        assert verdict.method == method
        assert verdict.token is not None
        assert verdict.token["contract_id"] == "SE-EMS-C04AABBCC"
    assert len(peers.asked) == (0 if answered is None else 1)


async def test_an_emsp_that_takes_too_long_has_not_answered(node: Node, peers: Partners) -> None:
    node.settings = Roaming(authorise_timeout=0.01)
    peers.silent.add("ems")
    await knows(node, whitelist="ALLOWED_OFFLINE")

    assert (await decide(node)).method == "WHITELIST"


@pytest.mark.parametrize("release", RELEASES)
async def test_what_an_emsp_is_asked(node: Node, peers: Partners, release: str) -> None:
    await knows(node, release, whitelist="NEVER")
    await decide(node)

    (asked,) = peers.asked
    assert (asked.operation, asked.path, asked.query) == (ASK, {"token_uid": UID}, {"type": "RFID"})
    assert (asked.from_party, asked.to_party) == (VOLTERA, EMS)  # type: ignore[attr-defined]
    references = {"location_id": "LOC1", "evse_uids": ["E1"]}
    if not dialect(release).release.owner_in_object:
        references["connector_ids"] = ["1"]
    assert asked.body == references


@pytest.mark.parametrize(
    ("references", "allowed"),
    [
        (None, True),
        ({"location_id": "LOC1"}, True),
        ({"location_id": "loc1", "evse_uids": []}, True),
        ({"location_id": "LOC1", "evse_uids": ["E2", "e1"]}, True),
        ({"location_id": "LOC1", "evse_uids": ["E2"]}, False),
        ({"location_id": "LOC2", "evse_uids": ["E1"]}, False),
    ],
)
async def test_the_answer_must_hold_the_place(node: Node, peers: Partners, references: Any, allowed: bool) -> None:
    await knows(node, whitelist="NEVER")
    peers.answers["ems", ASK] = says("ALLOWED", **({} if references is None else {"location": references}))

    assert (await decide(node)).allowed is allowed


@pytest.mark.parametrize(("connectors", "allowed"), [([], True), (["1", "2"], True), (["2"], False)])
async def test_2_1_1_may_allow_single_connectors(
    node: Node, peers: Partners, connectors: list[str], allowed: bool
) -> None:
    await knows(node, "2.1.1", whitelist="NEVER")
    place = {"location_id": "LOC1", "evse_uids": ["E1"], "connector_ids": connectors}
    peers.answers["ems", ASK] = says("ALLOWED", location=place)

    assert (await decide(node)).allowed is allowed


async def test_an_unknown_card_is_asked_of_all_and_the_first_yes_counts(node: Node, peers: Partners) -> None:
    await befriend(node, "one")
    await befriend(node, "slow", roles=[("EMSP", ("FR", "SLW"))])
    await befriend(node, "yes", roles=[("EMSP", OTH)])
    await befriend(node, "cpo", roles=[("CPO", ("FR", "CPO"))])
    peers.answers = {
        ("one", ASK): UNKNOWN,
        ("yes", ASK): says("ALLOWED", token=token(OTH), authorization_reference="R"),
    }
    peers.silent.add("slow")

    verdict = await decide(node)

    assert (verdict.allowed, verdict.method, verdict.reference) == (True, "AUTH_REQUEST", "R")
    assert verdict.token == token(OTH)
    assert {each.partner for each in peers.asked} == {"one", "slow", "yes"}


async def test_a_platform_with_several_emsps_is_asked_for_each(node: Node, peers: Partners) -> None:
    await befriend(node, "two", roles=[("EMSP", EMS), ("EMSP", OTH), ("CPO", ("DE", "CPO"))])
    await decide(node)

    assert [each.to_party for each in peers.asked] == [EMS, OTH]


async def test_an_unknown_card_that_nobody_allows(node: Node, peers: Partners) -> None:
    await befriend(node, "one")
    await befriend(node, "two", roles=[("EMSP", OTH)])
    peers.answers = {("one", ASK): UNKNOWN, ("two", ASK): SILENT}
    assert await decide(node) == Verdict(False, "UNKNOWN")

    peers.answers["two", ASK] = says("EXPIRED", info={"language": "en", "text": "renew it"})
    verdict = await decide(node)
    assert (verdict.reason, verdict.info) == ("EXPIRED", "renew it")


async def test_an_emsp_may_not_speak_for_another(node: Node, peers: Partners) -> None:
    await befriend(node, "one")
    peers.answers["one", ASK] = says("ALLOWED", token=token(OTH))

    assert (await decide(node)).reason == "NOT_ALLOWED"


async def test_what_2_1_1_does_not_tell_of_a_card(node: Node, peers: Partners) -> None:
    await befriend(node, "old", "2.1.1")
    peers.answers["old", ASK] = says("ALLOWED")

    verdict = await decide(node)

    assert verdict.token == {
        "uid": UID,
        "type": "RFID",
        "country_code": "SE",
        "party_id": "EMS",
        "contract_id": UID,
    }


async def test_a_2_1_1_emsp_is_asked_at_the_stations_of_its_party_only(node: Node, peers: Partners) -> None:
    await befriend(node, "old", "2.1.1", our_party=("NO", "NRD"))
    assert (await decide(node)).reason == "UNKNOWN"
    assert peers.asked == []


async def test_tokens_of_apps_are_not_asked_for(node: Node, peers: Partners) -> None:
    await befriend(node)
    assert (await decide(node, kind="APP_USER")).reason == "UNKNOWN"
    assert peers.asked == []


async def test_a_token_of_a_partner_that_left_is_refused(node: Node, peers: Partners) -> None:
    partner = await knows(node)
    partner.status = "suspended"
    await node.store.write(lambda tx: partners.save(tx, partner))

    assert (await decide(node)).reason == "NOT_ALLOWED"


async def begun(node: Node, place: Place = PLACE) -> None:
    """A charge with the card, begun and ended."""
    meter = Meter(node)
    id = (await meter.authorise(place, UID, "RFID")).session_id
    assert id is not None
    await meter.started(id, place, at(0), None)
    await meter.stopped(id, reading(1, 1), None)


async def test_a_card_is_not_asked_for_twice_within_a_quarter_of_an_hour(
    node: Node, peers: Partners, clock: Clock
) -> None:
    await open_city(node)
    await befriend(node)
    peers.answers["ems", ASK] = says("ALLOWED", token=token(), authorization_reference="REF")
    await begun(node)

    clock.forward(14 * 60)
    verdict = await decide(node, place=OTHER_PLACE)
    assert (verdict.allowed, verdict.method, verdict.reference) == (True, "AUTH_REQUEST", "REF")
    assert len(peers.asked) == 1
    elsewhere = Place(*VOLTERA, "LOC2", "E1")
    await decide(node, place=elsewhere)
    assert len(peers.asked) == 2
    clock.forward(2 * 60)
    await decide(node)
    assert len(peers.asked) == 3


async def test_a_never_token_is_asked_for_each_time(node: Node, peers: Partners) -> None:
    await open_city(node)
    await knows(node, whitelist="NEVER")
    peers.answers["ems", ASK] = ALLOWED
    await begun(node)
    await decide(node)

    assert len(peers.asked) == 2


async def test_a_card_that_came_with_a_command_is_not_asked_for(node: Node, peers: Partners, clock: Clock) -> None:
    await open_city(node)
    partner = await knows(node, whitelist="NEVER")
    peers.answers["ems", ASK] = BLOCKED
    body = {"response_url": "https://ems.example/r", "token": token(), "location_id": "LOC1", "evse_uid": "E1"}
    await answer(receiver.handlers(node), call(partner, "commands.receiver.start_session", body=body))
    await work(node)

    clock.forward(14 * 60)
    verdict = await decide(node)
    assert (verdict.allowed, verdict.method) == (True, "WHITELIST")
    swiped = await Meter(node).authorise(PLACE, UID, "RFID")
    session = await one(node, "sessions")
    assert (swiped.session_id, session["auth_method"]) == (session["id"], "WHITELIST")
    clock.forward(2 * 60)
    assert (await decide(node)).reason == "BLOCKED"


async def test_a_token_of_ours_at_a_station_of_ours(node: Node, peers: Partners) -> None:
    await publish_all(node, ("tokens", token(VOLTERA)))
    verdict = await decide(node)
    assert (verdict.allowed, verdict.method) == (True, "AUTH_REQUEST")

    await limit(node, Limits(places=[Places("LOC1", ["E2"])]))
    assert (await decide(node)).reason == "NOT_ALLOWED"
    assert (await decide(node, place=OTHER_PLACE)).allowed
    assert peers.asked == []


async def test_the_reference_goes_into_session_and_cdr(node: Node, peers: Partners) -> None:
    await open_city(node)
    await knows(node, whitelist="NEVER")
    peers.answers["ems", ASK] = says("ALLOWED", authorization_reference="REF")
    await begun(node)

    for kind in ("sessions", "cdrs"):
        document = await one(node, kind)
        assert (document["authorization_reference"], document["auth_method"]) == ("REF", "AUTH_REQUEST")


# What we answer for our own tokens.


async def ours(node: Node, release: str = "2.2.1", limits: Limits | None = None, **fields: Any) -> Partner:
    """A CPO that asks, and a token of ours."""
    await publish_all(node, ("tokens", token(VOLTERA, **fields)))
    await limit(node, limits)
    return await befriend(node, "cpo", release, roles=[("CPO", ("DE", "CPO"))])


async def limit(node: Node, limits: Limits | None) -> None:
    key = kinds.own_key("tokens", token(VOLTERA))
    await node.store.write(lambda tx: token_limits.put(tx, key, limits))


async def ask(node: Node, partner: Partner, uid: str = UID, body: Any = None, **query: str) -> Any:
    given = call(partner, ASK, uid, body=body, query=query)
    return data(await answer(subject.handlers(node), given))


async def test_a_known_token_is_allowed(node: Node) -> None:
    partner = await ours(node)
    info = await ask(node, partner)

    assert info["allowed"] == "ALLOWED"
    assert info["token"] == token(VOLTERA)
    assert len(info["authorization_reference"]) <= 36
    assert "location" not in info
    assert (await ask(node, partner))["authorization_reference"] != info["authorization_reference"]


async def test_2_1_1_says_less(node: Node) -> None:
    partner = await ours(node, "2.1.1")

    assert await ask(node, partner, type="RFID") == {"allowed": "ALLOWED"}


@pytest.mark.parametrize("release", RELEASES)
async def test_an_unknown_token(node: Node, release: str) -> None:
    partner = await ours(node, release)
    with pytest.raises((UnknownToken, InvalidParameter)) as refused:
        await ask(node, partner, "NOBODY")

    said = (404, 2004) if partner.dialect.release.unknown_token_is_404 else (200, 2001)
    assert (refused.value.http_status, refused.value.status_code) == said


@pytest.mark.parametrize(
    ("limits", "fields", "allowed"),
    [
        (None, {"valid": False}, "BLOCKED"),
        (Limits(refused="NO_CREDIT"), {}, "NO_CREDIT"),
        (Limits(refused="EXPIRED"), {"valid": False}, "EXPIRED"),
        (Limits(expires_at=at(0)), {}, "EXPIRED"),
        (Limits(expires_at=at(1)), {}, "ALLOWED"),
    ],
)
async def test_why_a_token_is_refused(node: Node, limits: Any, fields: Any, allowed: str) -> None:
    partner = await ours(node, limits=limits, **fields)
    info = await ask(node, partner)

    assert info["allowed"] == allowed
    assert ("info" in info) == (allowed != "ALLOWED")
    assert ("authorization_reference" in info) == (allowed == "ALLOWED")


async def test_the_driver_is_told_what_we_wrote(node: Node) -> None:
    partner = await ours(node, limits=Limits(refused="NO_CREDIT", info="Fyll på"), language="sv")
    assert (await ask(node, partner))["info"] == {"language": "sv", "text": "Fyll på"}


async def test_a_token_that_is_bound_to_places(node: Node) -> None:
    partner = await ours(node, limits=Limits(places=[Places("HOME"), Places("WORK", ["W1", "W2"])]))
    with pytest.raises(NotEnoughInformation) as refused:
        await ask(node, partner)
    assert refused.value.status_code == 2002

    for references, expected in (
        ({"location_id": "home"}, {"location_id": "home"}),
        ({"location_id": "HOME", "evse_uids": ["H1"]}, {"location_id": "HOME", "evse_uids": ["H1"]}),
        ({"location_id": "WORK"}, {"location_id": "WORK", "evse_uids": ["W1", "W2"]}),
        ({"location_id": "WORK", "evse_uids": ["w2", "W3"]}, {"location_id": "WORK", "evse_uids": ["w2"]}),
        ({"location_id": "WORK", "evse_uids": ["W3"]}, None),
        ({"location_id": "ELSEWHERE"}, None),
    ):
        info = await ask(node, partner, body=references)
        assert info["allowed"] == ("NOT_ALLOWED" if expected is None else "ALLOWED")
        assert info.get("location") == expected


async def test_a_place_that_is_not_needed_is_said_back(node: Node) -> None:
    partner = await ours(node)
    references = {"location_id": "NOT-PUBLISHED", "evse_uids": ["X"]}

    assert (await ask(node, partner, body=references))["location"] == references
    with pytest.raises(InvalidParameter, match="location_id"):
        await ask(node, partner, body={"evse_uids": ["X"]})


async def test_the_type_tells_tokens_apart(node: Node) -> None:
    partner = await ours(node)
    await publish_all(node, ("tokens", token(VOLTERA, type="APP_USER", valid=False)))

    assert (await ask(node, partner))["allowed"] == "ALLOWED"
    assert (await ask(node, partner, type="RFID"))["allowed"] == "ALLOWED"
    assert (await ask(node, partner, type="APP_USER"))["allowed"] == "BLOCKED"
    old = await befriend(node, "old", "2.1.1", roles=[("CPO", ("FR", "OLD"))])
    assert (await ask(node, old, type="OTHER"))["allowed"] == "BLOCKED"
    assert (await ask(node, old, token_type="OTHER"))["allowed"] == "BLOCKED"


async def test_of_two_parties_the_addressed_one_answers(node: Node) -> None:
    partner = await ours(node)
    await publish_all(node, ("tokens", token(("NO", "NRD"), valid=False)))
    for party, allowed in ((VOLTERA, "ALLOWED"), (("NO", "NRD"), "BLOCKED")):
        given = call(partner, ASK, UID, to_party=party)
        assert data(await answer(subject.handlers(node), given))["allowed"] == allowed
    old = await befriend(node, "old", "2.1.1", roles=[("CPO", ("FR", "OLD"))], our_party=("NO", "NRD"))
    assert (await ask(node, old))["allowed"] == "BLOCKED"


async def test_ids_compare_as_the_release_compares_them(node: Node) -> None:
    partner = await ours(node)
    assert (await ask(node, partner, UID.lower()))["allowed"] == "ALLOWED"
    old = await befriend(node, "old", "2.1.1", roles=[("CPO", ("FR", "OLD"))])
    with pytest.raises(InvalidParameter):
        await ask(node, old, UID.lower())


async def test_tokens_of_partners_are_not_ours_to_allow(node: Node) -> None:
    await knows(node)
    cpo = await befriend(node, "cpo", roles=[("CPO", ("DE", "CPO"))])
    with pytest.raises(UnknownToken):
        await ask(node, cpo)


async def test_nothing_of_a_refused_card_is_kept(node: Node) -> None:
    await open_city(node)
    assert not (await Meter(node).authorise(PLACE, UID, "RFID")).allowed
    assert await node.store.read(lambda tx: charges.in_states(tx, ["PENDING"])) == []
