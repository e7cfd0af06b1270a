"""The life of a command, on both sides. What is in the database is all there is: no command lives in memory.

Received by us, a CPO:

    state      event      then
    accepted   ask        asked       the station is being asked
    accepted   expire     answered    nobody came to ask it in time (a restart): TIMEOUT
    asked      answer     answered    the station's outcome is known, and is about to be told
    asked      abandon    answered    the node died meanwhile: FAILED, or TIMEOUT if the time is over
    answered   arrive     told        the eMSP has the result
    answered   fail       untold      it has not, or may not; a result is never sent twice

A command that was refused at once is kept as `refused` and gets no result. [mod_commands_commandresponse_object]

Sent by us, an eMSP:

    state      event      then
    sending    accept     waiting     the CPO accepted; the result comes at our response URL
    sending    refuse     refused
    sending    fail       failed      no answer, or none that says anything: it may have arrived all the same
    sending    result     answered    the result came before the answer to the command
    waiting    result     answered
    waiting    expire     timed_out
    timed_out  result     late
    failed     result     late
    answered   withdraw   withdrawn   a reservation: the CPO cancels it, at the same response URL
    late       withdraw   withdrawn
"""

from __future__ import annotations

RECEIVED = {
    ("accepted", "ask"): "asked",
    ("accepted", "expire"): "answered",
    ("asked", "answer"): "answered",
    ("asked", "abandon"): "answered",
    ("answered", "arrive"): "told",
    ("answered", "fail"): "untold",
}

SENT = {
    ("sending", "accept"): "waiting",
    ("sending", "refuse"): "refused",
    ("sending", "fail"): "failed",
    ("sending", "result"): "answered",
    ("waiting", "result"): "answered",
    ("waiting", "expire"): "timed_out",
    ("timed_out", "result"): "late",
    ("failed", "result"): "late",
    ("answered", "withdraw"): "withdrawn",
    ("late", "withdraw"): "withdrawn",
}

UNDER_WAY = ("sending", "waiting")
"""A sent command that may still get its result in time."""
