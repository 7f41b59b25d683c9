"""A series with fewer labels: what most statistics need of a long run, at a fraction of its rows.

Merging histograms loses nothing, so every statistic over the labels that are kept gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.files.hdr_texts import write_counts
from analysis.files.histograms import Histograms, Integers, decode
from analysis.statistics.latency import clock_column
from harness.words.operation import CLOCKS

ROWS_AT_ONCE = 5_000
"""Rows decoded together: with some hundred buckets each they take about 12 MB. 25,000 took a third longer."""


def condensed(series: pd.DataFrame, by: Sequence[str], clocks: Sequence[str] = CLOCKS) -> pd.DataFrame:
    """Return one row per distinct ``by``, sorted, in the columns of a series without its other labels.

    Columns: ``*by, count``, ``min_ms`` and ``max_ms``, ``sum_ms`` and ``hdr`` of each of ``clocks``. The percentiles of
    single rows are left out: they do not merge. Raises ``RunError`` where a histogram is damaged.
    """
    sums = [clock_column(clock, "sum_ms") for clock in clocks]
    texts = [clock_column(clock, "hdr") for clock in clocks]
    if series.empty:
        return series[[*by, "count", *sums, "min_ms", "max_ms", *texts]]
    grouped = series.groupby(list(by), sort=True, dropna=False)
    groups = np.asarray(grouped.ngroup(), dtype=np.int64)
    frame = grouped["count"].sum().reset_index()
    for column in sums:
        frame[column] = grouped[column].sum(min_count=1).to_numpy()
    frame["min_ms"], frame["max_ms"] = grouped["min_ms"].min().to_numpy(), grouped["max_ms"].max().to_numpy()
    for column in texts:
        merged = _merged(series[column], groups, len(frame))
        texts_of_rows = write_counts(len(frame), merged.row, merged.bucket, merged.count)
        empty = merged.totals() == 0
        frame[column] = pd.Series(np.where(empty, "", texts_of_rows), dtype="str")
    return frame


def _merged(encoded: pd.Series, groups: Integers, size: int) -> Histograms:
    """Return the merged histogram of each group, decoding some rows at a time."""
    parts = []
    for first in range(0, len(encoded), ROWS_AT_ONCE):
        chosen = slice(first, first + ROWS_AT_ONCE)
        parts.append(decode(encoded.iloc[chosen]).merge(groups[chosen], size))
    if len(parts) == 1:
        return parts[0]
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "bucket", "count"))
    return Histograms(size, *joined).merge(np.arange(size, dtype=np.int64), size)
