"""What a run's levels of load, and the models, leave out: fault windows and warm-up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import load_run, statistics
from analysis.files.documents import Step
from analysis.report import readings
from analysis.report.figures import FIGURES
from analysis.run_statistics import Measured
from analysis.statistics.steps import latency_by_step

STORM = Path(__file__).parents[2] / "results" / "example-storm"


@pytest.fixture(name="storm", scope="module")
def storm_fixture() -> Measured:
    return Measured(load_run(STORM))


def test_no_second_of_a_fault_is_in_the_levels_of_a_storm(storm: Measured) -> None:
    seconds = storm.series["second"]
    assert storm.run.verdict is not None
    calm = pd.Series(data=True, index=seconds.index)
    for start, end in zip(storm.run.faults["start_ns"], storm.run.faults["end_ns"], strict=True):
        calm &= ~seconds.between(start // 10**9, end // 10**9)
    for step in storm.totals.steps:
        if step.warm_up_s:
            calm &= ~seconds.between(step.from_ns // 10**9, int(step.from_ns + 1e9 * step.warm_up_s - 1) // 10**9)
    inside = storm.series[calm & seconds.between(seconds.min() + 1, seconds.max() - 1)]
    ok = inside[(inside["outcome"] == "ok") & (inside["second"] < statistics.wind_down(storm.series))]

    assert storm.levels["count"].sum() == ok["count"].sum()
    assert storm.left_out_s == storm.levels["left_out_s"].sum()
    assert storm.fits[0].users.tolist() == storm.levels["users"].tolist()
    assert storm.by_throughput["count"].sum() <= ok["count"].sum()
    assert storm.throughputs["seconds"].sum() == storm.levels["seconds"].sum()


def test_the_report_says_how_much_is_left_out_under_and_in_each_plot_of_load(storm: Measured) -> None:
    said = readings.left_out(storm.left_out_s, faults=True, steps=True)
    assert said == f" Left out: {storm.left_out_s} seconds of faults, warm-up or between steps."
    of_load = [figure for figure in FIGURES if figure.section == "load"]
    assert len(of_load) == 4
    assert all(figure.reading(storm).endswith(said) for figure in of_load)
    models = next(figure for figure in of_load if figure.name == "latency-and-models").plot(storm)
    assert f"{storm.left_out_s} seconds left out (faults" in models.get_xlabel().replace("\n", " ")


def test_a_run_that_is_all_fault_counts_it_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    run = load_run(STORM)
    always = run.faults.head(1).assign(start_ns=0, end_ns=pd.array([pd.NA], dtype="Int64"))
    monkeypatch.setattr(run, "faults", always)
    storm = Measured(run)

    assert storm.hidden is None
    assert len(storm.levels) == 5
    assert len(storm.latency_by_users) == 5
    said = readings.left_out(storm.left_out_s, faults=True)
    assert said == " Not left out: faults and warm-up; outside no number of users had 20 operations that ended ok."


def test_warm_up_alone_is_called_warm_up() -> None:
    example = Measured(load_run(STORM.with_name("example")))

    assert readings.left_out(example.left_out_s, faults=False) == " Left out: 5 seconds of warm-up."
    assert readings.left_out(0, faults=False) == ""
    assert example.levels["users"].tolist() == [30]


def test_a_step_has_the_latency_of_its_seconds_without_fault(make_run, row) -> None:
    rows = [row(second, [90_000 if 5 <= second < 8 else 10_000] * 30, users=7) for second in range(12)]
    series = load_run(make_run(rows)).series
    begin = int(series["second"].min()) * 10**9
    fields = {"ok": 360, "p50_ms": 11.0, "p95_ms": 90.0, "p99_ms": 90.0, "seconds": 12.0}
    step = Step(users=7, from_ns=begin, to_ns=begin + 12 * 10**9, **fields)
    windows = pd.DataFrame({"start_ns": [begin + 5 * 10**9], "end_ns": [begin + 8 * 10**9 - 1]}).astype("Int64")

    assert latency_by_step([step], series)["p95_ms"].tolist() == [90.0]
    found = latency_by_step([step], series, windows)
    assert found["p95_ms"].tolist() == pytest.approx([10.0], rel=1e-3)
    assert found[["seconds", "count"]].to_numpy().tolist() == [[9, 270]]
    assert latency_by_step([step], series, windows.assign(start_ns=begin, end_ns=pd.NA)).empty
    after = windows + 60 * 10**9
    assert np.array_equal(latency_by_step([step], series, after), latency_by_step([step], series))
