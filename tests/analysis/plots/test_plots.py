from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from readable import RUNS, assert_readable

from analysis import load_run, plots, statistics
from analysis.plots.over_time import CUT_OFF


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


def over_time(series):
    return plots.latency_over_time(statistics.latency_over_time(series))


def by_users(series):
    return plots.latency_by_users(statistics.latency_by_users(series))


def of_clocks(series):
    return plots.clocks_over_time(statistics.clocks_over_time(series))


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("draw", [over_time, by_users, of_clocks])
def test_every_text_can_be_read(series_of, row, ramp, name: str, draw) -> None:
    assert_readable(draw(series_of(RUNS[name](row, ramp))))


def whole(ax):
    """Return the lines of whole seconds, without the rings at the run's ends."""
    return [line for line in ax.lines if line.get_label() != CUT_OFF]


def test_lines_are_the_percentiles_of_the_frame_and_named_at_their_ends(series_of, ramp) -> None:
    frame = statistics.latency_over_time(series_of(ramp(seconds=20)))

    ax = plots.latency_over_time(frame)

    assert [line.get_label() for line in whole(ax)] == ["p99", "p95", "p50"]
    for line in whole(ax):
        assert np.array_equal(line.get_xdata(), frame["elapsed_s"])
        assert np.array_equal(line.get_ydata()[1:-1], frame[f"{line.get_label()}_ms"][1:-1])
    assert {"p99", "p95", "p50"} <= set(texts(ax))
    assert ax.get_legend() is None
    assert "(s)" in ax.get_xlabel()
    assert "(ms)" in ax.get_ylabel()


def test_lines_are_the_four_clocks_and_named_at_their_ends(series_of, ramp) -> None:
    frame = statistics.clocks_over_time(series_of(ramp(seconds=20)))

    ax = plots.clocks_over_time(frame)

    names = ["response", "service", "queue", "lag"]
    assert [line.get_label() for line in whole(ax)] == names
    for line in whole(ax):
        assert np.array_equal(line.get_ydata()[1:-1], frame[f"{line.get_label()}_ms"][1:-1])
    assert set(names) <= set(texts(ax))
    assert ax.get_ylabel() == "p95 of ok operations (ms), log scale"


def test_labels_stand_at_the_height_of_their_lines_in_their_colours(series_of, row) -> None:
    ax = over_time(series_of([row(s, [10_000] * 50 + [50_000] * 46 + [90_000] * 4) for s in range(5)]))

    heights = {text.get_text(): text.xy[1] * ax.get_ylim()[1] for text in ax.texts}
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    for line in whole(ax):
        assert heights[line.get_label()] == pytest.approx(line.get_ydata()[-2])
        assert colours[line.get_label()] == line.get_color()


def test_latency_against_users_has_a_marked_point_per_number_of_users(series_of, row, with_ends) -> None:
    ax = by_users(series_of(with_ends([row(s, [1_000] * 30, users=10 * (s + 1)) for s in range(4)])))

    assert all(line.get_marker() == "o" for line in ax.lines)
    assert ax.lines[1].get_xdata().tolist() == [10, 20, 30, 40]
    assert ax.get_xlabel() == "concurrent users"


def test_a_stall_breaks_the_line_and_lonely_points_are_marked(series_of, row) -> None:
    rows = [row(s, [1_000] * 3) for s in range(60) if not 30 <= s < 40]
    ax = over_time(series_of(rows))
    assert np.isnan(ax.lines[0].get_ydata()[30:40]).all()
    assert ax.lines[0].get_marker() == ""

    ax = over_time(series_of([*rows, row(98, [1_000]), row(99, [1_000])]))
    assert ax.lines[0].get_marker() == "o"


@pytest.mark.parametrize(("slowest_us", "scale"), [(20_000, "linear"), (40_000, "log")])
def test_the_axis_is_logarithmic_where_a_linear_one_would_hide_the_median(
    series_of, row, slowest_us: int, scale: str
) -> None:
    ax = over_time(series_of([row(s, [1_000] * 20 + [slowest_us] * 3) for s in range(5)]))

    assert ax.get_yscale() == scale
    assert ("log scale" in ax.get_ylabel()) == (scale == "log")
    if scale == "linear":
        assert ax.get_ylim()[0] == 0


def test_the_ends_of_a_run_are_rings_and_no_line(series_of, row) -> None:
    rows = [row(s, [1_000] * 30) for s in range(19)] + [row(19, [90_000] * 3)]
    ax = over_time(series_of(rows))

    for line in whole(ax):
        assert np.isnan(line.get_ydata()[[0, -1]]).all()
    rings = [line for line in ax.lines if line.get_label() == CUT_OFF]
    assert [ring.get_xdata().tolist() for ring in rings] == [[0, 19]] * 3
    assert {ring.get_markerfacecolor() for ring in rings} == {"none"}
    assert "part of a second only" in ax.get_xlabel()


def test_the_rise_of_users_is_shaded_and_named(series_of, row) -> None:
    ax = over_time(series_of([row(s, [1_000] * 3, users=min(10, s + 1)) for s in range(20)]))

    shade = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert shade.x1 == pytest.approx(9)
    assert any("users rising to 10" in text for text in texts(ax))


def test_the_wind_down_is_shaded_and_named(series_of, row) -> None:
    ax = over_time(series_of([row(s, [1_000] * 3, users=10 if s < 18 else 2) for s in range(19)]))

    shade = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert shade.x0 == pytest.approx(17)
    assert any("users leaving" in text for text in texts(ax))


@pytest.mark.parametrize("users", [10, None])
def test_without_a_rise_nothing_is_shaded(series_of, row, users: int | None) -> None:
    ax = over_time(series_of([row(s, [1_000] * 3, users=users) for s in range(5)]))

    assert not ax.patches


@pytest.mark.parametrize("draw", [over_time, by_users])
@pytest.mark.parametrize("failures", [0, 5])
def test_without_latency_the_plot_says_no_data(series_of, row, draw, failures: int) -> None:
    ax = draw(series_of([row(s, [1_000] * 30, outcome="failed") for s in range(failures)]))

    assert not ax.lines
    assert [text.split(":")[0] for text in texts(ax)] == ["no data"]
    assert_readable(ax)


@pytest.mark.parametrize("plot", [plots.latency_over_time, plots.latency_by_users])
def test_a_plot_draws_into_the_axes_it_is_given(series_of, ramp, plot) -> None:
    series = series_of(ramp(seconds=5))
    statistic = statistics.latency_over_time if plot is plots.latency_over_time else statistics.latency_by_users
    left, right = Figure().subplots(1, 2)

    assert plot(statistic(series), ax=right) is right
    assert right.lines
    assert not left.lines


@pytest.mark.slow
def test_saved_files_are_the_same_bytes_every_time_and_readable(series_of, ramp) -> None:
    frame = statistics.latency_over_time(series_of(ramp(seconds=5)))

    def save(kind, salt="a"):
        return plots.save(plots.latency_over_time(frame), kind, salt)

    assert save("svg") == save("svg")
    assert save("png") == save("png")
    assert save("svg") != save("svg", salt="b")
    assert save("png").startswith(b"\x89PNG")
    assert ET.fromstring(save("svg")).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(
    ("heights", "moved"),
    [([], []), ([0.5], [0.5]), ([0.9, 0.5], [0.9, 0.5]), ([0.5, 0.5, 0.5], [0.7, 0.6, 0.5]), ([0.55, 0.5], [0.6, 0.5])],
)
def test_labels_are_moved_up_as_little_as_keeps_them_apart(heights: list[float], moved: list[float]) -> None:
    assert plots.spread(heights, 0.1) == pytest.approx(moved)
