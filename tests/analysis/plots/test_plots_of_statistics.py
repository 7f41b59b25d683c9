from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from readable import RUNS, assert_readable

from analysis import load_run, plots, statistics
from analysis.statistics import fits

SIZES = {"notebook": (6.4, 3.52), "wide": (16.0, 6.7)}
"""640 and 1,600 px at 100 dots per inch."""


def axes_of(size: str):
    figure = Figure(figsize=SIZES[size], dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


@pytest.fixture(name="edges", scope="module")
def edges_fixture(table, at):
    """Three windows, two of them at once, one with a long name; two breakers."""
    return table(
        "edges",
        [
            (at(5.2), "fault", "premium outage", "closed", "open", "", 0),
            (at(9.8), "fault", "premium outage", "open", "closed", "", 0),
            (at(9), "fault", "latency of $all$ the standard pool's models", "closed", "open", "", 0),
            (at(15), "fault", "latency of $all$ the standard pool's models", "open", "closed", "", 0),
            (at(14), "fault", "cpu", "closed", "open", "", 0),
            (at(5.5), "breaker", "premium-gpu", "closed", "open", "", 0),
            (at(8), "breaker", "premium-gpu", "open", "half_open", "", 0),
            (at(9), "breaker", "premium-gpu", "half_open", "closed", "", 0),
            (at(10), "breaker", "standard-pool-of-models", "closed", "open", "", 1),
        ],
    )


def outage(row):
    rows = [row(s, [9_000, 70_000] * 10, users=min(100, 20 * s + 5), priority=9) for s in range(20)]
    rows += [row(s, [9_000, 90_000] * 5, tier=1, route="backup", priority=2) for s in range(6, 10)]
    rows += [row(s, [9_000] * 4, tier=2, route="default answer of last resort") for s in (10, 11)]
    return [*rows, row(12, [9_000] * 4, outcome="failed", route="")]


FAULTY = RUNS | {
    "outage": lambda row, ramp: outage(row),
    "nothing but failures": lambda row, ramp: [row(s, [900] * 20, outcome="failed", route="") for s in range(20)],
    "many routes": lambda row, ramp: [row(s, [900] * 20, route=f"a rather long route {s}") for s in range(20)],
}


def activation(series, edges, ax):
    windows = statistics.fault_windows(edges)
    return plots.fallback_activation(
        statistics.served_over_time(series),
        statistics.fallback_activation(series, windows),
        statistics.worst_states(statistics.breaker_states(edges)),
        ax,
    )


def by_route(series, edges, ax):
    return plots.fallback_activation(statistics.served_over_time(series, "route"), ax=ax)


def over_time(series, edges, ax):
    found = statistics.fallback_activation(series, statistics.fault_windows(edges))
    return plots.shade_windows(plots.latency_over_time(statistics.latency_over_time(series), ax), found)


def heat(series, edges, ax):
    found = statistics.fallback_activation(series, statistics.fault_windows(edges))
    return plots.latency_heat(statistics.latency_heat(series), found, ax)


def curve(series, edges, ax):
    return plots.percentile_curve(statistics.percentile_curve(series, resamples=50), ax)


def before_after(series, edges, ax):
    half = series["second"].median()
    parts = (series[series["second"] < half], series[series["second"] >= half])
    return plots.before_after(*(statistics.percentile_curve(part, resamples=50) for part in parts), ax)


def latency_model(series, edges, ax):
    levels = statistics.load_levels(series)
    return plots.latency_against_users(levels, fits.fit_models(levels), ax)


def throughput_model(series, edges, ax):
    levels = statistics.load_levels(series)
    return plots.throughput_against_users(levels, fits.fit_models(levels), ax)


def by_throughput(series, edges, ax):
    return plots.latency_by_throughput(statistics.latency_by_throughput(series), ax)


def confusion(series, edges, ax):
    return plots.confusion_matrix(statistics.confusion_matrix(series), ax)


def ridge(series, edges, ax):
    return plots.priority_ridge(statistics.latency_density(series), statistics.priority_classes(series), ax)


PLOTS = (
    activation, by_route, over_time, heat, curve, before_after, latency_model, throughput_model, by_throughput,
    confusion, ridge,
)  # fmt: skip
HARD = ("outage", "nothing but failures", "one second", "many routes", "200 users")


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("plot", PLOTS)
def test_every_text_can_be_read_at_notebook_width(series_of, row, ramp, edges, plot, name: str) -> None:
    assert_readable(plot(series_of(FAULTY[name](row, ramp)), edges, axes_of("notebook")))


@pytest.mark.slow
@pytest.mark.parametrize("plot", PLOTS)
def test_every_text_can_be_read_on_a_wide_screen(series_of, row, ramp, edges, plot) -> None:
    assert_readable(plot(series_of(outage(row)), edges, axes_of("wide")))


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_run_says_in_words_that_there_is_nothing(series_of, edges, plot) -> None:
    ax = plot(series_of([]), edges, None)

    assert [text.get_text().replace("\n", " ")[:9] for text in ax.texts] == ["no data: "]
    assert not [*ax.lines, *ax.collections, *ax.patches]


@pytest.mark.parametrize("plot", PLOTS)
def test_an_axes_given_is_the_axes_returned_and_axes_have_units(series_of, row, edges, plot) -> None:
    mine = axes_of("wide")
    ax = plot(series_of(outage(row)), edges, mine)

    assert ax is mine
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert (ax.get_legend() is None) == (plot is not confusion)  # lines are named where they end; shades need a key


@pytest.mark.slow
@pytest.mark.parametrize("plot", PLOTS)
def test_the_same_run_gives_the_same_bytes(series_of, row, edges, plot) -> None:
    series = series_of(outage(row))
    first, second = (plots.save(plot(series, edges, None), "svg", "salt") for _ in range(2))

    assert first == second


@pytest.mark.parametrize("plot", PLOTS)
def test_on_dark_paper_nothing_stays_dark(series_of, row, edges, plot) -> None:
    ax = plots.dark(plot(series_of(outage(row)), edges, None))

    assert to_hex(ax.get_facecolor()) == plots.DARK[plots.PAPER]
    assert to_hex(ax.figure.get_facecolor()) == plots.DARK[plots.PAPER]
    light = {plots.INK, plots.MUTED, plots.BLUE}
    assert not light & {to_hex(text.get_color()) for text in (*ax.texts, ax._left_title, ax.xaxis.label)}
    assert not light & {to_hex(line.get_color()) for line in ax.lines}


def test_shares_are_stacked_to_a_hundred_and_named(series_of, row, edges) -> None:
    ax = activation(series_of(outage(row)), edges, None)
    areas = {area.get_label(): area for area in ax.collections}

    assert list(areas) == ["primary", "tier 1", "tier 2", "not ok"]
    heights = {name: area.get_paths()[0].get_extents().y1 for name, area in areas.items()}
    assert heights["not ok"] == pytest.approx(100)
    assert {"primary", "tier 1", "tier 2", "not ok"} <= {text.get_text() for text in ax.texts}


def test_first_fallbacks_and_recoveries_are_marked_where_they_happened(series_of, row, edges) -> None:
    series = series_of(outage(row))
    found = statistics.fallback_activation(series, statistics.fault_windows(edges))
    marks = {line.get_label(): line.get_xdata() for line in activation(series, edges, None).lines}

    assert marks["first_fallback_s"].tolist() == found["first_fallback_s"].dropna().tolist()
    assert marks["recovered_s"].tolist() == found["recovered_s"].dropna().tolist()
    assert len(marks["first_fallback_s"]) == 2


def test_windows_are_shaded_from_their_begin_to_their_end_and_named(series_of, row, edges) -> None:
    ax = over_time(series_of(outage(row)), edges, axes_of("wide"))
    end = ax.get_xlim()[1]
    bars = [line.get_xdata() for line in ax.lines if line.get_label() == "window"]
    names = [text.get_text() for text in ax.texts]

    assert [list(bar) for bar in bars] == [[5.2, 9.8], [9.0, 15.0], [14.0, end]]
    assert "premium outage" in names
    assert r"latency of \$all\$ the stan…" in names


def storm_of(count: int) -> pd.DataFrame:
    """Return windows of faults, two seconds each, in a row."""
    starts = np.arange(count) * 1.5 + 1
    return pd.DataFrame(
        {"fault": [f"fault of backend {k + 1}" for k in range(count)], "start_s": starts, "end_s": starts + 2}
    ).assign(first_fallback_s=starts + 0.1, activation_delay_s=0.1, resolution_s=0, recovered_s=starts + 3,
             recovery_s=1.0, missing="")  # fmt: skip


@pytest.mark.parametrize(("windows", "more"), [(5, ""), (8, ""), (9, "1 more window is"), (12, "4 more windows are")])
def test_windows_of_fallbacks_are_numbered_and_listed_with_what_came_of_them(
    series_of, row, windows: int, more: str
) -> None:
    served = statistics.served_over_time(series_of(outage(row)))
    ax = plots.fallback_activation(served, storm_of(windows), ax=axes_of("notebook"))
    texts = [line for text in ax.texts for line in text.get_text().split("\n")]

    for k in range(1, min(windows, 8) + 1):
        assert str(k) in texts
        assert f"{k}  fault of backend {k}: ▼ 100 ms, ▲ 1 s" in texts
    assert [text for text in texts if "more" in text] == ([f"{more} shaded"] if more else [])
    assert_readable(ax)


def test_windows_lie_over_areas_and_the_figure_grows_with_what_is_listed(series_of, row, edges) -> None:
    served = statistics.served_over_time(series_of(outage(row)))
    few, many = (plots.fallback_activation(served, storm_of(count)) for count in (1, 8))
    areas = max(area.get_zorder() for area in many.collections)
    shades = [patch for patch in many.patches if patch.get_alpha() is not None]

    assert len(shades) == 8
    assert all(patch.get_zorder() > areas for patch in shades)
    assert many.figure.get_figheight() > few.figure.get_figheight() + 1
    assert many.get_window_extent().height > 0.5 * many.figure.bbox.height


def test_names_that_do_not_fit_over_their_bars_are_listed(series_of, row) -> None:
    frame = statistics.latency_over_time(series_of(outage(row)))
    fits_over = plots.shade_windows(plots.latency_over_time(frame, axes_of("wide")), storm_of(3))
    listed = plots.shade_windows(plots.latency_over_time(frame, axes_of("notebook")), storm_of(10))

    assert "fault of backend 2" in [text.get_text() for text in fits_over.texts]
    assert "2" in [text.get_text() for text in listed.texts]
    assert "2  fault of backend 2" in [line for text in listed.texts for line in text.get_text().split("\n")]
    for ax in (fits_over, listed):
        assert_readable(ax)


def test_the_name_of_the_ramp_stands_over_the_edges_of_windows(series_of, row) -> None:
    frame = statistics.latency_over_time(series_of(outage(row)))
    ax = plots.shade_windows(plots.latency_over_time(frame, axes_of("notebook")), storm_of(3))
    name = next(text for text in ax.texts if "users rising" in text.get_text())
    edges = [line for line in ax.lines if len(set(line.get_xdata())) == 1]

    assert name.get_bbox_patch() is not None
    assert edges
    assert all(name.get_zorder() > line.get_zorder() for line in edges)
    plots.dark(ax)
    assert to_hex(name.get_bbox_patch().get_facecolor()) in (plots.DARK[plots.SHADE], plots.DARK[plots.PAPER])


def test_breakers_have_a_band_each_whose_height_is_their_state(series_of, row, edges) -> None:
    ax = activation(series_of(outage(row)), edges, None)
    bands = [patch for patch in ax.patches if patch.get_y() < 0 and patch.get_height() < 50]
    tallest = max(band.get_height() for band in bands)
    drawn = [(round(band.get_x(), 6), round(band.get_height() / tallest, 2)) for band in bands]

    assert drawn == [(0, 0.12), (5.5, 1), (8, 0.5), (9, 0.12), (0, 0.12), (10, 1)]
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == ["standard-pool…", "premium-gpu"]


def test_what_was_not_there_is_said(series_of, row, edges) -> None:
    calm = plots.fallback_activation(statistics.served_over_time(series_of([row(0, [900] * 20)])))
    failing = plots.fallback_activation(statistics.served_over_time(series_of([row(0, [900] * 20, outcome="shed")])))

    assert "No fault window was recorded." in calm.get_xlabel()
    assert "No breaker told of a change." in calm.get_xlabel().replace("\n", " ")
    assert "No fallback served." in calm.get_xlabel().replace("\n", " ")
    assert "No operation ended ok." in failing.get_xlabel().replace("\n", " ")


def usl_levels() -> pd.DataFrame:
    users = np.array([1, 2, 4, 8, 16, 32, 64, 128, 200], dtype=float)
    mean_ms = 8 * (1 + 0.05 * (users - 1) + 0.0004 * users * (users - 1))
    levels = pd.DataFrame({"users": users, "mean_ms": mean_ms, "throughput_rps": 1000 * users / mean_ms})
    return statistics.with_flow(levels)


@pytest.mark.parametrize(
    ("plot", "name", "values"),
    [
        (plots.latency_against_users, "knee", "mean_ms"),
        (plots.throughput_against_users, "saturation point", "throughput_rps"),
    ],
)
def test_models_stand_beside_what_was_measured_and_the_best_is_named(plot, name: str, values: str) -> None:
    levels = usl_levels()
    found = fits.fit_models(levels)
    ax = plot(levels, found)
    drawn = {line.get_label(): line for line in ax.lines}
    texts = [text.get_text() for text in ax.texts]

    assert drawn["measured"].get_ydata().tolist() == levels[values].tolist()
    assert {"linear", "mmc", "usl"} <= set(drawn)
    assert "USL (best)" in texts
    assert any(text.startswith(f"{name} at ") for text in texts)
    said = ax.get_xlabel().replace("\n", " ")
    assert "Best fit: Universal Scalability Law" in said
    assert said.endswith("Shade: its 95 % interval.")


def test_models_that_fit_alike_are_named_and_none_is_called_the_best() -> None:
    users = np.array([1, 2, 4, 8, 16, 32, 64, 128, 200], dtype=float)
    noise = np.exp(np.random.default_rng(1).normal(0, 0.01, len(users)))
    levels = pd.DataFrame({"users": users, "mean_ms": 20 * noise, "left_out_s": 3.0})
    ax = plots.latency_against_users(levels, fits.fit_models(levels, think_ms=300.0))
    said, texts = ax.get_xlabel().replace("\n", " "), [text.get_text() for text in ax.texts]

    assert "9 levels, 27 seconds left out (faults, warm-up, between steps)." in said
    assert "Fit alike: " in said
    assert not any("best" in text for text in texts)
    assert "● measured" in texts


@pytest.mark.parametrize("plot", [plots.latency_against_users, plots.throughput_against_users])
def test_models_that_are_one_line_have_one_label(plot) -> None:
    users = np.array([20, 40, 60, 80, 100], dtype=float)
    levels = pd.DataFrame({"users": users, "mean_ms": [39.0, 41.0, 38.5, 41.0, 38.0]})
    levels["throughput_rps"] = 1000 * users / (300 + levels["mean_ms"])
    ax = plot(levels, fits.fit_models(levels, think_ms=300.0))

    assert [text.get_text() for text in ax.texts if "USL" in text.get_text()] == ["linear = M/M/c = USL"]
    assert len({line.get_label() for line in ax.lines} & {"linear", "mmc", "usl"}) == 3
    assert_readable(ax)


@pytest.mark.parametrize(("servers", "digits"), [(16.0, 1), (24.0, 0)])
def test_an_interval_has_the_digits_of_its_value(servers: float, digits: int) -> None:
    users = np.array([1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 200], dtype=float)
    noise = np.exp(np.random.default_rng(3).normal(0, 0.05, len(users)))
    levels = pd.DataFrame({"users": users, "mean_ms": 20 * np.maximum(1, users / servers) * noise})
    ax = plots.latency_against_users(levels, fits.fit_models(levels, think_ms=0.0))
    text = next(text.get_text() for text in ax.texts if text.get_text().startswith("knee at "))
    numbers = re.findall(r"[\d.]+", text)

    assert len(numbers) == 3
    assert {len(number.partition(".")[2]) for number in numbers} == {digits}


def test_latency_by_throughput_draws_every_point(series_of, row) -> None:
    series = series_of([row(s, [1_000] * rate, users=10) for s in range(9) for rate in (30 + 10 * (s // 3),)])
    frame = statistics.latency_by_throughput(series, bins=6)
    ax = plots.latency_by_throughput(frame)

    assert len(frame) > 1
    assert [line.get_xdata().tolist() for line in ax.lines] == [frame["throughput_rps"].tolist()] * 3
    assert f"7 in {len(frame)} points" in ax.get_xlabel().replace("\n", " ")


def test_without_a_model_the_reason_is_said(series_of, row) -> None:
    levels = statistics.load_levels(series_of([row(s, [1_000] * 30, users=10) for s in range(5)]))
    ax = plots.latency_against_users(levels, fits.fit_models(levels))

    assert "No model: linear needs 4 levels of users, there are 1." in ax.get_xlabel().replace("\n", " ")


def tail(names, median, extra, other=0.0) -> pd.DataFrame:
    frame = pd.DataFrame({"component": names, "kind": "transform", "median_ms": median})
    frame["tail_ms"], frame["extra_ms"] = frame["median_ms"] + extra, extra
    frame["other_routes_ms"], frame["slower_ms"] = other, frame["extra_ms"] - other
    frame["same_routes_ms"] = frame["median_ms"] + frame["other_routes_ms"]
    return frame.assign(extra_pct=100 * frame["extra_ms"] / frame["extra_ms"].sum(), dominates_pct=0.0)


def test_tail_bars_show_the_median_and_what_the_tail_adds() -> None:
    ax = plots.tail_attribution(tail(["model", "guard"], [3.0, 24.6], [30.0, -20.8], [10.0, -22.0]))
    widths = {bars.get_label(): [round(bar.get_width(), 6) for bar in bars] for bars in ax.containers}

    assert widths["median operations"] == [3, 24.6]
    assert widths["slowest 1 %: as usual on their routes"] == [13, 2.6]
    assert widths["slowest 1 %: beyond that"] == [20, 1.2]
    assert [text.get_text() for text in ax.texts] == ["+30 ms (326 %)", "-20.8 ms (-226 %)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*widths][:3]
    assert_readable(ax)


def test_what_no_clock_tells_apart_is_nought() -> None:
    ax = plots.tail_attribution(tail(["model", "guard", "router"], [3.0, 0.2, 0.1], [30.0, 0.00002, -0.0007]))

    assert [text.get_text() for text in ax.texts] == ["+30 ms (100 %)", "0 ms", "-0.0007 ms"]


def test_many_stages_are_put_together() -> None:
    names = [f"stage with a name too long to be shown {k}" for k in range(30)]
    ax = plots.tail_attribution(tail(names, np.full(30, 1.0), np.arange(30, 0, -1.0)), axes_of("wide"))

    assert len(ax.get_yticks()) == 10
    assert ax.get_yticklabels()[-1].get_text() == "21 others"
    assert_readable(ax)


def test_a_run_without_history_has_no_tail_and_says_so() -> None:
    ax = plots.tail_attribution(pd.DataFrame())

    assert "no history was kept" in ax.texts[0].get_text().replace("\n", " ")


def test_the_confusion_matrix_writes_every_count(series_of, row) -> None:
    rows = [
        row(0, [1] * 5),
        row(0, [1] * 2, route="premium"),
        row(1, [1] * 4, expected_route="premium", route="premium"),
    ]
    ax = plots.confusion_matrix(statistics.confusion_matrix(series_of(rows)))

    assert [text.get_text() for text in ax.texts] == ["5", "2", "0", "4"]
    assert (
        ax.get_xlabel()
        .replace("\n", " ")
        .endswith(
            "11 operations that ended ok, 2 decided for another route than expected. "
            "A fallback counts where it was decided for, not where it ended."
        )
    )


def test_curves_have_intervals_and_labels(series_of, row) -> None:
    rows = [row(s, [1_000 + 100 * s, 5_000] * 20, priority=p) for s in range(20) for p in (1, 9)]
    frame = statistics.percentile_curve(series_of(rows), ["priority"], resamples=50)
    ax = plots.percentile_curve(frame.rename(columns={"priority": "label"}))

    assert len(ax.collections) == 2
    assert {text.get_text() for text in ax.texts} == {"1", "9"}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "50", "90", "99"]


def test_ridges_count_inversions_where_they_are_known(series_of, row) -> None:
    series = series_of([row(0, [1_000] * 20, priority=9), row(0, [4_000] * 20, priority=1)])
    inversions = pd.DataFrame({"priority": [9, 1], "inverted": [7, 0], "inverted_ms": [3.0, 0.0]})
    density = statistics.latency_density(series)
    known = plots.priority_ridge(density, statistics.priority_classes(series, inversions))
    unknown = plots.priority_ridge(density, statistics.priority_classes(series))

    assert [text.get_text() for text in known.texts] == ["7 inverted", "0 inverted"]
    assert "Inversions are unknown" in unknown.get_xlabel().replace("\n", " ")
    assert [tick.get_text() for tick in known.get_yticklabels()] == ["1", "9"]


def test_every_colour_of_a_plot_follows_the_page() -> None:
    from analysis.report.write import THEME

    assert set(plots.DARK) == set(THEME)
