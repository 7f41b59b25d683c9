"""Seconds that say nothing of how load and latency go together: fault windows and the warm-up."""

from __future__ import annotations

import math

import pandas as pd

_SECOND_NS = 1_000_000_000


def disturbed(seconds: pd.Series, windows: pd.DataFrame | None, from_second: float | None = None) -> pd.Series:
    """Return which of ``seconds`` (Unix) a window was open in, or lie before ``from_second``.

    ``windows`` have ``start_ns, end_ns`` (missing: to the run's end), as ``Run.faults`` and those of ``fault_windows``.
    """
    found = seconds < (-math.inf if from_second is None else from_second)
    if windows is None:
        return found
    for start, end in zip(windows["start_ns"], windows["end_ns"], strict=True):
        last = math.inf if pd.isna(end) else int(end) // _SECOND_NS
        found |= seconds.between(int(start) // _SECOND_NS, last)
    return found
