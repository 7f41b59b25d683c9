"""Why a run has nothing to draw, in words; empty where it has."""

from __future__ import annotations

from analysis import wording
from analysis.run_statistics import Measured


def no_latency(run: Measured) -> str:
    """Say why there is no latency over time."""
    frame = run.latency_over_time
    return "" if frame["p95_ms"].notna().any() else wording.none_ended(frame)


def no_series(run: Measured) -> str:
    """Say why there is nothing from histograms: they are RouteSwarm's own."""
    return "Locust's files have no histograms" if run.run.plain else no_latency(run)
