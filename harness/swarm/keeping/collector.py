"""The keeping side of a run, in the master or a single process: deltas in, a run directory out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import gevent
from gevent.queue import Queue

from harness.measure.vitals import VitalsLog
from harness.record.arrivals_csv import ArrivalsLog
from harness.record.history import PartWriter
from harness.record.run_directory import RunDirectory
from harness.record.series_log import SeriesLog
from harness.swarm.keeping.worker_record import WorkerRecord
from harness.swarm.wire.delta import Delta
from harness.words.errors import RecordError, one_line

CLOSED_AFTER_S = 5
"""Seconds after which no worker that still lives can report a second again: reports come every second. Where a step of
the target holds its thread for longer, the file is put right at the end."""

STANDS_S = 600
"""Seconds for which a worker that is there has the users it had when it last looked: a step may hold its thread."""

logger = logging.getLogger("harness")


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """How one consumer follows what workers hand over. It knows no other.

    What it raises ends the run, as everything does that keeps data from being kept; the other consumers go on.

    Attributes:
        name: what it keeps, for the line that says that it could not.
        add: called with each delta that is counted, once, in the order of arrival.
        write_before: called about once a second with the Unix second before which no worker that lives can report
            anything any more.
        close: called once, after the last delta.
        path: the file it writes, if it writes one.

    """

    name: str
    add: Callable[[Delta], object]
    write_before: Callable[[int], object] = _nothing
    close: Callable[[], object] = _nothing
    path: Path | None = None


class Parts(Protocol):
    """Where the history is written; ``record.history.PartWriter`` is one."""

    def write(self, table: str, worker: int, part: bytes) -> object:
        """Write one part, or raise ``RecordError``."""


Aside = Callable[[Callable[..., RecordError | None], tuple[object, ...]], RecordError | None]
"""Calls something with arguments where it holds nobody up, and returns what it returned."""


def in_native_thread(call: Callable[..., RecordError | None], arguments: tuple[object, ...]) -> RecordError | None:
    """Call something in the hub's pool, while other greenlets go on: Parquet's work needs no interpreter lock."""
    done: RecordError | None = gevent.get_hub().threadpool.apply(call, arguments)
    return done


class Collector:
    """Counts what workers hand over, once, and hands it to whoever subscribed; writes the history itself.

    Args:
        run: the run's folder.
        on_failure: called once with the first error that keeps data from being written.
        now_s: the Unix time of this host.
        parts: where the history is written; the run's folder if not given.
        aside: how a part is written.

    Attributes:
        on_settled: called for each delta once it is merged and on disk (True), or could not be written (False).

    """

    def __init__(
        self,
        run: RunDirectory,
        on_failure: Callable[[RecordError], None],
        now_s: Callable[[], float] = time.time,
        parts: Parts | None = None,
        aside: Aside = in_native_thread,
    ) -> None:
        self._run = run
        self._on_failure = on_failure
        self._now_s = now_s
        self._parts: Parts = PartWriter(run.history) if parts is None else parts
        self._aside = aside
        self._queue: Queue[Delta | None] = Queue()
        self._closed = False
        self._there: Collection[int] | None = None
        self._subscriptions: list[Subscription] = []
        self.on_settled: Callable[[Delta, bool], object] = lambda _delta, _kept: None
        self.workers: dict[int, WorkerRecord] = {}
        self.errors: list[str] = []
        self.arrivals = arrivals = ArrivalsLog(run.arrivals)
        series = SeriesLog(run.series, self._users, lambda: gevent.sleep(0))
        vitals = VitalsLog(run.vitals)
        for subscription in (
            Subscription("series", lambda d: series.add(d["series"]), series.write_before, series.close, run.series),
            Subscription(
                "arrivals", lambda d: arrivals.add(d["schedule"]), arrivals.write_before, arrivals.close, run.arrivals
            ),
            Subscription("vitals", lambda d: vitals.add(d["vitals"]), vitals.write_before, vitals.close, run.vitals),
        ):
            self.subscribe(subscription)
        self._writer = gevent.spawn(self._write_parts)

    def subscribe(self, subscription: Subscription) -> None:
        """Have a consumer follow what is handed over from now on, after those that subscribed before."""
        self._subscriptions.append(subscription)

    def expects(self, delta: Delta) -> bool:
        """Whether ``receive`` would count a delta: one of this run, while it goes on, not received before."""
        if delta["run_id"] != self._run.run_id or self._closed:
            return False
        worker = self.workers.get(delta["worker"])
        return worker is None or delta["seq"] not in worker.receipts

    def receive(self, delta: Delta) -> None:
        """Take what a worker hands over, once, in whatever order; see ``expects``."""
        if not self.expects(delta):
            return
        worker = self.workers.setdefault(delta["worker"], WorkerRecord(delta["worker"]))
        worker.receipts.add(delta["seq"])
        worker.update(delta, self._now_s())
        self._tell(lambda each: each.add(delta))
        self._queue.put(delta)

    def write_closed_seconds(self, there: Collection[int] | None = None) -> None:
        """Have the seconds written down that can get no more operations.

        ``there`` are the workers that live; None: all do.
        """
        self._there = there
        closed = int(self._now_s()) - CLOSED_AFTER_S
        self._tell(lambda each: each.write_before(closed))

    def close(self) -> None:
        """Write down everything that was received; what comes later is not counted."""
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._tell(lambda each: each.close())

    def _tell(self, call: Callable[[Subscription], object]) -> None:
        """Let each consumer do its part; what keeps one from that keeps the others from nothing."""
        for each in self._subscriptions:
            try:
                call(each)
            except OSError as error:
                where = "" if each.path is None else f"{each.path}: "
                self.fail(RecordError(f"{where}cannot write {each.name}: {error.strerror or error}"))
            except Exception as error:  # counted as data lost, which ends the run
                logger.exception("while keeping the %s", each.name)
                self.fail(RecordError(f"{each.name}: what was handed over could not be kept: {one_line(error)}"))

    def _users(self, second: int) -> int | None:
        """Return the users of all workers in a second; a worker that was too busy to look has those of before."""
        known = [users for worker in self.workers.values() if (users := self._users_of(worker, second)) is not None]
        return sum(known) if known else None

    def _users_of(self, worker: WorkerRecord, second: int) -> int | None:
        """Return the users of a worker: none before it was started, and none once it is gone."""
        stood = self._there is None or worker.index in self._there or worker.looked_at > second
        reach = STANDS_S if stood else CLOSED_AFTER_S
        return next((worker.users[at] for at in range(second, second - reach, -1) if at in worker.users), None)

    def _write_parts(self) -> None:
        """Write the history as it comes."""
        for delta in iter(self._queue.get, None):
            kept = True
            for table, part in delta["history"].items():
                error = self._aside(self._write_part, (table, delta["worker"], part))
                if error is not None:
                    kept = False
                    self.fail(error)
            self.workers[delta["worker"]].receipts.settle(delta["seq"], kept=kept)
            self.on_settled(delta, kept)

    def _write_part(self, table: str, worker: int, part: bytes) -> RecordError | None:
        """Write a part; an error is returned, since gevent's pool prints those that are raised."""
        try:
            self._parts.write(table, worker, part)
        except RecordError as error:
            return error
        return None

    def fail(self, error: RecordError) -> None:
        """Take note that data could not be written: the run has to stop."""
        first = not self.errors
        self.errors.append(str(error))
        if first:
            self._on_failure(error)
