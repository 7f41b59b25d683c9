"""Windows of faults of a run that was judged: ``faults.csv`` has them, and what they came to.

A judge has the plan, half seconds and, of a window of operations, the first one hit. What it measured is not measured
again: one number for one thing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

_UNKNOWN = {
    "activation_delay_s": ("no fallback was taken", "no fallback was taken"),
    "recovery_s": ("recover", "recovery was not seen"),
    "false": ("false and missed", "false and missed fallbacks are unknown"),
}
"""Column -> a word of the phrases that say why it is unknown, and what is said where no phrase does."""


def judged_windows(faults: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of ``Run.faults`` in the columns of ``statistics.fault_windows``."""
    names = {"fault": "name", "kind": "kind", "place": "where"}
    frame = pd.DataFrame({ours: faults[theirs].astype("object") for ours, theirs in names.items()})
    frame["fault"] = frame["fault"].astype("str")
    frame["start_ns"], frame["end_ns"] = faults["start_ns"].astype("int64"), faults["end_ns"].astype("Int64")
    return frame.assign(operations_hit=faults["operations_hit"])


def as_judged(activation: pd.DataFrame, faults: pd.DataFrame) -> pd.DataFrame:
    """Return ``activation`` (of the windows of ``faults``, in their order) with what ``faults.csv`` says of each.

    These are the delay, the recovery, and false and missed fallbacks; what the file leaves empty is unknown.
    """
    frame = activation.assign(
        activation_delay_s=faults["activation_delay_ms"].to_numpy(dtype=np.float64) / 1000,
        recovery_s=faults["recovery_s"].to_numpy(dtype=np.float64),
        false=faults["false_fallbacks"].astype("Int64").array,
        missed=faults["missed_fallbacks"].astype("Int64").array,
        resolution_s=0,
    )
    frame["first_fallback_s"] = frame["start_s"] + frame["activation_delay_s"]
    frame["recovered_s"] = frame["end_s"] + frame["recovery_s"]
    said = [_missing(row) for _, row in frame.iterrows()]
    return frame.assign(missing=pd.Series(said, index=frame.index, dtype="str"))


def _missing(window: pd.Series) -> str:
    """Return what is not known of a window: a phrase for what is, no more; of what is not, why."""
    phrases = [phrase for phrase in str(window["missing"]).split("; ") if phrase]
    for column, (word, otherwise) in _UNKNOWN.items():
        about = [phrase for phrase in phrases if word in phrase]
        if pd.notna(window[column]):
            phrases = [phrase for phrase in phrases if phrase not in about]
        elif not about and not (column == "recovery_s" and pd.isna(window["end_s"])):
            phrases.append(otherwise)
    return "; ".join(phrases)
