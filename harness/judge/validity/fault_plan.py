"""Whether the fault plan of a run was carried out: a row of its validity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.entry import Entry, Status
from harness.load.faults.kinds import Fault

NAME = "fault plan"


def carried_out(faults: Sequence[Fault], rows: Sequence[Mapping[str, object]]) -> Entry:
    """Return the row that says whether each fault of the plan whose window opened did something.

    INVALID where one could not be put in force or undone: the run is not the one that was planned. A concern where one
    struck no operation, or its window never opened.
    """
    failed = {str(row["name"]): row["failed"] for row in rows if row["failed"] is not None}
    opened = {str(row["name"]) for row in rows}
    hits: dict[str, int] = {}
    for row in rows:
        hit = row["operations_hit"]
        hits[str(row["name"])] = hits.get(str(row["name"]), 0) + (hit if isinstance(hit, int) else 0)
    idle = [fault.name for fault in faults if fault.name in opened and not fault.whole_window and not hits[fault.name]]
    closed = [fault.name for fault in faults if fault.name not in opened]
    clauses = [f"{name!r} failed: {reason}" for name, reason in failed.items()]
    clauses += [f"{name!r} struck nothing although its window was open" for name in idle]
    clauses += [f"the window of {name!r} never opened" for name in closed]
    done = len(faults) - len(failed) - len(idle) - len(closed)
    detail = "; ".join(clauses) or "every fault of the plan was injected"
    status = Status.INVALID if failed else Status.VALID
    concern = f"{NAME}: {'; '.join(clauses[len(failed) :])}" if (idle or closed) and not failed else None
    return Entry(NAME, status, f"{done} of {len(faults)} injected", "all", detail, concern=concern)
