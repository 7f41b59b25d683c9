from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recorded import RecordedHistory

from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
from harness.measure.packed import CHUNK
from harness.record.compaction import compact
from harness.record.history import PartWriter, parts_of, read_attempts, read_operations
from harness.stages import router
from harness.words.clock import Epoch
from harness.words.errors import RecordError, RunError, one_line
from harness.words.operation import Attempt, Flag, Outcome

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "nul\0here", "a\rb\nc", "\u202eright to left", "🏳️\u200d🌈", "e\u0301", "'; DROP TABLE", "x" * 10_000]
    ),
)
TIMES = st.integers(0, 2**61)
FIELDS = st.fixed_dictionaries(
    {
        "user": st.integers(0, 2**31 - 1),
        "user_class": TEXTS,
        "scenario": TEXTS,
        "priority": st.integers(0, 9),
        "expected_route": st.none() | TEXTS,
        "intended_ns": TIMES,
        "start_ns": TIMES,
        "entered_ns": st.none() | TIMES,
        "end_ns": TIMES,
        "resumed_ns": TIMES,
        "outcome": st.sampled_from(list(Outcome)),
        "route": st.none() | TEXTS,
        "asked_route": st.none() | TEXTS,
        "confidence": st.none() | st.floats(0, 1, width=32),
        "tier": st.integers(0, 32_767),
        "attempts": st.integers(0, 32_767),
        "flag": st.none() | st.sampled_from(list(Flag)),
        "error": st.none() | TEXTS,
    }
)
NOTHING = dict.fromkeys(("expected_route", "entered_ns", "route", "asked_route", "confidence", "flag", "error"))


@pytest.fixture
def written(tmp_path):
    """Return a function that writes operations through a buffer and returns their folder."""

    def write(operations, offset_ns=0, spans=()):
        buffer, writer = RecordedHistory(Epoch(offset_ns)), PartWriter(tmp_path)
        for operation in operations:
            buffer.add(operation, spans)
        for table, part in buffer.take().items():
            writer.write(table, 0, part)
        return tmp_path

    return write


def read(folder):
    return list(read_operations(parts_of(folder, "operations").paths))


class TestRoundTrip:
    @given(st.lists(FIELDS, max_size=8))
    @example([NOTHING])
    @example([{"error": "E" * 300, "route": "nul\0", "scenario": "ü🚀", "user_class": ""}])
    def test_operations_are_read_back_as_they_were(self, operation, tmp_path_factory, many):
        operations = [operation(n, **fields) for n, fields in enumerate(many)]
        folder, buffer = tmp_path_factory.mktemp("history"), RecordedHistory(Epoch(0))
        for made in operations:
            buffer.add(made, ())
        for table, part in buffer.take().items():
            assert PartWriter(folder).write(table, 0, part) == len(operations)
        found = read(folder)
        assert found == operations
        assert all(type(op.outcome) is Outcome and (op.flag is None or type(op.flag) is Flag) for op in found)

    def test_an_error_line_of_any_exception_can_be_written(self, operation, written):
        error = one_line(ValueError("half a character: \ud800"))
        assert read(written([operation(error=error)]))[0].error == error

    def test_confidence_is_kept_to_seven_digits(self, operation, written):
        (found,) = read(written([operation(confidence=0.9)]))
        assert found.confidence == pytest.approx(0.9, rel=1e-7)

    def test_times_are_moved_to_the_unix_epoch_and_absent_ones_stay_absent(self, operation, written):
        made = operation(entered_ns=None)
        (found,) = read(written([made], 1234))
        names = ("intended_ns", "start_ns", "end_ns", "resumed_ns")
        assert [getattr(found, name) - getattr(made, name) for name in names] == [1234] * 4
        assert found.entered_ns is None
        assert found.response_ns == made.response_ns

    @pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
    def test_no_operation_and_no_span_is_lost_around_a_chunk(self, operation, written, count):
        spans = [("guard", "guard", 1, 2, "ok"), ("router", "route", 2, 3, "ok")]
        folder = written((operation(n) for n in range(count)), 1000, spans)
        assert [op.id for op in read(folder)] == list(range(count))
        rows = [row for path in parts_of(folder, "spans").paths for row in pq.read_table(path).to_pylist()]
        assert [row["operation"] for row in rows] == [n // 2 for n in range(2 * count)]
        assert [row["stage"] for row in rows] == ["guard", "router"] * count
        assert {(row["start_ns"], row["end_ns"]) for row in rows} <= {(1001, 1002), (1002, 1003)}

    def test_what_was_taken_is_not_taken_again(self, operation):
        buffer = RecordedHistory(Epoch(0))
        assert buffer.take() == {}
        buffer.add(operation(), [("router", "route", 1, 2, "ok")])
        assert set(buffer.take()) == {"operations", "spans"}
        assert buffer.take() == {}

    def test_attempts_are_read_back_in_order_under_their_operation_on_the_clock_of_the_epoch(self, operation, tmp_path):
        buffer, writer = RecordedHistory(Epoch(1000)), PartWriter(tmp_path)
        first = ("a", 0, 5, 7, "failed", "closed", "ConnectionError: 503", None, None)
        second = ("b", 1, 8, 9, "ok", None, None, 7, 8)
        buffer.add(operation(3), (), (first, second))
        buffer.add(operation(4), ())
        buffer.add(operation(5), (), (second,))
        for table, part in buffer.take().items():
            writer.write(table, 0, part)
        assert list(read_attempts(parts_of(tmp_path, "attempts").paths)) == [
            Attempt(operation(3).id, 0, "a", 0, 1005, 1007, "failed", "closed", "ConnectionError: 503", None, None),
            Attempt(operation(3).id, 1, "b", 1, 1008, 1009, "ok", None, None, 7, 8),
            Attempt(operation(5).id, 0, "b", 1, 1008, 1009, "ok", None, None, 7, 8),
        ]

    def test_what_is_no_part_of_attempts_is_refused_by_name(self, operation, written):
        folder = written([operation()])
        with pytest.raises(RunError, match="no part of a history"):
            list(read_attempts(parts_of(folder, "operations").paths))

    def test_an_operation_without_spans_has_no_part_of_spans(self, operation):
        buffer = RecordedHistory(Epoch(0))
        buffer.add(operation(), ())
        assert set(buffer.take()) == {"operations"}


class TestRowsThatNoColumnCanHold:
    @pytest.mark.parametrize("spoilt", [1, CHUNK + 3])
    def test_lost_spans_are_an_error_and_the_others_are_kept(self, operation, tmp_path, caplog, spoilt):
        buffer, writer = RecordedHistory(Epoch(0)), PartWriter(tmp_path)
        for n in range(spoilt):
            buffer.add(operation(n), [("good", "route", 1, 2, "ok"), ("\ud800", "route", 1, 2, "ok")])
        parts = buffer.take()
        assert writer.write("operations", 0, parts["operations"]) == spoilt
        with pytest.raises(RecordError, match=f"worker 7: {spoilt:,} of the spans could not be written down"):
            writer.write("spans", 7, parts["spans"])
        rows = [row for path in parts_of(tmp_path, "spans").paths for row in pq.read_table(path).to_pylist()]
        assert [(row["operation"], row["stage"]) for row in rows] == [(n, "good") for n in range(spoilt)]
        assert "cannot be written down" in caplog.text

    def test_a_lost_operation_is_an_error(self, operation, tmp_path):
        buffer = RecordedHistory(Epoch(0))
        buffer.add(operation(0, route="\ud800"), ())
        buffer.add(operation(1), ())
        with pytest.raises(RecordError, match="1 of the operations"):
            PartWriter(tmp_path).write("operations", 0, buffer.take()["operations"])
        assert [op.id for op in read(tmp_path)] == [1]


class TestParts:
    def test_parts_are_read_by_worker_and_time(self, operation, tmp_path):
        writer = PartWriter(tmp_path)
        buffer = RecordedHistory(Epoch(0))
        expected = []
        for ordinal in range(12):
            for worker in (0, 1, 11):
                buffer.add(operation(ordinal, worker=worker), ())
                expected.append(operation(ordinal, worker=worker).id)
                assert writer.write("operations", worker, buffer.take()["operations"]) == 1
        assert [op.id for op in read(tmp_path)] == sorted(expected)

    def test_no_part_replaces_another(self, operation, tmp_path):
        writer, buffer = PartWriter(tmp_path), RecordedHistory(Epoch(0))
        buffer.add(operation(), [("router", "route", 1, 2, "ok")])
        parts = buffer.take()
        for _ in range(3):
            for table, part in parts.items():
                writer.write(table, 0, part)
        assert len(parts_of(tmp_path, "operations").paths) == len(parts_of(tmp_path, "spans").paths) == 3

    def test_unfinished_parts_the_other_table_and_the_baseline_are_not_read(self, operation, written):
        folder = written([operation()], spans=[("router", "route", 1, 2, "ok")])
        (part,) = parts_of(folder, "operations").paths
        (folder / "operations-w000-000001.partial").write_bytes(part.read_bytes()[:100])
        (folder / "baseline-w000-000000.parquet").write_bytes(part.read_bytes())
        assert [op.id for op in read(folder)] == [0]

    def test_a_finished_part_leaves_no_partial_behind(self, operation, written):
        assert [path.suffix for path in written([operation()]).iterdir()] == [".parquet"]

    def test_a_folder_without_parts_has_no_operations(self, tmp_path):
        assert read(tmp_path) == []
        assert read(tmp_path / "absent") == []


class TestBroken:
    def test_a_cut_part_is_refused_by_name(self, operation, written):
        folder = written([operation()])
        (path,) = parts_of(folder, "operations").paths
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(RunError, match=r"operations-w000-000000\.parquet: no part of a history"):
            read(folder)

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"hello, world"])
    def test_what_is_no_parquet_is_refused_by_name(self, tmp_path, content):
        (tmp_path / "operations-w000-000000.parquet").write_bytes(content)
        with pytest.raises(RunError, match=r"operations-w000-000000\.parquet: no part of a history"):
            read(tmp_path)

    def test_parquet_with_other_columns_is_refused_by_name(self, tmp_path):
        pq.write_table(pa.table({"x": [1]}), tmp_path / "operations-w000-000000.parquet")
        with pytest.raises(RunError, match=r"operations-w000-000000\.parquet: no part of a history"):
            read(tmp_path)

    @pytest.mark.parametrize(("column", "value"), [("outcome", "exploded"), ("flag", "strange"), ("outcome", None)])
    def test_words_of_another_version_are_refused_by_name(self, operation, written, column, value):
        folder = written([operation()])
        (path,) = parts_of(folder, "operations").paths
        table = pq.read_table(path)
        index = table.schema.names.index(column)
        pq.write_table(table.set_column(index, column, pa.array([value], pa.string())), path)
        with pytest.raises(RunError, match=r"operations-w000-000000\.parquet: no part of a history"):
            read(folder)

    def test_a_part_that_is_none_is_a_record_error(self, tmp_path):
        with pytest.raises(RecordError):
            PartWriter(tmp_path).write("operations", 0, b"nonsense")
        assert parts_of(tmp_path, "operations").paths == ()

    def test_a_folder_that_is_gone_is_a_record_error_naming_the_part(self, operation, tmp_path):
        buffer = RecordedHistory(Epoch(0))
        buffer.add(operation(), ())
        with pytest.raises(
            RecordError, match=r"gone/operations-w000-000000\.parquet: cannot write history: .*No such file"
        ):
            PartWriter(tmp_path / "gone").write("operations", 0, buffer.take()["operations"])


def ten_thousand(operation):
    """Yield what 100 users make of the default corpus in half a minute: 3 % fail, latency of 60 ms around 18 to 55."""
    chance = random.Random(7)
    scenarios = read_corpus(DEFAULT_CORPUS).scenarios
    begun = 0
    for ordinal in range(10_000):
        scenario = chance.choice(scenarios)
        begun += round(chance.expovariate(1 / 3_400_000))
        entered, took = chance.randint(90_000, 400_000), round(chance.lognormvariate(17.2, 0.5))
        choice = router.choose(scenario.text, scenario.priority, router.screen(scenario.text))
        made = operation(
            ordinal,
            user=chance.randrange(100),
            user_class=("CriticalUser", "HighUser", "NormalUser", "LowUser")[chance.randrange(4)],
            scenario=scenario.id,
            priority=scenario.priority,
            expected_route=scenario.expected_route,
            intended_ns=begun,
            start_ns=begun + chance.randint(0, 3000),
            entered_ns=begun + entered,
            end_ns=begun + entered + took,
            resumed_ns=begun + entered + took + chance.randint(10_000, 900_000),
            route=choice.route,
            asked_route=choice.route,
            confidence=choice.confidence,
        )
        if chance.random() < 0.03:
            nothing = {"route": None, "asked_route": None, "confidence": None, "error": "TimeoutError: model backend"}
            made = made._replace(outcome=Outcome.FAILED, **nothing)
        yield made


def test_an_operation_of_a_realistic_run_takes_at_most_64_bytes_on_disk(operation, tmp_path):
    # parts of about 300 operations: a second of 100 users with 0.3 s of think time
    writer, buffer = PartWriter(tmp_path), RecordedHistory(Epoch(0))
    for ordinal, made in enumerate(ten_thousand(operation), start=1):
        buffer.add(made, ())
        if ordinal % 300 == 0:
            writer.write("operations", 0, buffer.take()["operations"])
    writer.write("operations", 0, buffer.take()["operations"])
    assert len(read(tmp_path)) == 10_000
    assert size_of(tmp_path) / 10_000 <= 64
    compact(tmp_path)
    assert size_of(tmp_path) / 10_000 <= 30


def size_of(folder):
    return sum(path.stat().st_size for path in parts_of(folder, "operations").paths)
