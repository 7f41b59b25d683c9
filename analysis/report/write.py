"""``report.html``, ``report.md`` and ``plots/``: a self-contained page, the same in Markdown, and the plots as files.

The same run directory always gives the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis import plots, wording
from analysis.progress import Step, silent
from analysis.report import evidence, fault_rows, markdown, page, sentences
from analysis.report.figures import FIGURES, Figure
from analysis.report.findings import findings, recommendations
from analysis.report.not_tested import not_tested
from analysis.report.reproduce import reproduction
from analysis.run import Run
from analysis.run_statistics import Measured
from analysis.statistics import steps

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


@dataclass(frozen=True, slots=True)
class Absent:
    """A figure that a run has no data for, and why."""

    name: str
    title: str
    section: str
    why: str


def write_report(run: Run, step: Step = silent) -> Path:
    """Write ``report.html``, ``report.md`` and ``plots/*.svg, *.png``; return the page's path.

    Into the run's directory; of plain Locust files ``PREFIX_report.html`` and the like beside them. ``step`` is told
    what is begun, ``STEPS`` times.

    Raises ``RunError`` where the series is damaged, ``OSError`` where the directory cannot be written.
    """
    measured = Measured(run)
    drawn: list[Drawn] = []
    absent: list[Absent] = []
    with measured.reading_ahead():
        for figure in FIGURES:
            step(figure.title)
            if why := figure.lacks(measured):
                absent.append(Absent(figure.name, figure.title, figure.section, why))
            else:
                drawn.append(draw(figure, measured))
    step("report.html")
    path, folder = place_of(run, "report.html"), place_of(run, "plots")
    context = content(measured, drawn, absent, folder.name)
    html, text = render("report.html.j2", context), markdown.render(context)
    folder.mkdir(exist_ok=True)
    for left in absent:  # an earlier report may have drawn it
        for kind in ("svg", "png"):
            (folder / f"{left.name}.{kind}").unlink(missing_ok=True)
    for each in drawn:
        (folder / f"{each.name}.svg").write_bytes(each.svg)
        (folder / f"{each.name}.png").write_bytes(each.png)
    path.write_text(html, encoding="utf-8")
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    return path


def place_of(run: Run, name: str) -> Path:
    """Return where a file of the report goes: into the run's directory, or beside plain Locust files."""
    return run.path.with_name(f"{run.path.name}_{name}") if run.plain else run.path / name


def draw(figure: Figure, run: Measured) -> Drawn:
    """Return a figure drawn from a run that has data for it."""
    ax = figure.plot(run)
    svg = plots.save(ax, "svg", salt=figure.name)
    ax.figure.set_layout_engine("none")  # type: ignore[union-attr]  # it stands: laying out again is a third of the time
    png = plots.save(ax, "png", salt=figure.name)
    return Drawn(figure.name, figure.title, figure.section, figure.reading(run), svg, png, inline(svg, figure.name))


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


def content(measured: Measured, drawn: list[Drawn], absent: list[Absent], folder: str) -> dict[str, object]:
    """Return what both templates are filled with, by name."""
    run = measured.run
    verdict, totals = run.verdict, page.totals_of(measured)
    found = findings(verdict, run.manifest)
    entries = () if verdict is None else (*verdict.criteria, *verdict.checks, *verdict.hypotheses)
    return {
        "run": run,
        "verdict": verdict,
        "word": verdict.verdict if verdict is not None else wording.NOT_JUDGED,
        "meaning": wording.PLAIN_MEANING if run.plain else wording.meaning(verdict),
        "headline": page.headline(run, totals),
        "totals": totals,
        "steady_state": page.steady_state(totals),
        "clocks": page.where_the_time_went(measured.clocks),
        "clocks_reading": sentences.clocks(measured),
        "counts": page.counts(totals),
        "outside": page.outside(totals),
        "routes": page.ranked(totals.routes),
        "errors": page.ranked(totals.errors),
        "steps": steps.rows_of(totals.steps, measured.clock_s),
        "searched": any(step.held is not None for step in totals.steps),
        "confusion": page.confusion(totals.label_confusion),
        "figures": drawn,
        "absent": absent,
        "plots": folder,
        "windows": fault_rows.fault_windows(measured),
        "breakers": fault_rows.breakers(measured),
        "summary": page.summary(verdict),
        "silent": page.named(verdict, "silent"),
        "log_cells": [(level, wording.number(count)) for level, count in (totals.log_records or {}).items()],
        "step_cells": page.cells(steps.rows_of(totals.steps, measured.clock_s)),
        "quotes": evidence.quotes(run, entries),
        "quote_header": evidence.HEADER,
        "findings": found,
        "recommendations": recommendations(verdict, found),
        "configuration": page.configuration(run.manifest),
        "reproduction": reproduction(run.manifest, totals),
        "not_tested": not_tested(run),
        "files": page.files(run),
    }


def _seen(found: object) -> object:
    """Return what a page shows of a value: text that is not of the template with what cannot be seen escaped."""
    plain = isinstance(found, str) and not isinstance(found, Markup)
    return wording.visible(found, len(found)) if plain else found  # type: ignore[arg-type]  # it is text


def render(template: str, context: dict[str, object]) -> str:
    """Return the page; what comes from the target is escaped by the template."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=wording.visible, value=wording.value, count=wording.number, short=wording.is_short
    )
    return environment.get_template(template).render(context)
