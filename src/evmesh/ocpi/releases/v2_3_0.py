"""2.3.0, edition 2, with Payments 1 and Bookings 1.1: the newest words, as the chapters declare them."""

from __future__ import annotations

from evmesh.ocpi.schema import Rules, newest

RULES: Rules = newest()
