"""A collector without processes: a clock that is set by hand, and a history that is a list or a disk that is full."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from recorded import delta_of

from harness.measure.histogram import Histogram
from harness.measure.vitals import Vitals
from harness.record.run_directory import RunDirectory, create_run_directory
from harness.swarm.keeping.collector import CLOSED_AFTER_S, Collector, Subscription
from harness.swarm.keeping.roll import Roll
from harness.words.errors import RecordError

BEGAN_S = 1_000


class Parts:
    """A history in memory, some of whose tables cannot be written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int, bytes]] = []
        self.full: set[str] = set()

    def write(self, table: str, worker: int, part: bytes) -> None:
        if table in self.full:
            raise RecordError(f"{table}: No space left on device")
        self.written.append((table, worker, part))


class Kept:
    """A run that is kept by one collector."""

    def __init__(self, folder: Path) -> None:
        self.now_s = float(BEGAN_S)
        self.parts = Parts()
        self.failures: list[RecordError] = []
        self.settled: list[tuple[int, int, bool]] = []
        self.run: RunDirectory = create_run_directory(folder, "test.py")
        self.collector = Collector(
            self.run,
            self.failures.append,
            lambda: self.now_s,
            self.parts,
            lambda call, arguments: call(*arguments),
        )
        self.collector.on_settled = lambda delta, kept: self.settled.append((delta["worker"], delta["seq"], kept))

    def receive(self, seq: int, *, worker: int = 0, ended: Any = (), **fields: Any) -> None:
        """Hand over a delta; seconds count from the beginning."""
        ended = [BEGAN_S + second for second in ended]
        run_id = fields.pop("run_id", self.run.run_id)
        gathered_s = fields.pop("gathered_s", self.now_s)
        self.collector.receive(delta_of(run_id, seq, gathered_s, worker=worker, ended=ended, **fields))

    def rows(self, path: Path) -> list[dict[str, str]]:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def counts(self) -> dict[int, int]:
        """Return what the series holds so far, by second since the beginning."""
        rows = self.rows(self.run.series)
        seconds = {int(row["second"]) - BEGAN_S for row in rows}
        return {
            second: sum(int(r["count"]) for r in rows if int(r["second"]) == BEGAN_S + second) for second in seconds
        }


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_second_is_written_when_no_worker_that_lives_can_report_it_any_more(kept: Kept) -> None:
    kept.receive(0, ended=[0, 1, 2])
    kept.now_s = BEGAN_S + CLOSED_AFTER_S + 1.9
    kept.collector.write_closed_seconds()
    assert kept.counts() == {0: 1}
    kept.now_s += 0.2
    kept.collector.write_closed_seconds()
    assert kept.counts() == {0: 1, 1: 1}
    kept.collector.close()
    assert kept.counts() == {0: 1, 1: 1, 2: 1}


def test_a_second_that_is_reported_after_it_was_written_is_one_second_in_every_file(kept: Kept) -> None:
    seen = Vitals(BEGAN_S, 0, 4, cpu_ms=10.0).as_wire()
    kept.receive(0, ended=[0], vitals=[seen], schedule={BEGAN_S: [2, 0]})
    kept.now_s += CLOSED_AFTER_S + 1
    kept.collector.write_closed_seconds()
    assert kept.counts() == {0: 1}
    assert [row["cpu_ms"] for row in kept.rows(kept.run.vitals)] == ["10.000"]
    kept.receive(1, ended=[0], vitals=[seen], schedule={BEGAN_S: [1, 1]})
    kept.collector.close()
    (series,), (vitals,), (arrivals,) = map(kept.rows, (kept.run.series, kept.run.vitals, kept.run.arrivals))
    assert (series["count"], vitals["cpu_ms"]) == ("2", "20.000")
    assert (arrivals["due"], arrivals["not_delivered"]) == ("3", "1")


def test_the_series_of_two_workers_become_one_row_with_the_histogram_of_both(kept: Kept) -> None:
    for worker in (0, 1):
        kept.receive(0, worker=worker, ended=[3], users={BEGAN_S + 3: 5})
    kept.collector.close()
    (row,) = kept.rows(kept.run.series)
    assert (row["count"], row["users"]) == ("2", "10")
    assert Histogram.decode(row["hdr"]).counts == {1: 2}


def test_a_delta_that_comes_twice_counts_once(kept: Kept) -> None:
    for _ in range(2):
        kept.receive(0, ended=[0], history={"operations": b"part"}, schedule={BEGAN_S: [1, 0]})
    kept.collector.close()
    assert kept.counts() == {0: 1}
    assert kept.collector.arrivals.due == 1
    assert kept.parts.written == [("operations", 0, b"part")]
    assert kept.settled == [(0, 0, True)]


def test_deltas_out_of_turn_all_count_and_the_newest_says_how_the_worker_is(kept: Kept) -> None:
    kept.receive(0, ended=[0], arrivals=10, held_back_s=0.1)
    kept.receive(2, ended=[2], arrivals=30, held_back_s=0.3, log_records={"ERROR": 3}, users={BEGAN_S: 7}, final=True)
    record = kept.collector.workers[0]
    assert not record.final
    kept.receive(
        1, ended=[1], arrivals=20, held_back_s=0.2, log_records={"ERROR": 2}, users={BEGAN_S: 6, BEGAN_S + 1: 6}
    )
    assert record.final
    assert (record.arrivals, record.held_back_s, record.log_records) == (30, 0.3, {"ERROR": 3})
    assert record.users == {BEGAN_S: 7, BEGAN_S + 1: 6}
    kept.collector.close()
    assert kept.counts() == {0: 1, 1: 1, 2: 1}


def test_a_delta_of_another_run_or_after_the_end_is_not_counted(kept: Kept) -> None:
    kept.receive(0, ended=[0], run_id="of another")
    assert kept.collector.workers == {}
    kept.collector.close()
    kept.receive(0, ended=[0])
    assert (kept.collector.workers, kept.counts()) == ({}, {})


def test_a_worker_is_known_by_when_it_was_last_heard_of_on_this_clock(kept: Kept) -> None:
    kept.receive(0)
    kept.now_s += 7
    kept.receive(1)
    assert kept.collector.workers[0].last_report == BEGAN_S + 7
    kept.collector.close()


def test_a_worker_that_is_never_done_is_lost_and_what_it_handed_over_is_kept(kept: Kept) -> None:
    roll = Roll(kept.collector.workers, {})
    roll.expect([0, 1])
    for seq in range(3):
        kept.receive(seq, worker=0, ended=[seq], final=seq == 2)
    kept.receive(0, worker=1, ended=[0])
    assert roll.missing() == [1]
    assert len(roll.took_part().lost) == 1
    kept.collector.close()
    assert kept.counts() == {0: 2, 1: 1, 2: 1}


def test_times_of_a_worker_are_laid_on_the_clock_of_the_master(kept: Kept) -> None:
    roll = Roll(kept.collector.workers, {})
    kept.receive(0, gathered_s=50, clock_offset=None)
    assert (roll.last_heard_ns(0), roll.clock_offsets_ms) == (50_000_000_000, {})
    kept.receive(1, gathered_s=51, clock_offset=[-2_000_000, 100])
    assert (roll.last_heard_ns(0), roll.clock_offsets_ms) == (50_998_000_000, {"worker 0": -2.0})
    kept.collector.close()


class TestWhatCannotBeWritten:
    def test_a_full_disk_under_the_history_stops_the_run_once_and_refuses_the_delta(self, kept: Kept) -> None:
        kept.parts.full = {"operations"}
        for seq in range(2):
            kept.receive(seq, ended=[seq], history={"operations": b"o", "spans": b"s"})
        kept.collector.close()
        assert [len(kept.failures), len(kept.collector.errors)] == [1, 2]
        assert kept.settled == [(0, 0, False), (0, 1, False)]
        assert [kept.collector.workers[0].receipts.fate(seq) for seq in range(2)] == [False, False]
        assert kept.parts.written == [("spans", 0, b"s")] * 2
        assert kept.counts() == {0: 1, 1: 1}

    def test_a_file_that_cannot_be_written_is_named_and_keeps_no_other_from_being_written(self, kept: Kept) -> None:
        kept.run.series.unlink()
        kept.run.series.mkdir()
        kept.receive(0, ended=[0], vitals=[Vitals(BEGAN_S, 0, 4).as_wire()])
        kept.collector.close()
        assert len(kept.failures) == 1
        assert str(kept.run.series) in kept.collector.errors[0]
        assert len(kept.rows(kept.run.vitals)) == 1


class Follower:
    """A consumer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def subscription(self) -> Subscription:
        return Subscription(
            "follower", lambda delta: self.told.append(delta["seq"]), self.told.append, lambda: self.told.append("end")
        )


class TestSubscriptions:
    def test_a_consumer_is_told_of_each_delta_once_of_closed_seconds_and_of_the_end(self, kept: Kept) -> None:
        follower = Follower()
        kept.receive(0)
        kept.collector.subscribe(follower.subscription())
        for seq in (2, 1, 2):
            kept.receive(seq)
        kept.collector.write_closed_seconds()
        kept.collector.close()
        kept.receive(3)
        assert follower.told == [2, 1, BEGAN_S - CLOSED_AFTER_S, "end"]

    def test_one_that_follows_deltas_alone_needs_nothing_else(self, kept: Kept) -> None:
        seen: list[int] = []
        kept.collector.subscribe(Subscription("seen", lambda delta: seen.append(delta["seq"])))
        kept.receive(0)
        kept.collector.write_closed_seconds()
        kept.collector.close()
        assert seen == [0]

    def test_one_that_breaks_keeps_nothing_from_the_others_and_stops_the_run(self, kept: Kept, caplog: Any) -> None:
        follower, broken = Follower(), {}
        kept.collector.subscribe(Subscription("broken", lambda delta: broken[delta["seq"]]))
        kept.collector.subscribe(follower.subscription())
        kept.receive(0, ended=[0], history={"operations": b"o"})
        kept.collector.close()
        assert follower.told == [0, "end"]
        assert (kept.counts(), len(kept.parts.written)) == ({0: 1}, 1)
        assert len(kept.failures) == 1
        assert "broken" in str(kept.failures[0])
        assert caplog.records[0].exc_info is not None
