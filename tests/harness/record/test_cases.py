"""Operations and the other tables, joined: whatever the order and the files, each row comes with its operation."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recorded import RecordedHistory

from harness.record import cases
from harness.record.cases import count_rows, read_cases, read_edges
from harness.record.compaction import compact
from harness.record.history import PartWriter
from harness.words.clock import Epoch
from harness.words.errors import RunError
from harness.words.operation import Call, Edge, Injection

TRIED = ("a", 0, 5, 7, "failed", None, None, None, None), ("b", 1, 8, 9, "ok", None, None, None, None)
SPANS = [("guard", "guard", 1, 2, "ok"), ("router", "route", 2, 30, "ok")]


class History:
    """A history in the making: deltas of workers, in the order in which they are written."""

    def __init__(self, folder):
        self.folder = folder
        self._writer = PartWriter(folder)
        self._buffers = {}

    def buffer(self, worker=0):
        return self._buffers.setdefault(worker, RecordedHistory(Epoch(1000)))

    def take(self, worker=0):
        return self.buffer(worker).take()

    def write(self, delta, worker=0):
        for table, part in delta.items():
            self._writer.write(table, worker, part)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path)


def injection(op, fault="down"):
    return Injection(op.id, fault, "error", "stage router", 3, None)


def call(op, outcome="served", arrived=3, backend="gpu-a"):
    return Call(None if op is None else op.id, backend, 4, arrived, arrived + 1, arrived + 2, outcome, None)


def shapes(folder):
    """Return how many rows of each table each operation has."""
    return {
        case.operation.id: tuple(len(rows) for rows in (case.attempts, case.injections, case.calls, case.spans))
        for case in read_cases(folder)
    }


def test_each_operation_comes_with_its_attempts_and_injections_and_those_in_trouble_with_calls_and_spans(
    history, operation
):
    ops = [operation(n) for n in range(5)]
    buffer = history.buffer()
    for op in ops:
        buffer.add(op, SPANS, TRIED if op.id in (1, 2) else ())
    buffer.note("injections", [injection(ops[2]), injection(ops[2], "slow")])
    buffer.note("calls", [call(op, "refused" if op.id == 3 else "served") for op in ops] + [call(None, "failed")])
    history.write(history.take())
    assert shapes(history.folder) == {
        0: (0, 0, 0, 0),
        1: (2, 0, 0, 0),
        2: (2, 2, 1, 2),
        3: (0, 0, 1, 2),
        4: (0, 0, 0, 0),
    }


def test_rows_are_read_back_as_they_were_on_the_clock_of_the_epoch(history, operation):
    op = operation(7)
    history.buffer().add(op, SPANS, TRIED)
    history.buffer().note("injections", [injection(op)])
    history.buffer().note("calls", [call(op, "served", 9), call(op, "failed", 4)])
    history.write(history.take())
    (case,) = read_cases(history.folder)
    assert case.operation.start_ns == op.start_ns + 1000
    assert [(a.ordinal, a.route, a.start_ns) for a in case.attempts] == [(0, "a", 1005), (1, "b", 1008)]
    assert case.injections == [Injection(op.id, "down", "error", "stage router", 1003, None)]
    assert [(c.arrived_ns, c.outcome) for c in case.calls] == [(1004, "failed"), (1009, "served")]
    assert [(s.stage, s.start_ns) for s in case.spans] == [("guard", 1001), ("router", 1002)]


def test_a_call_logged_in_another_part_than_its_operation_is_found(history, operation):
    early, late, odd = operation(1), operation(2), operation(3)
    history.buffer().note("calls", [call(late, "failed")])  # before its operation is recorded
    history.buffer().add(odd, SPANS)
    history.write(history.take())
    history.buffer().add(early, SPANS)
    history.buffer().add(late, SPANS)
    history.write(history.take())
    history.buffer().note("calls", [call(early, "failed"), call(late)])  # after it
    history.write(history.take())
    assert {id_: counts[2] for id_, counts in shapes(history.folder).items()} == {1: 1, 2: 2, 3: 0}


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("batch", [1, 7, 8192])
def test_no_row_is_lost_whatever_the_order_the_files_and_the_batches(
    history, operation, order, together, batch, monkeypatch
):
    monkeypatch.setattr(cases, "ROWS_READ", batch)
    deltas = []
    for second in range(3):
        for n in range(second * 20, second * 20 + 20):
            op = operation(40 if n == 3 else 3 if n == 40 else n)  # one that lasted long, among later ones
            history.buffer().add(op, SPANS, TRIED[: op.id % 3])
            history.buffer().note("injections", [injection(op)] * (op.id % 2))
            history.buffer().note("calls", [call(op, "failed")] * (op.id % 4))
        deltas.append(history.take())
    for second in order:
        history.write(deltas[second])
    if together:
        compact(history.folder)
    found = shapes(history.folder)
    assert len(found) == 60
    for id_, counts in found.items():
        troubled = bool(id_ % 2 or id_ % 4)
        assert counts == (id_ % 3, id_ % 2, id_ % 4, 2 * troubled)


def test_what_waits_is_bounded_by_what_is_under_way(history, operation, monkeypatch):
    monkeypatch.setattr(cases, "ROWS_READ", 10)
    for second in range(50):
        for n in range(second * 10, second * 10 + 10):
            history.buffer().add(operation(n), (), TRIED)
        history.write(history.take())
    most = 0
    waiting = []
    made = cases._Waiting.__init__
    monkeypatch.setattr(cases._Waiting, "__init__", lambda self, *given: (made(self, *given), waiting.append(self))[0])
    for _ in read_cases(history.folder):
        most = max(most, sum(len(table._rows) for table in waiting))
    assert most <= 20


def test_workers_are_kept_apart(history, operation):
    for worker in (0, 1):
        op = operation(3, worker=worker)
        history.buffer(worker).add(op, (), TRIED[:1] if worker else TRIED)
        history.buffer(worker).note("edges", [Edge(worker + n, "breaker", "a", "closed", "open", "x") for n in (5, 1)])
        history.write(history.take(worker), worker)
    assert Counter(len(case.attempts) for case in read_cases(history.folder)) == {1: 1, 2: 1}
    assert {worker: [edge.at_ns for edge in edges] for worker, edges in read_edges(history.folder).items()} == {
        0: [1001, 1005],
        1: [1002, 1006],
    }
    assert (count_rows(history.folder, "attempts"), count_rows(history.folder, "calls")) == (3, 0)


def test_rows_of_operations_that_are_not_there_disturb_nobody(history, operation):
    history.buffer().add(operation(1), SPANS, TRIED)
    history.buffer().note("injections", [injection(operation(0)), injection(operation(5))])
    history.buffer().note("calls", [call(None), call(operation(0), "failed")])
    history.write(history.take())
    assert shapes(history.folder) == {1: (2, 0, 0, 0)}


def test_an_empty_history_has_no_cases(tmp_path):
    assert list(read_cases(tmp_path)) == []
    assert read_edges(tmp_path) == {}


def test_what_is_no_part_of_a_history_is_refused_by_name(history, operation):
    history.buffer().add(operation(1), SPANS, TRIED)
    history.write(history.take())
    (history.folder / "injections-w000-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"injections-w000-000000\.parquet: no part of a history"):
        list(read_cases(history.folder))
    (history.folder / "injections-w000-000000.parquet").unlink()
    pa.parquet.write_table(pa.table({"operation": [1]}), history.folder / "attempts-w000-000000.parquet")
    with pytest.raises(RunError, match="no part of a history"):
        list(read_cases(history.folder))


def test_parts_of_an_earlier_version_have_no_ordinals_of_windows_and_lack_nothing_else(history, operation):
    op = operation(7)
    history.buffer().add(op, SPANS, TRIED)
    history.buffer().note("injections", [injection(op)._replace(window=2)])
    history.buffer().note("edges", [Edge(5, "fault", "down", "closed", "open", "x", 2)])
    history.write(history.take())
    for table in ("injections", "edges"):
        (path,) = history.folder.glob(f"{table}-*.parquet")
        whole = pq.read_table(path)
        assert whole["window"].to_pylist() == [2]
        pq.write_table(whole.drop_columns(["window"]), path)
    (case,) = read_cases(history.folder)
    assert case.injections == [Injection(op.id, "down", "error", "stage router", 1003, None, None)]
    assert read_edges(history.folder) == {0: [Edge(1005, "fault", "down", "closed", "open", "x", None)]}
    pq.write_table(whole.drop_columns(["cause"]), path)
    with pytest.raises(RunError):
        read_edges(history.folder)
