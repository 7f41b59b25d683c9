"""Messages between master and workers, over Locust's own connection."""

from __future__ import annotations

from typing import TypedDict

RUN = "routeswarm_run"
"""Name under which a master adds its run to the options that go out with every spawn message.

run_id; workers, how many; sharers, the indexes of those among whom indices of operations are shared out; open_loop,
the names of the user classes with a schedule; began_ns, the Unix time of the master from which the seconds of the run
count.
"""

USERS = "routeswarm-users"
"""Master to worker, every second of a run with a fault that waits for them: users, those of the whole run."""

BEGIN = "routeswarm-begin"
"""Master to workers, when all users are there: run_id; zero_ns and sharers of a ``Partition``."""

HELLO = "routeswarm-hello"
"""Worker to master, when it joins a run: what it is (``manifest.about_this_process``)."""

FINISH = "routeswarm-finish"
"""Master to worker: stop the users and report for the last time. Locust's own quit leaves half a second for that."""

ACK = "routeswarm-ack"
"""Master to worker, an ``Answer``: a delta is merged and on disk, or could not be written."""

REFUSED = "routeswarm-refused"
"""Worker to master: it cannot use the inputs; worker, error."""

DELTA = "routeswarm"
"""Key of a ``Delta`` in Locust's own statistics report, so that both are always of the same operations."""

SENT = "routeswarm_sent"
"""Key of the time at which a report left its worker (nanoseconds since the Unix epoch by the worker's clock)."""


class Answer(TypedDict):
    """What a master answers: to a delta when it is kept, to HELLO at once. Times in ns since the Unix epoch."""

    run_id: str
    seq: int | None  # of the delta; None for HELLO
    kept: bool  # whether its history is on disk
    sent_ns: int  # as the worker gave it
    received_ns: int  # by the master's clock, as the next
    answered_ns: int
