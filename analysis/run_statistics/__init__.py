"""What a run measured, each statistic computed once and when first asked for.

The report, the commands, ``export`` and the notebooks all take their numbers from here: one computation of each. Times
count from ``clock_s``, the begin of the load, as in the terminal and in a fault plan.

Statistics over time start from the series without the labels they do not use (``statistics.condensing``), those over
operations from the columns and rows they need: ten million operations fit into the memory of a laptop.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from analysis.run_statistics.latency import OfLatency
from analysis.run_statistics.load import OfLoad
from analysis.run_statistics.routing import OfRouting

__all__ = ["Measured"]


class Measured(OfLoad, OfLatency, OfRouting):
    """The statistics of one run."""

    @contextmanager
    def reading_ahead(self) -> Iterator[None]:
        """Read what plots need of the history on the other core meanwhile; who asks earlier waits for it.

        What goes wrong is raised where it is asked for.
        """
        with ThreadPoolExecutor(max_workers=1) as pool:
            if not self.run.plain:
                self._ahead = {"tail": pool.submit(self._read_tail)}
            if not self.run.plain and not self.judged:
                self._ahead["fallen"] = pool.submit(self._read_fallen)
            yield
