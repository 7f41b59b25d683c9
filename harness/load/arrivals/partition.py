"""How the arrivals of a run are shared out over its workers, and what of them a lost worker leaves undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.load.arrivals.schedules import Schedule
from harness.load.arrivals.share import Arrivals, Counts, Share
from harness.words.clock import Epoch


@dataclass(frozen=True, slots=True)
class Partition:
    """When the schedules of a run begin, and who takes part in which.

    Args:
        zero_ns: time zero of all schedules, in nanoseconds since the Unix epoch by the master's clock.
        sharers: name of an open-loop user class -> indexes of the workers among whom its schedule is shared out.

    """

    zero_ns: int
    sharers: Mapping[str, Sequence[int]]

    def shares_of(self, worker: int) -> dict[str, Share]:
        """Return a worker's share of each schedule of which it has one."""
        mine = {name: workers for name, workers in self.sharers.items() if worker in workers}
        return {name: Share(workers.index(worker), len(workers)) for name, workers in mine.items()}

    def undone(self, schedules: Mapping[str, Schedule], worker: int, heard_ns: int | None, stop_ns: int) -> Counts:
        """Return what was due of a worker's shares after it was last heard of, as not delivered.

        ``heard_ns`` (None: never) and ``stop_ns``, when the run was told to stop, are of the master's clock.
        """
        heard_ns = self.zero_ns - 1 if heard_ns is None else heard_ns
        total: Counts = {}
        for name, share in self.shares_of(worker).items():
            arrivals = Arrivals(schedules[name], share, Epoch(0))
            arrivals.begin(self.zero_ns)
            arrivals.skip(heard_ns + 1)
            arrivals.counts(heard_ns)  # what it counted itself
            arrivals.end(max(stop_ns, heard_ns))
            for second, (due, not_delivered) in arrivals.counts(stop_ns).items():
                counts = total.setdefault(second, [0, 0])
                counts[0] += due
                counts[1] += not_delivered
        return total
