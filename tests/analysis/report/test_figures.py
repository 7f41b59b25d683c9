"""Plots declare themselves: one file is a plot of the report, of the notebooks and of ``export``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from analysis import export, load_run
from analysis.report import figures
from analysis.run_statistics import Measured

ONE_MORE = """
import pandas as pd

from analysis import plots
from analysis.report.figures.figure import Figure

ENDINGS = Figure(
    place={place},
    name="{name}",
    title="Endings",
    section="routing",
    plot=lambda run: plots.latency_over_time(run.latency_over_time),
    reading=lambda run: "as it ended",
    lacks=lambda run: "",
    frame=lambda run: pd.DataFrame({{"ended": [1]}}),
)
"""


@pytest.fixture(name="folder")
def folder_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("analysis.report.figures.one_more", None)


def test_a_file_in_the_folder_is_a_plot_and_can_be_exported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, make_run, ramp
) -> None:
    before = figures.registered()
    (folder / "one_more.py").write_text(ONE_MORE.format(place=15, name="one-of-this-test"))
    found = figures.registered()
    assert [figure.name for figure in found if figure not in before] == ["one-of-this-test"]
    assert [figure.place for figure in found] == sorted(figure.place for figure in found)
    monkeypatch.setattr(figures, "FIGURES", found)
    assert "one-of-this-test" in export.names()
    pd.testing.assert_frame_equal(
        export.frame_of(load_run(make_run(ramp(20))), "one-of-this-test"), pd.DataFrame({"ended": [1]})
    )


@pytest.mark.parametrize(("place", "name"), [(10, "one-of-this-test"), (15, "percentile-curve")])
def test_two_of_one_name_or_place_are_refused(folder: Path, place: int, name: str) -> None:
    (folder / "one_more.py").write_text(ONE_MORE.format(place=place, name=name))
    with pytest.raises(ValueError, match=str(place) if place == 10 else name):
        figures.registered()


def test_every_plot_says_what_it_is() -> None:
    for figure in figures.FIGURES:
        assert figure.title
        assert figure.name in (*export.VIEWS, *export._frames_of_plots())
        assert figure.section in {"latency", "load", "fallbacks", "routing", "clocks"}


def test_of_a_run_of_nothing_each_says_what_it_lacks(make_run) -> None:
    run = Measured(load_run(make_run([])))
    assert all(figure.lacks(run) for figure in figures.FIGURES)
