"""Windows of faults as the run's own judge measured them: a report has one number for one thing.

``statistics.fallback_activation`` finds recovery by the second, and the begin of windows in the edges; the judge had
half seconds, and of a window of operations the first one hit.
"""

from __future__ import annotations

import pandas as pd

SAME_WITHIN_S = 0.5
"""How far the begins of a window may lie apart in both: each process writes its own edges."""
NEEDED = ("name", "start_unix_s", "activation_delay_ms", "recovery_s")


def as_judged(activation: pd.DataFrame, faults: pd.DataFrame, zero_s: int) -> pd.DataFrame:
    """Return ``activation`` (as from ``statistics.fallback_activation``) with delay and recovery from ``faults.csv``.

    ``faults`` is that file's frame, ``zero_s`` the first Unix second of the series. A window that it does not name, or
    of which it does not know a number, keeps what the statistic found.
    """
    if activation.empty or not set(NEEDED) <= set(faults.columns):
        return activation
    frame = activation.copy()
    names = faults["name"].astype(str)
    for place, window in activation.iterrows():
        begins = faults["start_unix_s"].astype("float64") - zero_s
        same = faults[(names == window["fault"]) & ((begins - window["start_s"]).abs() < SAME_WITHIN_S)]
        if same.empty:
            continue
        row = same.iloc[0]
        said = str(window["missing"])
        if pd.notna(row["activation_delay_ms"]):
            delay = float(row["activation_delay_ms"]) / 1000
            frame.loc[place, ["first_fallback_s", "activation_delay_s"]] = (window["start_s"] + delay, delay)
            frame.loc[place, "resolution_s"] = 0
            said = _without(said, "no fallback was taken")
        if pd.notna(row["recovery_s"]) and pd.notna(window["end_s"]):
            recovery = float(row["recovery_s"])
            frame.loc[place, ["recovered_s", "recovery_s"]] = (window["end_s"] + recovery, recovery)
            said = _without(said, "recover")
        frame.loc[place, "missing"] = said
    return frame


def _without(said: str, word: str) -> str:
    return "; ".join(phrase for phrase in said.split("; ") if word not in phrase)
