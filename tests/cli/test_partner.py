"""`evmesh partner` and `evmesh serve`: two nodes in processes of their own, handled from the command line."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evmesh import config
from evmesh.ocpi.types import timestamp
from evmesh.platform import opened
from evmesh.ports import Document
from evmesh.store import objects
from tests.cli.conftest import Evmesh
from tests.cli.running import Served, serving
from tests.journeys.platforms import LOOK_AGAIN, PATIENCE, before_now, by_id
from tests.roaming.calls import location

Documents = dict[str, Document]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    folder = tmp_path_factory.mktemp("nodes")
    volt = Served(folder / "volt", "CPO:SE:VLT", "CPO:NO:VLT")
    driver = Served(folder / "driver", "EMSP:SE:DRV")
    with serving(volt, driver):
        yield volt, driver


def test_serve_says_where_it_answers(nodes: tuple[Served, Served]) -> None:
    volt, _ = nodes
    host, _, port = volt.url.removeprefix("http://").partition(":")
    assert volt.said == f"{volt.url}/ocpi/versions answers, on {host}:{port}\n"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{volt.url}/ocpi/versions")
    assert refused.value.code == 401
    refused.value.close()


def test_a_port_that_is_taken_is_said(evmesh: Evmesh, nodes: tuple[Served, Served], volt: Path) -> None:
    port = nodes[0].url.rpartition(":")[2]
    failed = evmesh("-C", volt, "serve", "--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in failed.sentence
    assert "in use" in failed.sentence


def test_a_partnership_from_its_invitation_to_its_end(evmesh: Evmesh, nodes: tuple[Served, Served]) -> None:
    volt, driver = nodes
    at_volt, at_driver = ("-C", volt.folder, "partner"), ("-C", driver.folder, "partner")
    invitation = evmesh(*at_volt, "invite", "driver", "--json")
    assert invitation.json.keys() == {"versions_url", "token"}
    assert invitation.json["versions_url"] == f"{volt.url}/ocpi/versions"
    assert [each["status"] for each in evmesh(*at_volt, "list", "--json").json] == ["invited"]
    assert "invited" in evmesh(*at_volt, "list").out

    words = (invitation.json["versions_url"], "--token", invitation.json["token"])
    connected = evmesh(*at_driver, "connect", *words, "--name", "volt", "--release", "2.2.1", "--json")
    assert connected.status == 0, connected
    assert (connected.json["release"], connected.json["status"]) == ("2.2.1", "registered")
    assert invitation.json["token"] not in connected.out

    (listed,) = evmesh(*at_volt, "list", "--json").json
    assert (listed["name"], listed["status"], listed["release"]) == ("driver", "registered", "2.2.1")
    assert "EMSP SE*DRV" in evmesh(*at_volt, "list").out
    shown = evmesh(*at_driver, "show", "volt", "--json").json
    assert {role["party_id"] for role in shown["roles"]} == {"VLT"}
    assert "their_tokens" in shown["connection"]
    for command in (("show", "volt"), ("list",)):
        assert evmesh(*at_driver, *command).status == 0
    assert "locations" in evmesh(*at_driver, "show", "volt").out

    rotated = evmesh(*at_driver, "rotate", "volt", "--json")
    assert (rotated.status, rotated.json["release"]) == (0, "2.2.1")
    assert "Fresh tokens" in evmesh(*at_volt, "rotate", "driver").out
    updated = evmesh(*at_volt, "update", "driver", "--release", "2.3.0", "--json")
    assert updated.json["release"] == "2.3.0"
    assert evmesh(*at_driver, "show", "volt", "--json").json["release"] == "2.3.0"

    again = evmesh(*at_volt, "invite", "driver")
    assert "registered already" in again.sentence
    removed = evmesh(*at_driver, "remove", "volt", "--json")
    assert removed.json == {"name": "volt", "removed": True, "told": True}
    assert evmesh(*at_volt, "list", "--json").json == []
    assert "there is no partner named volt" in evmesh(*at_driver, "show", "volt").sentence


def test_a_running_node_notices_what_is_taken_in_beside_it(
    evmesh: Evmesh, nodes: tuple[Served, Served], tmp_path: Path
) -> None:
    volt, driver = nodes
    invitation = evmesh("-C", volt.folder, "partner", "invite", "listener", "--json").json
    connected = evmesh("-C", driver.folder, "partner", "connect", *invited(invitation), "--name", "source")
    assert "Registered with source" in connected.out
    for number in (1, 2):
        path = tmp_path / "location.json"
        stamp = timestamp(before_now(seconds=10 - number))
        path.write_text(json.dumps({**location(("NO", "VLT"), "N1", name=f"Name {number}"), "last_updated": stamp}))
        assert evmesh("-C", volt.folder, "import", "ocpi", "locations", path).status == 0
        name = f"Name {number}"
        waited_for(driver, "locations", lambda found, name=name: found.get("N1", {}).get("name") == name)
    assert evmesh("-C", driver.folder, "partner", "remove", "source").status == 0


def waited_for(node: Served, kind: str, enough: Callable[[Documents], bool]) -> Documents:
    """What the node holds of its partners by id, as soon as it is enough; seen from outside, whenever it changes."""

    async def wait() -> Documents:
        async with opened(config.load(node.folder, {})) as here, asyncio.timeout(PATIENCE):
            seen = 0
            while True:
                found = await here.store.read(lambda tx: by_id(objects.listing(tx, kind, theirs=True, limit=1000)))
                if enough(found):
                    return found
                seen = await here.store.changed(seen, LOOK_AGAIN)

    return asyncio.run(wait())


def invited(invitation: dict[str, str]) -> tuple[str, str, str]:
    return invitation["versions_url"], "--token", invitation["token"]


def test_which_of_our_parties_a_2_1_1_partner_sees(evmesh: Evmesh, nodes: tuple[Served, Served]) -> None:
    volt, driver = nodes
    invitation = evmesh("-C", volt.folder, "partner", "invite", "old", "--as", "CPO:NO:VLT", "--json").json
    connected = evmesh("-C", driver.folder, "partner", "connect", *invited(invitation), "--release", "2.1.1", "--json")
    assert [(r["role"], r["country_code"], r["party_id"]) for r in connected.json["roles"]] == [("CPO", "NO", "VLT")]
    name = connected.json["name"]
    assert evmesh("-C", driver.folder, "partner", "remove", name, "--quietly").status == 0
    gone = evmesh("-C", volt.folder, "partner", "remove", "old", "--json")
    assert gone.json["removed"] is True


def test_what_cannot_be_is_said_in_a_sentence(evmesh: Evmesh, nodes: tuple[Served, Served], tmp_path: Path) -> None:
    volt, driver = nodes
    at_volt, at_driver = ("-C", volt.folder, "partner"), ("-C", driver.folder, "partner")
    for command in ("show", "update", "rotate", "remove"):
        assert "there is no partner named nobody" in evmesh(*at_volt, command, "nobody").sentence
    assert (
        "token is not accepted"
        in evmesh(*at_driver, "connect", f"{volt.url}/ocpi/versions", "--token", "wrong").sentence
    )
    assert "no connection" in evmesh(*at_driver, "connect", "http://127.0.0.1:9/ocpi/versions", "--token", "x").sentence
    assert "not an absolute" in evmesh(*at_driver, "connect", "volt.example", "--token", "x").sentence
    invitation = evmesh(*at_volt, "invite", "late", "--json").json
    assert "has not registered yet" in evmesh(*at_volt, "rotate", "late").sentence
    too_old = evmesh(*at_driver, "connect", *invited(invitation), "--release", "2.0")
    assert "evmesh speaks" in too_old.misuse
    assert "ROLE:CC:PID" in evmesh(*at_volt, "invite", "x", "--as", "CPO:SE").misuse
    assert "is not ours" in evmesh(*at_volt, "invite", "x", "--as", "EMSP").sentence
    assert evmesh(*at_volt, "invite", " ").status == 1
    # A node that does not run cannot be called back.
    evmesh("-C", tmp_path / "idle", "init", "--url", "http://127.0.0.1:9", "--party", "EMSP:SE:IDL")
    idle = evmesh("-C", tmp_path / "idle", "partner", "connect", *invited(invitation))
    assert "is this node running" in idle.sentence
    assert evmesh(*at_volt, "remove", "late").status == 0
    # An address that the operator's policy forbids.
    private = evmesh(*at_driver, "connect", "http://10.1.2.3/ocpi/versions", "--token", "x")
    assert "10.1.2.3 is not a public address" in private.sentence


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_stops_cleanly(volt: Path, number: signal.Signals) -> None:
    program = [sys.executable, "-m", "evmesh", "-C", str(volt), "serve", "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert "answers" in child.stdout.readline()
        child.send_signal(number)
        assert child.wait(30) == 0
        assert child.stderr.read() == ""
