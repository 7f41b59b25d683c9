from __future__ import annotations

from pathlib import Path

import pytest

from harness.record.arrivals_csv import ArrivalsLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrivals.csv"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_counts_of_all_workers_are_added_up_and_written_when_their_second_is_over(path: Path) -> None:
    log = ArrivalsLog(path)
    log.add({10: [5, 1], 11: [5, 0]})
    log.add({10: [4, 0], 12: [1, 1]})
    log.write_before(11)
    assert lines(path) == ["second,due,not_delivered", "10,9,1"]
    log.write_before(11)
    log.write_before(12)
    assert lines(path)[1:] == ["10,9,1", "11,5,0"]
    log.close()
    assert lines(path)[1:] == ["10,9,1", "11,5,0", "12,1,1"]
    assert (log.due, log.not_delivered) == (15, 2)


def test_what_is_known_late_is_in_the_file_at_the_end(path: Path) -> None:
    log = ArrivalsLog(path)
    log.add({10: [5, 0], 11: [5, 0]})
    log.write_before(12)
    log.add({10: [0, 3], 13: [1, 0]})
    log.close()
    assert lines(path) == ["second,due,not_delivered", "10,5,3", "11,5,0", "13,1,0"]
    assert list(path.parent.iterdir()) == [path]


def test_where_nothing_was_due_there_is_no_file(path: Path) -> None:
    log = ArrivalsLog(path)
    log.add({})
    log.write_before(99)
    log.close()
    assert not path.exists()
    assert (log.due, log.not_delivered) == (0, 0)
