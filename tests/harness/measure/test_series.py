from __future__ import annotations

import csv
import io
import random

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.measure.histogram import Histogram
from harness.measure.packed import OperationPacker, packed
from harness.measure.series import Clock, Key, Merged, Series
from harness.measure.series_csv import COLUMNS, read_series, write_header, write_rows
from harness.words.clock import Epoch
from harness.words.errors import RunError
from harness.words.operation import CLOCKS, Outcome

MS = 1_000_000
ROUTES = st.sampled_from([None, "fast", "standard", "a,b", 'say "x"', "zwei\nZeilen", "ü🚀", " ", "nul\0"])
# How long an operation waited before and after; None: no stage was entered.
WAITS = {
    "late_ms": st.floats(0.0, 50.0),
    "queued_ms": st.none() | st.floats(0.0, 50.0),
    "resumed_ms": st.floats(0.0, 5.0),
}
LABELS = st.fixed_dictionaries(
    {
        "ordinal": st.integers(0, 2500),
        "response_ms": st.floats(0.001, 4000.0),
        "user_class": st.sampled_from(["NormalUser", "CriticalUser"]),
        "priority": st.integers(0, 9),
        "expected_route": ROUTES,
        "route": ROUTES,
        "tier": st.integers(0, 2),
        "outcome": st.sampled_from(list(Outcome)),
        **WAITS,
    }
)
# Few labels, so that rows of several workers meet; and many, so that nothing but equal labels does.
FEW_LABELS = st.fixed_dictionaries(
    {
        "ordinal": st.integers(0, 5),
        "response_ms": st.floats(0.001, 400.0),
        "route": st.sampled_from([None, "fast"]),
        **WAITS,
    }
)
MANY = st.lists(FEW_LABELS, max_size=40) | st.lists(LABELS, max_size=40)


@pytest.fixture(name="waiting", scope="session")
def waiting_fixture(operation):
    """Return a function that makes an operation that waited: to be started, for its first stage, to be resumed."""

    def waiting(late_ms=0.0, queued_ms=0.001, resumed_ms=0.001, **fields):
        made = operation(**fields)
        start_ns = made.intended_ns + round(late_ms * MS)
        entered_ns = None if queued_ms is None else start_ns + round(queued_ms * MS)
        end_ns = made.end_ns + start_ns - made.intended_ns + (0 if queued_ms is None else round(queued_ms * MS))
        return made._replace(
            start_ns=start_ns, entered_ns=entered_ns, end_ns=end_ns, resumed_ns=end_ns + round(resumed_ms * MS)
        )

    return waiting


def folded(operations, offset_ns=0):
    series = Series(Epoch(offset_ns))
    for chunk in packed(operations):
        series.fold(chunk)
    return series.take()


def over_the_wire(rows):
    return msgpack.unpackb(msgpack.packb(rows), strict_map_key=False)


def rows_of(deltas):
    merged = Merged()
    for delta in deltas:
        merged.merge(delta)
    return merged.pop_before(None)


def text_of(rows, users=7):
    file = io.StringIO(newline="")
    write_header(file)
    write_rows(file, rows, users)
    return file.getvalue()


def clock_of(cell, name):
    return Clock(cell.sum_ns, cell.histogram.counts) if name == "response" else getattr(cell, name)


def content(cell):
    clocks = [(clock.sum_ns, clock.histogram.counts) for clock in (clock_of(cell, name) for name in CLOCKS)]
    return cell.count, cell.min_ns, cell.max_ns, clocks


@pytest.fixture
def series_csv(tmp_path):
    """Return a function that writes a series.csv and returns its path."""

    def write(text):
        path = tmp_path / "series.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@given(MANY, st.randoms(use_true_random=False), st.integers(1, 5), st.booleans())
def test_any_partition_merged_in_any_order_gives_the_rows_of_a_single_series(waiting, many, chance, workers, wired):
    operations = [waiting(**fields) for fields in many]
    parts = [(OperationPacker(), Series(Epoch(0))) for _ in range(workers)]
    deltas = []
    for made in operations:
        packer, part = chance.choice(parts)
        packer.add(made)
        if chance.random() < 0.3:
            part.fold(packer.take())
            if chance.random() < 0.6:
                deltas.append(part.take())
    for packer, part in parts:
        if (chunk := packer.take()) is not None:
            part.fold(chunk)
        deltas.append(part.take())
    chance.shuffle(deltas)
    if wired:
        deltas = [over_the_wire(delta) for delta in deltas]
    single, merged = rows_of([folded(operations)]), rows_of(deltas)
    assert [(key, content(cell)) for key, cell in merged] == [(key, content(cell)) for key, cell in single]
    assert text_of(merged) == text_of(single)


@given(MANY, st.randoms(use_true_random=False))
def test_rows_of_one_second_written_twice_and_merged_again_are_those_of_a_single_series(
    waiting, tmp_path_factory, many, chance
):
    operations = [waiting(**fields) for fields in many]
    halves = [], []
    for made in operations:
        chance.choice(halves).append(made)
    path = tmp_path_factory.mktemp("series") / "series.csv"
    path.write_text(text_of([row for half in halves for row in rows_of([folded(half)])]), "utf-8", newline="")
    merged = Merged()
    for row in read_series(path):
        merged.merge_cell(row.key, row.cell)
    assert text_of(merged.pop_before(None)) == text_of(rows_of([folded(operations)]))


@given(MANY)
def test_each_clock_is_that_of_the_operations(waiting, many):
    operations = [waiting(**fields) for fields in many]
    rows = rows_of([folded(operations)])
    for name in CLOCKS:
        measured = [ns for op in operations if (ns := getattr(op, f"{name}_ns")) is not None]
        expected = Histogram()
        for ns in measured:
            expected.add((ns + 500) // 1000)
        together = Clock()
        for _, cell in rows:
            together.merge(clock_of(cell, name))
        assert (together.sum_ns, together.histogram) == (sum(measured), expected)


@given(MANY)
def test_every_operation_is_in_exactly_one_row(waiting, many):
    merged = Merged()
    merged.merge(folded(waiting(**fields) for fields in many))
    rows = merged.pop_before(None)
    assert sum(cell.count for _, cell in rows) == len(many)
    assert sum(len(cell.histogram) for _, cell in rows) == len(many)
    assert len({key for key, _ in rows}) == len(rows)
    assert merged.pop_before(None) == []


def test_a_row_counts_the_second_in_which_the_outcome_was_known(operation):
    begun = operation(0, response_ms=1500.0)
    (row,) = folded([begun])
    assert row[0][0] == begun.end_ns // 1_000_000_000
    (row,) = folded([begun], -1_000_000_000)
    assert row[0][0] == begun.end_ns // 1_000_000_000 - 1


def test_a_row_measures_from_the_intended_start(operation):
    made = operation(response_ms=10.0)
    late = made._replace(intended_ns=made.intended_ns - 90 * MS)
    ((_, cell),) = rows_of([folded([late])])
    assert (cell.sum_ns, cell.min_ns, cell.max_ns) == (100 * MS, 100 * MS, 100 * MS)
    assert cell.histogram.percentile_us(50.0) == pytest.approx(100_000, rel=0.001)


@pytest.mark.parametrize(("response_ns", "microseconds"), [(499, 0), (500, 1), (1499, 1), (1500, 2)])
def test_a_histogram_counts_the_nearest_microsecond(operation, response_ns, microseconds):
    made = operation()
    ((_, cell),) = rows_of([folded([made._replace(end_ns=made.intended_ns + response_ns)])])
    assert cell.histogram.counts == {microseconds: 1}


def test_what_was_not_measured_is_empty_in_its_row(operation):
    text = text_of(rows_of([folded([operation(entered_ns=None)])]))
    (row,) = csv.DictReader(io.StringIO(text))
    assert [row[f"{name}_{field}"] for name in ("service", "queue") for field in ("sum_ms", "hdr")] == [""] * 4
    assert row["lag_sum_ms"] == "0.001000"


def test_an_operation_started_before_its_intended_start_has_no_lag_below_zero(operation, series_csv):
    early = operation()
    early = early._replace(intended_ns=early.start_ns + 10_000)
    (row,) = read_series(series_csv(text_of(rows_of([folded([early, operation()])]))))
    assert row.cell.lag.histogram.counts == {0: 1, 1: 1}


def test_what_was_taken_is_not_taken_again(operation):
    series = Series(Epoch(0))
    for chunk in packed([operation()]):
        series.fold(chunk)
    assert len(series.take()) == 1
    assert series.take() == []


def test_merging_does_not_change_the_delta(operation):
    delta = folded([operation(), operation(1)])
    before = over_the_wire(delta)
    rows_of([delta, delta])
    assert over_the_wire(delta) == before


def test_pop_before_hands_over_earlier_seconds_only_and_forgets_them(operation):
    merged = Merged()
    merged.merge(folded(operation(second * 1000) for second in (0, 2, 1)))
    first, second, third = merged.seconds()
    assert (second - first, third - second) == (1, 1)
    assert [key.second for key, _ in merged.pop_before(third)] == [first, second]
    assert merged.pop_before(third) == []
    assert merged.seconds() == [third]
    assert [key.second for key, _ in merged.pop_before(None)] == [third]


@given(MANY, st.integers(1, 5))
def test_rows_popped_a_few_at_a_time_are_those_popped_at_once(waiting, many, most):
    rows = folded(waiting(**fields) for fields in many)
    merged, popped = Merged(), []
    merged.merge(rows)
    while some := merged.pop_before(None, most):
        assert len(some) <= most
        popped += some
    assert text_of(popped) == text_of(rows_of([rows]))


@given(MANY)
@example([])
def test_rows_are_sorted_the_same_way_however_they_came(waiting, many):
    operations = [waiting(**fields) for fields in many]
    shuffled = random.Random(1).sample(operations, len(operations))
    assert [key for key, _ in rows_of([folded(operations)])] == [key for key, _ in rows_of([folded(shuffled)])]


@given(MANY, st.one_of(st.none(), st.integers(0, 10_000)))
def test_rows_are_read_back_as_they_were_written(waiting, tmp_path_factory, many, users):
    rows = rows_of([folded(waiting(**fields) for fields in many)])
    path = tmp_path_factory.mktemp("series") / "series.csv"
    path.write_text(text_of(rows, users), encoding="utf-8", newline="")
    read = list(read_series(path))
    assert [row.key for row in read] == [Key(*key) for key, _ in rows]
    assert [row.users for row in read] == [users] * len(rows)
    for row, (_, cell) in zip(read, rows, strict=True):
        assert content(row.cell) == content(cell)


@pytest.mark.parametrize("route", ["a\rb", "a\r\nb", "\r", "tab\there", "\x1b[31m", "line\u2028separator"])
def test_a_route_with_control_characters_loses_no_row(operation, series_csv, route):
    rows = rows_of([folded([operation(route=route), operation(route="fast")])])
    assert [row.key.route for row in read_series(series_csv(text_of(rows)))] == sorted(["fast", route])


def test_percentiles_in_a_row_never_exceed_its_maximum(operation):
    # the bucket of 500 ms ends at 500.223 ms
    text = text_of(rows_of([folded([operation(response_ms=500.0)])]))
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["max_ms"] == "500.000000"
    assert {row[name] for name in COLUMNS if name.startswith("p") and name.endswith("_ms")} == {"500.000000"}


def test_a_row_carries_the_columns_of_the_contract_in_order(operation):
    text = text_of(rows_of([folded([operation(response_ms=2.0), operation(response_ms=4.0, error="x")])]))
    header, values = csv.reader(io.StringIO(text))
    row = dict(zip(header, values, strict=True))
    assert tuple(header) == (
        *("second", "user_class", "priority", "expected_route", "route", "tier", "outcome", "count", "sum_ms"),
        *("min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "users", "hdr"),
        *("service_sum_ms", "service_hdr", "queue_sum_ms", "queue_hdr", "lag_sum_ms", "lag_hdr"),
    )
    for name in ("hdr", "service_hdr", "queue_hdr", "lag_hdr"):
        assert len(Histogram.decode(row.pop(name))) == 2
    assert row == {
        "second": "1740000000",
        "user_class": "NormalUser",
        "priority": "4",
        "expected_route": "fast",
        "route": "fast",
        "tier": "0",
        "outcome": "ok",
        "count": "2",
        "sum_ms": "6.000000",
        "min_ms": "2.000000",
        "p50_ms": "2.000000",
        "p90_ms": "4.000000",
        "p95_ms": "4.000000",
        "p99_ms": "4.000000",
        "p999_ms": "4.000000",
        "max_ms": "4.000000",
        "users": "7",
        "service_sum_ms": "5.998000",
        "queue_sum_ms": "0.002000",
        "lag_sum_ms": "0.002000",
    }


def test_a_last_line_cut_off_anywhere_is_left_out_or_whole(operation, series_csv):
    rows = rows_of([folded(operation(second * 1000, response_ms=9.0) for second in range(3))])
    text = text_of(rows)
    begin = text.rindex("\n", 0, -1) + 1
    for cut in range(begin, len(text)):
        read = [row.key for row in read_series(series_csv(text[:cut]))]
        assert read in ([key for key, _ in rows[:2]], [key for key, _ in rows]), cut


def test_a_line_cut_off_before_its_histogram_is_left_out(operation, series_csv):
    text = text_of(rows_of([folded(operation(second * 1000) for second in range(2))]))
    assert len(list(read_series(series_csv(text[: text.rindex(",")])))) == 1


@pytest.mark.parametrize("alone", ["lag_sum_ms", "lag_hdr"])
def test_a_clock_with_one_field_of_two_is_a_broken_row(operation, series_csv, alone):
    rows = list(csv.reader(io.StringIO(text_of(rows_of([folded([operation(), operation(1000)])])))))
    rows[1][COLUMNS.index(alone)] = ""
    with pytest.raises(RunError):
        list(read_series(series_csv("".join(",".join(row) + "\n" for row in rows))))


def test_a_broken_line_that_is_not_the_last_is_refused(operation, series_csv):
    header, row = text_of(rows_of([folded([operation()])])).splitlines(keepends=True)
    with pytest.raises(RunError, match="series"):
        list(read_series(series_csv(f"{header}1740000000,NormalUser\n{row}")))


def test_a_header_alone_has_no_rows(series_csv):
    assert list(read_series(series_csv(text_of([])))) == []


@pytest.mark.parametrize("change", [lambda h: "", lambda h: h.replace("tier,", ""), lambda h: h.replace("hdr", "hist")])
def test_other_columns_are_refused_with_the_file_and_what_was_expected(series_csv, change):
    path = series_csv(change(text_of([])))
    with pytest.raises(RunError, match=r"series\.csv: columns .* expected .*'second'"):
        list(read_series(path))


@pytest.mark.parametrize(
    ("column", "value"), [("second", "noon"), ("count", ""), ("tier", "1.5"), ("sum_ms", "x"), ("hdr", "AAAA")]
)
def test_a_row_that_is_none_is_refused(operation, series_csv, column, value):
    rows = list(csv.reader(io.StringIO(text_of(rows_of([folded([operation(), operation(1000)])])))))
    rows[1][COLUMNS.index(column)] = value
    text = "".join(",".join(row) + "\n" for row in rows)
    with pytest.raises(RunError):
        list(read_series(series_csv(text)))
