"""Locust's own statistics, kept from lying about stages that take less than a millisecond."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import gevent
import locust.stats
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, CSVWriter, RequestStats, StatsCSV, StatsCSVFileWriter, StatsEntry

from harness.judge.validity.user_errors import Requests
from harness.swarm.users.client import FALLBACK, ROUTE
from harness.words.errors import printable
from harness.words.formulas import defused


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


def requests_of_operations(stats: RequestStats) -> int:
    """Return how many requests are operations; users of other kinds may fire requests of their own."""
    return sum(entry.num_requests for (_, method), entry in stats.entries.items() if method in (ROUTE, FALLBACK))


def requests_of_others(stats: RequestStats) -> dict[str, Requests]:
    """Return the requests that are no operations, by type and name, with their most frequent error."""
    errors: dict[tuple[str, str], tuple[int, str]] = {}
    for error in stats.errors.values():
        kind = error.method, error.name
        errors[kind] = max(errors.get(kind, (0, "")), (error.occurrences, _on_one_line(error.error)))
    return {
        _on_one_line(f"{method} {name}"): Requests(
            entry.num_requests, entry.num_failures, errors.get((method, name), (0, None))[1]
        )
        for (name, method), entry in stats.entries.items()
        if method not in (ROUTE, FALLBACK) and entry.num_requests
    }


def _on_one_line(text: object) -> str:
    return printable(" ".join(str(text).split()))[:_MESSAGE]


def raised_by_users(environment: Environment) -> dict[str, int]:
    """Return what tasks and listeners raised, in all processes, as Locust tells it: text with place -> how often."""
    if environment.runner is None:
        return {}
    raised: dict[str, int] = {}
    for error in environment.runner.exceptions.values():
        message = _on_one_line(error["msg"]) or "(no message)"
        places = _PLACE.findall(str(error["traceback"]))
        text = f"{message} ({Path(places[-1][0]).name}:{places[-1][1]})" if places else message
        raised[text] = raised.get(text, 0) + int(error["count"])
    return raised


_MESSAGE = 200  # characters of an error's message
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


def install_buckets() -> None:
    """Use ``bucket_response_time`` in this process, by the hook Locust documents for it."""
    locust.stats.bucket_response_time = bucket_response_time  # type: ignore[assignment]


class PreciseCsv(StatsCSV):
    """Locust's statistics as CSV, with percentiles not cut to whole milliseconds."""

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


class DownloadedCsv(PreciseCsv):
    """The same for people, who open it in a spreadsheet: none of its cells is a formula."""

    def requests_csv(self, csv_writer: CSVWriter) -> None:
        """Write statistics by route."""
        super().requests_csv(_Defusing(csv_writer))

    def failures_csv(self, csv_writer: CSVWriter) -> None:
        """Write errors."""
        super().failures_csv(_Defusing(csv_writer))

    def exceptions_csv(self, csv_writer: CSVWriter) -> None:
        """Write exceptions of user classes."""
        super().exceptions_csv(_Defusing(csv_writer))


def defused_rows(path: Path) -> Iterator[str]:
    """Yield the rows of a CSV file of Locust's as they are downloaded."""
    with path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
        for row in csv.reader(file):
            line = io.StringIO()
            _Defusing(csv.writer(line)).writerow(row)
            yield line.getvalue()


class _Defusing:
    """A CSV writer that defuses its texts."""

    def __init__(self, inner: CSVWriter) -> None:
        self._inner = inner

    def writerow(self, columns: Iterable[str | int | float]) -> None:
        self._inner.writerow([defused(cell) if isinstance(cell, str) else cell for cell in columns])


class RunCsvWriter(PreciseCsv, StatsCSVFileWriter):
    """Locust's four CSV files with full history; ``OSError`` where they cannot be written.

    Unlike Locust's own it keeps none of them open: a target that closes descriptors which are not its own
    (``os.closerange``) and then opens files would get these rows into them.
    """

    def __init__(self, environment: Environment, prefix: str) -> None:
        StatsCSVFileWriter.__init__(self, environment, PERCENTILES_TO_REPORT, prefix, full_history=True)
        self.close_files()
        self._history = Path(self.stats_history_file_name())
        self._has_header = False
        self._greenlet = gevent.spawn(self._write_until_it_fails)

    def _write_until_it_fails(self) -> None:
        with contextlib.suppress(OSError):  # ``finish`` meets and raises it again
            while True:
                self._write()
                gevent.sleep(locust.stats.CSV_STATS_INTERVAL_SEC)

    def _write(self, *, begun: bool = True) -> None:
        """Append a row of history, if the load has ``begun``, and write the other files anew."""
        with self._history.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if not self._has_header:
                writer.writerow(self.stats_history_csv_columns)
                self._has_header = True
            if begun:
                self._stats_history_data_rows(writer, time.time())
        for suffix, write in (
            ("_stats.csv", self.requests_csv),
            ("_failures.csv", self.failures_csv),
            ("_exceptions.csv", self.exceptions_csv),
        ):
            with Path(self.base_filepath + suffix).open("w", encoding="utf-8", newline="") as file:
                write(csv.writer(file))

    def finish(self) -> None:
        """Write the last state of all files."""
        self._greenlet.kill()
        self._write(begun=self._has_header)


def without_requests() -> Environment:
    """Return what the CSV writers need of an environment in which no request was sent."""
    nothing = SimpleNamespace(stats=RequestStats(), runner=SimpleNamespace(exceptions={}), shape_class=None)
    return cast(Environment, nothing)
