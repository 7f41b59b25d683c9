"""The sampler of vitals: a probe of the loop every 20 ms, the collector's callbacks, and the process's clocks."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from gevent.hub import get_hub

from harness.loop.hubloop import HubLoop
from harness.measure.vitals import Vitals, WireVitals
from harness.words.clock import Epoch, now_ns

PROBE_S = 0.02
"""Distance of two probes: 50 a second, at about 15 µs each, are less than 0.1 % of a core."""

MOST_MISSED = 3000
"""Probes counted for one stall; a minute of it."""


class Sampler:
    """Samples the vitals of this process while a run goes on.

    Probes are due on a fixed grid: a stall counts with every probe that was due in it, not with one. How late each is
    gets split: target steps, waiting for a processor (as the system's scheduler counts it), the rest.

    Args:
        loop: the process's loop.
        epoch: of the run.
        worker: index of this worker.
        count_users: how many users run now, None while they are being stopped: no lag is counted then.

    """

    def __init__(self, loop: HubLoop, epoch: Epoch, worker: int, count_users: Callable[[], int | None]) -> None:
        self._loop = loop
        self._steps = loop.steps
        self._epoch = epoch
        self._worker = worker
        self._count_users = count_users
        self._rows: list[Vitals] = []
        self._current: Vitals | None = None
        self._gc_began = 0.0
        self._gc_in_steps = False
        self._gc_pauses: list[tuple[float, bool]] = []
        self._idle_since: float | None = None
        self._idle_s = 0.0
        self._scheduler: int | None = None
        hub = get_hub().loop
        self._timer: Any = None
        # Around the hub's poll: after gevent has run its callbacks (of priority 0), and before anything else.
        self._before_poll = hub.prepare(ref=False, priority=-2)
        self._after_poll = hub.check(ref=False, priority=2)

    def start(self) -> None:
        """Begin to sample."""
        with contextlib.suppress(OSError):  # Linux alone has it
            self._scheduler = os.open("/proc/self/schedstat", os.O_RDONLY)
        gc.callbacks.append(self._on_gc)
        self._before_poll.start(self._on_idle)
        self._after_poll.start(self._on_busy)
        self._read_at = monotonic()
        self._due = self._read_at + PROBE_S
        self._readings = self._read()
        self._arm()

    def stop(self) -> None:
        """End sampling, with a last reading."""
        self._sample(monotonic())
        with contextlib.suppress(ValueError):  # the target may have taken it out
            gc.callbacks.remove(self._on_gc)
        for watcher in (self._timer, self._before_poll, self._after_poll):
            watcher.close()
        if self._scheduler is not None:
            os.close(self._scheduler)
            self._scheduler = None

    def take(self) -> list[WireVitals]:
        """Return what came since the last call, the second that goes on included, and forget it."""
        rows, self._rows, self._current = self._rows, [], None
        return [row.as_wire() for row in rows]

    # -- in the hub ----------------------------------------------------------------------------------------

    def _on_idle(self) -> None:
        self._idle_since = monotonic()

    def _on_busy(self) -> None:
        if self._idle_since is not None:
            self._idle_s += monotonic() - self._idle_since
            self._idle_since = None

    def _on_gc(self, phase: str, _info: Mapping[str, int]) -> None:
        """Time a collection; in whatever thread set it off, but there is one at a time."""
        if phase == "start":
            self._gc_in_steps = self._steps.since is not None
            self._gc_began = monotonic()
        elif self._gc_began:
            self._gc_pauses.append((monotonic() - self._gc_began, self._gc_in_steps))
            self._gc_began = 0.0

    def _arm(self) -> None:
        """Set a timer for the next probe: one that repeats would leave the grid at the first stall."""
        self._timer = get_hub().loop.timer(max(self._due - monotonic(), 0.0), ref=False)
        self._timer.start(self._probe, update=True)

    def _probe(self) -> None:
        self._timer.close()
        self._sample(monotonic())
        self._arm()

    # -- readings ------------------------------------------------------------------------------------------

    def _read(self) -> tuple[float, float, float, float | None]:
        """Return CPU seconds, seconds of steps, idle seconds, and seconds without a processor, since ever."""
        steps_s = self._steps.total_s
        if self._steps.since is not None:
            steps_s += monotonic() - self._steps.since
        return time.process_time(), steps_s, self._idle_s, self._waited_s()

    def _waited_s(self) -> float | None:
        if self._scheduler is None:
            return None
        try:
            return int(os.pread(self._scheduler, 100, 0).split()[1]) / 1e9
        except (
            OSError,
            ValueError,
            IndexError,
        ):  # the target has closed it, and may have opened another file in its place
            self._scheduler = None
            return None

    def _row(self) -> Vitals:
        second = self._epoch.second(now_ns())
        if self._current is None or self._current.second != second:
            self._current = Vitals(second, self._worker)
            self._rows.append(self._current)
        return self._current

    def _sample(self, now: float) -> None:
        row = self._row()
        before, self._readings = self._readings, self._read()
        cpu_s, steps_s, idle_s = (late - early for late, early in zip(self._readings[:3], before[:3], strict=True))
        wall_s = now - self._read_at
        row.wall_ms += wall_s * 1000
        self._read_at = now
        row.cpu_ms += cpu_s * 1000
        row.steps_ms += steps_s * 1000
        row.idle_ms += idle_s * 1000
        waited_s = 0.0
        if self._readings[3] is not None and before[3] is not None:
            waited_s = self._readings[3] - before[3]
            row.waited_ms = (row.waited_ms or 0.0) + waited_s * 1000
        self._add_pauses(row)
        users = self._count_users()
        if users is None:  # stopping them takes the hub, and what ends then was begun before
            self._due = now + PROBE_S
            return
        row.users = users
        busy_s = max(wall_s - idle_s, waited_s)  # waking up late counts as idle, and as waited for
        self._add_lags(row, now, waited_s, waited_s / busy_s if busy_s > 0 else 0.0)

    def _add_pauses(self, row: Vitals) -> None:
        if self._on_gc not in gc.callbacks:  # the target has cleared them: at most the pauses of one probe are missed
            gc.callbacks.append(self._on_gc)
        pauses, self._gc_pauses = self._gc_pauses, []
        for took_s, in_steps in pauses:
            row.gc_count += 1
            row.gc_ms += took_s * 1000
            row.gc_max_ms = max(row.gc_max_ms, took_s * 1000)
            if not in_steps:
                row.gc_outside_ms += took_s * 1000

    def _add_lags(self, row: Vitals, now: float, waited_s: float, waited_share: float) -> None:
        """Count all probes that were due since the last one.

        How much of a lag was waiting for a processor is known only since the probe before: it is the share that it had
        of all busy time since then, and never more than all of it.
        """
        first = True
        for _ in range(MOST_MISSED):
            if self._due > now:
                return
            lag_s = now - self._due
            steps_s = min(self._steps.within(self._due, now), lag_s)
            rest_s = lag_s - steps_s
            if first and lag_s * 1000 > row.lag_max_ms:
                row.lag_max_ms, row.lag_max_steps_ms = lag_s * 1000, steps_s * 1000
            first = False
            row.lag_sum_ms += lag_s * 1000
            row.lag.add(round(lag_s * 1e6))
            row.lag_rest.add(round(rest_s * 1e6))
            row.lag_own.add(round(max(rest_s * (1 - waited_share), rest_s - waited_s) * 1e6))
            self._due += PROBE_S
        self._due = now + PROBE_S
