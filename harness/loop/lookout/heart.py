"""The heart: it beats as often as the hub has a turn, so that a step which holds the thread shows, here and outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gevent.hub import get_hub
from greenlet import getcurrent

from harness.loop.hubloop import HubLoop
from harness.words.clock import now_ns

BEAT_S = 0.1


class Watcher(Protocol):
    """Who is told of each beat (``harness.watch.watched.Watch``)."""

    ended: int

    def beat(self, at_ns: int) -> None:
        """Take note of a beat."""

    def take_stacks(self) -> str:
        """Return the stacks that were written down since the last call."""


class Stop(NamedTuple):
    """A time in which the heart stood still, because a step held the thread; monotonic nanoseconds."""

    begin_ns: int
    end_ns: int
    ended: bool  # whether the step was ended by an exception
    stacks: str  # of all threads meanwhile, empty where nobody could look


class Heart:
    """Beats in the hub of this thread.

    Args:
        loop: whose steps may hold the thread.
        watcher: told of each beat.
        least_s: from how long on a step is told of.
        on_stop: told of each such step when it is over.

    """

    def __init__(self, loop: HubLoop, watcher: Watcher, least_s: float, on_stop: Callable[[Stop], object]) -> None:
        self._steps = loop.steps
        self._watcher = watcher
        self._least_ns = round(least_s * 1e9)
        self._on_stop = on_stop
        self._ended = watcher.ended
        self._last_ns = now_ns()
        self._timer = get_hub().loop.timer(BEAT_S, BEAT_S, ref=False)

    def start(self) -> None:
        """Begin to beat."""
        self._last_ns = now_ns()
        self._watcher.beat(self._last_ns)
        self._timer.start(self.beat)

    def stop(self) -> None:
        """Beat no more."""
        self._timer.close()

    def beat(self) -> None:
        """Beat now: what asks for the stops so far must not miss the one that has just ended."""
        now, before = now_ns(), self._last_ns
        self._last_ns = now
        self._watcher.beat(now)
        if now - before > self._least_ns // 2:
            self._on_silence(before, now)

    def _on_silence(self, before_ns: int, now: int) -> None:
        stacks = self._watcher.take_stacks()  # also where it is not told of: the next must not take them for its own
        ended, self._ended = self._watcher.ended - self._ended, self._watcher.ended
        stretches = [(until - since, since, until) for since, until in self._steps.recent if until * 1e9 > before_ns]
        took_s, since, until = max(stretches, default=(0.0, 0.0, 0.0))
        if took_s * 1e9 >= self._least_ns or (ended and took_s):
            self._on_stop(Stop(round(since * 1e9), min(round(until * 1e9), now), ended > 0, stacks))


def in_step_of(loop: HubLoop) -> Callable[[], bool]:
    """Return what says whether a step of ``loop`` runs at this moment; to be asked in the loop's own thread."""
    return lambda: loop._runner is not None and getcurrent() is loop._runner
