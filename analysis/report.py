"""``report.html`` and ``plots/``: one self-contained page for people, its plots as files for other pages.

The same run directory always gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes

from analysis import page, plots, statistics, steps, wording
from analysis.documents import Step
from analysis.reproduce import reproduction
from analysis.run import Run


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of the report: the statistic it shows, how it is drawn, and the sentence under it."""

    name: str
    title: str
    statistic: Callable[[pd.DataFrame], pd.DataFrame]
    plot: Callable[[pd.DataFrame], Axes]
    reading: Callable[[pd.DataFrame], str]
    section: str = "latency"


FIGURES = (
    Figure(
        "latency-over-time",
        "Latency over time",
        statistics.latency_over_time,
        plots.latency_over_time,
        wording.reading_over_time,
    ),
    Figure(
        "latency-against-users",
        "Latency against users",
        statistics.latency_by_users,
        plots.latency_by_users,
        wording.reading_by_users,
    ),
    Figure(
        "clocks-over-time",
        "The four clocks over time",
        statistics.clocks_over_time,
        plots.clocks_over_time,
        wording.reading_clocks_over_time,
        section="clocks",
    ),
)
"""The plots of a report, in their order."""

THEME = {
    plots.PAPER: "var(--paper)",
    plots.INK: "var(--ink)",
    plots.MUTED: "var(--muted)",
    plots.GRID: "var(--grid)",
    plots.SHADE: "var(--shade)",
    plots.BLUE: "var(--blue)",
    plots.VERMILLION: "var(--vermillion)",
    plots.PURPLE: "var(--purple)",
    plots.GREEN: "var(--green)",
    plots.ORANGE: "var(--orange)",
    plots.SKY: "var(--sky)",
    plots.YELLOW: "var(--yellow)",
}
"""Colours of a plot that follow the page from light to dark."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure of one run: files, the SVG for the page, and the sentence computed from its data."""

    name: str
    title: str
    section: str
    reading: str
    svg: bytes
    png: bytes
    inline: Markup


def write_report(run: Run) -> Path:
    """Write ``report.html`` and ``plots/*.svg, *.png`` into the run's directory; return the report's path.

    Raises ``RunError`` where the series is damaged, ``OSError`` where the directory cannot be written.
    """
    totals = page.totals_of(run)
    drawn = [draw(_of_steps(figure, totals.steps), run.series) for figure in FIGURES]
    html = render(run, drawn)
    folder = run.path / "plots"
    folder.mkdir(exist_ok=True)
    for figure in drawn:
        (folder / f"{figure.name}.svg").write_bytes(figure.svg)
        (folder / f"{figure.name}.png").write_bytes(figure.png)
    path = run.path / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def _of_steps(figure: Figure, measured: Sequence[Step]) -> Figure:
    """Return the figure with the run's steps as its points, where it shows users and there are steps to show."""
    frame = steps.latency_by_step(measured)
    return (
        replace(figure, statistic=lambda _: frame) if figure.plot is plots.latency_by_users and len(frame) else figure
    )


def draw(figure: Figure, series: pd.DataFrame) -> Drawn:
    """Return a figure drawn from a series."""
    frame = figure.statistic(series)
    ax = figure.plot(frame)
    svg, png = plots.save(ax, "svg", salt=figure.name), plots.save(ax, "png", salt=figure.name)
    return Drawn(figure.name, figure.title, figure.section, figure.reading(frame), svg, png, inline(svg, figure.name))


def inline(svg: bytes, name: str) -> Markup:
    """Return an SVG file as an element of a page: no prolog, ids of its own, the page's colours."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    for colour, variable in THEME.items():
        text = text.replace(colour, variable)
    return Markup(text)  # made by matplotlib, which escapes text


def render(run: Run, drawn: list[Drawn]) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=wording.visible, value=wording.value, count=wording.number)
    verdict, totals = run.verdict, page.totals_of(run)
    clocks = statistics.clocks(run.series)
    return environment.get_template("report.html.j2").render(
        run=run,
        verdict=verdict,
        word=verdict.verdict if verdict is not None else wording.NOT_JUDGED,
        meaning=wording.meaning(verdict),
        headline=page.headline(run, totals),
        steady_state=page.steady_state(totals),
        clocks=page.where_the_time_went(clocks),
        clocks_reading=wording.reading_clocks(clocks),
        counts=page.counts(totals),
        outside=page.outside(totals),
        routes=page.ranked(totals.routes),
        errors=page.ranked(totals.errors),
        steps=steps.rows_of(totals.steps),
        searched=any(step.held is not None for step in totals.steps),
        confusion=page.confusion(totals.label_confusion),
        figures=drawn,
        configuration=page.configuration(run.manifest),
        reproduction=reproduction(run.manifest, totals),
        not_tested=page.not_tested(run),
        files=page.files(run),
    )
