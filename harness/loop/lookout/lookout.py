"""The lookout: this process watched from outside, and the blocks that were seen in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from gevent import monkey

from harness.loop.hubloop import HubLoop
from harness.loop.lookout.forked import Forks
from harness.loop.lookout.heart import Heart, Stop, in_step_of
from harness.measure.blocks import ENDED_WITHIN_S, LEAST_S, Block
from harness.watch.stacks import held_at
from harness.watch.watched import Watch
from harness.words.clock import now_ns

BASELINE = -1
"""Index that stands for the worker in blocks seen before there is a load."""

KEPT, STACKS_KEPT = 1000, 20
"""Blocks kept until they are handed over, and how many of a process bring their stacks along."""


class Lookout:
    """What sees to it that a run ends, and what steps of the target held its thread.

    Args:
        loop: the process's loop.

    """

    def __init__(self, loop: HubLoop) -> None:
        self.watch = Watch(in_step_of(loop), native=not monkey.is_module_patched("threading"))
        self._forks = Forks(loop, self.watch.leave_in_child)
        loop.on_deaf = self.watch.hear_again
        self._heart = Heart(loop, self.watch, LEAST_S, self._on_stop)
        self._main = threading.main_thread().ident or 0
        self._blocks: list[Block] = []
        self._with_stacks = 0
        self._unwatched: Callable[[], object] = bool  # says why nobody watches, once a run is open

    def start(self, say: Callable[[str], object]) -> None:
        """Begin to look; a process that cannot be watched says so, and goes on."""
        why = self.watch.start()
        if why is not None:
            self._unwatched = lambda: say(f"{why}: a stage that never returns will not be ended")
        self._forks.start()
        self._heart.start()

    def stop(self) -> None:
        """Look no more."""
        self._heart.stop()
        self._forks.stop()
        self.watch.stop()

    def open_run(self, what: str, deadline_s: float, run: Path | None = None) -> None:
        """A run is open: no step may hold the thread for much longer than the deadline of an operation.

        Args:
            what: this process's part in it, in words.
            deadline_s: of one operation.
            run: the folder whose verdict this process gives.

        """
        self._unwatched()
        self.watch.limit(deadline_s + ENDED_WITHIN_S)
        self.watch.tell(what=what, **({} if run is None else {"run": str(run.resolve())}))

    def end_within(self, seconds: float | None) -> None:
        """The load and the stop timeout are over in so many seconds; None: nobody knows."""
        self.watch.until(None if seconds is None else now_ns() + round((seconds + ENDED_WITHIN_S) * 1e9))

    def close_run(self) -> None:
        """The run has said what it has to say."""
        self.watch.limit(0)
        self.watch.until(None)
        self.watch.over()

    def settle(self, code: int) -> None:
        """The process ends with ``code``, whatever the target does on its way out."""
        self.watch.exits.settle(code)

    def take(self, worker: int, offset_ns: int) -> list[Block]:
        """Return the blocks since the last call; ``offset_ns`` moves the monotonic clock to the Unix epoch."""
        self.watch.hear_again()
        self._heart.beat()
        blocks, self._blocks = self._blocks, []
        return [
            block._replace(worker=worker, begin_ns=block.begin_ns + offset_ns, end_ns=block.end_ns + offset_ns)
            for block in blocks
        ]

    def _on_stop(self, stop: Stop) -> None:
        held = held_at(stop.stacks, self._main)
        self._with_stacks += 1
        stacks = stop.stacks if self._with_stacks <= STACKS_KEPT else ""
        if len(self._blocks) < KEPT:
            self._blocks.append(
                Block(BASELINE, stop.begin_ns, stop.end_ns, *held, interrupted=stop.ended, stacks=stacks)
            )
