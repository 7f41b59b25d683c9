"""When a run's load began: what its times count from, in seconds of its own clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.run import Run


def load_began(run: Run) -> float:
    """Return the Unix second in which the load of a run began: the zero of terminal, fault plan and load shape.

    That is ``t0`` of the manifest. Without it, or where it lies after the first second of the series (of a run that
    was cut off, or by a clock that was set), it is that second; 0 without a series.
    """
    first = run.series["second"].min()
    if pd.isna(first):
        return 0.0
    try:
        began = datetime.fromisoformat(run.manifest.t0 or "")
    except ValueError:
        return float(first)
    if began.tzinfo is None or began.timestamp() >= int(first) + 1:
        return float(first)
    return began.timestamp()
