"""Real charging sessions through a CPO to an eMSP: how many a second, and does each arrive as one CDR?

    python -m bench.replay_sessions --charge-points irve-statique.json.gz --sessions irve-dynamique-sessions.json.gz

Two platforms, each with its own database: the eMSP is a process of its own, the CPO runs here. The CPO takes in the
register's charge points; they register with each other; each session is told as a station would tell it (a card is
held to the reader, energy flows, it stops), with a card of the eMSP that need not be asked for; the CDRs travel over
HTTP. Then both sides are compared. Before that, the eMSP pulls the charge points, which is timed as well. What cannot
be charged is counted and listed: at charge points without a plug, ending before they start, identical twins of
another.

Exit status 1 when a CDR is missing, is there twice, or holds another energy.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import Progress

from evmesh import config
from evmesh.base.clock import utc_now
from evmesh.ocpi import wire
from evmesh.opendata import irve
from evmesh.platform import Running, opened, serve
from evmesh.ports import MeterValue, Place
from evmesh.roaming import importing, partners
from evmesh.roaming.node import Node
from evmesh.roaming.sessions.meter import Meter
from evmesh.sandbox import city
from evmesh.store import deliveries, objects
from evmesh.store.database import Store

console = Console(stderr=True)
AT_ONCE = 64
CARDS = 2000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def node(folder: Path, party: str) -> config.Settings:
    role = party.split(":")[0]
    url = f"http://127.0.0.1:{free_port()}"
    config.write(folder, url=url, parties=[config.parse_party(party)], name=f"{role} of the replay", database=None)
    return config.load(folder)


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """The node of this folder as a process of its own; its number."""
    process = subprocess.Popen(
        [sys.executable, "-m", "evmesh", "-C", str(folder), "serve"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        raise SystemExit("the eMSP did not start")
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far; on Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def cards(settings: config.Settings) -> list[str]:
    """Cards of the eMSP that charge without being asked for; their uids."""
    party = settings.parties[0].party
    documents = [
        {**token, "whitelist": "ALWAYS", "valid": True}
        for token in city.tokens(party, utc_now(), count=CARDS)
        if token["type"] == "RFID"
    ]
    async with opened(settings) as emsp:
        taken = (importing.Candidate("", document) for document in documents)
        await importing.take(emsp, "tokens", taken)
    return [str(document["uid"]) for document in documents]


async def replay(
    cpo: Node, sessions: list[irve.ReplayedSession], places: dict[str, Place], uids: list[str]
) -> dict[str, irve.ReplayedSession]:
    """Tells each session as its station would; what is charged, by our session id. One charge point does one thing
    after the other, different ones do theirs at once."""
    queues: dict[str, list[irve.ReplayedSession]] = defaultdict(list)
    for session in sessions:
        queues[session.evse_uid].append(session)
    waiting = iter(queues.items())
    charged: dict[str, irve.ReplayedSession] = {}
    meter = Meter(cpo)

    async def station(number: int, progress: Progress, bar: object) -> None:
        for evse_uid, queue in waiting:
            for session in sorted(queue, key=lambda s: (s.start, s.end)):
                uid = uids[hash(session.id) % len(uids)]
                allowed = await meter.authorise(places[evse_uid], uid, "RFID")
                if allowed.session_id is None:
                    raise SystemExit(f"the card {uid} was refused at {evse_uid}: {allowed.reason}")
                await meter.started(allowed.session_id, places[evse_uid], session.start, None)
                end = MeterValue(session.end, session.energy_kwh, Decimal(0), charging=False)
                await meter.stopped(allowed.session_id, end, None)
                charged[allowed.session_id] = session
                progress.advance(bar)  # type: ignore[arg-type]

    with Progress(console=console) as progress:
        bar = progress.add_task("sessions", total=len(sessions))
        await asyncio.gather(*(station(number, progress, bar) for number in range(AT_ONCE)))
    return charged


async def arrived(store: Store, kind: str, count: int) -> None:
    """Until so many objects of a kind are held."""
    while sum(n for (of_kind, _), n in (await store.read(objects.counts)).items() if of_kind == kind) < count:
        await asyncio.sleep(0.1)


async def drained(store: Store) -> None:
    """Until nothing is left to deliver."""
    while any(count.waiting + count.trying for count in (await store.read(deliveries.counts)).values()):
        await asyncio.sleep(0.1)


async def compare(settings: config.Settings, charged: dict[str, irve.ReplayedSession]) -> Counter[str]:
    """Every CDR that the eMSP holds against what was charged."""
    found: Counter[str] = Counter()
    store = await Store.open(settings.database, settings.secret_key)
    seen: Counter[str] = Counter()
    after = 0
    while held := await store.read(
        lambda tx, after=after: objects.listing(tx, "cdrs", theirs=True, after_seq=after, limit=1000)
    ):
        after = held[-1].seq
        for each in held:
            cdr = wire.decode(each.document)
            seen[cdr["session_id"]] += 1
            session = charged.get(cdr["session_id"])
            if session is None:
                found["unknown"] += 1
            elif Decimal(cdr["total_energy"]) != session.energy_kwh:
                found["another energy"] += 1
                console.print(f"{session.id}: {cdr['total_energy']} kWh in the CDR, {session.energy_kwh} charged")
            else:
                found["right"] += 1
    await store.close()
    found["missing"] = sum(1 for session_id in charged if not seen[session_id])
    found["twice"] = sum(1 for count in seen.values() if count > 1)
    return found


async def run(arguments: argparse.Namespace, folder: Path) -> int:
    cpo_settings, emsp_settings = node(folder / "cpo", "CPO:FR:VLT"), node(folder / "emsp", "EMSP:FR:DRV")
    uids = await cards(emsp_settings)
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(cpo_settings, ready=ready.set_result))
    with running(folder / "emsp") as emsp_pid:
        cpo_running = await ready
        cpo = cpo_running.node
        rows = [wire.decode(body) for _, body in importing.items(arguments.charge_points.read_bytes())]
        country_code, party_id = cpo.parties[0].party
        began = time.perf_counter()
        converted = irve.locations(rows, country_code=country_code, party_id=party_id, now=utc_now())
        documents = [each.document for each in converted if each.document is not None]
        await importing.take(cpo, "locations", (importing.Candidate("", document) for document in documents))
        console.print(f"{len(documents)} Locations taken in, in {time.perf_counter() - began:.1f} s")
        places = {
            evse["uid"]: Place(country_code, party_id, document["id"], evse["uid"], evse["connectors"][0]["id"])
            for document in documents
            for evse in document["evses"]
        }
        invitation = await partners.invite(cpo, "emsp")
        async with opened(emsp_settings) as emsp:
            await partners.connect(emsp, invitation.versions_url, invitation.token, name="cpo")
        began = time.perf_counter()
        held_by_emsp = await Store.open(emsp_settings.database, emsp_settings.secret_key)
        await arrived(held_by_emsp, "locations", len(documents))
        await held_by_emsp.close()
        console.print(f"{len(documents)} Locations pulled, in {time.perf_counter() - began:.1f} s")
        await arrived(cpo.store, "tokens", len(uids))

        left_out: Counter[str] = Counter()
        sessions = []
        bodies = importing.items(arguments.sessions.read_bytes())
        for session in irve.sessions(wire.decode(body) for _, body in bodies):
            if isinstance(session, irve.UnreadableSession):
                left_out["unreadable"] += 1
            elif session.refused is not None:
                left_out[session.refused] += 1
            elif session.evse_uid not in places:
                left_out["no_plug_or_unknown_charge_point"] += 1
            else:
                sessions.append(session)
            if arguments.limit and len(sessions) == arguments.limit:
                break
        cpu_before = time.process_time(), cpu_seconds(emsp_pid)
        began = time.perf_counter()
        charged = await replay(cpo, sessions, places, uids)
        told = time.perf_counter() - began
        await drained(cpo.store)
        took = time.perf_counter() - began
        cpu = time.process_time() - cpu_before[0], cpu_seconds(emsp_pid) - cpu_before[1]
        found = await compare(emsp_settings, charged)
        cpo_running.stop()
        await serving
    print(f"{len(sessions)} sessions charged; left out: {dict(left_out) or 'none'}")
    print(f"{len(sessions) / told:.0f} sessions a second through the CPO, {len(sessions) / took:.0f} until the eMSP")
    at_cpo, at_emsp = (1000 * seconds / len(sessions) for seconds in cpu)
    print(f"CPU: {at_cpo:.2f} ms a session at the CPO, {at_emsp:.2f} ms at the eMSP")
    print(
        "at the eMSP: " + ", ".join(f"{found[name]} {name}" for name in ("right", "missing", "twice", "another energy"))
    )
    return 0 if found["right"] == len(sessions) and not found["twice"] else 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--charge-points", type=Path, required=True)
    parser.add_argument("--sessions", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="only so many sessions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(uvloop.run(run(arguments, Path(folder))))


if __name__ == "__main__":
    main()
