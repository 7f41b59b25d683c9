"""Judging a run directory: history and series in, verdict out. Works on a run that has ended, however it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.judge.check import check
from harness.judge.checkers import Accuracy, Checker, Conservation, Consistency, Hang, SilentFailure
from harness.judge.criteria import Criterion, judge_criteria
from harness.judge.entry import Entry, Status
from harness.judge.levels import RampToFailure, judge_levels, judge_search
from harness.judge.steady import WHOLE_RUN, WarmUp
from harness.judge.steps import Step, Steps
from harness.judge.totals import Totals, of_series
from harness.judge.verdict import Verdict, conclude
from harness.measure.series import SeriesRow, read_series
from harness.record.history import parts_of, read_operations
from harness.record.run_directory import RunDirectory
from harness.words.errors import RunError
from harness.words.operation import Outcome


@dataclass(frozen=True, slots=True)
class Facts:
    """What the run itself knows, besides its history and series."""

    golden: bool  # whether the corpus's expected routes are this target's
    deadline_ms: float | None
    arrivals: int | None  # operations started, None where a worker's count was lost
    locust_requests: int | None  # requests in Locust's own statistics, None where they were reset
    due: int | None = None  # arrivals of schedules; None without a schedule, or where a worker's count was lost
    not_delivered: int | None = None  # those of them that nobody was free to send
    lost_workers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()  # data that could not be written down
    labels: Mapping[str, str] = field(default_factory=dict)  # scenario id -> human label
    log_records: Mapping[str, int] = field(default_factory=dict)  # level -> records the target logged
    trim: bool = True  # whether the run had one load throughout, of which a warm-up can be left out
    steps: tuple[Step, ...] = ()  # of a load shape
    ramp: RampToFailure | None = None
    late_workers: Mapping[str, float] = field(default_factory=dict)  # worker -> seconds between two of its reports
    held_back_s: Mapping[str, float] = field(default_factory=dict)  # worker -> seconds its users waited for the master
    mismatches: tuple[str, ...] = ()  # what a worker has otherwise than the master, one clause each
    clock_offsets_ms: Mapping[str, float] = field(default_factory=dict)  # worker -> master's clock minus its own


def judge_run(run: RunDirectory, criteria: Sequence[Criterion], facts: Facts) -> Verdict:
    """Return the verdict on a run directory."""
    consistency = Consistency(read_operations([run.baseline] if run.baseline.exists() else []))
    accuracy = Accuracy(golden=facts.golden)
    checkers: list[Checker] = [
        accuracy,
        consistency,
        _conservation(facts),
        Hang(facts.deadline_ms),
        SilentFailure(),
    ]
    totals = Totals(dict(facts.labels))
    steps, warm_up = Steps(facts.steps), WarmUp()
    checks = check(read_operations(parts_of(run.history, "operations").paths), checkers, [totals, steps, warm_up])
    series = _read(run.series)
    steady = warm_up.steady() if facts.trim else WHOLE_RUN
    decided_by = {entry.name for entry in checks if entry.status is not Status.UNKNOWN}
    percents = {checker.name: checker.percent for checker in (consistency, accuracy)}
    measured = {name: value for name, value in percents.items() if name in decided_by}
    if facts.ramp is None:
        decided = judge_criteria(criteria, series, measured, steady)
    else:
        over_held = judge_levels(criteria, series, measured, facts.ramp, facts.steps)
        decided = [judge_search(facts.ramp), *over_held]
    in_series = sum(row.cell.count for row in series)
    content = totals.as_json() | of_series(series, steady)
    content["arrivals"] = facts.arrivals
    content["arrivals_due"] = facts.due
    content["not_delivered"] = facts.not_delivered
    content["users_max"] = max((row.users for row in series if row.users is not None), default=None)
    if facts.steps:
        content["steps"] = steps.as_json()
    content["log_records"] = dict(facts.log_records)
    return conclude(decided, checks, _validity(facts, totals.count, in_series), content, _concerns(totals, facts))


def _conservation(facts: Facts) -> Conservation:
    if facts.errors:
        return Conservation(None, "operations could not be written down (see validity: recording)")
    return Conservation(facts.arrivals, "a worker was lost before it reported how many operations it had started")


def _read(path: Path) -> list[SeriesRow]:
    try:
        return list(read_series(path)) if path.exists() else []
    except ValueError as error:
        raise RunError(str(error)) from error


def _validity(facts: Facts, in_history: int, in_series: int) -> list[Entry]:
    return [_workers(facts), _recording(facts, in_history, in_series)]


def _workers(facts: Facts) -> Entry:
    if facts.lost_workers:
        detail = f"lost: {', '.join(facts.lost_workers)}; what they had not reported is missing"
        return Entry("workers", Status.INVALID, f"{len(facts.lost_workers)} lost", "none lost", detail)
    return Entry("workers", Status.VALID, "0 lost", "none lost", "every worker reported to the end")


def _recording(facts: Facts, in_history: int, in_series: int) -> Entry:
    counts = {"history": in_history, "series": in_series}
    if facts.locust_requests is not None:
        counts["Locust"] = facts.locust_requests
    actual = ", ".join(f"{where} {count:,}" for where, count in counts.items())
    if facts.errors:
        return Entry("recording", Status.INVALID, actual, "complete", "; ".join(facts.errors))
    if len(set(counts.values())) > 1:
        return Entry("recording", Status.INVALID, actual, "equal counts", "the records of the run disagree")
    return Entry("recording", Status.VALID, actual, "equal counts", "all records hold the same operations")


def _concerns(totals: Totals, facts: Facts) -> list[str]:
    seen = {**totals.outcomes, Outcome.CANCELLED: totals.outcomes.get(Outcome.CANCELLED, 0) - totals.stopped}
    concerns = [
        f"{seen[outcome]:,} operations {outcome.value}"
        for outcome in (Outcome.FAILED, Outcome.CANCELLED, Outcome.SHED)
        if seen.get(outcome)
    ]
    if errors := facts.log_records.get("ERROR", 0) + facts.log_records.get("CRITICAL", 0):
        concerns.append(f"the target logged {errors:,} errors")
    return concerns
