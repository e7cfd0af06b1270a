"""Which role is Sender or Receiver of which module. [introduction_modules] [types_role_enum]

A platform offers, on each connection, the interfaces of the roles that its parties play.
"""

from __future__ import annotations

SENDERS: dict[str, tuple[str, ...]] = {
    "locations": ("CPO", "HUB", "NAP"),
    "sessions": ("CPO", "HUB"),
    "cdrs": ("CPO", "HUB"),
    "tariffs": ("CPO", "HUB", "NAP"),
    "tokens": ("EMSP", "HUB"),
    "commands": ("EMSP", "HUB", "PTP"),
    "chargingprofiles": ("SCSP", "EMSP", "HUB"),
    "hubclientinfo": ("HUB",),
    "invoicereconciliation": ("CPO", "EMSP"),
    "payments": ("PTP",),
    "bookings": ("CPO",),
}
RECEIVERS: dict[str, tuple[str, ...]] = {
    "locations": ("EMSP", "HUB", "NSP", "NAP", "PTP"),
    "sessions": ("EMSP", "HUB", "SCSP", "PTP"),
    "cdrs": ("EMSP", "HUB", "PTP"),
    "tariffs": ("EMSP", "HUB", "NSP", "NAP", "PTP"),
    "tokens": ("CPO", "HUB"),
    "commands": ("CPO", "HUB"),
    "chargingprofiles": ("CPO", "HUB"),
    "hubclientinfo": ("CPO", "EMSP", "NSP", "NAP", "SCSP"),
    "invoicereconciliation": ("EMSP", "CPO"),
    "payments": ("CPO",),
    "bookings": ("EMSP",),
}
OPPOSITE = {"CPO": "EMSP", "EMSP": "CPO"}
"""In 2.1.1 a connection has a CPO at one end and an eMSP at the other."""


def interfaces(role: str) -> list[tuple[str, str]]:
    """(module, SENDER or RECEIVER) of everything that a role implements."""
    return [(m, "SENDER") for m, roles in SENDERS.items() if role in roles] + [
        (m, "RECEIVER") for m, roles in RECEIVERS.items() if role in roles
    ]
