"""Who talks to whom in these tests: Volta, a CPO in Sweden, and an eMSP in the Netherlands."""

from typing import Any

from evmesh.ports import Partner

VOLTA = ("SE", "VLT")
EMSP = ("NL", "EMS")


def party_role(role: str, party: tuple[str, str]) -> dict[str, str]:
    return {"role": role, "country_code": party[0], "party_id": party[1]}


def emsp(**changes: Any) -> Partner:
    """An eMSP as Volta knows it."""
    fields: dict[str, Any] = {
        "id": 7,
        "name": "emsp",
        "status": "registered",
        "release": "2.2.1",
        "roles": [party_role("EMSP", EMSP)],
    }
    return Partner(**(fields | changes))


def cpo(url: str, **changes: Any) -> Partner:
    """Volta as the eMSP knows it, with endpoints below `url`."""
    endpoints = [
        {"identifier": module, "role": role, "url": f"{url}/{module}"}
        for module, role in (
            ("locations", "SENDER"),
            ("sessions", "SENDER"),
            ("tokens", "RECEIVER"),
            ("commands", "RECEIVER"),
            ("credentials", "SENDER"),
        )
    ]
    fields: dict[str, Any] = {
        "id": 8,
        "name": "volta",
        "status": "registered",
        "release": "2.2.1",
        "roles": [party_role("CPO", VOLTA)],
        "versions_url": f"{url}/versions",
        "endpoints": endpoints,
    }
    return Partner(**(fields | changes))
