"""Many HdrHistograms as one sparse table, so that any set of labels and seconds merges without loss.

Layout and ranks are those of ``harness.measure.histogram``, so that a percentile here is the percentile a
criterion was judged by. Values are microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.files.hdr_texts import read_counts
from harness.measure.histogram import SUB_BUCKETS

BUCKETS = 23_552
"""Counters of a histogram of this layout: ``hdrh.histogram.HdrHistogram(1, 3_600_000_000, 3).counts_len``."""

DENSE = 16
"""Cells of a table per entry merged into it, beyond which sorting is faster."""
MOST_CELLS = 16_000_000
"""128 MB."""
_HALF_MAGNITUDE = 10  # 2 ** 10 buckets per doubling
_HALF = 1 << _HALF_MAGNITUDE


Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Histograms:
    """``size`` histograms; entry ``k`` says: histogram ``row[k]`` holds ``count[k]`` values in ``bucket[k]``.

    Entries are sorted by row, then bucket; no pair occurs twice and no count is 0. Rows without an entry are
    empty histograms.
    """

    size: int
    row: Integers
    bucket: Integers
    count: Integers

    def totals(self) -> Integers:
        """Return the number of values in each histogram; shape ``(size,)``."""
        totals = np.zeros(self.size, dtype=np.int64)
        np.add.at(totals, self.row, self.count)
        return totals

    def merge(self, groups: Integers, size: int) -> Histograms:
        """Return ``size`` histograms: the ``g``-th is the sum of all rows whose ``groups`` entry is ``g``.

        ``groups`` has one entry per row; rows with -1 are left out.
        """
        group, bucket, count = groups[self.row], self.bucket, self.count
        if (kept := group >= 0).size and not kept.all():
            group, bucket, count = group[kept], bucket[kept], count[kept]
        if not len(group):
            return Histograms(size, *(np.empty(0, dtype=np.int64) for _ in range(3)))
        first, lowest = int(group.min()), int(bucket.min())
        width = int(bucket.max()) - lowest + 1
        cells = (int(group.max()) - first + 1) * width
        if cells > min(DENSE * len(group), MOST_CELLS):
            return Histograms(size, *_summed(group * BUCKETS + bucket, count))
        # Counted into a table, without sorting: 3 times as fast. Its floats are exact up to 2 ** 53 operations.
        table = np.bincount((group - first) * width + (bucket - lowest), weights=count, minlength=cells)
        used = np.flatnonzero(table)
        return Histograms(size, used // width + first, used % width + lowest, table[used].astype(np.int64))

    def percentiles(self, percents: Sequence[float]) -> NDArray[np.float64]:
        """Return the value (µs) at each percentile of each histogram; shape ``(size, len(percents))``.

        That is the value at the rank rounded up, as ``harness.measure.histogram.value_at`` has it; NaN where a
        histogram is empty.
        """
        values = np.full((self.size, len(percents)), np.nan)
        totals = self.totals()
        filled = np.flatnonzero(totals)
        if not len(filled):
            return values
        reached = np.cumsum(self.count)
        before = (np.cumsum(totals) - totals)[filled]
        for column, percent in enumerate(percents):
            wanted = np.maximum(np.ceil(percent / 100 * totals[filled] - 1e-9).astype(np.int64), 1)
            entry = np.searchsorted(reached, before + wanted)
            rank = before + wanted - (reached[entry] - self.count[entry])
            values[filled, column] = value_at(self.bucket[entry], rank, self.count[entry])
        return values


def _summed(key: Integers, count: Integers) -> tuple[Integers, Integers, Integers]:
    """Return group, bucket and summed count of each key, group * BUCKETS + bucket."""
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    return key[starts] // BUCKETS, key[starts] % BUCKETS, np.add.reduceat(count[order], starts)


def value_at(bucket: Integers, rank: Integers, count: Integers) -> NDArray[np.float64]:
    """Return the value (µs) of the ``rank``-th (from 1) of ``count`` values of each bucket."""
    lowest = np.maximum(bucket - 0.5, 0.0)
    inside = lowest + (bucket + 0.5 - lowest) * (rank - 0.5) / count
    values: NDArray[np.float64] = np.where(bucket < SUB_BUCKETS, inside, highest_value(bucket))
    return values


def highest_value(bucket: Integers) -> Integers:
    """Return the highest value (µs) that falls into each bucket."""
    doublings = np.maximum((bucket >> _HALF_MAGNITUDE) - 1, 0)
    steps = np.where(bucket < _HALF, bucket, (bucket & (_HALF - 1)) + _HALF)
    highest: Integers = ((steps + 1) << doublings) - 1
    return highest


def decode(encoded: pd.Series) -> Histograms:
    """Return one histogram per string of ``HdrHistogram.encode``; an empty string is an empty histogram.

    Raises ``RunError`` naming the row (by its label in the index) of a string that is no histogram of this layout.
    """
    return Histograms(len(encoded), *read_counts(zip(encoded.index, encoded, strict=True), BUCKETS))
