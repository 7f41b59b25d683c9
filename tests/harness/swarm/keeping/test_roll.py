"""What a master tells of its workers: each that was not there under one heading, and none that was."""

from __future__ import annotations

import pytest

from harness.judge.validity.workers import Workers
from harness.swarm.keeping.reach import Reach
from harness.swarm.keeping.roll import Roll
from harness.swarm.keeping.worker_record import WorkerRecord

S = 1_000_000_000


def record(index: int, gathered_s: list[float], *, final: bool = True) -> WorkerRecord:
    """Return what is known of a worker that gathered a report at each of these seconds."""
    made = WorkerRecord(index)
    for seq, at_s in enumerate(gathered_s):
        made.signs.add(round(at_s * S))
        made.receipts.add(seq)
    made.last_seq = len(gathered_s) - 1 if final else None
    return made


def roll_of(*records: WorkerRecord, expected: int = 2) -> Roll:
    roll = Roll({each.index: each for each in records}, {})
    roll.expect(range(expected))
    return roll


def introduce(roll: Roll, index: int, after_s: float) -> None:
    roll.introduce({"index": index, "versions": {}, "host": "h", "pid": 10 + index, "agreed_on": {}}, after_s)


SECONDS = [float(second) for second in range(20)]


def look(roll: Roll, silent: set[int], times: int, there: int = 2) -> None:
    """Let so many seconds pass, in which nothing of the ``silent`` ones arrives."""
    for _ in range(times):
        for worker in set(range(there)) - silent:
            roll.reach.hear(worker)
        roll.look(range(there))


@pytest.fixture
def roll() -> Roll:
    made = roll_of(record(0, SECONDS, final=False), record(1, SECONDS, final=False))
    for index in (0, 1):
        introduce(made, index, 0.1)
    return made


def end(roll: Roll) -> Workers:
    for each in roll._records.values():
        each.last_seq = len(SECONDS) - 1
    return roll.took_part()


def test_a_worker_whose_partition_heals_leaves_a_mark(roll: Roll) -> None:
    look(roll, silent=set(), times=5)
    look(roll, silent={1}, times=8)
    look(roll, silent=set(), times=5)
    assert end(roll) == Workers(unreached={"worker 1": 8.0})


def test_a_short_silence_and_two_apart_leave_none(roll: Roll) -> None:
    for _ in range(2):
        look(roll, silent={1}, times=5)
        look(roll, silent=set(), times=1)
    assert not end(roll).missed


def test_a_master_that_stands_still_has_not_lost_touch_with_anybody(roll: Roll) -> None:
    look(roll, silent=set(), times=3)
    look(roll, silent={0, 1}, times=1)  # one look, however long it took
    look(roll, silent=set(), times=3)
    assert not end(roll).missed


def test_a_worker_that_stood_still_is_late_and_nothing_else() -> None:
    stood = record(1, [0, 1, 2, 11, 12, 13], final=False)
    roll = roll_of(record(0, SECONDS), stood)
    look(roll, silent={1}, times=9)
    look(roll, silent=set(), times=3)
    stood.last_seq = 5
    assert roll.took_part() == Workers(late={"worker 1": 9.0})


def test_a_worker_that_is_lost_is_lost_and_nothing_else(roll: Roll) -> None:
    look(roll, silent={1}, times=9)
    roll._records[0].last_seq = len(SECONDS) - 1
    found = roll.took_part()
    assert found == Workers(lost=found.lost)
    assert len(found.lost) == 1


def test_workers_that_begin_long_after_the_run_are_named_and_are_not_out_of_reach_as_well() -> None:
    roll = roll_of(record(0, SECONDS), record(1, SECONDS))
    look(roll, silent={0, 1}, times=8)
    introduce(roll, 0, 8.04)
    introduce(roll, 1, 4.9)
    roll.reach = Reach()
    assert roll.took_part() == Workers(began_late={"worker 0": 8.0})


def test_one_that_joins_by_itself_later_is_not_late() -> None:
    roll = roll_of(record(0, SECONDS), record(1, SECONDS), expected=1)
    introduce(roll, 0, 0.1)
    introduce(roll, 1, 9.0)
    assert not roll.took_part().missed


def test_workers_that_were_there_at_the_begin_and_are_never_heard_of_are_lost() -> None:
    roll = roll_of()
    assert roll.took_part().lost == ("worker 0, never heard of", "worker 1, never heard of")


def test_workers_that_are_done_are_waited_for_no_more() -> None:
    roll = roll_of(record(0, SECONDS), record(1, SECONDS, final=False))
    introduce(roll, 0, 0.1)
    introduce(roll, 1, 0.1)
    look(roll, silent={0}, times=9)
    assert not end(roll).missed
