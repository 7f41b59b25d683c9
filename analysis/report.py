"""``report.html`` and ``plots/``: one self-contained page for people, its plots as files for other pages.

The same run directory always gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes

from analysis import page, plots, statistics, steps, wording
from analysis.progress import Step, silent
from analysis.reproduce import reproduction
from analysis.run import Run
from analysis.views import VIEWS


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of the report: the view of the run it shows, how it is drawn, and the sentence under it."""

    name: str  # as in ``views.VIEWS``
    title: str
    plot: Callable[[pd.DataFrame], Axes]
    reading: Callable[[pd.DataFrame], str]
    section: str = "latency"


FIGURES = (
    Figure(
        "latency-over-time",
        "Latency over time",
        plots.latency_over_time,
        wording.reading_over_time,
    ),
    Figure(
        "latency-against-users",
        "Latency against users",
        plots.latency_by_users,
        wording.reading_by_users,
    ),
    Figure(
        "clocks-over-time",
        "The four clocks over time",
        plots.clocks_over_time,
        wording.reading_clocks_over_time,
        section="clocks",
    ),
)
"""The plots of a report, in their order."""
STEPS = len(FIGURES) + 1
"""What writing a report takes, for showing how far it is."""

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


def write_report(run: Run, step: Step = silent) -> Path:
    """Write ``report.html`` and ``plots/*.svg, *.png`` into the run's directory; return the report's path.

    ``step`` is told what is begun, ``STEPS`` times.

    Raises ``RunError`` where the series is damaged, ``OSError`` where the directory cannot be written.
    """
    drawn = []
    for figure in FIGURES:
        step(figure.title)
        drawn.append(draw(figure, VIEWS[figure.name](run)))
    step("report.html")
    html = render(run, drawn)
    folder = run.path / "plots"
    folder.mkdir(exist_ok=True)
    for each in drawn:
        (folder / f"{each.name}.svg").write_bytes(each.svg)
        (folder / f"{each.name}.png").write_bytes(each.png)
    path = run.path / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def draw(figure: Figure, frame: pd.DataFrame) -> Drawn:
    """Return a figure drawn from a view of the run."""
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
