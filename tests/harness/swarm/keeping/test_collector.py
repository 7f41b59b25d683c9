"""What a master makes of workers that hand over nothing for a while: in series.csv, and in what it says of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from recorded import delta_of

from harness.record.run_directory import RunDirectory, create_run_directory
from harness.swarm.keeping.collector import Collector
from harness.swarm.keeping.roll import Roll


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return create_run_directory(tmp_path, "test.py")


@pytest.fixture
def collector(run: RunDirectory) -> Collector:
    return Collector(run, lambda error: pytest.fail(str(error)))


def late_of(collector: Collector) -> dict[str, float]:
    return Roll(collector.workers, {}).late


def test_a_worker_is_not_late_for_as_long_as_steps_held_its_thread(run: RunDirectory, collector: Collector) -> None:
    collector.receive(delta_of(run.run_id, 0, 10))
    collector.receive(delta_of(run.run_id, 1, 41, blocks=[(10.5, 40.5)]))
    assert late_of(collector) == {}
    collector.receive(delta_of(run.run_id, 2, 60.5, blocks=[(43, 50), (50.5, 57)]))
    assert late_of(collector) == {"worker 0": 6.0}
    collector.close()


def test_a_block_that_arrives_with_a_report_out_of_turn_counts_too(run: RunDirectory, collector: Collector) -> None:
    collector.receive(delta_of(run.run_id, 0, 10))
    collector.receive(delta_of(run.run_id, 2, 21))
    assert late_of(collector) == {"worker 0": 11.0}
    collector.receive(delta_of(run.run_id, 1, 20, blocks=[(10.5, 19.5)]))
    assert late_of(collector) == {}
    collector.close()


def test_a_block_of_one_worker_excuses_no_other(run: RunDirectory, collector: Collector) -> None:
    for worker in (0, 1):
        collector.receive(delta_of(run.run_id, 0, 10, worker=worker))
        collector.receive(delta_of(run.run_id, 1, 20, worker=worker, blocks=[(11, 19)] if worker else []))
    assert late_of(collector) == {"worker 0": 10.0}
    collector.close()


def users_written(run: RunDirectory, collector: Collector) -> dict[int, int]:
    collector.close()
    with run.series.open(newline="") as file:
        return {int(row["second"]): int(row["users"]) for row in csv.DictReader(file)}


def hand_over(run: RunDirectory, collector: Collector) -> None:
    """Of two workers with five users each one hands over nothing from second 4 on."""
    collector.receive(delta_of(run.run_id, 0, 4, worker=0, users=dict.fromkeys(range(4), 5), ended=range(4)))
    collector.receive(delta_of(run.run_id, 0, 21, worker=1, users=dict.fromkeys(range(21), 5), ended=range(21)))


def test_users_of_a_worker_that_stands_still_are_there(run: RunDirectory, collector: Collector) -> None:
    hand_over(run, collector)
    collector.write_closed_seconds(there={0, 1})
    assert users_written(run, collector) == dict.fromkeys(range(21), 10)


def test_users_of_a_worker_that_is_gone_are_not(run: RunDirectory, collector: Collector) -> None:
    hand_over(run, collector)
    collector.write_closed_seconds(there={1})
    written = users_written(run, collector)
    assert [written[second] for second in (3, 8, 20)] == [10, 5, 5]


def test_users_of_a_worker_that_was_not_heard_of_and_came_back_are_there(
    run: RunDirectory, collector: Collector
) -> None:
    hand_over(run, collector)
    collector.receive(delta_of(run.run_id, 1, 22, worker=0, users={20: 5}))
    collector.write_closed_seconds(there={1})
    assert users_written(run, collector)[15] == 10


def test_a_worker_has_no_users_before_it_was_there(run: RunDirectory, collector: Collector) -> None:
    collector.receive(delta_of(run.run_id, 0, 10, worker=0, users=dict.fromkeys(range(10), 5), ended=range(10)))
    collector.receive(delta_of(run.run_id, 0, 10, worker=1, users=dict.fromkeys(range(6, 10), 5)))
    written = users_written(run, collector)
    assert [written[second] for second in (5, 6)] == [5, 10]


def test_operations_that_are_reported_after_their_second_was_written_are_merged_in(
    run: RunDirectory, collector: Collector
) -> None:
    hand_over(run, collector)
    collector.write_closed_seconds(there={0, 1})
    collector.receive(
        delta_of(run.run_id, 1, 22, worker=0, users={21: 5}, ended=range(4, 22), blocks=[(4, 21)], final=True)
    )
    collector.close()
    with run.series.open(newline="") as file:
        counts = {int(row["second"]): int(row["count"]) for row in csv.DictReader(file)}
    assert counts == {**dict.fromkeys(range(21), 2), 21: 1}
