"""What the commands of ``python -m analysis`` do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import export as exporting
from analysis import wording
from analysis.comparison import Comparison
from analysis.comparison import compare as compare_sides
from analysis.comparison.result import Answer, names, signed
from analysis.comparison.sides import LEVEL
from analysis.progress import Step, progress
from analysis.report import fault_rows, readings, sentences
from analysis.run import Run, load_run
from analysis.run_statistics import Measured
from harness.words.errors import ExitCode, UsageError, printable

if TYPE_CHECKING:
    from analysis.statistics.fits import Fit

PIPE_WIDTH = 140
"""Columns where the output is no terminal, as in CI."""

_STYLES = {Answer.SLOWER: "bold red", Answer.FASTER: "green", Answer.NOT_COMPARABLE: "yellow", Answer.TOO_FEW: "dim"}


def report(options: argparse.Namespace) -> int:
    """Write the report of a run."""
    run = load_run(options.run_dir)
    # Imported here, so that a mistyped folder does not wait for matplotlib.
    from analysis.report.write import STEPS, write_report

    with progress(STEPS) as step:
        path = write_report(run, step)
    print(printable(str(path)))
    return ExitCode.PASS


def check(options: argparse.Namespace) -> int:
    """Judge a saved run again, and say whether its verdict is the same."""
    # Imported here, since nothing else of analysis needs what reads a history to judge it.
    from analysis.checking import check as judge_again

    lines, code = judge_again(options.run_dir, write=options.write)
    for line in lines:
        print(_seen(line))
    return code


def curve(options: argparse.Namespace) -> int:
    """Show or write latency against users."""
    run = load_run(options.run_dir)
    if options.output is not None or options.format is not None:
        return _write(run, "latency-against-users", options)
    measured = Measured(run)
    with progress(2) as step:
        step("latency against users")
        frame = measured.latency_by_users
        step("models")
        levels, throughputs = measured.levels, measured.throughputs
        fits = measured.fits
        said = sentences.by_users(measured)
    console = _console()
    if len(frame):
        console.print(_curve_table(frame))
    console.print(Text(printable(said)))
    if len(levels):
        console.print("\nLevels of load", _levels_table(levels, throughputs), sep="\n")
        console.print(Text(printable(sentences.throughputs(measured))))
        console.print("\nModels of the mean latency", _models_table(fits), sep="\n")
        console.print(Text(printable(sentences.models(measured))))
    _print_missing(run)
    return ExitCode.PASS


def fallback(options: argparse.Namespace) -> int:
    """Show or write what each fault window did to the tiers."""
    run = load_run(options.run_dir)
    if options.output is not None or options.format is not None:
        return _write(run, "fallback-activation", options)
    measured = Measured(run)
    with progress(1) as step:
        step("fallback activation")
        rows, breakers = fault_rows.activation(measured), fault_rows.breakers(measured)
        said = sentences.activation(measured)
    console = _console()
    if rows.rows:
        console.print(_table_of(rows))
    console.print(Text(printable(said)))
    if breakers is not None:
        console.print("\nCircuit breakers, over all loading processes", _table_of(breakers), sep="\n")
    for name, missing in zip(measured.activation["fault"], measured.activation["missing"], strict=True):
        if missing:
            console.print(Text(_seen(f"{name}: {missing}")))
    _print_missing(run)
    return ExitCode.PASS


def _seen(text: str) -> str:
    """Return a text of a run as a terminal may have it, cut where it is long."""
    return printable(wording.visible(text))


def _print_missing(run: Run) -> None:
    for sentence in run.missing:
        print(_seen(sentence))


def _table_of(found: fault_rows.Rows) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in found.header:
        table.add_column(name)
    for row in found.rows:
        table.add_row(*(Text(_seen(cell)) for cell in row))
    return table


def compare(options: argparse.Namespace) -> int:
    """Compare runs, and return the exit code for CI."""
    pairs = _sides(options)
    with progress(len(pairs)) as step:
        found = [_compared(one, other, options.accept, len(pairs), step) for one, other in pairs]
    if options.format is not None or options.output is not None:
        _emit(_encoded(found, exporting.form_of(options.output, options.format)), options.output)
    else:
        for comparison in found:
            _print_comparison(comparison, options.max_regression)
    codes = {comparison.exit_code(options.max_regression) for comparison in found}
    return next(code for code in (ExitCode.CRITERION, ExitCode.INCONCLUSIVE, ExitCode.PASS) if code in codes)


def export(options: argparse.Namespace) -> int:
    """Write one table, statistic or plot."""
    if options.list:
        plots = exporting.plotted()
        print("\n".join(f"{name}  (also png, svg)" if name in plots else name for name in exporting.names()))
        return ExitCode.PASS
    if options.run_dir is None or options.table is None:
        raise UsageError("export: expected RUN_DIR and TABLE; `export --list` shows the tables")
    return _write(load_run(options.run_dir), options.table, options)


def _write(run: Run, name: str, options: argparse.Namespace) -> int:
    form = exporting.form_of(options.output, options.format)
    shown = options.output is None and sys.stdout.isatty()
    if shown and form not in ("csv", "json"):
        raise UsageError(f"export: {form} is nothing for a terminal; expected -o FILE")
    with progress(1) as step:
        step(name)
        if form == "png" or form == "svg":
            data = exporting.picture(run, name, form)
        else:
            data = exporting.encode(exporting.frame_of(run, name), form)
    if shown:  # what reads a pipe or a file gets texts as they are
        data = "\n".join(map(printable, data.decode().split("\n"))).encode()
    _emit(data, options.output)
    return ExitCode.PASS


def _emit(data: bytes, path: Path | None) -> None:
    if path is not None:
        path.write_bytes(data)
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has seen enough, as in `| head`
        sys.stderr.close()


def _sides(options: argparse.Namespace) -> list[tuple[Sequence[Path], Sequence[Path]]]:
    """Return pairs of baseline and candidate."""
    if options.baseline or options.candidate:
        if not (options.baseline and options.candidate) or options.runs:
            raise UsageError("compare: expected both --baseline and --candidate, and no other runs")
        return [(options.baseline, options.candidate)]
    if len(options.runs) < 2:
        raise UsageError("compare: expected at least two runs: the baseline, then what to compare with it")
    return [(options.runs[:1], [run]) for run in options.runs[1:]]


def _compared(
    one: Sequence[Path], other: Sequence[Path], accept: Sequence[str], candidates: int, step: Step
) -> Comparison:
    step(" ".join(str(path) for path in other))
    # Several candidates are several chances of a false alarm.
    return compare_sides(one, other, level=LEVEL / candidates, accept=accept)


def _encoded(found: Sequence[Comparison], form: exporting.Format) -> bytes:
    if form == "json":
        documents = [comparison.to_json() for comparison in found]
        return (documents[0] if len(documents) == 1 else f"[{','.join(documents)}]\n").encode("utf-8")
    if form != "csv":
        raise UsageError(f"compare: cannot write {form}; expected csv or json")
    frames = [comparison.frame for comparison in found]
    for frame, comparison in zip(frames, found, strict=True):
        frame.insert(0, "candidate", " ".join(comparison.candidate))
    return exporting.encode(pd.concat(frames), "csv")


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _curve_table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("users", "measured", "operations", "p50", "p95", "p99"):
        table.add_column(name, justify="right")
    for _, row in frame.iterrows():
        measured = wording.seconds(float(row["seconds"])), wording.number(float(row["count"]))
        latencies = (wording.milliseconds(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(_range_of_users(row), *measured, *latencies)
    return table


def _range_of_users(row: pd.Series) -> str:
    users = (float(row["users_min"]), float(row["users_max"]))
    return wording.number(users[0]) if users[0] == users[1] else "–".join(map(wording.number, users))  # noqa: RUF001


def _levels_table(levels: pd.DataFrame, throughputs: pd.DataFrame) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("users", "measured", "throughput", "interval", "mean latency", "under way"):
        table.add_column(name, justify="right")
    means = levels.set_index("users_min")
    for _, row in throughputs.iterrows():
        low, high = row["low_rps"], row["high_rps"]
        interval = wording.interval(low, high).strip() or "—"
        level = means.loc[row["users_min"]] if row["users_min"] in means.index else None
        table.add_row(
            _range_of_users(row),
            wording.seconds(float(row["seconds"])),
            wording.rate(row["throughput_rps"]),
            Text(interval),
            "—" if level is None else wording.milliseconds(float(level["mean_ms"])),
            "—" if level is None else wording.number(float(level["in_flight"])),
        )
    return table


def _models_table(fits: Sequence[Fit]) -> Table:
    rows = readings.models_table(fits)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in rows:
        table.add_column(str(name), justify="left" if name in ("model", "not known") else "right")
    for cells in rows.itertuples(index=False):
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _print_comparison(comparison: Comparison, max_regression_pct: float | None) -> None:
    console = _console()
    sides = f"{names(comparison.candidate)} against {names(comparison.baseline)}"
    console.print(Text.assemble((f"{comparison.answer}", _STYLES.get(comparison.answer, "")), f": {printable(sides)}"))
    if comparison.rows:
        console.print(_table(comparison))
    for sentence in (*comparison.reasons, *comparison.notes, *_limit(comparison, max_regression_pct)):
        console.print(Text(f"- {_seen(sentence)}"))


def _table(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("route")
    for name in ("percentile", "baseline", "candidate", "difference", "interval", "slower operation"):
        table.add_column(name, justify="right")
    table.add_column("answer")
    for row in comparison.rows:
        interval = "—" if row.low_pct is None else f"[{signed(row.low_pct)}, {signed(row.high_pct)}]"
        chance = "—" if row.superiority is None else f"{100 * row.superiority:.0f} %"
        table.add_row(
            Text(_seen(row.route)),
            f"p{row.percent:g}",
            wording.milliseconds(row.baseline_ms),
            wording.milliseconds(row.candidate_ms),
            signed(row.difference_pct),
            Text(interval),
            chance,
            Text(str(row.answer), _STYLES.get(row.answer, "")),
        )
    return table


def _limit(comparison: Comparison, max_regression_pct: float | None) -> list[str]:
    """Say what came of the limit on regressions, and what this comparison is too coarse to rule out."""
    if max_regression_pct is None or comparison.answer in (Answer.NOT_COMPARABLE, Answer.TOO_FEW):
        return []
    limit = f"{wording.number(max_regression_pct)} %"
    shown, open_ = comparison.regressions(max_regression_pct), comparison.undecided(max_regression_pct)
    said = [f"regression beyond {limit}: {row.sentence()}" for row in shown] or [
        f"no regression beyond {limit} is shown"
    ]
    if open_:
        worst = max(open_, key=lambda row: row.high_pct or 0.0)
        said.append(
            f"{len(open_)} of {len(comparison.rows)} rows cannot rule one out, up to {signed(worst.high_pct)} in "
            f"{worst.route} p{worst.percent:g}: longer runs, or more of them, would tell"
        )
    return said
