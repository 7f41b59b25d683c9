"""Noticing that the master is gone. A closed connection does not show: ZeroMQ waits for the other side to come back."""

from __future__ import annotations

import os
from collections.abc import Callable

import gevent
import locust.runners
from locust.env import Environment

from harness.measure.blocks import ENDED_WITHIN_S
from harness.words.clock import now_ns

LOST_AFTER_S = 15.0
"""Seconds without a heartbeat of the master, which comes every second, after which it counts as gone while a run goes
on. A minute, as Locust has it, would be a minute of load that nobody keeps; a master does nothing while a run goes on
that would keep it from answering for seconds."""

IDLE_LOST_AFTER_S = 60.0
"""The same between runs, at least: there is no load, and a stage may hold the master's thread in the baseline."""

LOOK_EVERY_S = 0.5
LATE_LOOK_S = 2 * LOOK_EVERY_S
LOOKS_TO_HEAR = 4
"""Looks after a late one until what was sent meanwhile is heard: 2 s. In them a connection that broke is made anew
(0.1 s), and the master sends its next heartbeat (1 s)."""


class Silence:
    """For how long nothing was heard, as far as it is the other side's silence.

    While a stage holds the thread nothing is heard, whatever arrives, and no look is made: the next one is late. It and
    the ``LOOKS_TO_HEAR - 1`` after it say nothing. No more do, however often a stage holds the thread until something
    is heard: what arrived meanwhile is handled between two of its steps.

    Args:
        now_ns: the time (nanoseconds, monotonic); something was heard just then.

    """

    def __init__(self, now_ns: int) -> None:
        self._heard_ns = self._looked_ns = now_ns
        self._looks_since_late: int | None = None

    def hear(self, now_ns: int) -> None:
        """Take note that something was heard."""
        self._heard_ns = now_ns
        self._looks_since_late = None

    def look(self, now_ns: int) -> float:
        """Return the seconds for which nothing was heard, 0 while that says nothing."""
        late = now_ns - self._looked_ns > LATE_LOOK_S * 1e9
        self._looked_ns = now_ns
        if self._looks_since_late is not None:
            self._looks_since_late += 1
        elif late:
            self._looks_since_late = 0
        if self._looks_since_late is not None and self._looks_since_late < LOOKS_TO_HEAR:
            return 0.0
        return (now_ns - self._heard_ns) / 1e9


class MasterWatch:
    """Calls ``on_lost(why)`` once if the master goes away, or the process that forked this one.

    Args:
        environment: Locust's.
        parent: the process that forked this one, most often the master itself; None where none did.
        longest_block_s: for how long a stage may hold the master's thread in the baseline.
        on_lost: told one clause.
        clock: monotonic nanoseconds.
        sleep: waits for so many seconds.

    """

    def __init__(
        self,
        environment: Environment,
        *,
        parent: int | None,
        longest_block_s: float,
        on_lost: Callable[[str], object],
        clock: Callable[[], int] = now_ns,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._parent = parent
        self._idle_s = max(IDLE_LOST_AFTER_S, longest_block_s + ENDED_WITHIN_S + IDLE_LOST_AFTER_S / 2)
        self._lost_after_s = self._idle_s
        self._on_lost = on_lost
        self._silence = Silence(clock())
        self._watching: gevent.Greenlet | None = None
        environment.events.heartbeat_received.add_listener(lambda **_: self._silence.hear(clock()))
        # Locust's own 60 s are of the clock on the wall, and count what a stage or a suspended host took of them.
        locust.runners.MASTER_HEARTBEAT_TIMEOUT = float("inf")  # type: ignore[assignment]

    def start(self) -> None:
        """Begin to watch."""
        self._silence.hear(self._clock())
        if self._watching is None:
            self._watching = gevent.spawn(self._watch)

    def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.kill(block=False)
            self._watching = None

    def begin_run(self) -> None:
        """Expect the master to be heard of as it is while a run goes on."""
        self._silence.hear(self._clock())
        self._lost_after_s = LOST_AFTER_S

    def end_run(self) -> None:
        """Expect it to be heard of as between runs."""
        self._silence.hear(self._clock())
        self._lost_after_s = self._idle_s

    def _watch(self) -> None:
        while True:
            self._sleep(LOOK_EVERY_S)
            why = self._lost()
            if why is not None:
                self._on_lost(why)
                return

    def _lost(self) -> str | None:
        if self._parent is not None and os.getppid() != self._parent:
            return "the process that started it is gone"
        silent_s = self._silence.look(self._clock())
        return f"no sign of the master for {silent_s:.0f} s" if silent_s > self._lost_after_s else None
