"""Typed decoders and views are first needed by several threads at once: the readers of a store.

A fault here ends the whole process, so it is looked for in one of its own.
"""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys, threading
from evmesh.ocpi import schema
from evmesh.ocpi.locations import Location
from evmesh.ocpi.releases import RELEASES

MOMENT = "2026-03-01T12:00:00Z"
CONNECTOR = {
    "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "DC", "max_voltage": 400,
    "max_amperage": 32, "last_updated": MOMENT,
}
EVSE = {"uid": "1", "status": "AVAILABLE", "connectors": [CONNECTOR], "last_updated": MOMENT}
LOCATION = {
    "country_code": "SE", "party_id": "VLT", "id": "L", "publish": True, "address": "Quay 1", "city": "Uppsala",
    "country": "SWE", "coordinates": {"latitude": "59.85800", "longitude": "17.63900"}, "evses": [EVSE],
    "time_zone": "Europe/Stockholm", "last_updated": MOMENT,
}
TEXT = json.dumps(LOCATION).encode()
failures = []

def at_once(work):
    gate = threading.Barrier(6)
    def run():
        gate.wait()
        try:
            work()
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=run) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

sys.setswitchinterval(1e-6)
for _ in range(20):
    fresh = schema.Checkers(RELEASES["2.2.1"].rules, True)
    at_once(lambda: fresh.decoder("Location", plain=True, sending=True).decode(TEXT))
    schema._laxes.clear()
    at_once(lambda: schema.view(Location, LOCATION))
sys.exit(f"{len(failures)} failed: {failures[0]}" if failures else 0)
"""


def test_threads_may_need_the_same_type_at_the_same_time(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
