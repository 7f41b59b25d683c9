"""What statistics of a run share: its clock, its series without the labels they do not use, its windows of faults."""

from __future__ import annotations

from concurrent.futures import Future
from functools import cached_property
from typing import Any

import pandas as pd

from analysis import statistics
from analysis.clock import load_began
from analysis.files.documents import Totals
from analysis.run import Run
from analysis.statistics.faults.judged_windows import judged_windows
from harness.words.operation import STOPPED_ROUTE

OVER_TIME = ("second", "users", "route", "outcome", "tier")
TIMES = ("elapsed_s", "elapsed_to_s", "start_s", "end_s", "first_fallback_s", "recovered_s")
"""Columns of statistics with seconds of the run."""


class Shared:
    """What the statistics of one run are made from."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._ahead: dict[str, Future[Any]] = {}

    @cached_property
    def clock_s(self) -> float:
        """The Unix second that times count from: when the load began (see ``clock.load_began``)."""
        return load_began(self.run)

    def _timed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame whose times count from the first second of the series with them counted from ``clock_s``."""
        first = self.run.series["second"].min()
        shift = 0.0 if pd.isna(first) else int(first) - self.clock_s
        return frame.assign(**{name: frame[name] + shift for name in TIMES if name in frame}) if shift else frame

    @cached_property
    def series(self) -> pd.DataFrame:
        """The series by second, users, outcome and tier; of routes it tells the one of stopped operations alone."""
        whole = self.run.series
        stopped = whole["route"].where(whole["route"] == STOPPED_ROUTE, "")
        return statistics.condensed(whole.assign(route=stopped), OVER_TIME)

    @cached_property
    def by_priority(self) -> pd.DataFrame:
        """The series by priority, outcome and tier, of the response time alone."""
        return statistics.condensed(self.run.series, ("priority", "outcome", "tier"), clocks=("response",))

    @cached_property
    def totals(self) -> Totals | None:
        """The totals of the verdict, None where the run was not judged."""
        return self.run.verdict.totals if self.run.verdict is not None else None

    @property
    def judged(self) -> bool:
        """Whether ``faults.csv`` says what the run's windows of faults came to."""
        return len(self.run.faults) > 0 and bool(self.run.faults["start_ns"].notna().all())

    @cached_property
    def windows(self) -> pd.DataFrame:
        """The windows of faults as they were judged; of a run that was not, those that its processes wrote down."""
        if self.judged:
            return judged_windows(self.run.faults)
        return statistics.fault_windows(self.run.edges, self.run.injections)

    @cached_property
    def ended(self) -> pd.DataFrame:
        """When the outcome of each operation was known, which it was and on what tier."""
        return self.run.read("operations", ["end_ns", "tier", "outcome"])
