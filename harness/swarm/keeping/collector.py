"""The keeping side of a run, in the master or a single process: deltas in, a run directory out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TextIO, cast

import gevent
from gevent.queue import Queue

from harness.load.arrivals.share import Counts
from harness.measure.blocks import Block, of_wire
from harness.measure.series import Cell, Key, Merged, WireRow
from harness.measure.series_csv import read_series, write_header, write_rows
from harness.measure.vitals import VitalsLog
from harness.record.arrivals_csv import ArrivalsLog
from harness.record.history import PartWriter
from harness.record.run_directory import RunDirectory
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.receipts import Receipts, Signs
from harness.words.errors import RecordError

ROWS_AT_ONCE = 8
"""Rows of the series written before others get their turn: about 1 ms. A second may have hundreds."""

CLOSED_AFTER_S = 5
"""Seconds after which no worker that still lives can report a second again: reports come every second. Where a step of
the target holds its thread for longer, the file is put right at the end."""

STANDS_S = 600
"""Seconds for which a worker that is there has the users it had when it last looked: a step may hold its thread."""


@dataclass(slots=True)
class WorkerRecord:
    """What the run knows of one worker."""

    index: int
    arrivals: int = 0
    last_report: float = field(default_factory=time.time)  # when it arrived
    signs: Signs = field(default_factory=Signs)
    blocks: list[Block] = field(default_factory=list)  # steps of its target that held the thread, in whatever order
    held_back_s: float = 0.0  # for how long its users were kept from starting operations
    clock_offset: Sequence[int] | None = None  # master's clock minus its own, and how wrong that may be, ns
    receipts: Receipts = field(default_factory=Receipts)
    last_seq: int | None = None  # of its final delta
    users: dict[int, int] = field(default_factory=dict)
    broken: str | None = None  # what its event loop stopped serving for
    looked_at: int = 0  # the latest second of ``users``
    log_records: dict[str, int] = field(default_factory=dict)
    due: int = 0  # arrivals of its share of all schedules
    not_delivered: int = 0

    def add_schedule(self, counts: Counts) -> None:
        """Add what it counted of its share."""
        self.due += sum(due for due, _ in counts.values())
        self.not_delivered += sum(not_delivered for _, not_delivered in counts.values())

    @property
    def silent_s(self) -> float:
        """The longest time for which it gathered nothing, in seconds, without what steps of its target took of it."""
        return self.signs.longest_gap_s(self.blocks)

    @property
    def final(self) -> bool:
        """Whether all that it handed over, to its final delta, was received."""
        return self.last_seq is not None and self.receipts.complete(self.last_seq)

    def update(self, delta: Delta) -> None:
        """Take what a delta says of the worker itself, unless a newer one was received."""
        self.last_report = time.time()
        self.signs.add(delta["gathered_ns"])
        self.blocks += of_wire(delta["blocks"])
        self.broken = self.broken or delta["broken"]
        self.looked_at = max(self.looked_at, *delta["users"], 0)
        if delta["final"]:
            self.last_seq = delta["seq"]
        if delta["seq"] < self.receipts.newest:
            for second, users in delta["users"].items():
                self.users.setdefault(second, users)
            return
        self.users.update(delta["users"])
        self.arrivals = delta["arrivals"]
        self.log_records = delta["log_records"]
        self.held_back_s = delta["held_back_s"]
        self.clock_offset = delta["clock_offset"]


class Collector:
    """Merges what workers hand over, and writes it down while the run goes.

    Args:
        run: the run's folder.
        on_failure: called once with the first error that keeps data from being written.

    Attributes:
        on_settled: called for each delta once it is merged and on disk (True), or could not be written (False).

    """

    def __init__(self, run: RunDirectory, on_failure: Callable[[RecordError], None]) -> None:
        self._run = run
        self._on_failure = on_failure
        self._merged = Merged()
        self._parts = PartWriter(run.history)
        self._queue: Queue[Delta | None] = Queue()
        self._vitals = VitalsLog(run.vitals)
        self._written_to = 0
        self._late = False
        self._closed = False
        self._there: Collection[int] | None = None
        self.on_settled: Callable[[Delta, bool], object] = lambda _delta, _kept: None
        self.workers: dict[int, WorkerRecord] = {}
        self.arrivals = ArrivalsLog(run.arrivals)
        self.errors: list[str] = []
        self.watchers: list[Callable[[Sequence[WireRow]], None]] = []
        """Called with the rows of each delta that is counted."""
        with self._open_series("w") as file:
            write_header(file)
        self._writer = gevent.spawn(self._write_parts)

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
        worker.update(delta)
        self._late |= any(row[0][0] < self._written_to for row in delta["series"])
        self._merged.merge(delta["series"])
        self._vitals.add(delta["vitals"])
        self.arrivals.add(delta["schedule"])
        worker.add_schedule(delta["schedule"])
        for watch in self.watchers:
            watch(delta["series"])
        self._queue.put(delta)

    def write_closed_seconds(self, there: Collection[int] | None = None) -> None:
        """Append to ``series.csv`` and ``arrivals.csv`` the seconds that can get no more operations.

        ``there`` are the workers that live; None: all do.
        """
        self._there = there
        closed = int(time.time()) - CLOSED_AFTER_S
        self._write_before(closed)
        self._write_down(self._run.arrivals, lambda: self.arrivals.write_before(closed))
        self._write_down(self._run.vitals, lambda: self._vitals.write_before(closed))

    def close(self) -> None:
        """Write down everything that was received; what comes later is not counted."""
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._write_before(None)
        if self._late:
            self._write_down(self._run.series, self._rewrite)
        self._write_down(self._run.arrivals, self.arrivals.close)
        self._write_down(self._run.vitals, self._vitals.close)

    def _write_before(self, second: int | None) -> None:
        """Append the rows of all seconds before ``second``, a few at a time: a stage may be waiting for the thread.

        Rows leave memory when they are written, so that one who is killed in between loses none.
        """
        while rows := self._merged.pop_before(second, ROWS_AT_ONCE):
            self._written_to = max(self._written_to, rows[-1][0].second + 1)
            if not self._write_down(self._run.series, lambda rows=rows: self._append(rows)):  # type: ignore[misc]
                return
            if not self._closed:
                gevent.sleep(0)

    def _open_series(self, mode: str) -> TextIO:
        # Opened for each turn: a target that closes descriptors which are not its own (os.closerange) and then opens
        # files would get the rows into them. It takes 0.03 ms.
        return cast(TextIO, self._run.series.open(mode, encoding="utf-8", errors="backslashreplace", newline=""))

    def _append(self, rows: Sequence[tuple[Key, Cell]]) -> None:
        with self._open_series("a") as file:
            for second, some in groupby(rows, lambda row: row[0].second):
                write_rows(file, some, self._users(second))

    def _write_down(self, path: Path, write: Callable[[], None]) -> bool:
        """Write a file, whose name says what it holds; return whether that went well."""
        try:
            write()
        except OSError as error:
            self.fail(RecordError(f"{path}: cannot write {path.stem}: {error.strerror or error}"))
            return False
        return True

    def _users(self, second: int) -> int | None:
        """Return the users of all workers in a second; a worker that was too busy to look has those of before."""
        known = [users for worker in self.workers.values() if (users := self._users_of(worker, second)) is not None]
        return sum(known) if known else None

    def _users_of(self, worker: WorkerRecord, second: int) -> int | None:
        """Return the users of a worker: none before it was started, and none once it is gone."""
        stood = self._there is None or worker.index in self._there or worker.looked_at > second
        reach = STANDS_S if stood else CLOSED_AFTER_S
        return next((worker.users[at] for at in range(second, second - reach, -1) if at in worker.users), None)

    def _rewrite(self) -> None:
        """Merge rows of seconds that were reported late into those written before."""
        merged = Merged()
        users: dict[int, int | None] = {}
        for row in read_series(self._run.series):
            merged.merge_cell(row.key, row.cell)
            users[row.key.second] = row.users
        partial = self._run.series.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            write_header(file)
            for second in merged.seconds():
                write_rows(file, merged.pop_before(second + 1), users[second])
        partial.rename(self._run.series)

    def _write_parts(self) -> None:
        """Write the history as it comes, in a native thread: Parquet's work needs no interpreter lock."""
        pool = gevent.get_hub().threadpool
        for delta in iter(self._queue.get, None):
            kept = True
            for table, part in delta["history"].items():
                error = pool.apply(self._write_part, (table, delta["worker"], part))
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
