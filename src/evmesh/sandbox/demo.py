"""The main job, shown: two platforms roam two real charges from end to end.

A CPO with a city of simulated stations and an eMSP with drivers run as two processes with databases of their own. They
are set up and moved by the same commands that anybody types; what happens between them is read from their databases as
it happens. Every step that fails ends the demo with a sentence and a nonzero status.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.markup import escape

from evmesh import config
from evmesh.base.clock import utc_now
from evmesh.ocpi import wire
from evmesh.ocpi.types import parse_timestamp
from evmesh.pricing.zones import time_zone
from evmesh.sandbox import city
from evmesh.stations.controls import key_of
from evmesh.store import objects
from evmesh.store.database import Store

SPEED = 90
"""Simulated seconds in a real one: half an hour of charging is over in twenty seconds."""
STEP_SECONDS = 45.0
CPO, EMSP = "volt", "driver"
BILLING = f"""
[billing]
time_zone = "Europe/Stockholm"

[billing.company]
name = "Volt AB"
street = "Elgatan 1"
postcode = "211 20"
city = "Malmö"
country = "SE"
vat_id = "SE556000000101"
endpoint = "5560000001"
endpoint_scheme = "0007"
iban = "SE4550000000058398257466"

[[billing.customer]]
partner = "{EMSP}"
name = "Driver AB"
street = "Storgatan 2"
postcode = "111 22"
city = "Stockholm"
country = "SE"
vat_id = "SE556000001901"
endpoint = "5560000019"
endpoint_scheme = "0007"
buyer_reference = "Roaming"

[[billing.vat]]
seller = "SE"
place = "SE"
category = "S"
rate = 25
"""


class DemoFailed(Exception):
    """A step did not do what it should; the sentence says which."""


@dataclass
class Demo:
    """One run in a folder of its own, with what it has started."""

    folder: Path
    console: Console
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def command(self, node: str, *arguments: str, shown: bool = True) -> str:
        """Runs one evmesh command in a node's folder; what it printed. DemoFailed when it failed."""
        if shown:
            self.console.print(
                f"[dim]$ evmesh -C {node} {shlex.join(arguments)}[/dim]", highlight=False, soft_wrap=True
            )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "evmesh", "-C", str(self.folder / node), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=self.environment,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), STEP_SECONDS)
        if process.returncode:
            raise DemoFailed(f"evmesh {' '.join(arguments[:2])}: {err.decode().strip() or out.decode().strip()}")
        return out.decode()

    async def start(self, node: str) -> None:
        """Starts a node and waits until it answers."""
        log = (self.folder / f"{node}.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "evmesh", "-C", str(self.folder / node), "serve", "--verbose",
            stdout=asyncio.subprocess.PIPE, stderr=log, env=self.environment, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), STEP_SECONDS)
        if not line:
            raise DemoFailed(f"{node} did not start; {self.folder / node}.log says why")
        self.say(node, line.decode().strip())

    async def stop(self) -> None:
        """Ends what was started, and waits until it is gone."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.processes:
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()

    def say(self, node: str, text: str) -> None:
        colour = {CPO: "cyan", EMSP: "magenta"}.get(node, "white")
        self.console.print(f"  [{colour}]{node:>6}[/{colour}]  {text}", highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]", soft_wrap=True)

    def settings(self, node: str) -> config.Settings:
        return config.load(self.folder / node, {})


def free_ports(first: int, second: int) -> tuple[int, int]:
    """The usual ports where they are free, others where they are not."""
    found = []
    for wanted in (first, second):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                probe.bind(("127.0.0.1", 0))
            found.append(int(probe.getsockname()[1]))
    return found[0], found[1]


async def run(
    folder: Path, console: Console, *, keep: bool = False, on_ready: Callable[[], None] | None = None
) -> None:
    """The whole demo in `folder`, which must be empty or absent. With `keep` both nodes are left running.

    DemoFailed when a step failed; nothing that was started runs on then.
    """
    demo = Demo(folder, console)
    try:
        await _run(demo)
    except BaseException:
        await demo.stop()
        raise
    if keep:
        pids = " ".join(str(process.pid) for process in demo.processes)
        console.print(f"\nBoth platforms go on. End them with: [bold]kill {pids}[/bold]")
    else:
        await demo.stop()
    _where_to_look(demo, keep)


async def _run(demo: Demo) -> None:
    demo.step("Two platforms: a charging operator and a service provider")
    cpo_port, emsp_port = free_ports(8100, 8200)
    await demo.command(
        CPO, "init", "--url", f"http://127.0.0.1:{cpo_port}", "--party", "CPO:SE:VLT", "--name", "Volt AB"
    )
    await demo.command(
        EMSP, "init", "--url", f"http://127.0.0.1:{emsp_port}", "--party", "EMSP:SE:DRV", "--name", "Driver AB"
    )
    _simulate(demo.folder / CPO)
    await asyncio.gather(demo.start(CPO), demo.start(EMSP))

    demo.step("The operator gets a city of charging places, with tariffs; each EVSE is a simulated station")
    await _city(demo)

    demo.step("They register with each other")
    invitation = json.loads(await demo.command(CPO, "partner", "invite", EMSP, "--json"))
    connect = ("partner", "connect", invitation["versions_url"], "--token", invitation["token"], "--name", CPO)
    demo.console.print(
        f"[dim]$ evmesh -C {EMSP} partner connect {invitation['versions_url']} --token … --name {CPO}[/dim]",
        highlight=False,
        soft_wrap=True,
    )
    demo.say(EMSP, (await demo.command(EMSP, *connect, shown=False)).strip())

    async with _stores(demo) as (cpo, emsp):
        places, tariffs = len(city.locations(("SE", "VLT"), utc_now())), 3
        await _until(
            demo, emsp, "the provider to pull all places and tariffs",
            lambda tx: len(objects.listing(tx, "locations", theirs=True)) == places
            and len(objects.listing(tx, "tariffs", theirs=True)) == tariffs,
        )  # fmt: skip
        demo.say(EMSP, f"holds {places} Locations and {tariffs} Tariffs of {CPO}")
        demo.step("The provider pushes its tokens")
        tokens = json.loads((demo.folder / "tokens.json").read_text())
        demo.say(EMSP, (await demo.command(EMSP, "import", "ocpi", "tokens", str(demo.folder / "tokens.json"))).strip())
        await _until(
            demo, cpo, "all tokens at the operator",
            lambda tx: len(objects.listing(tx, "tokens", theirs=True)) == len(tokens),
        )  # fmt: skip
        demo.say(CPO, f"holds {len(tokens)} Tokens of {EMSP}")

        watching = asyncio.create_task(_watch(demo, emsp))
        try:
            await _charges(demo, emsp, tokens)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        month = await _compare(demo, cpo, emsp)
    await _explain(demo)
    await _invoice(demo, month)


def _simulate(folder: Path) -> None:
    path = folder / config.FILE
    text = path.read_text()
    path.write_text(
        f"{text}\n[roaming]\nsession_update_every = 2.0\n\n[stations]\nsimulate = true\nspeed = {SPEED}\n{BILLING}"
    )


async def _city(demo: Demo) -> None:
    at, party = utc_now(), ("SE", "VLT")
    for kind, documents in (
        ("tariffs", city.tariffs(party, at)),
        ("locations", city.locations(party, at)),
        ("tokens", city.tokens(("SE", "DRV"), at)),
    ):
        (demo.folder / f"{kind}.json").write_bytes(wire.encode(documents))
    for kind in ("tariffs", "locations"):
        demo.say(CPO, (await demo.command(CPO, "import", "ocpi", kind, str(demo.folder / f"{kind}.json"))).strip())


@contextlib.asynccontextmanager
async def _stores(demo: Demo) -> AsyncIterator[tuple[Store, Store]]:
    """Both databases, to look into while the nodes run."""
    opened = [await Store.open((s := demo.settings(node)).database, s.secret_key) for node in (CPO, EMSP)]
    try:
        yield opened[0], opened[1]
    finally:
        for store in opened:
            await store.close()


async def _until(demo: Demo, store: Store, what: str, holds: Callable[[Any], bool]) -> None:
    change, patience = 0, asyncio.get_running_loop().time() + STEP_SECONDS
    while not await store.read(holds):
        left = patience - asyncio.get_running_loop().time()
        if left <= 0:
            raise DemoFailed(f"waited {STEP_SECONDS:.0f} s in vain for {what}")
        change = await store.changed(change, min(left, 5.0))


async def _charges(demo: Demo, emsp: Store, tokens: list[dict[str, Any]]) -> None:
    app = next(token for token in tokens if token["type"] == "APP_USER")
    card = next(token for token in tokens if token["type"] == "RFID" and token["valid"])
    blocked = next(token for token in tokens if not token["valid"])

    demo.step("A driver starts charging in the provider's app")
    start = ("command", "start-session", "--partner", CPO, "--location", "L001", "--evse", "E00101")
    demo.say(EMSP, (await demo.command(EMSP, *start, "--token", app["uid"])).strip())

    demo.step("Others hold a card to the reader of a station; the operator asks the provider in real time")
    refused = await _swipe(demo, "L004", "E00401", blocked["uid"])
    demo.say(CPO, f"card {blocked['visual_number']}: refused, {refused['reason']}")
    if refused["allowed"]:
        raise DemoFailed("a blocked card was allowed to charge")
    allowed = await _swipe(demo, "L004", "E00401", card["uid"])
    demo.say(
        CPO, f"card {card['visual_number']}: {'allowed' if allowed['allowed'] else 'refused, ' + allowed['reason']}"
    )
    if not allowed["allowed"]:
        raise DemoFailed("a good card was refused")

    demo.step(f"Energy flows, {SPEED} times as fast as outside; the provider sees each session as it goes")
    await _until(demo, emsp, "both charges to deliver energy", lambda tx: len(_flowing(tx)) == 2)
    running = await emsp.read(_flowing)
    first = next(session for session in running if session["cdr_token"]["type"] == "APP_USER")
    await asyncio.sleep(6)
    demo.step("The driver in the app has enough; the other one holds the card to the reader again")
    stop = ("command", "stop-session", "--partner", CPO, "--session", first["id"])
    demo.say(EMSP, (await demo.command(EMSP, *stop)).strip())
    await _swipe(demo, "L004", "E00401", card["uid"])
    await _until(demo, emsp, "the CDRs of both charges", lambda tx: len(objects.listing(tx, "cdrs", theirs=True)) == 2)


def _flowing(tx: Any) -> list[dict[str, Any]]:
    documents = [wire.decode(held.document) for held in objects.listing(tx, "sessions", theirs=True)]
    return [document for document in documents if document["kwh"] > 0]


async def _swipe(demo: Demo, location_id: str, evse_uid: str, uid: str) -> dict[str, Any]:
    settings = demo.settings(CPO)
    hand = {"location_id": location_id, "evse_uid": evse_uid, "uid": uid}
    headers = {"Authorization": f"Token {key_of(settings.secret_key)}"}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=STEP_SECONDS)) as client,
        client.post(f"{settings.url}/simulator/swipe", json=hand, headers=headers) as reply,
    ):
        answer: dict[str, Any] = await reply.json()
        if reply.status != 200:
            raise DemoFailed(f"the station at {evse_uid} does not answer: {answer}")
        return answer


async def _watch(demo: Demo, emsp: Store) -> None:
    """Tells of every Session and CDR as it arrives at the provider."""
    told: dict[int, int] = {}
    change = 0
    while True:
        for kind in ("sessions", "cdrs"):
            for held in await emsp.read(partial(objects.listing, kind=kind, theirs=True)):
                if told.get(held.seq) != held.change:
                    told[held.seq] = held.change
                    document = wire.decode(held.document)
                    demo.say(EMSP, _session(document) if kind == "sessions" else _cdr(document))
        change = await emsp.changed(change, 5.0)


def _session(session: dict[str, Any]) -> str:
    cost = session.get("total_cost") or {}
    amount = f", {cost['before_taxes']} {session['currency']} so far" if cost else ""
    who = session["cdr_token"]["uid"]
    return f"session {session['id'][:8]} of {who}: {session['status']}, {session['kwh']} kWh{amount}"


def _cdr(cdr: dict[str, Any]) -> str:
    cost = cdr["total_cost"]
    taxes = sum(tax["amount"] for tax in cost.get("taxes") or ())
    where = f"{cdr['cdr_location']['address']}, {cdr['cdr_location']['city']}"
    return (
        f"[bold]CDR[/bold] {cdr['id'][:8]}: {cdr['total_energy']} kWh at {where}, "
        f"{cost['before_taxes']} {cdr['currency']} and {taxes} VAT"
    )


async def _compare(demo: Demo, cpo: Store, emsp: Store) -> str:
    """Both sides must hold the same CDRs; the month in which they ended, where the cars stood."""
    theirs = {
        h.key: wire.decode(h.document) for h in await emsp.read(lambda tx: objects.listing(tx, "cdrs", theirs=True))
    }
    ours = {h.key: wire.decode(h.document) for h in await cpo.read(lambda tx: objects.listing(tx, "cdrs"))}
    if theirs != ours:
        raise DemoFailed("the CDRs of the two sides differ")
    demo.step("Both sides hold the same two CDRs")
    ends = [parse_timestamp(cdr["end_date_time"]) for cdr in ours.values()]
    return f"{max(ends).astimezone(time_zone('Europe/Stockholm')):%Y-%m}"


async def _explain(demo: Demo) -> None:
    """The provider has judged what it was charged; one of the CDRs line by line."""
    demo.step("The provider checks what it is charged, and explains it line by line; the simulated clock runs ahead")
    judged = json.loads(await demo.command(EMSP, "cdrs", "list", "--json", shown=False))
    wrong = [each["cdr"] for each in judged if each["verdict"] != "agrees"]
    if wrong:
        raise DemoFailed(f"these CDRs do not agree with their tariff: {', '.join(wrong)}")
    shown = await demo.command(EMSP, "cdrs", "show", judged[0]["cdr"])
    for line in filter(str.strip, shown.splitlines()):
        demo.say(EMSP, escape(line))


async def _invoice(demo: Demo, month: str) -> None:
    """The operator invoices the provider; the documents too where what writes them is installed."""
    demo.step("The operator invoices the provider")
    issued = json.loads(await demo.command(CPO, "invoice", "run", "--partner", EMSP, "--month", month, "--json"))
    if not issued["issued"]:
        raise DemoFailed("nothing was invoiced")
    for invoice in issued["issued"]:
        demo.say(
            CPO,
            f"invoice {invoice['number']}: {invoice['charges']} charges, {invoice['net']} {invoice['currency']} "
            f"and {invoice['tax']} VAT",
        )
        if not all(find_spec(name) for name in ("facturx", "saxonche", "typst")):
            demo.say(CPO, "PDF and UBL need the extras einvoice and pdf")
            continue
        for format, suffix in (("pdf", "pdf"), ("ubl", "xml")):
            file = demo.folder / f"{invoice['number']}.{suffix}"
            export = ("invoice", "export", invoice["number"], "--format", format, "--output", str(file))
            demo.say(CPO, (await demo.command(CPO, *export)).strip())


def _where_to_look(demo: Demo, keep: bool) -> None:
    lines = [
        f"evmesh -C {demo.folder / EMSP} list cdrs --theirs",
        f"evmesh -C {demo.folder / EMSP} cdrs list",
        f"evmesh -C {demo.folder / EMSP} list sessions",
        f"evmesh -C {demo.folder / CPO} partner show {EMSP}",
        f"evmesh -C {demo.folder / CPO} invoice list",
    ]
    if keep:
        lines.append(f"tail -f {demo.folder / CPO}.log")
    demo.console.print("\nWhere to look next:")
    for line in lines:
        demo.console.print(f"  {line}", highlight=False, soft_wrap=True)
