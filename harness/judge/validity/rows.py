"""Validity of the run itself: rows that say whether what was measured can be trusted, apart from the target.

The target shares its core with the harness, so a busy core alone proves nothing: what counts is whose time it was. A
row that lacks what it looks at is UNKNOWN and not required; it changes nothing about the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.entry import Entry, Status
from harness.judge.validity.per_worker import (
    LAG_PERCENT,
    OfWorker,
    grouped,
    in_ms,
    merged_of,
    named,
    shown_ms,
    status_of,
    unknown_row,
)
from harness.measure.vitals import Vitals

OWN_LAG_SHARE, OWN_LAG_MS = 0.10, 10.0
"""Largest lag of the loop by the harness's own doing, as a share of the p95 and in milliseconds.

gevent runs greenlets for 5 ms (``sys.getswitchinterval``; libev/corecext.pyx, gevent 26.9) before it looks at timers:
with some hundred users at full speed that is the usual lag. Twice as much is not.
"""

WAITED_SHARE, WAITED_MS = 0.50, 250.0
"""Largest lag with what other processes add: beyond it the run says more of them than of the target.

Wide, because a busy machine delays the target as it would in production, and latencies only ever look worse by it.
"""

FEWEST_PROBES = 50
"""Probes of one second."""

NO_PROCESSOR_SHARE = 0.50
"""Largest share of the time in which a loading process may be ready to run without a processor.

On a machine that other processes kept busy (load 8 on two processors) it was 0.70, and the p95 of the reference target
four times what it is otherwise.
"""

CONCERNED_SHARE = 0.20
"""Share of that time from which on the row says that latencies look worse than they are."""

PROCESSOR_WATCHED_MS = 3_000.0
"""Time a process must have been watched: in less, one other process that starts is much of it."""

SHORT_MS, SHORT_SHARE = 10_000.0, 0.75
"""The largest share where a process was watched for less than so long: a few seconds of others' work may be chance."""

STARTING_S = 1
"""Seconds of a process that are left out: others of the run start as well."""

WATCHED_MS = 1_000.0
"""Time a worker of several must have been watched before its pauses are judged: with less, one may be a twentieth."""

GC_SHARE = 0.05
"""Largest share of the time in pauses of the garbage collector outside target steps."""

NOT_DELIVERED_SHARE = 0.005
"""Largest share of due operations that were not started: half a percent, as for a constant rate that is kept."""

FEW_NOT_DELIVERED = 2
"""Operations that may be cut off with the end of a run, however short it is."""

HELD_BACK_SHARE = 0.05
"""Largest share of the time in which users may be held back because the keeping side is slow."""

CLOCK_OFFSET_MS = 250.0
"""Largest difference of clocks: a quarter of the second by which workers' numbers are laid side by side."""


def recording(counts: Mapping[str, int], errors: Sequence[str]) -> Entry:
    """INVALID if data could not be written, or the records (name -> operations) hold different numbers."""
    actual = ", ".join(f"{where} {count:,}" for where, count in counts.items())
    if errors:
        return Entry("recording", Status.INVALID, actual, "complete", "; ".join(errors))
    if len(set(counts.values())) > 1:
        return Entry("recording", Status.INVALID, actual, "equal counts", "the records of the run disagree")
    return Entry("recording", Status.VALID, actual, "equal counts", "all records hold the same operations")


def event_loop_lag(vitals: Sequence[Vitals], response_p95_ms: float | None) -> Entry:
    """INVALID if a worker's loop was late by the harness's doing, or for want of a processor, by much of the p95.

    Judged is the p95 of how late its probes fired, without target steps. What target steps add is shown and not judged:
    it is the target's, as in production.
    """
    name = "event loop lag"
    by_worker = grouped(vitals)
    if response_p95_ms is None:
        return unknown_row(name, None, "no operation to look at")
    limit_ms = max(OWN_LAG_SHARE * response_p95_ms, OWN_LAG_MS)
    rest_limit_ms = max(WAITED_SHARE * response_p95_ms, WAITED_MS)
    probes = {worker: sum(len(row.lag) for row in rows) for worker, rows in by_worker.items()}
    judged = [
        _loop_of(worker, by_worker[worker], limit_ms, rest_limit_ms)
        for worker in by_worker
        if probes[worker] >= FEWEST_PROBES
    ]
    if not judged:
        return unknown_row(name, None, f"{max(probes.values(), default=0)} probes of a process and no more")
    worst = max(judged)
    detail = named(worst.worker, len(by_worker)) + worst.detail
    return Entry(name, status_of(worst.broken), worst.actual, f"<= {shown_ms(limit_ms)}", detail)


def _loop_of(worker: int, vitals: Sequence[Vitals], limit_ms: float, rest_limit_ms: float) -> OfWorker:
    lag, rest, own = (merged_of(getattr(row, part) for row in vitals) for part in ("lag", "lag_rest", "lag_own"))
    own_ms, rest_ms = in_ms(own, LAG_PERCENT) or 0.0, in_ms(rest, LAG_PERCENT) or 0.0
    largest = max(vitals, key=lambda row: row.lag_max_ms)
    detail = (
        f"p95 of {len(lag):,} probes without target steps {shown_ms(own_ms)}, with waiting for a processor "
        f"{shown_ms(rest_ms)}, at most {shown_ms(rest_limit_ms)}; all of it p99 {shown_ms(in_ms(lag, 99.0) or 0.0)}, "
        f"largest {shown_ms(largest.lag_max_ms)}, of that in target steps {shown_ms(largest.lag_max_steps_ms)}"
        f"{_waiting(vitals)}"
    )
    share = max(own_ms / limit_ms, rest_ms / rest_limit_ms)
    actual = f"p95 {shown_ms(rest_ms if rest_ms > rest_limit_ms else own_ms)}"
    return OfWorker(share > 1, share, worker, detail, actual)


def _waiting(vitals: Sequence[Vitals]) -> str:
    wall_ms = sum(row.wall_ms for row in vitals if row.waited_ms is not None)
    waited_ms = sum(row.waited_ms for row in vitals if row.waited_ms is not None)
    return f"; ready but without a processor {waited_ms / wall_ms:.1%} of the time" if wall_ms else ""


def garbage_collection(vitals: Sequence[Vitals], response_p95_ms: float | None) -> Entry:
    """INVALID if pauses of a worker outside target steps took over ``GC_SHARE`` of its time.

    A pause in a step was set off by what the target made, which it would do without the harness as well, and the
    threshold of young collections is raised by what the harness adds (``swarm.loading.loader``): of a target that makes
    nothing but garbage at full speed, plain asyncio spends 6 to 10 % on it.
    """
    name, target = "garbage collection", f"<= {GC_SHARE:.0%} outside target steps"
    by_worker = grouped(vitals)
    watched_ms = {worker: sum(row.wall_ms for row in rows) for worker, rows in by_worker.items()}
    watched = [worker for worker, wall_ms in watched_ms.items() if wall_ms >= WATCHED_MS]
    shares = {
        worker: sum(row.gc_outside_ms for row in by_worker[worker]) / watched_ms[worker]
        for worker in watched or watched_ms
        if watched_ms[worker]
    }
    if not shares:
        return unknown_row(name, target, "no vitals of the loading processes")
    worst = max(shares, key=lambda worker: shares[worker])
    rows = by_worker[worst]
    against = f", p95 of the response {shown_ms(response_p95_ms)}" if response_p95_ms is not None else ""
    detail = (
        f"{named(worst, len(by_worker))}{sum(row.gc_count for row in rows):,} pauses, "
        f"{sum(row.gc_ms for row in rows) / watched_ms[worst]:.1%} of the time with those in target steps; longest "
        f"{shown_ms(max(row.gc_max_ms for row in rows))}{against}"
    )
    return Entry(name, status_of(shares[worst] > GC_SHARE), f"{shares[worst]:.1%}", target, detail)


def processor(vitals: Sequence[Vitals]) -> Entry:
    """INVALID if a loading process was ready to run and had no processor for over ``NO_PROCESSOR_SHARE`` of the time.

    Then other processes decided how long operations took. Source: the run delay of Linux's scheduler
    (/proc/self/schedstat).
    """
    name, target = "processor", _without(NO_PROCESSOR_SHARE)
    judged: list[OfWorker] = []
    by_worker = grouped(vitals)
    for worker, of_worker in by_worker.items():
        begun = min(row.second for row in of_worker) + STARTING_S
        rows = [row for row in of_worker if row.waited_ms is not None and row.second >= begun]
        wall_ms = sum(row.wall_ms for row in rows)
        if wall_ms >= PROCESSOR_WATCHED_MS:
            judged.append(_starved(worker, sum(row.waited_ms or 0.0 for row in rows) / wall_ms, wall_ms))
    if not judged:
        shortest_s = STARTING_S + PROCESSOR_WATCHED_MS / 1000
        return unknown_row(name, target, f"no process was watched for {shortest_s:g} s on a system that tells (Linux)")
    worst = max(judged)
    detail = named(worst.worker, len(by_worker)) + worst.detail
    return Entry(name, status_of(worst.broken), worst.actual, worst.target, detail)


def _starved(worker: int, share: float, wall_ms: float) -> OfWorker:
    most = NO_PROCESSOR_SHARE if wall_ms >= SHORT_MS else SHORT_SHARE
    detail = f"ready to run and waiting for a processor for {share:.1%} of the time"
    if share > CONCERNED_SHARE:
        detail += ": latencies are higher than they would be on a machine without other work"
    return OfWorker(share > most, share, worker, detail, f"{share:.1%}", _without(most))


def _without(most: float) -> str:
    return f"<= {most:.0%} of the time without one"


def delivered_load(
    due: int, not_delivered: int, *, begun: bool = True, joined_late: Sequence[str] = (), lost: bool = False
) -> Entry:
    """INVALID if over ``NOT_DELIVERED_SHARE`` of the operations that were due could not be started, and not a few.

    UNKNOWN, and required, where nothing was due: the load that was asked for never came. ``begun`` says whether the
    schedule began at all; users of the workers that ``joined_late`` were sent no arrivals. Where a worker was ``lost``,
    its arrivals after it was last heard of are among those that were not delivered.
    """
    name, target = "delivered load", f"<= {NOT_DELIVERED_SHARE:.1%} not delivered"
    if not due:
        why = "nothing was due" if begun else "the schedule never began: not all users had been started"
        return Entry(name, Status.UNKNOWN, None, target, why)
    share = not_delivered / due
    broken = share > NOT_DELIVERED_SHARE and not_delivered > FEW_NOT_DELIVERED
    detail = f"{not_delivered:,} of {due:,} operations that were due were not started"
    if lost:
        detail += "; those of a lost worker after it was last heard of among them"
    if joined_late:
        detail += f"; joined after the schedule was shared out, and got no arrivals: {', '.join(joined_late)}"
    return Entry(name, status_of(broken), f"{share:.2%} not delivered", target, detail)


def held_back(held_s: Mapping[str, float], vitals: Sequence[Vitals]) -> Entry:
    """INVALID if a worker kept its users (name -> for how many seconds) over ``HELD_BACK_SHARE`` of the time."""
    name, target = "backpressure", f"<= {HELD_BACK_SHARE:.0%} of the time"
    wall_s = sum(row.wall_ms for row in vitals) / 1000 / max(len({row.worker for row in vitals}), 1)
    if not wall_s:
        return unknown_row(name, target, "no vitals of the loading processes")
    share = max(held_s.values()) / wall_s
    each = ", ".join(f"{worker} {seconds:.1f} s" for worker, seconds in sorted(held_s.items()))
    detail = f"users waited until what was recorded had been taken: {each} of about {wall_s:.0f} s"
    return Entry(name, status_of(share > HELD_BACK_SHARE), f"{share:.1%} of the time", target, detail)


def agreement(mismatches: Sequence[str], workers: int) -> Entry:
    """INVALID if workers ran different versions, corpora or options: their numbers are of different things."""
    if mismatches:
        detail = "; ".join(mismatches)
        return Entry("agreement", Status.INVALID, f"{len(mismatches)} differences", "none", detail)
    detail = f"{workers} loading processes ran the same versions, corpus and options"
    return Entry("agreement", Status.VALID, "0 differences", "none", detail)


def clocks(offsets_ms: Mapping[str, float]) -> Entry:
    """INVALID if the clock of a worker (name -> its offset to the master's) is over ``CLOCK_OFFSET_MS`` away."""
    name, target = "clocks", f"within {CLOCK_OFFSET_MS:g} ms"
    if not offsets_ms:
        return unknown_row(name, target, "no worker's clock was compared")
    worst = max(offsets_ms, key=lambda worker: abs(offsets_ms[worker]))
    beyond = {worker: offset for worker, offset in offsets_ms.items() if abs(offset) > CLOCK_OFFSET_MS}
    shown = ", ".join(
        f"{worker} {offset:+,.1f} ms" for worker, offset in sorted((beyond or {worst: offsets_ms[worst]}).items())
    )
    detail = f"against the master's clock: {shown}" + ("" if beyond else " is the furthest away")
    return Entry(name, status_of(bool(beyond)), f"{abs(offsets_ms[worst]):,.1f} ms", target, detail)


def event_loop(broken: Sequence[str]) -> Entry:
    """Return the row of a run in which event loops stopped serving: what came afterwards measures nothing."""
    return Entry("event loop", Status.INVALID, f"{len(broken)} stopped", "serves to the end", "; ".join(broken))
