"""The columns of a run's frames: what each means, its unit, and its type in pandas.

``int..`` have a value in every row; ``Int64`` is ``<NA>`` and ``float..`` NaN where there is no value. ``category`` is
text with sorted categories, missing where there is no value; ``str`` is text, empty where there is no value. All
``_ns`` are nanoseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Type = Literal["int8", "int16", "int32", "int64", "Int64", "float32", "float64", "category", "str"]


class Column(NamedTuple):
    """One column of a frame."""

    name: str
    type: Type
    unit: str
    meaning: str


def _ns(name: str, meaning: str, kind: Type = "int64") -> Column:
    return Column(name, kind, "ns", meaning)


def _label(name: str, meaning: str) -> Column:
    return Column(name, "category", "", meaning)


def _ms(name: str, meaning: str) -> Column:
    return Column(name, "float64", "ms", meaning)


def _text(name: str, meaning: str) -> Column:
    return Column(name, "str", "", meaning)


def _count(name: str, meaning: str, kind: Type = "int64") -> Column:
    return Column(name, kind, "", meaning)


OPERATIONS = (
    _count("id", "the worker in the highest bits, then an ordinal of 40 bits; shown to people as worker-ordinal"),
    _count("worker", "worker that sent it", "int32"),
    _count("user", "ordinal of the user within its worker", "int32"),
    _label("user_class", "class of the user"),
    _label("scenario", "what was sent: an id of the corpus"),
    _count("priority", "0 to 9, 9 most urgent", "int8"),
    _label("expected_route", "golden route of the corpus"),
    _ns("intended_ns", "when it should have started"),
    _ns("start_ns", "when it was handed to the loop"),
    _ns("entered_ns", "when its first stage was entered", "Int64"),
    _ns("end_ns", "when its outcome was known"),
    _ns("resumed_ns", "when its user ran again"),
    _label("outcome", "ok, failed, cancelled, timeout or shed"),
    _label("route", "the decided route"),
    _label("asked_route", "the route first tried"),
    Column("confidence", "float32", "", "as the target gave it"),
    _count("tier", "0 is the primary route, 1, 2, ... are fallbacks", "int16"),
    _count("attempts", "attempts, 1 unless the target reports more", "int32"),
    _label("flag", "what is odd about it: no_route, malformed, oversized or stopped"),
    _label("error", "Type: message, at most 300 characters"),
)
SPANS = (
    _count("operation", "id of the operation"),
    _label("stage", "name of the stage"),
    _label("kind", "kind of the stage"),
    _ns("start_ns", "when it was entered"),
    _ns("end_ns", "when it was left"),
    _label("outcome", "Stageflow's status, or error, cancelled or unfinished"),
)
ATTEMPTS = (
    _count("operation", "id of the operation"),
    _count("ordinal", "place within the operation, from 0", "int16"),
    _label("route", "the route tried"),
    _count("tier", "its tier", "int16"),
    _ns("start_ns", "when it began"),
    _ns("end_ns", "when it was over"),
    _label("outcome", "what came of it"),
    _label("breaker", "state of its circuit breaker"),
    _label("reason", "why it gave no answer, or was let through in spite of its breaker"),
    _count("given", "checksum of the protected context it was given", "Int64"),
    _count("left", "checksum of what it left to the attempts after it", "Int64"),
)
INJECTIONS = (
    _count("operation", "id of the operation it hit"),
    _label("fault", "its name in the fault plan"),
    _label("kind", "kind of the fault"),
    _label("place", "where it hit: a stage, a route with its tier, a backend"),
    _ns("start_ns", "when it hit"),
    _ns("end_ns", "when the call it hit was over", "Int64"),
    _count("window", "which window of the fault in its worker, from 0; missing in runs of 0.1.0", "Int64"),
)
CALLS = (
    _count("operation", "id of the operation", "Int64"),
    _label("backend", "name of the simulated backend"),
    _count("priority", "0 to 9, 9 most urgent", "int8"),
    _ns("arrived_ns", "when the call came"),
    _ns("started_ns", "when it got its slot", "Int64"),
    _ns("ended_ns", "when it was over"),
    _label("outcome", "served, refused, failed or cancelled"),
    _label("error", "what it failed with"),
)
EDGES = (
    _ns("at_ns", "when the state changed"),
    _label("what", "fault or breaker"),
    _label("name", "whose state"),
    _label("before", "state before"),
    _label("after", "state after"),
    _label("cause", "why"),
    _count("window", "of a fault: which of its windows in its worker, from 0; missing in runs of 0.1.0", "Int64"),
)
HISTORY = {
    "operations": OPERATIONS,
    "baseline": OPERATIONS,
    "spans": SPANS,
    "attempts": ATTEMPTS,
    "injections": INJECTIONS,
    "calls": CALLS,
    "edges": EDGES,
}
"""Tables of ``history/``. ``baseline`` are the operations sent one after the other, before the load."""

LATER = {"injections": frozenset({"window"}), "edges": frozenset({"window"})}
"""Columns of the history that runs of 0.1.0 lack: read, they have no value."""

OF_PROCESS = ("calls", "edges")
"""Tables whose rows do not name their worker: read, they get a column ``worker``, from the names of their parts."""

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
    _count("second", "Unix second in which the row was written"),
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
ARRIVALS = (
    _count("second", "Unix second"),
    _count("due", "arrivals that the schedule had in this second"),
    _count("not_delivered", "those of them that were not sent"),
)
SERIES = (
    _count("second", "Unix second in which the outcome was known"),
    _text("user_class", "class of the users"),
    _count("priority", "0 to 9, 9 most urgent"),
    _text("expected_route", "golden route of the corpus"),
    _text("route", "the decided route; (other) beyond the first 200, (stopped) where the run's end cut it off"),
    _count("tier", "0 is the primary route, 1, 2, ... are fallbacks"),
    _text("outcome", "ok, failed, cancelled, timeout or shed"),
    _count("count", "operations"),
    _ms("sum_ms", "their response times added up"),
    _ms("min_ms", "shortest response time"),
    *(_ms(f"p{name}_ms", f"{percent}th percentile of the response time")
      for name, percent in (("50", "50"), ("90", "90"), ("95", "95"), ("99", "99"), ("999", "99.9"))),
    _ms("max_ms", "longest response time"),
    Column("users", "float64", "", "concurrent users in that second, of the whole run"),
    _text("hdr", "base64 HdrHistogram of the response times in µs"),
    *(column for clock, meaning in (
        ("service", "first stage entered to outcome"),
        ("queue", "handed to the loop to first stage entered"),
        ("lag", "intended start to handed over, and outcome to the user running again"),
    ) for column in (
        _ms(f"{clock}_sum_ms", f"{meaning}: added up"),
        _text(f"{clock}_hdr", f"{meaning}: base64 HdrHistogram in µs"),
    )),
)  # fmt: skip
VITALS = (
    _count("second", "Unix second"),
    _count("worker", "the loading process"),
    Column("users", "float64", "", "users that ran at the end of the second"),
    _count("gc_count", "pauses of the garbage collector"),
    _ms("wall_ms", "how much of the second the row saw"),
    _ms("cpu_ms", "CPU time of the process, all threads"),
    _ms("steps_ms", "steps of the target ran"),
    _ms("idle_ms", "nothing was to be done"),
    _ms("waited_ms", "ready to run, but without a processor"),
    _ms("gc_ms", "pauses of the collector added up"),
    _ms("gc_max_ms", "the longest of them"),
    _ms("gc_outside_ms", "those that began outside steps of the target"),
    _ms("lag_mean_ms", "how late probes of the loop fired, on average"),
    _ms("lag_max_ms", "how late the latest of them fired"),
    _ms("lag_max_steps_ms", "the part of it in steps of the target"),
    _text("lag_hdr", "base64 HdrHistogram of the lag in µs"),
    _text("lag_own_hdr", "of the harness's own part of it"),
    _text("lag_rest_hdr", "of all but steps of the target"),
)
FAULTS = (
    _label("name", "of the fault, in the fault plan"),
    _label("kind", "kind of the fault"),
    _label("where", "where it hits: a stage, a route with its tier, a backend"),
    Column("share", "float64", "", "share of the calls that it hits"),
    Column("start_unix_s", "float64", "s", "when the first worker opened it, since the Unix epoch"),
    Column("end_unix_s", "float64", "s", "when the last worker closed it; NaN where none did"),
    _ns("start_ns", "the same as start_unix_s", "Int64"),
    _ns("end_ns", "the same as end_unix_s", "Int64"),
    Column("start_s", "float64", "s", "when it opened, from the first second of the series"),
    Column("end_s", "float64", "s", "when it closed, likewise"),
    *(_count(name, meaning, "Int64") for name, meaning in (
        ("operations_hit", "operations that it hit"),
        ("injected", "calls that it hit"),
        ("retried", "of these: followed by a retry of the same route, backend or stage"),
        ("fell_back", "of these: followed by an attempt of a later tier"),
        ("surfaced", "of these: in operations that did not end ok, or are flagged"),
        ("served_late", "of these: delayed, or without effect, in operations that ended ok"),
        ("unaccounted", "of these: anything else"),
        ("no_effect", "of those served late: changed nothing"),
        ("undecided", "of those unaccounted: no route to compare with"),
    )),
    _ms("activation_delay_ms", "its begin to the first fallback"),
    Column("recovery_s", "float64", "s", "its end to the first of three seconds that were as before"),
    *(_count(name, meaning, "Int64") for name, meaning in (
        ("false_fallbacks", "fallbacks without need"),
        ("missed_fallbacks", "operations that had a next route and did not try it"),
        ("out_of_order", "operations that tried tiers out of order"),
    )),
    _label("failed", "why it could not be put in force or undone"),
)  # fmt: skip
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
"""Every frame of a run; a test compares those of series and vitals with what ``harness.measure`` writes."""
