"""Messages between master and workers, over Locust's own connection."""

from __future__ import annotations

RUN = "routeswarm_run"
"""Name under which a master adds its run to the options that go out with every spawn message.

run_id; workers, how many; sharers, the indexes of those among whom schedules are shared out; open_loop, the names of the
user classes whose schedules are.
"""

HELLO = "routeswarm-hello"
"""Worker to master, when it joins a run: what it is (``manifest.about_this_process``)."""

FINISH = "routeswarm-finish"
"""Master to worker: stop the users and report for the last time. Locust's own quit leaves half a second for that."""

REFUSED = "routeswarm-refused"
"""Worker to master: it cannot use the inputs; worker, error."""

DELTA = "routeswarm"
"""Key of a ``Delta`` in Locust's own statistics report, so that both are always of the same operations."""
