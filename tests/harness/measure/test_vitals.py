"""Vitals: any way of cutting a run into parts gives the same rows, and rows are read back as they were written."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.histogram import Histogram
from harness.measure.vitals import (
    COLUMNS,
    MergedVitals,
    Vitals,
    VitalsLog,
    read_vitals,
    write_header,
    write_rows,
)
from harness.words.errors import RunError

EIGHTHS = st.integers(0, 8000).map(lambda n: n / 8)  # sums of them are exact, and so are three decimals of them


@st.composite
def parts(draw):
    """Return a part of a second with up to three probes."""
    part = Vitals(draw(st.integers(100, 102)), draw(st.integers(0, 2)))
    part.users = draw(st.none() | st.integers(0, 9))
    part.waited_ms = draw(st.none() | EIGHTHS)
    for name in ("wall_ms", "cpu_ms", "steps_ms", "idle_ms", "gc_ms", "gc_max_ms", "gc_outside_ms"):
        setattr(part, name, draw(EIGHTHS))
    part.gc_count = draw(st.integers(0, 9))
    for late_us in draw(st.lists(st.integers(0, 10**6), max_size=3)):
        for name in ("lag", "lag_own", "lag_rest"):
            getattr(part, name).add(late_us)
        part.lag_sum_ms += late_us // 125 / 8
        if late_us // 125 / 8 > part.lag_max_ms:
            part.lag_max_ms, part.lag_max_steps_ms = late_us // 125 / 8, 0.0
    return part


def merged(batches):
    found = MergedVitals()
    for batch in batches:
        found.merge([part.as_wire() for part in batch])
    return found.pop_before(None)


@given(st.lists(parts(), max_size=12), st.integers(1, 12))
def test_however_parts_are_handed_over_the_rows_are_the_same(given_parts, size):
    cut = [given_parts[at : at + size] for at in range(0, len(given_parts), size)]
    assert merged(cut) == merged([given_parts])
    assert sum(len(row.lag) for row in merged(cut)) == sum(len(part.lag) for part in given_parts)


@given(st.lists(parts(), max_size=6))
def test_rows_are_read_back_as_they_were_written(tmp_path_factory, given_parts):
    rows = merged([given_parts])
    path = tmp_path_factory.mktemp("vitals") / "vitals.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write_header(file)
        write_rows(file, rows)
    again = list(read_vitals(path))
    for row, read in zip(rows, again, strict=True):
        assert read.lag_sum_ms == pytest.approx(row.lag_sum_ms, abs=0.01)
        read.lag_sum_ms = row.lag_sum_ms
    assert again == rows


def test_a_part_that_says_more_of_a_second_adds_to_it_and_its_users_are_the_later_ones():
    first = Vitals(7, 0, users=3, wall_ms=400.0, waited_ms=None, gc_max_ms=2.0, lag_max_ms=9.0, lag_max_steps_ms=8.0)
    later = Vitals(7, 0, users=5, wall_ms=600.0, waited_ms=1.5, gc_max_ms=1.0, lag_max_ms=4.0, lag_max_steps_ms=0.0)
    (row,) = merged([[first], [later]])
    assert (row.users, row.wall_ms, row.waited_ms, row.gc_max_ms) == (5, 1000.0, 1.5, 2.0)
    assert (row.lag_max_ms, row.lag_max_steps_ms) == (9.0, 8.0)  # both of the same probe


def test_only_closed_seconds_are_popped():
    found = MergedVitals()
    found.merge([Vitals(second, worker).as_wire() for second in (9, 7, 8) for worker in (1, 0)])
    assert [(row.second, row.worker) for row in found.pop_before(9)] == [(7, 0), (7, 1), (8, 0), (8, 1)]
    assert [row.second for row in found.pop_before(None)] == [9, 9]


def test_what_is_neither_steps_nor_idle_is_the_rest_and_never_negative():
    assert Vitals(1, 0, wall_ms=1000.0, steps_ms=300.0, idle_ms=600.0).rest_ms == pytest.approx(100.0)
    assert Vitals(1, 0, wall_ms=1000.0, steps_ms=700.0, idle_ms=301.0).rest_ms == 0.0


def test_a_second_without_probes_has_no_mean_lag_and_empty_cells():
    text = io.StringIO()
    write_rows(text, [Vitals(1, 0)])
    cells = dict(zip(COLUMNS, text.getvalue().strip().split(","), strict=True))
    assert Vitals(1, 0).lag_mean_ms is None
    assert (cells["lag_mean_ms"], cells["waited_ms"], cells["users"]) == ("", "", "")


class TestDamage:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "vitals.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            write_header(file)
            write_rows(file, [Vitals(second, 0, users=1, lag=Histogram({5: 1})) for second in range(3)])
        return path

    def test_a_last_line_that_was_cut_off_is_left_out(self, path):
        path.write_text(path.read_text()[:-20])
        assert [row.second for row in read_vitals(path)] == [0, 1]

    def test_a_broken_line_in_the_middle_is_named(self, path):
        lines = path.read_text().splitlines()
        lines[2] = "x,y"
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(RunError, match=r"vitals\.csv:3"):
            list(read_vitals(path))

    def test_other_columns_are_refused(self, path):
        path.write_text("a,b\n1,2\n")
        with pytest.raises(RunError, match="columns"):
            list(read_vitals(path))


def test_a_second_that_is_reported_again_after_it_was_written_is_one_row(tmp_path):
    log = VitalsLog(tmp_path / "vitals.csv")
    for second in (3, 4):
        log.add([Vitals(second, 0, wall_ms=600.0).as_wire()])
    log.write_before(4)
    log.add([Vitals(3, 0, wall_ms=400.0).as_wire(), Vitals(3, 1, wall_ms=1000.0).as_wire()])
    log.close()
    rows = [(row.second, row.worker, row.wall_ms) for row in read_vitals(tmp_path / "vitals.csv")]
    assert rows == [(3, 0, 1000.0), (3, 1, 1000.0), (4, 0, 600.0)]
    assert [path.name for path in tmp_path.iterdir()] == ["vitals.csv"]
