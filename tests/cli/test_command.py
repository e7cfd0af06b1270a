"""`evmesh command`: a driver's app on the command line, against a node with simulated stations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evmesh.sandbox import city
from tests.cli.conftest import Evmesh
from tests.cli.running import Served, serving
from tests.cli.test_partner import invited, waited_for
from tests.journeys.platforms import MORNING

SIMULATED = """
[stations]
simulate = true
speed = 60.0
[roaming]
session_update_every = 0.1
"""
CARD, OTHER_CARD = "04A20000000001", "04A20000000002"
PLACE = ("--location", "L004", "--evse", "E00401")
A_YEAR = ("--minutes", 525_600)
"""Of simulated time, which runs ahead."""
AT_VOLT = ("--partner", "volt")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """A CPO with a simulated city and an eMSP with four cards, registered with each other."""
    folder = tmp_path_factory.mktemp("street")
    volt = Served(folder / "volt", "CPO:SE:VLT", settings=SIMULATED)
    driver = Served(folder / "driver", "EMSP:SE:DRV")
    volt.take_in("tariffs", *city.tariffs(("SE", "VLT"), MORNING))
    volt.take_in("locations", *city.locations(("SE", "VLT"), MORNING, count=4))
    driver.take_in("tokens", *city.tokens(("SE", "DRV"), MORNING, count=4))
    with serving(volt, driver):
        yield volt, driver


@pytest.fixture
def driver(evmesh: Evmesh, nodes: tuple[Served, Served]) -> Path:
    """The eMSP's folder; the two are registered with each other, and it holds the CPO's Locations."""
    volt, driver = nodes
    if evmesh("-C", driver.folder, "partner", "list", "--json").json == []:
        invitation = evmesh("-C", volt.folder, "partner", "invite", "driver", "--json").json
        words = (*invited(invitation), "--name", "volt", "--release", "2.2.1")
        assert evmesh("-C", driver.folder, "partner", "connect", *words).status == 0
        assert waited_for(driver, "locations", lambda found: len(found) == 4)
    return driver.folder


def test_a_charge_is_started_stopped_and_billed(evmesh: Evmesh, driver: Path, nodes: tuple[Served, Served]) -> None:
    start = evmesh("-C", driver, "command", "start-session", *AT_VOLT, *PLACE, "--token", CARD, "--reference", "R1")
    assert (start.status, start.err) == (0, "")
    assert "START_SESSION at volt: ACCEPTED" in start.out
    found = waited_for(nodes[1], "sessions", lambda found: any(each["kwh"] > 0 for each in found.values()))
    (session,) = found.values()
    assert session["authorization_reference"] == "R1"
    stop = evmesh("-C", driver, "command", "stop-session", *AT_VOLT, "--session", session["id"], "--json")
    assert stop.status == 0
    assert stop.json["result"]["result"] == "ACCEPTED"
    assert stop.json["state"] == "answered"
    found = waited_for(nodes[1], "cdrs", lambda found: len(found) == 1)
    (cdr,) = found.values()
    shown = evmesh("-C", driver, "show", "cdrs", cdr["id"]).json
    assert shown["session_id"] == session["id"]
    assert evmesh("-C", driver, "show", "cdrs", cdr["id"], "--release", "2.2.1").json["total_cost"]["excl_vat"] > 5
    assert "1 cdrs" in evmesh("-C", driver, "list", "cdrs", "--theirs").out
    gone = evmesh("-C", driver, "command", "stop-session", *AT_VOLT, "--session", session["id"])
    assert (gone.status, "REJECTED" in gone.out) == (1, True)


def test_a_reservation_is_made_and_given_back(evmesh: Evmesh, driver: Path) -> None:
    at = ("--location", "L001", "--evse", "E00101")
    made = evmesh("-C", driver, "command", "reserve-now", *AT_VOLT, *at, *A_YEAR, "--token", CARD, "--json")
    assert (made.status, made.json["result"]["result"]) == (0, "ACCEPTED")
    reservation = made.json["reservation_id"]
    taken = evmesh("-C", driver, "command", "start-session", *AT_VOLT, *at, "--token", OTHER_CARD)
    assert (taken.status, "EVSE_OCCUPIED" in taken.out or "REJECTED" in taken.out) == (1, True)
    back = evmesh("-C", driver, "command", "cancel-reservation", *AT_VOLT, "--reservation", reservation)
    assert (back.status, "ACCEPTED" in back.out) == (0, True)
    gone = evmesh("-C", driver, "command", "cancel-reservation", *AT_VOLT, "--reservation", reservation)
    assert gone.status == 1
    assert "UNKNOWN_RESERVATION" in gone.out or "REJECTED" in gone.out


def test_a_connector_is_unlocked(evmesh: Evmesh, driver: Path) -> None:
    at = ("--location", "L002", "--evse", "E00201", "--connector", "1")
    unlocked = evmesh("-C", driver, "command", "unlock-connector", *AT_VOLT, *at)
    assert (unlocked.status, "UNLOCK_CONNECTOR at volt: ACCEPTED" in unlocked.out) == (0, True)
    nowhere = ("--location", "L002", "--evse", "NONE", "--connector", "1")
    refused = evmesh("-C", driver, "command", "unlock-connector", *AT_VOLT, *nowhere, "--json")
    assert refused.status == 1
    assert refused.json["response"]["result"] in ("REJECTED", "UNKNOWN_SESSION")


def test_a_result_that_does_not_come_in_time_is_said(
    evmesh: Evmesh, driver: Path, nodes: tuple[Served, Served]
) -> None:
    """Nobody is there to take it: our own node does not run."""
    at = ("--location", "L002", "--evse", "E00202", "--connector", "1")
    assert nodes[1].stop() == 0
    try:
        late = evmesh("-C", driver, "command", "unlock-connector", *AT_VOLT, *at, "--timeout", 0.5)
    finally:
        nodes[1].start()
    assert (late.status, late.err) == (1, "")
    assert late.out == "UNLOCK_CONNECTOR at volt: TIMEOUT\n"


def test_what_cannot_be_sent_is_said(evmesh: Evmesh, driver: Path, nodes: tuple[Served, Served]) -> None:
    start = ("-C", driver, "command", "start-session")
    assert "we have no token NONE" in evmesh(*start, *AT_VOLT, *PLACE, "--token", "NONE").sentence
    assert "no partner named nobody" in evmesh(*start, "--partner", "nobody", *PLACE, "--token", CARD).sentence
    assert "--token" in evmesh(*start, *AT_VOLT, *PLACE).misuse
    assert "--location" in evmesh(*start, *AT_VOLT, "--token", CARD).misuse
    # A CPO has nobody to send commands to.
    volt = nodes[0].folder
    assert evmesh("-C", volt, "command", "stop-session", "--partner", "driver", "--session", "S").status == 1


def test_a_driver_holds_a_card_to_a_simulated_reader(
    evmesh: Evmesh, driver: Path, nodes: tuple[Served, Served]
) -> None:
    answer = nodes[0].drive("swipe", location_id="L003", evse_uid="E00301", uid=OTHER_CARD)
    assert answer["allowed"] is True
    assert waited_for(nodes[1], "sessions", lambda found: answer["session_id"] in found)
    blocked = nodes[0].drive("swipe", location_id="L003", evse_uid="E00302", uid="04A20000000004")
    assert (blocked["allowed"], blocked["session_id"]) == (False, None)
    assert "nothing is wrong" in evmesh("-C", driver, "faults").out
