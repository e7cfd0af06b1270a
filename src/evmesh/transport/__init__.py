"""How requests travel: the server partners call, the client that calls them, and the delivery of what they lack.

`server` and `client` meet the rest of the house through `ports` only; `platform.py` joins them.
"""
