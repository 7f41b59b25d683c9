"""Every table of a run directory: its columns, in the order of the file.

Rows that are records declare theirs at their own fields (``words.operation``, ``words.fault_row``), the others here.
Writers, readers, frames, the tables of ``docs/definitions.md`` and synthetic runs derive from these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from harness.words.column import LATEST_S, Column, columns_of_record
from harness.words.fault_row import FaultRow
from harness.words.operation import Attempt, Call, Edge, Injection, Operation, Span

RECORDS: Mapping[str, type[NamedTuple]] = {
    "operations": Operation,
    "spans": Span,
    "attempts": Attempt,
    "injections": Injection,
    "calls": Call,
    "edges": Edge,
}
"""What a row of each table of ``history/`` is while the run goes."""

HISTORY: Mapping[str, tuple[Column, ...]] = {table: columns_of_record(record) for table, record in RECORDS.items()}
"""Tables of ``history/``; its ``baseline`` has the columns of ``operations``."""

OF_PROCESS = ("calls", "edges")
"""Tables whose rows name their worker neither themselves nor in an id: the names of their parts do."""


def _ms(name: str, meaning: str, *, nullable: bool = False, least: float = 0) -> Column:
    return Column(name, "float64", meaning, "ms", nullable, least=least)


def _hdr(name: str, of: str, *, nullable: bool = False) -> Column:
    return Column(name, "text", f"{of}: base64 HdrHistogram", "µs", nullable)


def _count(name: str, meaning: str, *, nullable: bool = False, most: float = math.inf) -> Column:
    return Column(name, "int64", meaning, "", nullable, most=most)


def _clock(name: str, meaning: str, least: float = 0) -> tuple[Column, Column]:
    summed = _ms(f"{name}_sum_ms", f"{meaning}: added up", nullable=True, least=least)
    return summed, _hdr(f"{name}_hdr", meaning, nullable=True)


SECOND = Column("second", "int64", "Unix second", "s", most=LATEST_S)

SERIES = (
    SECOND._replace(meaning="Unix second in which the outcome was known"),
    Column("user_class", "text", "class of the users"),
    _count("priority", "0 to 9, 9 most urgent", most=9),
    Column("expected_route", "text", "golden route of the corpus", nullable=True),
    Column(
        "route",
        "text",
        "the decided route; (other) beyond the first 200, (stopped) where the run's end cut it off",
        nullable=True,
    ),
    _count("tier", "0 is the primary route, 1, 2, ... are fallbacks"),
    Column("outcome", "text", "ok, failed, cancelled, timeout or shed"),
    _count("count", "operations"),
    _ms("sum_ms", "their response times added up"),
    _ms("min_ms", "shortest response time"),
    _ms("p50_ms", "50th percentile of the response time", nullable=True),
    _ms("p90_ms", "90th percentile of the response time", nullable=True),
    _ms("p95_ms", "95th percentile of the response time", nullable=True),
    _ms("p99_ms", "99th percentile of the response time", nullable=True),
    _ms("p999_ms", "99.9th percentile of the response time", nullable=True),
    _ms("max_ms", "longest response time"),
    _count("users", "concurrent users in that second, of the whole run", nullable=True),
    _hdr("hdr", "response times"),
    *_clock("service", "first stage entered to outcome"),
    *_clock("queue", "handed to the loop to first stage entered"),
    # An operation may be started before its intended start.
    *_clock("lag", "intended start to handed over, and outcome to the user running again", least=-math.inf),
)
"""``series.csv``: one row per second in which outcomes were known, and per set of labels."""

VITALS = (
    SECOND,
    _count("worker", "the loading process"),
    _count("users", "users of RouteUser classes that ran at the end of the second; none while stopped", nullable=True),
    _count("gc_count", "pauses of the garbage collector"),
    _ms("wall_ms", "how much of the second the row saw: steps, idle and the rest (Locust's greenlets, recording)"),
    _ms("cpu_ms", "CPU time of the process, all threads"),
    _ms("steps_ms", "steps of the target ran"),
    _ms("idle_ms", "nothing was to be done"),
    _ms("waited_ms", "ready to run, but without a processor; none where the system does not say", nullable=True),
    _ms("gc_ms", "pauses of the collector added up"),
    _ms("gc_max_ms", "the longest of them"),
    _ms("gc_outside_ms", "those that began outside steps of the target"),
    _ms("lag_mean_ms", "how late probes of the loop fired, on average", nullable=True),
    _ms("lag_max_ms", "how late the latest of them fired"),
    _ms("lag_max_steps_ms", "the part of it in steps of the target"),
    _hdr("lag_hdr", "how late probes fired"),
    _hdr("lag_own_hdr", "the harness's own part of that"),
    _hdr("lag_rest_hdr", "all of that but steps of the target"),
)
"""``vitals.csv``: one row per second and loading process."""

ARRIVALS = (
    SECOND,
    _count("due", "arrivals that the schedules had in this second"),
    _count("not_delivered", "those of them that were not sent"),
)
"""``arrivals.csv``: one row per second, where a schedule had something due."""


FAULTS = columns_of_record(FaultRow)
"""``faults.csv``: one row per window of a fault."""

CSV: Mapping[str, tuple[Column, ...]] = {"series": SERIES, "vitals": VITALS, "arrivals": ARRIVALS, "faults": FAULTS}
"""The CSV files that are RouteSwarm's own."""
