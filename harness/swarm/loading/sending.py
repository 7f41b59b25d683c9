"""Handing over what a worker gathers: numbered, with Locust's own reports, until the master has confirmed it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
from locust.exception import RPCError
from locust.runners import WorkerRunner

from harness.swarm.loading.session import Session
from harness.swarm.wire.clock_offset import ClockOffset
from harness.swarm.wire.delta import Delta, size_of
from harness.swarm.wire.messages import DELTA, SENT, Answer
from harness.swarm.wire.outbox import Outbox
from harness.words.clock import now_ns

SEND_AGAIN_S = 3.0
"""Seconds between two attempts after the last delta. Before, the answers to later ones tell what was lost."""

Report = dict[str, object]
logger = logging.getLogger("harness")


class Shipping:
    """What one worker hands over in one run.

    The whole report is what is kept and sent again, Locust's statistics and the delta of the same operations: the
    master counts both or neither.

    Args:
        worker: Locust's; it sends.
        session: what is handed over is of its run.
        clock: monotonic nanoseconds of this host.
        sleep: waits for so many seconds.

    """

    def __init__(
        self,
        worker: WorkerRunner,
        session: Session,
        clock: Callable[[], int] = now_ns,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._monotonic_ns = clock
        self._sleep = sleep
        self.session = session
        self.clock = ClockOffset()
        self._worker = worker
        self._outbox: Outbox[Report] = Outbox(session.gate.set)
        self._repeating: gevent.Greenlet | None = None

    def add(self, report: Report, delta: Delta) -> None:
        """Put a delta into the report that Locust is about to send."""
        delta["clock_offset"] = self.clock.best
        report[DELTA] = delta
        report[SENT] = self.now_ns()
        self._outbox.add(delta["seq"], report, size_of(delta))

    def send_last(self, report: Report, delta: Delta) -> None:
        """Send the last report of the run, and again until it and those before it are confirmed."""
        self.add(report, delta)
        self._send(report)
        self._repeating = gevent.spawn(self._repeat)

    def on_answer(self, answer: Answer) -> None:
        """Forget what the master has, and send again what did not reach it."""
        if answer["run_id"] != self.session.run_id:
            return
        self.clock.add(answer["sent_ns"], answer["received_ns"], answer["answered_ns"], self.now_ns())
        if answer["seq"] is None:
            return
        for report in self._outbox.acknowledge(answer["seq"], kept=answer["kept"]):
            self._send(report)

    @property
    def confirmed(self) -> bool:
        """Whether the master has answered to everything that was sent."""
        return not len(self._outbox)

    def end(self) -> list[Delta]:
        """Send nothing more, and return what the master has not confirmed."""
        if self._repeating is not None:
            self._repeating.kill()
        return [report[DELTA] for report in self._outbox.left()]  # type: ignore[misc]  # put there by ``add``

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch by this worker's clock."""
        return self._monotonic_ns() + self.session.epoch.offset_ns

    def _repeat(self) -> None:
        while not self.confirmed:
            self._sleep(SEND_AGAIN_S)
            for report in self._outbox.send_all_again():
                self._send(report)

    def _send(self, report: Report) -> None:
        report[SENT] = self.now_ns()
        try:
            self._worker.send_message("stats", report)
        except RPCError as error:
            logger.warning("a report could not be sent, and will be sent again: %s", error)
