"""Validity of the run itself: rows that say whether what was measured can be trusted, apart from the target.

The target shares its core with the harness, so a busy core alone proves nothing: what counts is whose time it was. A
row that lacks what it looks at is UNKNOWN and not required; it changes nothing about the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.entry import Entry, Status
from harness.measure.histogram import Histogram, bucket_of
from harness.measure.vitals import Vitals
from harness.words.operation import Flag, Operation

HARNESS_SHARE = 0.10
"""Largest harness lag, as a share of the p95 of the response times: a tenth shows in the digits people read."""

HARNESS_LAG_MS = 2.0
"""Below it harness lag is not held against a run: users that wake in the same millisecond queue for one core."""

OWN_LAG_SHARE, OWN_LAG_MS = 0.10, 10.0
"""Largest lag of the loop by the harness's own doing, as a share of the p95 and in milliseconds.

gevent runs greenlets for 5 ms (``sys.getswitchinterval``; libev/corecext.pyx, gevent 26.9) before it looks at timers:
with some hundred users at full speed that is the usual lag. Twice as much is not.
"""

WAITED_SHARE, WAITED_MS = 0.50, 250.0
"""Largest lag with what other processes add: beyond it the run says more of them than of the target.

Wide, because a busy machine delays the target as it would in production, and latencies only ever look worse by it.
"""

LAG_PERCENT = 95.0
"""The percentile of lags that is judged: what one moment in twenty meets, as the p95 is what one operation in twenty
meets. Rarer stalls are shown (p99, largest); in a run of seconds one of them is chance.
"""

FEWEST_PROBES = 50
"""Probes of one second."""

NO_PROCESSOR_SHARE = 0.50
"""Largest share of the time in which a loading process may be ready to run without a processor.

On a machine that other processes kept busy (load 8 on two processors) it was 0.70, and the p95 of the reference target
four times what it is otherwise.
"""

PROCESSOR_WATCHED_MS = 10_000
"""Time a process must have been watched: in a run of seconds its own start is what the processors are busy with."""

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


def workers(lost: Sequence[str], late: Mapping[str, float]) -> Entry:
    """INVALID if a worker that took part did not report to the end, or was ``late``: name -> seconds without a report.

    A worker that says nothing for longer than seconds are kept open was cut off or stood still, and its users with it.
    """
    name, target, clauses = "workers", "none lost or late", []
    if lost:
        clauses.append(f"lost: {', '.join(lost)}; what they had not reported is missing")
    if late:
        gaps = (f"{worker} said nothing for {gap_s:g} s" for worker, gap_s in sorted(late.items()))
        clauses.append(f"late: {', '.join(gaps)}")
    if clauses:
        actual = f"{len(lost)} lost" + (f", {len(late)} late" if late else "")
        return Entry(name, Status.INVALID, actual, target, "; ".join(clauses))
    return Entry(name, Status.VALID, "0 lost", target, "every worker reported to the end")


def recording(counts: Mapping[str, int], errors: Sequence[str]) -> Entry:
    """INVALID if data could not be written, or the records (name -> operations) hold different numbers."""
    actual = ", ".join(f"{where} {count:,}" for where, count in counts.items())
    if errors:
        return Entry("recording", Status.INVALID, actual, "complete", "; ".join(errors))
    if len(set(counts.values())) > 1:
        return Entry("recording", Status.INVALID, actual, "equal counts", "the records of the run disagree")
    return Entry("recording", Status.VALID, actual, "equal counts", "all records hold the same operations")


class HarnessLag:
    """A fold of operations: harness lag beside response time, of all that were not stopped with the run.

    Harness lag is (start - intended) + (resumed - end): the operation waits for the harness, before and after it runs.
    """

    def __init__(self) -> None:
        self.lags = Histogram()
        self.responses = Histogram()

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        if operation.flag is Flag.STOPPED:
            return
        for counts, value_ns in (
            (self.lags.counts, operation.lag_ns),
            (self.responses.counts, operation.response_ns),
        ):
            bucket = bucket_of(max(value_ns + 500, 0) // 1000)
            counts[bucket] = counts.get(bucket, 0) + 1

    @property
    def response_p95_ms(self) -> float | None:
        """The p95 of the response times, None where there was no operation."""
        return _ms(self.responses, LAG_PERCENT)

    def close(self, vitals: Sequence[Vitals]) -> Entry:
        """INVALID if the harness's own part of the p95 of the lag is over ``HARNESS_SHARE`` of that of the response.

        While an operation waits for the harness, steps of others may run: that wait is the target's own load on its
        core. So the lag counts by the share of busy time that was neither the target's nor spent without a processor.
        At full speed with 100 users and 0.1 ms of target per operation the lag as such was 21 % of the p95, and the
        harness's part of it 5 %.
        """
        name, target = "harness share", f"<= {HARNESS_SHARE:.0%} of p95"
        lag_ms, response_ms = _ms(self.lags, LAG_PERCENT), self.response_p95_ms
        shares = _busy_shares(vitals)
        if lag_ms is None or not response_ms:
            return _unknown(name, target, "no operation to look at")
        if shares is None:
            return _unknown(name, target, "no vitals of the loading processes")
        rest, own = shares
        own_ms = lag_ms * own
        detail = (
            f"p95 of harness lag {_shown(lag_ms)}, of it the harness's own {_shown(own_ms)}, response "
            f"{_shown(response_ms)}; of the busy time {rest:.0%} was not steps of the target, {own:.0%} without "
            "waiting for a processor"
        )
        broken = own_ms > HARNESS_SHARE * response_ms and own_ms > HARNESS_LAG_MS
        return Entry(name, _judged(broken), f"{own_ms / response_ms:.1%} of p95", target, detail)


def event_loop_lag(vitals: Sequence[Vitals], response_p95_ms: float | None) -> Entry:
    """INVALID if the loop was late by the harness's doing, or for want of a processor, by much of the p95.

    Judged is the p95 of how late probes fired, without target steps. What target steps add is shown and not judged: it
    is the target's, as in production.
    """
    name = "event loop lag"
    lag, rest, own = (_merged(vitals, part) for part in ("lag", "lag_rest", "lag_own"))
    if len(lag) < FEWEST_PROBES or response_p95_ms is None:
        return _unknown(name, None, f"{len(lag)} probes and no more" if response_p95_ms else "no operation to look at")
    own_ms, rest_ms = _ms(own, LAG_PERCENT) or 0.0, _ms(rest, LAG_PERCENT) or 0.0
    limit_ms = max(OWN_LAG_SHARE * response_p95_ms, OWN_LAG_MS)
    rest_limit_ms = max(WAITED_SHARE * response_p95_ms, WAITED_MS)
    largest = max(vitals, key=lambda row: row.lag_max_ms)
    detail = (
        f"p95 of {len(lag):,} probes without target steps {_shown(own_ms)}, with waiting for a processor "
        f"{_shown(rest_ms)}, at most {_shown(rest_limit_ms)}; all of it p99 {_shown(_ms(lag, 99.0) or 0.0)}, largest "
        f"{_shown(largest.lag_max_ms)}, of that in target steps {_shown(largest.lag_max_steps_ms)}"
        f"{_waiting(vitals)}"
    )
    broken = own_ms > limit_ms or rest_ms > rest_limit_ms
    actual = f"p95 {_shown(rest_ms if rest_ms > rest_limit_ms else own_ms)}"
    return Entry(name, _judged(broken), actual, f"<= {_shown(limit_ms)}", detail)


def _waiting(vitals: Sequence[Vitals]) -> str:
    wall_ms = sum(row.wall_ms for row in vitals if row.waited_ms is not None)
    waited_ms = sum(row.waited_ms for row in vitals if row.waited_ms is not None)
    return f"; ready but without a processor {waited_ms / wall_ms:.1%} of the time" if wall_ms else ""


def garbage_collection(vitals: Sequence[Vitals], response_p95_ms: float | None) -> Entry:
    """INVALID if pauses outside target steps took over ``GC_SHARE`` of the time.

    A pause in a step was set off by what the target made, which it would do without the harness as well, and the
    threshold of young collections is raised by what the harness adds (``swarm.loading``): of a target that makes
    nothing but garbage at full speed, plain asyncio spends 6 to 10 % on it.
    """
    name, target = "garbage collection", f"<= {GC_SHARE:.0%} outside target steps"
    wall_ms = sum(row.wall_ms for row in vitals)
    if not wall_ms:
        return _unknown(name, target, "no vitals of the loading processes")
    outside = sum(row.gc_outside_ms for row in vitals) / wall_ms
    longest_ms = max(row.gc_max_ms for row in vitals)
    against = f", p95 of the response {_shown(response_p95_ms)}" if response_p95_ms is not None else ""
    detail = (
        f"{sum(row.gc_count for row in vitals):,} pauses, {sum(row.gc_ms for row in vitals) / wall_ms:.1%} of the "
        f"time with those in target steps; longest {_shown(longest_ms)}{against}"
    )
    return Entry(name, _judged(outside > GC_SHARE), f"{outside:.1%}", target, detail)


def processor(vitals: Sequence[Vitals]) -> Entry:
    """INVALID if a loading process was ready to run and had no processor for over ``NO_PROCESSOR_SHARE`` of the time.

    Then other processes decided how long operations took. Source: the run delay of Linux's scheduler
    (/proc/self/schedstat).
    """
    name, target = "processor", f"<= {NO_PROCESSOR_SHARE:.0%} of the time without one"
    shares: dict[int, float] = {}
    for worker in {row.worker for row in vitals}:
        rows = [row for row in vitals if row.worker == worker and row.waited_ms is not None]
        wall_ms = sum(row.wall_ms for row in rows)
        if wall_ms >= PROCESSOR_WATCHED_MS:
            shares[worker] = sum(row.waited_ms or 0.0 for row in rows) / wall_ms
    if not shares:
        return _unknown(name, target, f"no process was watched for {PROCESSOR_WATCHED_MS / 1000:g} s, or by no Linux")
    worst = max(shares, key=lambda worker: shares[worker])
    which = "" if len(shares) == 1 else f"worker {worst}: "
    detail = f"{which}ready to run and waiting for a processor for {shares[worst]:.1%} of the time"
    return Entry(name, _judged(shares[worst] > NO_PROCESSOR_SHARE), f"{shares[worst]:.1%}", target, detail)


def delivered_load(due: int, not_delivered: int) -> Entry:
    """INVALID if over ``NOT_DELIVERED_SHARE`` of the operations that were due could not be started, and not a few."""
    name, target = "delivered load", f"<= {NOT_DELIVERED_SHARE:.1%} not delivered"
    if not due:
        return _unknown(name, target, "nothing was due")
    share = not_delivered / due
    broken = share > NOT_DELIVERED_SHARE and not_delivered > FEW_NOT_DELIVERED
    detail = f"{not_delivered:,} of {due:,} operations that were due were not started"
    return Entry(name, _judged(broken), f"{share:.2%} not delivered", target, detail)


def held_back(held_s: Mapping[str, float], vitals: Sequence[Vitals]) -> Entry:
    """INVALID if a worker kept its users (name -> for how many seconds) over ``HELD_BACK_SHARE`` of the time."""
    name, target = "backpressure", f"<= {HELD_BACK_SHARE:.0%} of the time"
    wall_s = sum(row.wall_ms for row in vitals) / 1000 / max(len({row.worker for row in vitals}), 1)
    if not wall_s:
        return _unknown(name, target, "no vitals of the loading processes")
    share = max(held_s.values()) / wall_s
    each = ", ".join(f"{worker} {seconds:.1f} s" for worker, seconds in sorted(held_s.items()))
    detail = f"users waited until what was recorded had been taken: {each} of about {wall_s:.0f} s"
    return Entry(name, _judged(share > HELD_BACK_SHARE), f"{share:.1%} of the time", target, detail)


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
        return _unknown(name, target, "no worker's clock was compared")
    worst = max(offsets_ms, key=lambda worker: abs(offsets_ms[worker]))
    beyond = {worker: offset for worker, offset in offsets_ms.items() if abs(offset) > CLOCK_OFFSET_MS}
    shown = ", ".join(
        f"{worker} {offset:+,.1f} ms" for worker, offset in sorted((beyond or {worst: offsets_ms[worst]}).items())
    )
    detail = f"against the master's clock: {shown}" + ("" if beyond else " is the furthest away")
    return Entry(name, _judged(bool(beyond)), f"{abs(offsets_ms[worst]):,.1f} ms", target, detail)


def _judged(broken: bool) -> Status:
    return Status.INVALID if broken else Status.VALID


def _unknown(name: str, target: str | None, why: str) -> Entry:
    return Entry(name, Status.UNKNOWN, None, target, why, required=False)


def _busy_shares(vitals: Sequence[Vitals]) -> tuple[float, float] | None:
    """Return which share of the time that was not idle was not the target's, and that without what was waited for.

    Waiting for a processor is taken off the rest alone, though it meets steps as well: in the harness's favour. None
    where nothing was busy.
    """
    rest_ms = sum(row.rest_ms for row in vitals)
    busy_ms = rest_ms + sum(row.steps_ms for row in vitals)
    waited_ms = sum(row.waited_ms or 0.0 for row in vitals)
    return (rest_ms / busy_ms, max(rest_ms - waited_ms, 0.0) / busy_ms) if busy_ms else None


def _merged(vitals: Sequence[Vitals], name: str) -> Histogram:
    merged = Histogram()
    for row in vitals:
        merged.merge(getattr(row, name).counts)
    return merged


def _ms(histogram: Histogram, percent: float) -> float | None:
    value = histogram.percentile_us(percent)
    return None if value is None else value / 1000


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:,.3f} ms" if milliseconds < 10 else f"{milliseconds:,.1f} ms"
