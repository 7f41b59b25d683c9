"""The columns of a run's frames: what each means, its unit, and its type in pandas.

``int..`` have a value in every row; ``Int64`` is ``<NA>`` and ``float..`` NaN where there is no value. ``category`` is
text with sorted categories, missing where there is no value; ``str`` is text, empty where there is no value. All
``_ns`` are nanoseconds since the Unix epoch. RouteSwarm's own tables are declared in ``harness.words.schema``, Locust's
here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from harness.words import schema
from harness.words.column import LATEST_S
from harness.words.column import Column as Declared

Type = Literal["int8", "int16", "int32", "int64", "Int64", "float32", "float64", "category", "str"]


class Column(NamedTuple):
    """One column of a frame. Numbers lie between ``least`` and ``most``."""

    name: str
    type: Type
    unit: str
    meaning: str
    least: float = 0
    most: float = math.inf


def _ns(name: str, meaning: str, kind: Type = "int64") -> Column:
    return Column(name, kind, "ns", meaning)


def _label(name: str, meaning: str) -> Column:
    return Column(name, "category", "", meaning)


def _count(name: str, meaning: str, kind: Type = "int64") -> Column:
    return Column(name, kind, "", meaning)


def _frame(columns: Sequence[Declared], texts: Type = "category", absent: Type = "Int64") -> tuple[Column, ...]:
    """Return the columns of a frame: ``texts`` and whole numbers that may be ``absent`` in these types."""

    def kind(column: Declared) -> Type:
        if column.type == "text":
            return texts
        return absent if column.nullable and column.type.startswith("int") else column.type

    return tuple(Column(each.name, kind(each), each.unit, each.meaning, each.least, each.most) for each in columns)


HISTORY = {table: _frame(columns) for table, columns in schema.HISTORY.items()}
OPERATIONS = HISTORY["baseline"] = HISTORY["operations"]
"""Tables of ``history/``. ``baseline`` are the operations sent one after the other, before the load."""

_PERCENTILES = tuple(
    Column(f"p{name}_ms", "float64", "ms", f"{percent}th percentile of the response time, rounded by Locust")
    for name, percent in (
        ("50", "50"), ("66", "66"), ("75", "75"), ("80", "80"), ("90", "90"), ("95", "95"),
        ("98", "98"), ("99", "99"), ("999", "99.9"), ("9999", "99.99"), ("100", "100"),
    )
)  # fmt: skip
STATS = (
    _label("method", "Locust's type of request; ROUTE for operations; missing for the sum"),
    _label("name", "the route, or Locust's name of the request; Aggregated for the sum"),
    _count("count", "requests"),
    _count("failed", "failed requests"),
    Column("median_ms", "float64", "ms", "median response time"),
    Column("mean_ms", "float64", "ms", "mean response time"),
    Column("min_ms", "float64", "ms", "shortest response time"),
    Column("max_ms", "float64", "ms", "longest response time"),
    Column("content_bytes", "float64", "bytes", "mean size of the answer; 0 for operations"),
    Column("throughput_rps", "float64", "1/s", "requests per second"),
    Column("failed_rps", "float64", "1/s", "failed requests per second"),
    *_PERCENTILES,
)
STATS_HISTORY = (
    Column("second", "int64", "s", "Unix second in which the row was written", most=LATEST_S),
    _count("users", "users running"),
    _label("method", "as in stats"),
    _label("name", "as in stats; Aggregated for the sum"),
    Column("throughput_rps", "float64", "1/s", "requests per second, over the seconds before"),
    Column("failed_rps", "float64", "1/s", "failed requests per second, over the seconds before"),
    *_PERCENTILES,
    _count("count", "requests since the begin"),
    _count("failed", "failed requests since the begin"),
    Column("median_ms", "float64", "ms", "median response time since the begin"),
    Column("mean_ms", "float64", "ms", "mean response time since the begin"),
    Column("min_ms", "float64", "ms", "shortest response time since the begin"),
    Column("max_ms", "float64", "ms", "longest response time since the begin"),
    Column("content_bytes", "float64", "bytes", "mean size of the answer since the begin"),
)
FAILURES = (
    _label("method", "as in stats"),
    _label("name", "as in stats"),
    _label("error", "the error"),
    _count("count", "how often"),
    _label("first_seen", "UTC time of the first one; missing before Locust 2.43"),
    _label("last_seen", "UTC time of the last one; missing before Locust 2.43"),
)
EXCEPTIONS = (
    _count("count", "how often"),
    _label("message", "the exception"),
    _label("traceback", "where it was raised"),
    _label("nodes", "where it happened"),
)
ARRIVALS = _frame(schema.ARRIVALS)
SERIES = _frame(schema.SERIES, texts="str", absent="float64")
VITALS = _frame(schema.VITALS, texts="str", absent="float64")
FAULTS_FILE = _frame(schema.FAULTS)
_EDGES = [column.name for column in FAULTS_FILE].index("end_unix_s") + 1
FAULTS = (
    *FAULTS_FILE[:_EDGES],
    _ns("start_ns", "the same as start_unix_s", "Int64"),
    _ns("end_ns", "the same as end_unix_s", "Int64"),
    Column("start_s", "float64", "s", "when it opened, from the first second of the series", -math.inf),
    Column("end_s", "float64", "s", "when it closed, likewise", -math.inf),
    *FAULTS_FILE[_EDGES:],
)
"""``faults.csv``, and its edges on two other clocks."""
EVERY_TABLE = HISTORY | {
    "stats": STATS,
    "stats_history": STATS_HISTORY,
    "failures": FAILURES,
    "exceptions": EXCEPTIONS,
    "arrivals": ARRIVALS,
    "series": SERIES,
    "vitals": VITALS,
    "faults": FAULTS,
}
"""Every frame of a run."""
