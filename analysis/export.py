"""A run's frames as files: CSV, JSON and Parquet of every table and statistic, PNG and SVG of every plot.

The same run directory always gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from analysis.files.columns import EVERY_TABLE
from analysis.report.views import VIEWS
from analysis.run import Run
from analysis.run_statistics import Measured
from harness.words.errors import UsageError
from harness.words.formulas import defused

Format = Literal["csv", "json", "parquet", "png", "svg"]
FORMATS: tuple[Format, ...] = get_args(Format)

TABLES = tuple(EVERY_TABLE)
"""Frames of a run, as it has them."""


def names() -> tuple[str, ...]:
    """Return what can be exported: tables of the run, and statistics, some of which are plots as well."""
    return (*TABLES, *VIEWS, *_frames_of_plots())


def frame_of(run: Run, name: str) -> pd.DataFrame:
    """Return a table or statistic of a run; raises ``UsageError`` for a name that is none."""
    if name in TABLES:
        found: pd.DataFrame = getattr(run, name)
        return found
    view = VIEWS.get(name) or _frames_of_plots().get(name)
    if view is None:
        raise UsageError(f"export: no table or statistic {name!r}; expected one of {', '.join(names())}")
    return view(Measured(run))


def _frames_of_plots() -> dict[str, Callable[[Measured], pd.DataFrame]]:
    """Return the frames that plots bring along; takes matplotlib to come."""
    from analysis.report.figures import FIGURES

    return {figure.name: figure.frame for figure in FIGURES if figure.frame is not None}


def plotted() -> tuple[str, ...]:
    """Return the names of the statistics that are plots as well; takes matplotlib to come."""
    from analysis.report.figures import FIGURES

    return tuple(figure.name for figure in FIGURES)


def encode(frame: pd.DataFrame, form: Format) -> bytes:
    """Return a frame as the bytes of a file: times and ids as whole numbers, no value as nothing (JSON: null).

    In CSV a text that a spreadsheet would take for a formula has an apostrophe before it, see ``words.formulas``.
    """
    if form == "csv":
        return _defused(frame).to_csv(index=False, lineterminator="\n").encode("utf-8")
    if form == "json":
        text = frame.to_json(orient="records", lines=False, force_ascii=False, double_precision=15)
        return (text or "[]").encode("utf-8") + b"\n"
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _defused(frame: pd.DataFrame) -> pd.DataFrame:
    def of_column(values: pd.Series) -> pd.Series:
        if pd.api.types.is_numeric_dtype(values.dtype):
            return values
        return values.astype("object").map(lambda found: defused(found) if isinstance(found, str) else found)

    return frame.apply(of_column).rename(columns=lambda name: defused(str(name)))


def picture(run: Run, name: str, form: Literal["png", "svg"]) -> bytes:
    """Return a plot of a run as a file, one that says 'no data' where there is none.

    Raises ``UsageError`` for a name that is no plot.
    """
    # Imported here, so that a table does not wait for matplotlib.
    from analysis import plots
    from analysis.report.figures import FIGURES

    figures = {figure.name: figure for figure in FIGURES}
    if name not in figures:
        raise UsageError(f"export: {name!r} has no plot; expected one of {', '.join(figures)}")
    return plots.save(figures[name].plot(Measured(run)), form, salt=name)


def form_of(path: Path | None, form: Format | None) -> Format:
    """Return the format that was asked for, or that a file's name ends in; CSV for stdout."""
    if form is not None:
        return form
    if path is None:
        return "csv"
    ending = path.suffix.removeprefix(".").lower()
    for known in FORMATS:
        if ending == known:
            return known
    raise UsageError(
        f"{path}: its name says no format; expected it to end in one of .{', .'.join(FORMATS)}, or --format"
    )
