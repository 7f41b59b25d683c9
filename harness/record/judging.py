"""Judging a run directory: history and series in, verdict out. Works on a run that has ended, however it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from harness.judge.criteria.criteria import Criterion
from harness.judge.evidence import Evidence, Seen
from harness.judge.facts import Facts
from harness.judge.judging import judge, not_judged
from harness.judge.verdict import Verdict
from harness.measure.series_csv import read_series
from harness.measure.vitals import read_vitals
from harness.record.cases import count_rows, read_cases, read_edges
from harness.record.events import read_events
from harness.record.history import parts_of, read_operations
from harness.record.run_directory import RunDirectory
from harness.words.errors import RunError, one_line

Row = TypeVar("Row")


def judge_run(run: RunDirectory, criteria: Sequence[Criterion], facts: Facts) -> Verdict:
    """Return the verdict on a run directory."""
    return judge(evidence_of(run, criteria, facts))


def judge_or_say_why(
    run: RunDirectory, criteria: Sequence[Criterion], facts: Facts
) -> tuple[Verdict, Exception | None]:
    """Return the verdict on a run directory; INCONCLUSIVE where it could not be judged, with what broke."""
    try:
        return judge_run(run, criteria, facts), None
    except Exception as error:  # noqa: BLE001  # the verdict says so
        return not_judged(one_line(error), facts), error


def evidence_of(run: RunDirectory, criteria: Sequence[Criterion], facts: Facts) -> Evidence:
    """Return what a run directory holds as evidence.

    Raises:
        RunError: a file is not what it should be; so do the readers, when they come to it.

    """
    return Evidence(
        facts,
        _seen(run),
        criteria,
        baseline=list(read_operations([run.baseline] if run.baseline.exists() else [])),
        series=_read(run.series, read_series, facts),
        vitals=_read(run.vitals, read_vitals, facts),
        operations=lambda: read_operations(parts_of(run.history, "operations").paths),
        cases=lambda: read_cases(run.history),
        events=lambda: read_events(run.history),
    )


def _seen(run: RunDirectory) -> Seen:
    rows = {table: count_rows(run.history, table) for table in ("attempts", "injections", "calls")}
    untied = count_rows(run.history, "calls", without="operation")
    return Seen(**rows, untied_calls=untied, edges=read_edges(run.history))


def _read(path: Path, read: Callable[[Path], Iterable[Row]], facts: Facts) -> list[Row]:
    """Return the rows of a file; none where it is not there, or is no whole one since data could not be written."""
    try:
        return list(read(path)) if path.exists() else []
    except (RunError, ValueError) as error:
        if facts.errors:
            return []
        raise RunError(str(error)) from error
