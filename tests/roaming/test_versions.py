"""What a partner is shown of us: the releases, and the endpoints of the roles that it sees."""

from typing import Any

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.dialect import dialect
from evmesh.ocpi.roles import RECEIVERS, SENDERS
from evmesh.ocpi.status_codes import NotFound
from evmesh.ports import Call, Partner
from evmesh.roaming import versions
from evmesh.roaming.node import Node
from tests.roaming.wiring import DETAILS, LIST, party

INVITED = Partner(name="friend")
ROLE = {"country_code": "DE", "party_id": "DRV", "business_details": {"name": "Driver"}}


def volt(*parties: str, **given: Any) -> Node:
    nowhere: Any = None
    return Node("https://volt.example", tuple(party(each) for each in parties), nowhere, nowhere, **given)


async def details(node: Node, release: str, partner: Partner = INVITED) -> Any:
    answer = await versions.handlers(node)["versions.details"](Call(DETAILS, partner, dialect(release), {}, {}))
    # The list of modules is open in 2.3.0, and lacks the newest.
    findings = wire.check("VersionDetails", answer.data, release)
    assert {each.message.split()[0] for each in findings} <= {"'invoicereconciliation'"}
    assert answer.data["version"] == release
    return answer.data["endpoints"]


def pairs(endpoints: list[dict[str, str]]) -> set[tuple[str, str | None]]:
    return {(each["identifier"], each.get("role")) for each in endpoints}


async def test_all_releases_are_listed_best_first() -> None:
    answer = await versions.handlers(volt("CPO:SE:VLT"))["versions.list"](Call(LIST, INVITED, dialect("2.3.0"), {}, {}))
    assert answer.data == [
        {"version": "2.3.0", "url": "https://volt.example/ocpi/2.3.0"},
        {"version": "2.2.1", "url": "https://volt.example/ocpi/2.2.1"},
        {"version": "2.1.1", "url": "https://volt.example/ocpi/2.1.1"},
    ]
    for version in answer.data:
        assert wire.check("Version", version, "2.3.0") == []


async def test_only_the_releases_of_the_settings_are_offered() -> None:
    node = volt("CPO:SE:VLT", releases=("2.2.1",))
    assert versions.releases(node, INVITED) == ("2.2.1",)
    with pytest.raises(NotFound):
        await details(node, "2.3.0")


async def test_who_is_neither_cpo_nor_emsp_has_no_connection_of_one_party() -> None:
    node = volt("NSP:SE:VLT")
    assert versions.releases(node, INVITED) == ("2.3.0", "2.2.1")
    with pytest.raises(NotFound):
        await details(node, "2.1.1")


@pytest.mark.parametrize("release", ["2.2.1", "2.3.0"])
async def test_a_cpo_sends_what_is_its_own_and_receives_tokens_and_commands(release: str) -> None:
    endpoints = await details(volt("CPO:SE:VLT"), release)
    assert endpoints[0] == {
        "identifier": "credentials",
        "role": "SENDER",
        "url": f"https://volt.example/ocpi/{release}/credentials",
    }
    assert pairs(endpoints[1:]) == {
        ("locations", "SENDER"),
        ("sessions", "SENDER"),
        ("cdrs", "SENDER"),
        ("tariffs", "SENDER"),
        ("tokens", "RECEIVER"),
        ("commands", "RECEIVER"),
    } | ({("invoicereconciliation", "SENDER"), ("invoicereconciliation", "RECEIVER")} if release == "2.3.0" else set())
    urls = {each["identifier"]: each["url"] for each in endpoints}
    assert urls["tokens"] == f"https://volt.example/ocpi/{release}/receiver/tokens"


async def test_who_plays_both_lists_modules_on_both_sides() -> None:
    endpoints = await details(volt("CPO:SE:VLT", "EMSP:NO:FJD"), "2.3.0")
    assert len(endpoints) == 1 + 2 * len(versions.OFFERED)
    assert pairs(endpoints) == {("credentials", "SENDER")} | {
        (module, interface) for module in versions.OFFERED for interface in ("SENDER", "RECEIVER")
    }


async def test_several_parties_of_a_role_list_nothing_twice() -> None:
    one, two = volt("EMSP:SE:VLT"), volt("EMSP:SE:VLT", "EMSP:NO:FJD")
    assert await details(one, "2.3.0") == await details(two, "2.3.0")


async def test_modules_whose_behaviour_is_not_built_are_not_offered() -> None:
    roles = sorted({role for table in (SENDERS, RECEIVERS) for roles in table.values() for role in roles})
    endpoints = await details(volt(*(f"{role}:SE:VLT" for role in roles)), "2.3.0")
    assert {each["identifier"] for each in endpoints} == {
        *("credentials", "locations", "sessions", "cdrs", "tariffs", "tokens", "commands"),
        "invoicereconciliation",
    }


@pytest.mark.parametrize(("our_role", "interface"), [("CPO", "sender"), ("EMSP", "receiver"), (None, "sender")])
async def test_one_side_is_shown_where_a_connection_has_one_party(our_role: str | None, interface: str) -> None:
    node = volt("CPO:SE:VLT", "EMSP:SE:VLT")
    endpoints = await details(node, "2.1.1", Partner(name="friend", our_role=our_role))
    assert all(set(each) == {"identifier", "url"} for each in endpoints)
    urls = {each["identifier"]: each["url"] for each in endpoints}
    assert urls["locations"] == f"https://volt.example/ocpi/2.1.1/{interface}/locations"
    assert len(urls) == len(endpoints) == 7


@pytest.mark.parametrize(
    ("partner", "shown"),
    [
        (Partner(name="p"), "CPO:SE:VLT"),
        (Partner(name="p", our_role="EMSP"), "EMSP:SE:VLT"),
        (Partner(name="p", our_role="EMSP", our_party=("no", "fjd")), "EMSP:NO:FJD"),
        (Partner(name="p", our_party=("NO", "FJD")), "EMSP:NO:FJD"),
        (Partner(name="p", roles=[{"role": "CPO", **ROLE}]), "EMSP:SE:VLT"),
        (Partner(name="p", roles=[{"role": "EMSP", **ROLE}]), "CPO:SE:VLT"),
        (Partner(name="p", roles=[{"role": "NSP", **ROLE}]), "CPO:SE:VLT"),
        (Partner(name="p", roles=[{"role": "CPO", **ROLE}], our_role="CPO"), "CPO:SE:VLT"),
        (Partner(name="p", our_role="CPO", our_party=("FR", "XXX")), None),
        (Partner(name="p", our_role="CPO", our_party=("NO", "FJD")), None),
    ],
)
def test_whom_of_us_a_connection_of_one_party_shows(partner: Partner, shown: str | None) -> None:
    node = volt("NSP:SE:VLT", "CPO:SE:VLT", "EMSP:SE:VLT", "EMSP:NO:FJD")
    assert versions.one_party(node, partner) == (None if shown is None else party(shown))
