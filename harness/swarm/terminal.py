"""What the terminal shows of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TextIO

from locust.stats import RequestStats
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.judge.entry import Entry, Status
from harness.judge.verdict import Conclusion, Verdict
from harness.words.errors import printable
from harness.words.output import put

_STYLES = {
    Status.PASS: "green",
    Status.VALID: "green",
    Status.FAIL: "bold red",
    Status.INVALID: "bold red",
    Status.UNKNOWN: "yellow",
}
_CONCLUSION_STYLES = {
    Conclusion.PASS: "bold green",
    Conclusion.CONCERNS: "bold yellow",
    Conclusion.FAIL: "bold red",
    Conclusion.INCONCLUSIVE: "bold yellow",
}
PIPE_WIDTH = 140  # columns where the output is no terminal, as in CI


def say(line: str) -> None:
    """Show a line of the run's own on standard error, beside Locust's log."""
    put(f"routeswarm: {printable(line)}\n", sys.stderr)


def shown_path(path: Path) -> str:
    """Return a path as short as it can be read from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def progress(stats: RequestStats, users: int, elapsed_s: float, rate_rps: float) -> str:
    """Return one line on how a run goes; ``rate_rps`` are the operations per second since the line before."""
    total = stats.total
    minutes, seconds = divmod(int(elapsed_s), 60)
    parts = [
        f"{minutes:02d}:{seconds:02d}",
        f"{users:,} users",
        f"{total.num_requests:,} operations",
        f"{rate_rps:,.0f}/s",
    ]
    if p95 := total.get_current_response_time_percentile(0.95):
        parts.append(f"p95 {p95:g} ms")
    parts.append(f"{total.num_failures:,} failures")
    return " · ".join(parts)


def print_verdict(verdict: Verdict, report: str | None, file: TextIO | None, codes: str = "") -> str | None:
    """Print the verdict as a table into ``file``; return why it did not take it, None where it did.

    Args:
        verdict: what to show.
        report: where its report is, None where there is none.
        file: standard output or standard error; None where the process has none.
        codes: a clause on the exit code of the process, where it is another one than the verdict's.

    """
    # Made as a whole and written once: rich ends the process with 1 where a pipe is broken (console.py; rich 15.0).
    return put(_verdict(verdict, report, file, codes), file)


def _verdict(verdict: Verdict, report: str | None, file: TextIO | None, codes: str) -> str:
    is_terminal = file is not None and not file.closed and file.isatty()
    console = Console(file=file or StringIO(), highlight=False, width=None if is_terminal else PIPE_WIDTH)
    with console.capture() as capture:
        _print(console, verdict, report, codes)
    return capture.get()


def _print(console: Console, verdict: Verdict, report: str | None, codes: str) -> None:
    console.print()
    headline = Text.assemble(
        ("verdict  ", "dim"),
        (verdict.conclusion.value, _CONCLUSION_STYLES[verdict.conclusion]),
        f"  {printable(verdict.reason)}",
    )
    console.print(headline)
    console.print(Padding(_summary(verdict.totals), (0, 0, 0 if _trimmed(verdict.totals) else 1, 9)))
    if _trimmed(verdict.totals):
        console.print(Padding(_steady_state(verdict.totals), (0, 0, 1, 9)))
    if steps := _steps(verdict.totals.get("steps")):
        console.print(Padding(steps, (0, 0, 1, 0)))
    console.print(_table(verdict))
    console.print(Text.assemble(("\nreport   ", "dim"), printable(report or "none")), soft_wrap=True)
    console.print(Text.assemble(("exit     ", "dim"), codes or str(int(verdict.exit_code))))


def _summary(totals: dict[str, object]) -> Text:
    """Return the totals in one line; what was not measured is left out."""
    parts = [f"{totals['operations']:,} operations", *_latencies(totals, "")]
    others = ("failed", "cancelled", "timeout", "shed")
    parts += [f"{outcome} {totals[outcome]:,}" for outcome in others if totals[outcome]]
    if not_delivered := totals.get("not_delivered"):
        parts.append(f"not delivered {not_delivered:,} of {totals['arrivals_due']:,} due")
    floor = totals.get("noise_floor")
    if isinstance(floor, dict):
        parts.append(
            f"noise floor p50 {floor['p50_ms']:.3f} ms, p95 {floor['p95_ms']:.3f} ms, p99 {floor['p99_ms']:.3f} ms"
        )
    parts += _blocks(totals.get("blocks"))
    if stopped := totals.get("stopped"):
        parts.append(f"of them stopped with the run {stopped:,}")
    return Text(printable(" · ".join(parts)))


def _blocks(blocks: object) -> list[str]:
    """Return in a clause which stage held the thread longest; nothing where none did."""
    if not isinstance(blocks, list) or not blocks:
        return []
    longest = blocks[0]
    stage = longest["stage"] or "an unknown stage"
    return [f"thread held by {stage} for up to {longest['longest_s']:.1f} s ({longest['place'] or 'place unknown'})"]


def _steps(steps: object) -> Table | None:
    """Return the steps of a load shape as a table, None where there are none."""
    if not isinstance(steps, list) or not steps:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    columns = ("users", "warm-up", "measured", "operations", "throughput", "p50", "p95", "p99", "not ok")
    table.add_column("steps")
    for column in columns:
        table.add_column(column, justify="right")
    for step in steps:
        held = {True: "holds", False: "breaks", None: ""}[step["held"]]
        if "operations" not in step:
            table.add_row(held, f"{step['users']:,}", "not reached")
            continue
        latencies = (step[name] for name in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(
            held,
            f"{step['users']:,}",
            f"unknown: {step['warm_up_unknown']}" if step["warm_up_s"] is None else f"{step['warm_up_s']:.1f} s",
            f"{step['seconds']:.1f} s",
            f"{step['operations']:,}",
            f"{step['throughput_rps']:,.1f}/s",
            *("-" if found is None else f"{found:,.1f} ms" for found in latencies),
            f"{step['operations'] - step['ok']:,}",
        )
    return table


def _trimmed(totals: dict[str, object]) -> bool:
    """Whether criteria were judged without the warm-up: then a line of their own says what they saw."""
    return bool(totals.get("warm_up_s"))


def _steady_state(totals: dict[str, object]) -> Text:
    """Return the numbers of the steady state in one line."""
    parts = [f"steady state, without the first {totals['warm_up_s']:,} s", *_latencies(totals, "steady_")]
    return Text(printable(" · ".join(parts)))


def _latencies(totals: dict[str, object], prefix: str) -> list[str]:
    """Return throughput and percentiles as text; what was not measured is left out."""
    parts = []
    for name, unit in (("throughput_rps", "/s"), ("p50_ms", " ms"), ("p95_ms", " ms"), ("p99_ms", " ms")):
        value = totals.get(f"{prefix}{name}")
        if isinstance(value, (int, float)):
            label = "" if name == "throughput_rps" else f"{name.removesuffix('_ms')} "
            parts.append(f"{label}{value:,.1f}{unit}" if value >= 10 else f"{label}{value:.3f}{unit}")
    return parts


def _table(verdict: Verdict) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("", "row", "status", "measured", "expected"):
        table.add_column(column, overflow="fold")
    table.add_column("evidence", overflow="fold", ratio=1)
    for title, entries in (
        ("criteria", verdict.criteria),
        ("checks", verdict.checks),
        ("validity", verdict.validity),
        ("hypotheses", verdict.hypotheses),
    ):
        _add_rows(table, title, entries)
    return table


def _evidence(entry: Entry) -> str:
    """Return the evidence of a row: its first clause where it holds without a doubt, else the whole of it."""
    clear = entry.status.holds and entry.concern is None
    return entry.detail.partition(" (")[0].partition(";")[0] if clear else entry.detail


def _add_rows(table: Table, title: str, entries: Sequence[Entry]) -> None:
    for number, entry in enumerate(entries):
        table.add_row(
            Text(title if number == 0 else "", "dim"),
            Text(printable(entry.name)),
            Text(entry.status.value, _STYLES[entry.status]),
            Text(printable(entry.actual or "-")),
            Text(printable(entry.target or "-")),
            Text(printable(_evidence(entry))),
        )
