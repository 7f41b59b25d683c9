"""Windows of faults and states of circuit breakers, from the edges that the loading processes wrote down.

Every process opens and closes the windows on the master's clock and notes it, and has breakers of its own.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.judge.checkers.disturbances.fault_windows import Hits, Span, spans_of
from harness.words.operation import Edge

WINDOWS = ("fault", "kind", "place", "start_ns", "end_ns", "operations_hit", "ordinals")
STATES = ("worker", "breaker", "state", "start_ns", "end_ns", "cause")


def fault_windows(edges: pd.DataFrame, injections: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per window of a fault, in the order in which they opened: as a judge would have them.

    For a run that was judged, ``Run.faults`` has them as they were. A window opens with the first process that opens
    it and closes with the last that was seen to (``checkers.disturbances.fault_windows``). Columns: ``fault``;
    ``kind`` and ``place``, from the injections (several places: joined by ' + '; None where it hit nothing);
    ``start_ns`` and ``end_ns`` (Int64, missing where it never closed: the run was cut off); ``operations_hit`` (Int64,
    missing without injections); ``ordinals``, pairs of a worker and its ordinal of the window, as ``edges.window`` and
    ``injections.window`` have it.
    """
    of_faults = edges[edges["what"] == "fault"].sort_values("at_ns", kind="stable")
    by_worker: dict[int, list[Edge]] = {}
    columns = (of_faults[name] for name in ("worker", "at_ns", "name", "before", "after", "cause", "window"))
    for worker, at_ns, name, before, after, cause, window in zip(*columns, strict=True):
        ordinal = None if pd.isna(window) else int(window)
        edge = Edge(int(at_ns), "fault", str(name), str(before), str(after), str(cause), ordinal)
        by_worker.setdefault(int(worker), []).append(edge)
    rows = [(span.name, span.start_ns, span.end_ns, span.ordinals) for span in spans_of(by_worker)]
    frame = pd.DataFrame(rows, columns=["fault", "start_ns", "end_ns", "ordinals"], dtype=object)
    frame = frame.astype({"fault": "str", "start_ns": "int64", "end_ns": "Int64"})
    return _with_hits(frame, injections)[list(WINDOWS)]


def _with_hits(windows: pd.DataFrame, injections: pd.DataFrame | None) -> pd.DataFrame:
    """Add what the injections tell of each window."""
    frame = windows.assign(kind=None, place=None, operations_hit=pd.array([pd.NA] * len(windows), dtype="Int64"))
    if injections is None:
        return frame
    window_of = places_of(windows, injections)
    for number, index in enumerate(windows.index):
        hits = injections[window_of == number]
        frame.loc[index, "operations_hit"] = hits["operation"].nunique()
        for column in ("kind", "place"):
            names = sorted(hits[column].dropna().astype(str).unique())
            frame.loc[index, column] = " + ".join(names) or None
    return frame


def places_of(windows: pd.DataFrame, injections: pd.DataFrame) -> NDArray[np.int64]:
    """Return the place of each injection's window among ``windows``; -1 where it is in none of them."""
    starts = windows["start_ns"].to_numpy(dtype=np.int64)
    order = np.argsort(starts, kind="stable").tolist()
    ends = [None if pd.isna(end) else int(end) for end in windows["end_ns"]]
    ordinals = windows["ordinals"].tolist() if "ordinals" in windows else [()] * len(windows)
    names = windows["fault"].astype("str").tolist()
    hits = Hits(Span(names[at], int(starts[at]), ends[at], lasted=False, ordinals=ordinals[at]) for at in order)
    columns = (injections[name].tolist() for name in ("operation", "fault", "window", "start_ns"))
    found = [
        hits.place(int(operation), str(fault), None if pd.isna(window) else int(window), int(at_ns))
        for operation, fault, window, at_ns in zip(*columns, strict=True)
    ]
    return np.array([-1 if place is None else order[place] for place in found], dtype=np.int64)


def breaker_states(edges: pd.DataFrame, end_ns: int | None = None) -> pd.DataFrame:
    """Return one row per visit of a breaker to a state, by worker and breaker, in order of time.

    Columns: ``worker``, ``breaker``, ``state`` (``closed``, ``open``, ``half_open``), ``start_ns`` (Int64, missing for
    the state before the first edge: since the run's begin), ``end_ns`` (Int64; ``end_ns`` given, or missing, for the
    last), ``cause`` of the edge that began it (None for the first).
    """
    of_breakers = edges[edges["what"] == "breaker"].sort_values("at_ns", kind="stable")
    rows: list[tuple[object, ...]] = []
    for _, part in of_breakers.groupby(["worker", "name"], observed=True, sort=True):
        worker, name = int(part["worker"].iloc[0]), str(part["name"].iloc[0])
        at = [int(each) for each in part["at_ns"]]
        states = [str(part["before"].iloc[0]), *(str(each) for each in part["after"])]
        causes = [None, *(str(each) for each in part["cause"])]
        for state, begin, end, cause in zip(states, [None, *at], [*at, end_ns], causes, strict=True):
            rows.append((worker, name, state, begin, end, cause))
    frame = pd.DataFrame(rows, columns=list(STATES))
    return frame.astype({"worker": "int64", "breaker": "str", "state": "str", "start_ns": "Int64", "end_ns": "Int64"})


def worst_states(states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per breaker and stretch of its worst state in any worker: open before half open before closed.

    ``states`` as from ``breaker_states``. Columns: ``breaker, state, start_ns, end_ns`` (Int64, missing at the run's
    ends), ``workers`` (how many are in that state).
    """
    order = {"closed": 0, "half_open": 1, "open": 2}
    rows: list[tuple[object, ...]] = []
    for name, part in states.groupby("breaker", sort=True):
        cuts: list[int | None] = [None, *sorted({int(each) for each in part["start_ns"].dropna()}), None]
        low = part["start_ns"].fillna(0).to_numpy(dtype=np.int64)
        high = part["end_ns"].fillna(np.iinfo(np.int64).max).to_numpy(dtype=np.int64)
        for begin, end in pairwise(cuts):
            now = begin or 0
            current = part["state"].to_numpy()[(low <= now) & (now < high)]
            worst = max(current, key=lambda state: order.get(state, 0), default="closed")
            found = (name, worst, begin, end, int((current == worst).sum()))
            if rows and rows[-1][0] == name and rows[-1][1] == worst and rows[-1][4] == found[4]:
                rows[-1] = (*rows[-1][:3], end, found[4])
            else:
                rows.append(found)
    frame = pd.DataFrame(rows, columns=["breaker", "state", "start_ns", "end_ns", "workers"])
    return frame.astype({"breaker": "str", "state": "str", "start_ns": "Int64", "end_ns": "Int64", "workers": "int64"})
