"""Events out of the history: of all workers, parts and tables, in order of time, each once."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from recorded import RecordedHistory

from harness.judge.events import What
from harness.record import events
from harness.record.compaction import compact
from harness.record.events import read_events
from harness.record.history import PartWriter, read_operations
from harness.words.clock import Epoch
from harness.words.errors import RunError
from harness.words.operation import Call, Edge


@pytest.fixture(name="write")
def write_fixture(tmp_path):
    """Return a function that writes one part of a worker."""
    writer, buffers = PartWriter(tmp_path), {}

    def write(operations=(), calls=(), edges=(), worker=0):
        buffer = buffers.setdefault(worker, RecordedHistory(Epoch(1000)))
        for op in operations:
            buffer.add(op, ())
        buffer.note("calls", [*calls])
        buffer.note("edges", [*edges])
        for table, part in buffer.take().items():
            writer.write(table, worker, part)

    return write


def lasting(operation, ordinal, start, end, worker=0):
    return operation(ordinal, worker=worker)._replace(
        intended_ns=start, start_ns=start, entered_ns=start, end_ns=end, resumed_ns=end
    )


@pytest.fixture(name="history")
def history_fixture(tmp_path, operation, write):
    """Two workers whose parts come late and overlap, one operation that lasts the whole run, calls and edges."""
    for worker in (0, 1):
        for part in range(10):
            first = part * 20
            rows = [lasting(operation, n, n * 10 + worker, n * 10 + 95, worker) for n in range(first + 1, first + 20)]
            write(reversed(rows), [Call(rows[3].id, "gpu", 4, first * 10 + 5, None, first * 10 + 7, "refused", None)],
                  [Edge(first * 10, "breaker", "a", "closed", "open", "x")], worker)  # fmt: skip
        write([lasting(operation, 0, 0, 5_000, worker)], worker=worker)
    return tmp_path


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("rows_made", [1, 3, 512])
def test_every_row_is_told_once_in_order_of_time(history, monkeypatch, compacted, rows_made):
    monkeypatch.setattr(events, "ROWS_MADE", rows_made)
    if compacted:
        compact(history)
    found = list(read_events(history))
    assert [event.at_ns for event in found] == sorted(event.at_ns for event in found)
    counts = Counter(event.what for event in found)
    assert counts == {What.ARRIVED: 382, What.DISPATCHED: 382, What.ENDED: 382, What.CALLED: 20, What.RETURNED: 20,
                      What.EDGE: 20}  # fmt: skip
    told = sorted(event.row for event in found if event.what is What.ENDED)
    assert told == sorted(read_operations(history.glob("operations-*.parquet")))


def test_the_order_does_not_hang_on_how_rows_lie_in_files(history):
    before = list(read_events(history))
    compact(history)
    assert list(read_events(history)) == before


def test_no_history_has_no_events(tmp_path):
    assert list(read_events(tmp_path)) == []


def test_a_file_that_is_no_part_is_one_line(history):
    (history / "operations-w000-000099.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError):
        list(read_events(history))


@pytest.mark.slow
def test_what_is_held_is_bounded_by_what_is_under_way(tmp_path, operation, write):
    def peak():
        tracemalloc.start()
        count = sum(1 for _ in read_events(tmp_path))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return count, most

    def more(first, last):
        for part in range(first, last):
            write(lasting(operation, n, n * 10, n * 10 + 205) for n in range(part * 200, part * 200 + 200))

    more(0, 5)
    few, least = peak()
    more(5, 50)
    many, most = peak()
    assert (few, many) == (3_000, 30_000)
    assert most < 1.5 * least
