"""Where a warm-up ends: MSER-5 (White 1997), over a run and over the steps of a load shape."""

from __future__ import annotations

import numpy as np

from scripts.recompute.raw import SECOND, Raw

TENTH = SECOND // 10


def warm_up(values: list[float], batch: int = 5) -> int | None:
    """Return how many leading observations are warm-up; None where no steady state was reached."""
    means = [float(np.mean(values[at : at + batch])) for at in range(0, len(values) - batch + 1, batch)]
    if len(means) < 10:
        return None
    errors = {
        cut: float(np.sum((np.array(means[cut:]) - np.mean(means[cut:])) ** 2)) / len(means[cut:]) ** 2
        for cut in range(len(means) - 4)
    }
    best = min(errors, key=lambda cut: (errors[cut], cut))
    return best * batch if best <= len(means) // 2 else None


def of_run(raw: Raw) -> tuple[int, int] | None:
    """Return first second and length of what is left out before the steady state of a run; None for nothing."""
    if raw.steps:  # a load that changes by plan has no one steady state
        return None
    users, rows = raw.users, raw.operations
    first = int(rows["second"].min())
    reached = int(users[users == users.max()].index.min())
    begin = max(reached + 1 if reached > users.index.min() else 0, first)
    ok = raw.ok.groupby(raw.ok["end_ns"] // TENTH)["response_ns"].mean()
    ok = ok[ok.index >= begin * 10]
    length = warm_up(ok.tolist())
    if length is None:
        return (begin, begin - first) if first < begin <= int(rows["second"].max()) - 3 else None
    ended = rows.groupby(rows["end_ns"] // TENTH).size()
    ended = ended.reindex(range(begin * 10, int(ended.index.max())), fill_value=0)
    cut = max(int(ok.index[length]) if length else begin * 10, begin * 10 + (warm_up(ended.tolist()) or 0))
    from_s = -(-cut // 10)
    return from_s, from_s - first


def step_warm_up_s(raw: Raw, step: dict) -> float | None:
    """Return the warm-up of a step in seconds; None where it is not known. Bins are of 0.1 s: no step is longer."""
    begin, end = step["from_ns"], step["to_ns"]
    rows = raw.ok[(raw.ok["end_ns"] >= begin) & (raw.ok["end_ns"] < end)]
    width = (end - begin) // TENTH
    bins = rows.groupby((rows["end_ns"] - begin) // TENTH)["response_ns"].mean()
    bins = bins[bins.index < width]
    cut = warm_up(bins.tolist())
    if cut is None:
        return None
    at = int(bins.index[cut]) if cut else 0
    return -(-at // 5) * 5 / 10
