"""Plots against users and throughput."""

from __future__ import annotations

import pandas as pd

from analysis import plots, wording
from analysis.report import sentences
from analysis.report.figures.figure import Figure
from analysis.report.figures.lacking import no_series
from analysis.run_statistics import Measured


def _no_levels(run: Measured) -> str:
    return _too_few(run.levels)


def _no_throughputs(run: Measured) -> str:
    if lacks := no_series(run):
        return lacks
    return "" if len(run.by_throughput) > 1 else "no two throughputs were held for two seconds each"


def _too_few(levels: pd.DataFrame) -> str:
    """Say why there is no growth to draw; a single point is the table's to tell."""
    if len(levels) > 1:
        return ""
    return "only one number of users was measured" if len(levels) else wording.too_few_at_any_users(levels)


def _no_users(run: Measured) -> str:
    return sentences.no_percentiles_by_users(run) or _too_few(run.latency_by_users)


LATENCY_AGAINST_USERS = Figure(
    place=50,
    name="latency-against-users",
    title="Latency against users",
    section="load",
    plot=lambda run: plots.latency_by_users(run.latency_by_users),
    reading=sentences.by_users,
    lacks=_no_users,
)
LATENCY_AND_MODELS = Figure(
    place=60,
    name="latency-and-models",
    title="Latency against users, and what models say",
    section="load",
    plot=lambda run: plots.latency_against_users(run.levels, run.fits, left_out_s=run.left_out_s),
    reading=sentences.models,
    lacks=_no_levels,
)
THROUGHPUT_AGAINST_USERS = Figure(
    place=70,
    name="throughput-against-users",
    title="Throughput against users",
    section="load",
    plot=lambda run: plots.throughput_against_users(run.levels, run.fits, left_out_s=run.left_out_s),
    reading=sentences.throughputs,
    lacks=_no_levels,
)
LATENCY_BY_THROUGHPUT = Figure(
    place=80,
    name="latency-by-throughput",
    title="Latency against throughput",
    section="load",
    plot=lambda run: plots.latency_by_throughput(run.by_throughput),
    reading=sentences.by_throughput,
    lacks=_no_throughputs,
)
