"""The life of a connection over real HTTP: registering, renewing while traffic flows, changing the release, ending."""

import asyncio

import pytest

from evmesh.ocpi import wire
from evmesh.ocpi.types import timestamp
from evmesh.roaming import partners, pull
from evmesh.roaming.credentials.errors import HandshakeFailed
from evmesh.sandbox import city
from evmesh.store import objects
from evmesh.store import partners as kept
from evmesh.store.transaction import Tx
from tests.journeys.gate import LoseAnswer, always, once, refuse
from tests.journeys.platforms import MORNING, RELEASES, Market, Platform, all_heard, before_now, charged, raw


async def newcomers(market: Market) -> tuple[Platform, Platform]:
    return await market.platform("volt", "CPO:SE:VLT"), await market.platform("driver", "EMSP:SE:DRV")


@pytest.mark.parametrize("release", RELEASES)
async def test_the_release_that_was_asked_for_is_spoken(market: Market, release: str) -> None:
    volt, driver = await newcomers(market)
    await market.connect(volt, driver, release)
    there, here = await volt.partner("driver"), await driver.partner("volt")
    for partner in (there, here):
        assert (partner.status, partner.release) == ("registered", release)
    assert [(role["role"], role["party_id"]) for role in here.roles] == [("CPO", "VLT")]
    assert [(role["role"], role["party_id"]) for role in there.roles] == [("EMSP", "DRV")]


async def test_the_best_common_release_is_spoken_unless_told(market: Market) -> None:
    volt, driver = await newcomers(market)
    invitation = await partners.invite(volt.node, "driver")
    await partners.connect(driver.node, invitation.versions_url, invitation.token)
    assert (await driver.partner("volt")).release == "2.3.0"


@pytest.mark.parametrize("release", RELEASES)
async def test_a_registration_whose_answer_was_lost_is_made_again_with_the_same_invitation(
    market: Market, release: str
) -> None:
    volt, driver = await newcomers(market)
    volt.gate.rules.append(once(LoseAnswer(), lambda asked: asked.asks("POST", "/credentials")))
    invitation = await partners.invite(volt.node, "driver")
    with pytest.raises(HandshakeFailed, match="safe to try again"):
        await partners.connect(driver.node, invitation.versions_url, invitation.token, release=release)
    assert await partners.listing(driver.node) == []
    await partners.connect(driver.node, invitation.versions_url, invitation.token, release=release)
    assert [each.name for each in await partners.listing(driver.node)] == ["volt"]
    assert [each.status for each in await partners.listing(volt.node)] == ["registered"]
    await volt.publish("tariffs", *city.tariffs(volt.party, MORNING))
    await volt.told_everything()
    assert (await driver.theirs("tariffs")).keys() == {"AC", "NIGHT", "DC"}


async def test_a_platform_that_cannot_be_called_back_is_not_registered(market: Market) -> None:
    volt, driver = await newcomers(market)
    driver.gate.rules.append(always(refuse(500, 3000), lambda asked: asked.asks("GET", "/versions")))
    invitation = await partners.invite(volt.node, "driver")
    with pytest.raises(HandshakeFailed, match="3001"):
        await partners.connect(driver.node, invitation.versions_url, invitation.token)
    assert [each.status for each in await partners.listing(volt.node)] == ["invited"]
    assert await partners.listing(driver.node) == []
    driver.gate.rules.clear()
    await partners.connect(driver.node, invitation.versions_url, invitation.token)
    assert [each.status for each in await partners.listing(volt.node)] == ["registered"]


async def test_an_invitation_is_for_one(market: Market) -> None:
    volt, driver = await newcomers(market)
    thief = await market.platform("thief", "EMSP:SE:THF")
    invitation = await partners.invite(volt.node, "driver")
    await partners.connect(driver.node, invitation.versions_url, invitation.token)
    with pytest.raises(HandshakeFailed, match="not accepted"):
        await partners.connect(thief.node, invitation.versions_url, invitation.token)


async def busy(volt: Platform, driver: Platform, rounds: int) -> None:
    for number in range(rounds):
        status = ("CHARGING", "AVAILABLE")[number % 2]
        await asyncio.gather(*(volt.set_status(f"L{n:03d}", f"E{n:03d}01", status) for n in (1, 2, 3)))
        await volt.publish("cdrs", charged(f"C{number}", volt, driver))


@pytest.mark.parametrize("release", RELEASES)
async def test_tokens_are_renewed_while_traffic_flows(market: Market, release: str) -> None:
    volt, driver = await market.pair(release)
    before = await volt.token_for("driver"), await driver.token_for("volt")

    async def renew() -> None:
        await partners.rotate(volt.node, "driver")
        await partners.rotate(driver.node, "volt")
        await partners.update(volt.node, "driver", release=release)

    await asyncio.gather(busy(volt, driver, 12), renew())
    await volt.told_everything()
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), release)
    assert (await driver.theirs("cdrs")).keys() == {f"C{n}" for n in range(12)}
    assert not await volt.faults()

    after = await volt.token_for("driver"), await driver.token_for("volt")
    assert not set(before) & set(after)
    base64_token = release != "2.1.1"
    for owner, old, new in ((driver, before[0], after[0]), (volt, before[1], after[1])):
        url = f"{owner.gate.url}/ocpi/versions"
        assert (await raw("GET", url, new, base64_token=base64_token)).status == 200
        assert (await raw("GET", url, old, base64_token=base64_token)).status == 401


async def test_a_renewal_whose_answer_was_lost_leaves_a_connection_that_works(market: Market) -> None:
    volt, driver = await market.pair("2.2.1")
    volt.gate.rules.append(once(LoseAnswer(), lambda asked: asked.asks("PUT", "/credentials"), times=5))
    with pytest.raises(HandshakeFailed, match="safe to try again"):
        await partners.rotate(driver.node, "volt")
    volt.gate.rules.clear()
    # Both still reach each other, whatever each believes.
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.told_everything()
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), "2.2.1")
    assert (await pull.pull(driver.node, await driver.partner("volt"), "tariffs", full=True)).complete
    await partners.rotate(driver.node, "volt")
    assert (await pull.pull(driver.node, await driver.partner("volt"), "tariffs", full=True)).complete


@pytest.mark.parametrize(("was", "becomes"), [("2.2.1", "2.3.0"), ("2.1.1", "2.2.1"), ("2.3.0", "2.1.1")])
async def test_a_connection_changes_its_release(market: Market, was: str, becomes: str) -> None:
    volt, driver = await market.pair(was)
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.publish("cdrs", charged("C1", volt, driver))
    await volt.told_everything()
    await partners.update(driver.node, "volt", release=becomes)
    assert (await volt.partner("driver")).release == (await driver.partner("volt")).release == becomes

    driver.gate.log.clear()
    await volt.set_status("L001", "E00101", "AVAILABLE")
    stamp = timestamp(before_now(hours=1))
    await volt.publish("tariffs", {**(await volt.ours("tariffs"))["AC"], "last_updated": stamp})
    await driver.publish("tokens", {**(await driver.ours("tokens"))["04A20000000001"], "last_updated": stamp})
    await volt.publish("cdrs", charged("C2", volt, driver))
    await volt.told_everything()
    await driver.told_everything()
    # What was prepared just before the release changed is not taken there any more.
    taken = [each for each in driver.gate.log if each.status_code == 1000]
    assert {each.path.split("/")[2] for each in taken} == {becomes}
    # What was told in the former words cannot be patched in the new ones.
    assert "PATCH" not in {each.method for each in taken}
    there = await driver.theirs("locations")
    assert there["L001"] == all_heard("locations", await volt.ours("locations"), becomes)["L001"]
    assert (await driver.theirs("cdrs")).keys() == {"C1", "C2"}
    assert len(await driver.theirs("locations")) == 3
    assert len(await volt.theirs("tokens")) == len(await driver.ours("tokens"))

    # Afterwards everything is as if it had always been so.
    driver.gate.log.clear()
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.told_everything()
    assert len(driver.gate.asked("PATCH")) == 1
    assert (await pull.pull(driver.node, await driver.partner("volt"), "locations", full=True)).complete
    assert await driver.theirs("locations") == all_heard("locations", await volt.ours("locations"), becomes)
    assert not await volt.faults()
    assert not await driver.faults()


def status(tx: Tx, location_id: str, evse_uid: str) -> str:
    """What we know of a partner's EVSE."""
    (held,) = objects.find(tx, "locations", location_id)
    return next(evse["status"] for evse in wire.decode(held.document)["evses"] if evse["uid"] == evse_uid)


@pytest.mark.parametrize("release", RELEASES)
async def test_an_end_is_told_and_nothing_works_any_more(market: Market, release: str) -> None:
    volt, driver = await market.pair(release)
    await volt.publish("cdrs", charged("C1", volt, driver))
    await volt.told_everything()
    token = await driver.token_for("volt")
    assert await partners.remove(volt.node, "driver")
    assert await partners.listing(volt.node) == []
    assert await driver.until(lambda tx: kept.by_name(tx, "volt") is None)
    got = await raw("GET", f"{volt.gate.url}/ocpi/versions", token, base64_token=release != "2.1.1")
    assert got.status == 401
    assert wire.decode(got.answer)["status_code"] >= 2000
    # What was charged stays.
    assert (await driver.theirs("cdrs")).keys() == {"C1"}
    driver.gate.log.clear()
    await volt.set_status("L001", "E00101", "CHARGING")
    await volt.publish("cdrs", charged("C2", volt, driver))
    assert driver.gate.log == []

    # Who comes back finds what was there.
    await market.connect(volt, driver, release)
    await driver.has("cdrs", "C1", "C2")
    await driver.until(lambda tx: status(tx, "L001", "E00101") == "CHARGING")
    assert await driver.theirs("locations", "volt") == all_heard("locations", await volt.ours("locations"), release)
