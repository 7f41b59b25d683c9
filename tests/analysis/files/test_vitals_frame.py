"""The frame of vitals, from a file that the harness wrote."""

from __future__ import annotations

import pytest

from analysis import load_run
from harness.measure.vitals import COLUMNS, Vitals, write_header, write_rows
from harness.words.errors import RunError


@pytest.fixture(name="run_with")
def run_with_fixture(make_run, row):
    def make(rows):
        folder = make_run([row(0, [1_000])])
        with (folder / "vitals.csv").open("w", encoding="utf-8", newline="") as file:
            write_header(file)
            write_rows(file, rows)
        return folder

    return make


def test_vitals_are_a_frame_with_nan_where_nothing_was_measured(run_with) -> None:
    rows = [Vitals(7, 1, users=3, wall_ms=1000.0, steps_ms=250.5), Vitals(8, 1, waited_ms=1.25)]
    frame = load_run(run_with(rows)).vitals

    assert tuple(frame.columns) == COLUMNS
    assert frame["second"].tolist() == [7, 8]
    assert frame["steps_ms"].tolist() == [250.5, 0.0]
    assert frame["users"].isna().tolist() == [False, True]
    assert frame["waited_ms"].isna().tolist() == [True, False]
    assert frame["lag_mean_ms"].isna().all()


def test_a_run_without_vitals_has_an_empty_frame(make_run, row) -> None:
    frame = load_run(make_run([row(0, [1_000])])).vitals

    assert (len(frame), tuple(frame.columns)) == (0, COLUMNS)


def test_a_row_that_was_cut_off_is_left_out_and_other_columns_are_refused(run_with) -> None:
    folder = run_with([Vitals(7, 0), Vitals(8, 0)])
    path = folder / "vitals.csv"
    path.write_text(path.read_text()[:-9])
    assert load_run(folder).vitals["second"].tolist() == [7]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match=r"vitals\.csv"):
        _ = load_run(folder).vitals
