"""evmesh, an OCPI platform for EV roaming.

This module stays almost empty on purpose: importing `evmesh` must cost nothing, because the command line
imports it before it knows what was asked.
"""

__version__ = "0.1.0"
