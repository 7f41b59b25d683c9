"""The frame of fault windows, from a file that the harness wrote."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import columns_of, load_run, plots, statistics
from analysis.files.columns import EVERY_TABLE
from harness.measure import series_csv, vitals
from harness.record.faults_csv import HEADER, write_faults
from harness.words.errors import RunError

START = 1_740_000_000


def window(**fields: object) -> dict[str, object]:
    counts = dict.fromkeys(HEADER, 0)
    texts = {"name": "outage", "kind": "error", "where": "route premium, tier 0", "share": 0.5}
    times = {"start_unix_s": START + 2.5, "end_unix_s": START + 4.000001, "recovery_s": None, "failed": None}
    return counts | texts | times | fields


@pytest.fixture(name="run_with")
def run_with_fixture(make_run, row):
    def make(*rows):
        folder = make_run([row(second, [1_000] * 30) for second in range(8)])
        write_faults(folder / "faults.csv", rows)
        return load_run(folder)

    return make


def test_windows_are_typed_with_times_on_the_axis_of_plots(run_with) -> None:
    run = run_with(window(), window(name="cpu", end_unix_s=None, operations_hit=7))
    frame = run.faults

    assert frame["name"].tolist() == ["outage", "cpu"]
    assert frame["start_ns"].tolist() == [(START + 2) * 10**9 + 500_000_000] * 2
    assert frame["end_ns"].isna().tolist() == [False, True]
    assert frame["start_s"].tolist() == [2.5, 2.5]
    assert frame["end_s"].iloc[0] == pytest.approx(4.000001)
    assert frame["operations_hit"].tolist() == [0, 7]
    assert frame["recovery_s"].isna().all()
    assert frame.dtypes.astype("str").tolist() == columns_of("faults")["type"].tolist()
    assert [column for column in frame if column not in ("start_ns", "end_ns", "start_s", "end_s")] == list(HEADER)


def test_a_run_without_faults_has_the_same_columns_and_types(make_run, row) -> None:
    of_none = load_run(make_run([row(0, [1_000])], name="none")).faults

    assert of_none.empty
    assert of_none.dtypes.astype("str").tolist() == columns_of("faults")["type"].tolist()
    assert load_run(make_run([], name="empty")).faults.dtypes.equals(of_none.dtypes)


def test_plots_and_statistics_take_it_as_it_is(run_with) -> None:
    run = run_with(window())
    ax = plots.latency_over_time(statistics.latency_over_time(run.series))

    assert plots.shade_windows(ax, run.faults) is ax
    assert any("outage" in text.get_text() for text in ax.texts)
    assert statistics.load_levels(run.series, windows=run.faults)["left_out_s"].tolist() == [3]


def test_a_file_of_something_else_is_refused_and_one_of_fewer_columns_read(run_with) -> None:
    run = run_with(window())
    path = run.path / "faults.csv"
    whole = pd.read_csv(path)
    whole.drop(columns=["out_of_order", "share"]).to_csv(path, index=False)
    assert load_run(run.path).faults["out_of_order"].isna().all()
    path.write_text("Name,Value\nfaults,3\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"faults\.csv: no column name, "):
        _ = load_run(run.path).faults


@pytest.mark.parametrize(("table", "columns"), [("series", series_csv.COLUMNS), ("vitals", vitals.COLUMNS)])
def test_what_is_said_of_a_table_is_what_it_has(run_with, table: str, columns: tuple[str, ...]) -> None:
    frame = getattr(run_with(), table)

    assert tuple(columns_of(table)["column"]) == columns
    assert dict(frame.dtypes.astype("str")) == dict(zip(columns, columns_of(table)["type"], strict=True))


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_every_column_of_every_frame_has_a_meaning(run_with, table: str) -> None:
    frame, told = getattr(run_with(), table), columns_of(table)

    assert (told["meaning"] != "").all()
    assert set(told["column"]) == set(frame.columns) - ({"worker"} if table in ("calls", "edges") else set())
