"""Pacing: the arrivals of a schedule, handed to the users of a class as they become due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gevent.hub import Waiter, get_hub

from harness.load.arrivals.share import Arrivals, Counts
from harness.loop.pacing.alarm import Alarm
from harness.words.clock import now_ns


class _Idle:
    """A user that waits for an arrival."""

    __slots__ = ("due_ns", "waiter")

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter
        self.due_ns: int | None = None  # of the arrival it was handed


class Pacer:
    """Hands out this worker's arrivals of one user class, each to the user that has been idle for longest.

    Args:
        arrivals: the worker's share, not begun.
        now_ns: the clock.

    """

    def __init__(self, arrivals: Arrivals, now_ns: Callable[[], int] = now_ns) -> None:
        self._arrivals = arrivals
        self._now_ns = now_ns
        self._idle: deque[_Idle] = deque()
        self._hub = get_hub()
        self._alarm = Alarm(self._hand_out)

    def begin(self) -> None:
        """Make now time zero of the schedule, if it has not begun."""
        self._arrivals.begin(self._now_ns())
        self._hand_out()

    def end(self) -> None:
        """Stop the schedule now. Users that wait do so until they are stopped."""
        self._arrivals.end(self._now_ns())
        self._alarm.close()

    def counts(self) -> Counts:
        """Return what has been counted since the last call (``Arrivals.counts``)."""
        return self._arrivals.counts(self._now_ns())

    def wait(self, free_ns: int) -> int:
        """Wait for an arrival and return when it was due.

        What was due before ``free_ns``, while nobody was idle, is counted as not delivered. Free is a user from the end
        of its operation, not from the moment its greenlet runs again: what is due between the two is late by the
        harness's own lag.
        """
        arrivals = self._arrivals
        self._hand_out()
        if not self._idle:
            arrivals.skip(free_ns)
            due_ns = arrivals.next_due_ns
            if due_ns is not None and due_ns <= self._now_ns():
                arrivals.take()
                return due_ns
        idle = _Idle(Waiter(self._hub))
        self._idle.append(idle)
        self._arm()
        try:
            handed_ns: int = idle.waiter.get()
        except BaseException:
            if idle.due_ns is None:
                self._idle.remove(idle)
            else:
                self._hand_on(idle.due_ns)
            raise
        return handed_ns

    def lose(self, due_ns: int) -> None:
        """Count an arrival that was waited for as not delivered after all."""
        self._arrivals.lose(due_ns)

    def _hand_out(self) -> None:
        """Give what is due to users that are idle."""
        arrivals = self._arrivals
        while self._idle and (due_ns := arrivals.next_due_ns) is not None and due_ns <= self._now_ns():
            arrivals.take()
            self._hand_to_longest_idle(due_ns)
        self._arm()

    def _hand_on(self, due_ns: int) -> None:
        """Give an arrival whose user was stopped before it could send to another one that is idle, if there is one."""
        if self._idle and not self._arrivals.ended:
            self._hand_to_longest_idle(due_ns)
        else:
            self._arrivals.lose(due_ns)

    def _hand_to_longest_idle(self, due_ns: int) -> None:
        idle = self._idle.popleft()
        idle.due_ns = due_ns
        self._hub.loop.run_callback(idle.waiter.switch, due_ns)

    def _arm(self) -> None:
        """Ring when the next arrival is due, where there is a user to take it."""
        self._alarm.set(self._arrivals.next_due_ns if self._idle else None)
