"""Locust's own statistics, kept from lying about stages that take less than a millisecond."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path

import gevent
import locust.stats
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter, StatsEntry


def bucket_response_time(response_time: float) -> float:
    """Round a response time in milliseconds to three significant digits, and to no less than 1 µs.

    Locust's own rounds to whole milliseconds below 100 ms, which reports 0.223 ms as 0. Between 1 µs and a minute
    there are at most 5,400 keys; a worker's report grows by about 12 bytes for each one in use.
    """
    if response_time == _last[0]:  # Locust asks twice for each request: for its own entry, and for the total
        return _last[1]
    if response_time < 1:
        rounded = round(response_time, 3)
    elif response_time < 10:
        rounded = round(response_time, 2)
    elif response_time < 100:
        rounded = round(response_time, 1)
    else:
        rounded = round(response_time, 2 - math.floor(math.log10(response_time)))
    _last[:] = response_time, rounded
    return rounded


_last = [-1.0, 0.0]  # response time, and what it was rounded to


def install_buckets() -> None:
    """Use ``bucket_response_time`` in this process, by the hook Locust documents for it."""
    locust.stats.bucket_response_time = bucket_response_time  # type: ignore[assignment]


class RunCsvWriter(StatsCSVFileWriter):
    """Locust's four CSV files with full history, with percentiles not cut to whole milliseconds."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        super().__init__(environment, PERCENTILES_TO_REPORT, prefix, full_history=True)
        self._greenlet = gevent.spawn(self.stats_writer)

    def _percentile_fields(  # type: ignore[override]  # upstream cuts to int
        self, stats_entry: StatsEntry, use_current: bool = False
    ) -> list[str] | list[int] | list[float]:
        if not stats_entry.num_requests:
            return self.percentiles_na
        if use_current and stats_entry.use_response_times_cache:
            current = stats_entry.get_current_response_time_percentile
            measured = [current(percent) for percent in self.percentiles_to_report]
            return [value for value in measured if value] if all(measured) else self.percentiles_na
        return [stats_entry.get_response_time_percentile(percent) for percent in self.percentiles_to_report]

    def finish(self) -> None:
        """Write the last state of all files, and close them."""
        self._greenlet.kill()
        if self.stats_history_csv_filehandle.tell():
            self._stats_history_data_rows(self.stats_history_csv_writer, time.time())
        self.close_files()
        for suffix, write in (
            ("_stats.csv", self.requests_csv),
            ("_failures.csv", self.failures_csv),
            ("_exceptions.csv", self.exceptions_csv),
        ):
            with Path(self.base_filepath + suffix).open("w", encoding="utf-8", newline="") as file:
                write(csv.writer(file))
