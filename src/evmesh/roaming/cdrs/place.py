"""The place of a charge as its CDR keeps it: a copy, taken when the charge begins. [mod_cdrs_cdr_location_class]

A CdrLocation never got the longer limits that a Location has: an address is cut at 45 characters, a state at 20.
An EVSE without a public id is told by its uid, which the class requires to be there.
"""

from __future__ import annotations

from evmesh.base.findings import Finding, pointer
from evmesh.ports import Document

MOST = {"address": 45, "state": 20}


def cdr_location(location: Document, evse: Document, connector: Document) -> tuple[Document, list[Finding]]:
    """The CdrLocation of a connector, and what had to be changed."""
    findings: list[Finding] = []
    copied = {name: location[name] for name in COPIED if location.get(name) is not None}
    for name, most in MOST.items():
        text = copied.get(name)
        if text is not None and len(text) > most:
            copied[name] = text[:most].rstrip()
            findings.append(Finding("info", "cut", pointer("cdr_location", name), f"cut to {most} characters"))
    if not evse.get("evse_id"):
        message = f"{evse['uid']} has no evse_id: its uid stands there"
        findings.append(Finding("info", "said_otherwise", pointer("cdr_location", "evse_id"), message))
    copied |= {
        "evse_uid": evse["uid"],
        "evse_id": evse.get("evse_id") or evse["uid"],
        "connector_id": connector["id"],
        "connector_standard": connector["standard"],
        "connector_format": connector["format"],
        "connector_power_type": connector["power_type"],
    }
    return copied, findings


COPIED = ("id", "name", "address", "city", "postal_code", "state", "country", "coordinates")
