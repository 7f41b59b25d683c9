"""A number is the same wherever it is shown, and is what the history says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import load_run, plots, statistics, wording
from analysis.cli import main
from analysis.report import fault_rows, readings
from analysis.report.views import VIEWS
from analysis.run_statistics import Measured

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(name="storm", scope="module")
def storm_fixture() -> Measured:
    return Measured(load_run(RESULTS / "example-storm"))


@pytest.fixture(name="stalling")
def stalling_fixture(make_run, row) -> Measured:
    """Return a run of two levels of users, in which nothing ends ok in every third second."""
    rows = []
    for second in range(61):
        users = 10 if second < 30 else 40
        stall = second % 3 == 0
        rows.append(row(second, [50_000] * users, users=users, outcome="failed" if stall else "ok"))
    return Measured(load_run(make_run(rows)))


def test_a_second_in_which_nothing_ended_ok_is_as_long_as_any_other(stalling: Measured) -> None:
    levels, throughputs = stalling.levels, stalling.throughputs

    assert levels["users"].tolist() == throughputs["users"].tolist() == [10, 40]
    assert levels["seconds"].tolist() == throughputs["seconds"].tolist() == [29, 30]
    assert levels["throughput_rps"].tolist() == throughputs["throughput_rps"].tolist()
    assert levels["throughput_rps"].tolist() == pytest.approx([10 * 20 / 29, 40 * 20 / 30])
    assert VIEWS["littles-law"](stalling)["seconds"].tolist() == [29, 30]
    assert stalling.fits[0].think_ms == pytest.approx(float(levels["think_ms"].median()))


def test_littles_law_closes_with_the_numbers_of_a_level(stalling: Measured, storm: Measured) -> None:
    for run in (stalling, storm):
        levels = run.levels
        found = levels["throughput_rps"] * (levels["mean_ms"] + levels["think_ms"]) / 1000
        assert found.tolist() == pytest.approx(levels["users"].tolist())
        rates = run.throughputs.set_index("users_min")["throughput_rps"]
        assert levels["throughput_rps"].tolist() == rates.reindex(levels["users_min"]).tolist()
        assert (levels["throughput_rps"] * levels["mean_ms"] / 1000).tolist() == levels["in_flight"].tolist()


def test_levels_of_a_load_shape_are_of_whole_seconds_in_its_steps() -> None:
    run = Measured(load_run(RESULTS / "example-overload"))
    steps = {step.users: step for step in run.run.verdict.totals.steps}  # type: ignore[union-attr]
    operations = run.run.operations
    for _, level in run.levels.iterrows():
        step = steps[int(level["users"])]
        first = -(-(step.from_ns + round(1e9 * (step.warm_up_s or 0.0))) // 1_000_000_000)
        last = step.to_ns // 1_000_000_000
        inside = operations["end_ns"].between(first * 1_000_000_000, last * 1_000_000_000 - 1)
        assert level["seconds"] == last - first
        assert level["count"] == int((inside & (operations["outcome"] == "ok")).sum())


def test_operations_and_tiers_of_a_window_are_counted_in_the_history(storm: Measured, capsys) -> None:
    operations, faults = storm.run.operations, storm.run.faults
    inside = [operations[operations["end_ns"].between(*edges)] for edges in zip(faults["start_ns"], faults["end_ns"])]  # noqa: B905
    counts = [len(rows) for rows in inside]
    shares = [100 * float((rows["tier"] > 0).mean()) for rows in inside]

    assert storm.activation["operations"].tolist() == counts == [550, 888, 1390, 2733, 2733]
    assert storm.activation["fallback_pct"].tolist() == pytest.approx(shares)
    assert shares[3] == pytest.approx(68.5, abs=0.05)
    served = storm.served_in_windows
    for place, rows in enumerate(inside):
        of_window = served[served["window"] == place].set_index("served")["count"]
        tiers = rows["tier"].map({0: "primary", 1: "tier 1", 2: "tier 2"}).value_counts()
        assert of_window.to_dict() == tiers.to_dict()

    assert main(["fallback", str(storm.run.path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "premium is down 44.0 s 53.0 s 2,733" in out
    assert f"They served most in 'premium is down': {wording.number(shares[3], 2)} %" in out


def test_without_a_history_a_window_has_its_whole_seconds_and_says_so(make_run, row, at) -> None:
    series = load_run(make_run([row(s, [1_000] * 10, tier=int(10 <= s < 20)) for s in range(30)])).series
    window = pd.DataFrame({"fault": ["slow"], "start_ns": [at(10.5)], "end_ns": pd.array([at(19.5)], dtype="Int64")})
    found = statistics.fallback_activation(series, window).iloc[0]

    assert found["operations"] == found["fallbacks"] == 100
    assert "those of whole seconds" in found["missing"]


def test_judged_windows_are_those_of_faults_csv(storm: Measured) -> None:
    faults, windows = storm.run.faults, storm.windows

    assert windows["fault"].tolist() == faults["name"].tolist()
    assert windows["start_ns"].tolist() == faults["start_ns"].tolist()
    assert windows["end_ns"].tolist() == faults["end_ns"].tolist()
    assert windows["operations_hit"].tolist() == faults["operations_hit"].tolist()
    activation = storm.activation
    assert (1000 * activation["activation_delay_s"]).tolist() == pytest.approx(faults["activation_delay_ms"].tolist())
    assert activation["recovery_s"].tolist() == faults["recovery_s"].tolist()
    assert activation["false"].tolist() == faults["false_fallbacks"].tolist()
    assert (activation["end_s"] - activation["start_s"]).tolist() == pytest.approx(
        ((faults["end_ns"] - faults["start_ns"]) / 1e9).tolist(), abs=1e-6
    )


def test_the_plot_of_who_served_says_what_the_tables_say(storm: Measured) -> None:
    ax = plots.fallback_activation(storm.served, storm.activation, storm.breakers)
    listed = "\n".join(text.get_text() for text in ax.texts)
    judged, shown = fault_rows.fault_windows(storm), fault_rows.activation(storm)

    assert judged is not None
    for row, other in zip(judged.rows, shown.rows, strict=True):
        name, _, _, _, after, recovered = row[:6]
        assert f"{name}: ▼ {after}, ▲ {recovered}" in listed
        assert (after, recovered) == (other[4], other[6])


def test_the_decided_route_is_the_one_that_accuracy_judges(storm: Measured) -> None:
    assert storm.run.verdict is not None
    accuracy = next(check for check in storm.run.verdict.checks if check.name == "accuracy")
    matrix = storm.confusion

    assert accuracy.actual == "100 %"
    assert int(np.trace(matrix.loc[matrix.index, matrix.index].to_numpy())) == len(storm.run.operations)
    assert readings.confusion(matrix).startswith("All 11,833 operations with an expected route were decided for it")


def test_a_fallback_that_does_not_tell_what_was_asked_is_left_out_and_counted(table, operation, make_run, row) -> None:
    rows = [
        operation(1, 0, 1),
        operation(2, 0, 1, route="backup", asked_route="fast", tier=1),
        operation(3, 0, 1, route="backup", asked_route="slow", tier=1),
        operation(4, 0, 1, route="backup", asked_route="backup", tier=1),
        operation(5, 0, 1, route="backup", asked_route=None, tier=1),
        operation(6, 0, 1, route=None, asked_route=None),
        operation(7, 0, 1, outcome="failed"),
        operation(8, 0, 1, expected_route=None),
    ]
    operations = table("operations", rows)
    matrix = statistics.confusion_matrix(operations)

    assert matrix.loc["fast"].to_dict() == {"(no route)": 1, "fast": 2, "slow": 1}
    assert statistics.undecided(operations) == 2
    assert "Not counted: 2 fallbacks that did not tell" in readings.confusion(matrix, 2)
    series = load_run(make_run([row(0, [1_000] * 5), row(1, [1_000] * 3, route="backup", tier=1)])).series
    assert statistics.confusion_matrix(series).loc["fast"].to_dict() == {"fast": 5}
    assert statistics.undecided(series) == 3


def test_the_key_of_the_matrix_says_what_a_shade_means(storm: Measured) -> None:
    key = plots.confusion_matrix(storm.confusion).get_legend()

    assert key is not None
    assert [text.get_text() for text in key.get_texts()] == ["100 %", "75 %", "50 %", "25 %", "0 %", "as expected"]
    assert key.get_title().get_text() == "share of the\nexpected route"


def test_a_last_partial_second_is_marked_and_not_ranked(make_run, row) -> None:
    rows = [row(s, [10_000 + s] * 300) for s in range(14)] + [row(14, [90_000] * 18)]
    series = load_run(make_run(rows)).series
    over_time, clocks = statistics.latency_over_time(series), statistics.clocks_over_time(series)

    assert "90 ms" not in wording.reading_over_time(over_time)
    assert "Not counted: 2 seconds cut off" in wording.reading_over_time(over_time)
    assert "90 ms" not in wording.reading_clocks_over_time(clocks)
    window = pd.DataFrame({"fault": ["slow"], "start_s": [12.5], "end_s": [14.5]})
    assert "90 ms" not in readings.faults_in_latency(over_time, window)
    assert over_time["cut_off"].tolist() == clocks["cut_off"].tolist() == [True, *[False] * 13, True]


def test_times_count_from_the_begin_of_the_load_as_in_the_terminal(storm: Measured, capsys) -> None:
    opened = storm.run.edges
    opened = opened[(opened["what"] == "fault") & (opened["after"] == "open")]
    said = dict(zip(opened["name"].astype(str), opened["cause"].astype(str), strict=True))  # '10.00 s', as the terminal
    rows = fault_rows.fault_windows(storm)

    assert rows is not None
    for row in rows.rows:
        begin = float(said[row[0]].partition(" ")[0])
        assert row[2].startswith(f"{begin:.1f} s – ")  # noqa: RUF001
    assert storm.activation["start_s"].tolist() == pytest.approx([10, 20, 31, 44, 44], abs=0.01)
    assert storm.latency_over_time["elapsed_s"].iloc[0] == pytest.approx(0.219)
    assert main(["fallback", str(storm.run.path), "--format", "csv"]) == 0
    assert float(capsys.readouterr().out.splitlines()[1].split(",")[1]) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("t0", [None, "", "soon", "2025-02-19T21:20:00", "2025-02-19T21:20:07Z"])
def test_a_begin_that_is_not_known_is_the_first_second(make_run, row, at, manifest, t0) -> None:
    """A second after the first one, as of a run that was cut off and a clock that was set, is none either."""
    manifest["t0"] = t0
    run = Measured(load_run(make_run([row(s, [1_000] * 30) for s in range(5)], manifest)))

    assert run.clock_s == at(0) / 1e9
    assert run.latency_over_time["elapsed_s"].tolist() == [0, 1, 2, 3, 4]


def test_percentiles_by_route_are_a_curve_each_and_the_largest_are_drawn(storm: Measured) -> None:
    frame = statistics.percentile_curve(storm.run.series, ["route"], resamples=20)
    ax = plots.percentile_curve(frame)
    lines = {line.get_label(): line.get_xdata() for line in ax.lines}

    assert list(lines) == ["standard", "fast", "escalation", "premium", "fallback"]
    assert all((np.diff(x) > 0).all() for x in lines.values())
    assert len({(line.get_color(), str(line._dash_pattern)) for line in ax.lines}) == 5

    few = pd.concat([frame.assign(label=name, route=name, count=k) for k, name in enumerate("abcdefghij")])
    ax = plots.percentile_curve(few)
    assert [line.get_label() for line in ax.lines] == list("jihgfedc")
    assert "2 further curves are not shown." in ax.get_xlabel().replace("\n", " ")
