"""Statistics: a frame of a run in, a frame out, with documented columns and units.

The series goes into ``latency``, ``curves``, ``levels``, ``crossings``, ``routing``, ``served`` and ``classes``, the
tables of the history into ``windows``, ``fallbacks``, ``routing``, ``served``, ``tails`` and ``classes``. ``fits`` fits
models to levels; it is imported by its own name, as it takes SciPy half a second to come. What was not measured is NaN,
and a column ``missing`` says why. Whatever draws random numbers takes a ``seed``: the same frame always gives the same
result. ``analysis.Measured`` puts them together for one run, as its report shows them.
"""

from analysis.statistics.classes import fairness, jain_index, priority_classes, priority_inversions
from analysis.statistics.condensing import condensed
from analysis.statistics.crossings import latency_crossing, throughput_intervals
from analysis.statistics.curves import latency_density, latency_heat, nines, percentile_curve
from analysis.statistics.disturbed import disturbed
from analysis.statistics.faults.activation import fallback_activation, switch_delays, wrong_fallbacks
from analysis.statistics.faults.served import served_in_windows, served_over_time
from analysis.statistics.faults.windows import breaker_states, fault_windows, worst_states
from analysis.statistics.latency import (
    MAX_POINTS,
    MIN_COUNT,
    clocks,
    clocks_over_time,
    ended_ok,
    latency_by_users,
    latency_over_time,
    outcomes,
    percentile_column,
    percentiles,
    throughput,
    wind_down,
)
from analysis.statistics.levels import goodput, latency_by_throughput, littles_law, load_levels, load_seconds, with_flow
from analysis.statistics.routing import confusion_matrix, decided_routes, route_shares, shares_over_time, undecided
from analysis.statistics.tails import split_tail, tail_attribution
from harness.judge.checkers.disturbances.recovery_search import RecoveryRule

__all__ = [
    "MAX_POINTS",
    "MIN_COUNT",
    "RecoveryRule",
    "breaker_states",
    "clocks",
    "clocks_over_time",
    "condensed",
    "confusion_matrix",
    "decided_routes",
    "disturbed",
    "ended_ok",
    "fairness",
    "fallback_activation",
    "fault_windows",
    "goodput",
    "jain_index",
    "latency_by_throughput",
    "latency_by_users",
    "latency_crossing",
    "latency_density",
    "latency_heat",
    "latency_over_time",
    "littles_law",
    "load_levels",
    "load_seconds",
    "nines",
    "outcomes",
    "percentile_column",
    "percentile_curve",
    "percentiles",
    "priority_classes",
    "priority_inversions",
    "route_shares",
    "served_in_windows",
    "served_over_time",
    "shares_over_time",
    "split_tail",
    "switch_delays",
    "tail_attribution",
    "throughput",
    "throughput_intervals",
    "undecided",
    "wind_down",
    "with_flow",
    "worst_states",
    "wrong_fallbacks",
]  # fmt: skip
