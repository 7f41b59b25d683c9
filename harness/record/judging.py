"""Judging a run directory: history and series in, verdict out. Works on a run that has ended, however it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from harness.judge import blocking
from harness.judge.case import Case
from harness.judge.check import Checker, Decides, Fold, FoldsOperations, OfOperations, check
from harness.judge.checkers.outcomes.accuracy import Accuracy
from harness.judge.checkers.outcomes.conservation import Conservation
from harness.judge.checkers.outcomes.consistency import Consistency, decided_routes
from harness.judge.checkers.outcomes.hang import Hang
from harness.judge.checkers.outcomes.silent_failure import SilentFailure
from harness.judge.checkers.outcomes.vocabulary import UnknownRoutes, Vocabulary
from harness.judge.checkers.selection import CaseChecks, Seen
from harness.judge.criteria.criteria import Criterion, judge_criteria
from harness.judge.criteria.noise_floor import NoiseFloor, above_floor
from harness.judge.criteria.ramp_to_failure import RampToFailure, judge_levels, judge_search
from harness.judge.criteria.steady import WHOLE_RUN, WarmUp
from harness.judge.criteria.steps import Step, Steps
from harness.judge.entry import Entry, Status
from harness.judge.totals import Totals, of_series
from harness.judge.validity import rows as validity
from harness.judge.validity.fault_plan import carried_out
from harness.judge.validity.harness_share import HarnessLag
from harness.judge.validity.littles_law import Cycles
from harness.judge.validity.user_errors import Gone, Requests, gone, other_users, user_errors
from harness.judge.validity.workers import Workers
from harness.judge.verdict import Verdict, conclude
from harness.load.faults.kinds import Fault
from harness.measure.blocks import Block
from harness.measure.series_csv import read_series
from harness.measure.vitals import Vitals, read_vitals
from harness.record.cases import count_rows, read_cases, read_edges
from harness.record.history import parts_of, read_operations
from harness.record.run_directory import RunDirectory
from harness.words.errors import RunError
from harness.words.operation import Operation, Outcome

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the run itself knows, besides its history and series."""

    golden: bool  # whether the corpus's expected routes are this target's
    deadline_ms: float | None
    arrivals: int | None  # operations started, None where a worker's count was lost
    locust_requests: int | None  # requests in Locust's own statistics, None where they were reset
    scheduled: bool = False  # whether a user class of the run is open-loop
    begun: bool = True  # whether all users were started, which is when schedules begin
    due: int | None = None  # arrivals of schedules, with those of lost workers; None without a schedule
    not_delivered: int | None = None  # those of them that nobody was free to send
    joined_late: tuple[str, ...] = ()  # workers that came after schedules were shared out
    took_part: Workers = field(default_factory=Workers)  # what became of the workers
    errors: tuple[str, ...] = ()  # data that could not be written down
    labels: Mapping[str, str] = field(default_factory=dict)  # scenario id -> human label
    log_records: Mapping[str, int] = field(default_factory=dict)  # level -> records the target logged
    trim: bool = True  # whether the run had one load throughout, of which a warm-up can be left out
    steps: tuple[Step, ...] = ()  # of a load shape
    ramp: RampToFailure | None = None
    held_back_s: Mapping[str, float] = field(default_factory=dict)  # worker -> seconds its users waited for the master
    mismatches: tuple[str, ...] = ()  # what a worker has otherwise than the master, one clause each
    clock_offsets_ms: Mapping[str, float] = field(default_factory=dict)  # worker -> master's clock minus its own
    workers: int | None = None  # loading processes that were compared with the master, None where none said what it is
    noise_floor: NoiseFloor | None = None  # largest over the loading processes
    faults: tuple[Fault, ...] = ()  # of the fault plan
    chain_deadline_ms: float | None = None  # what the fallback chains of the target declare
    vocabulary: Vocabulary | None = None  # the routes that the corpus names
    blocks: tuple[Block, ...] = ()  # steps of the target that held the thread, of the baseline as well
    broken: tuple[str, ...] = ()  # what event loops of loading processes stopped serving for
    user_errors: Mapping[str, int] = field(default_factory=dict)  # what tasks and listeners raised -> how often
    other_requests: Mapping[str, Requests] = field(default_factory=dict)  # of users that send no operations, by kind
    gone: Gone | None = None  # users that went away before the end of the load


def judge_run(run: RunDirectory, criteria: Sequence[Criterion], facts: Facts) -> Verdict:
    """Return the verdict on a run directory."""
    baseline = list(read_operations([run.baseline] if run.baseline.exists() else []))
    consistency = Consistency(baseline)
    accuracy = Accuracy(golden=facts.golden)
    series = _read(run.series, read_series, facts)
    users = {row.key.second: row.users for row in series if row.users is not None}
    seen = _seen(run, facts)
    cases = CaseChecks(seen, decided_routes(baseline), users)
    totals = Totals(dict(facts.labels))
    steps, warm_up, lag, cycles = Steps(facts.steps), WarmUp(), HarnessLag(), Cycles()
    unknown_routes = UnknownRoutes(facts.vocabulary)
    of_all: list[Fold[Operation]] = [totals, steps, warm_up, lag, cycles, unknown_routes]
    if cases.needed:
        checkers: list[Decides[Case]] = [
            OfOperations(accuracy),
            OfOperations(consistency, cases.undisturbed),
            OfOperations(_conservation(facts)),
            OfOperations(Hang(facts.deadline_ms, facts.blocks)),
            *cases.checkers,
            OfOperations(cases.silent_failure),
        ]
        found = check(read_cases(run.history), checkers, [*map(FoldsOperations, of_all), *cases.folds])
    else:
        plain: list[Checker] = [
            accuracy,
            consistency,
            _conservation(facts),
            Hang(facts.deadline_ms, facts.blocks),
            SilentFailure(),
        ]
        found = check(read_operations(parts_of(run.history, "operations").paths), plain, of_all)
    checks = [*cases.shown(found), *([row] if (row := unknown_routes.row()) is not None else [])]
    vitals = _read(run.vitals, read_vitals, facts)
    steady = warm_up.steady(users) if facts.trim else WHOLE_RUN
    decided_by = {entry.name for entry in checks if entry.status is not Status.UNKNOWN}
    percents = {checker.name: checker.percent for checker in (consistency, accuracy)}
    measured = {name: value for name, value in percents.items() if name in decided_by}
    measured["fallback latency"] = cases.latency_x
    if facts.ramp is None:
        decided = above_floor(criteria, judge_criteria(criteria, series, measured, steady), facts.noise_floor)
    else:
        over_held = judge_levels(criteria, series, measured, facts.ramp, facts.steps)
        decided = [judge_search(facts.ramp), *above_floor(criteria, over_held, facts.noise_floor)]
    in_series = sum(row.cell.count for row in series)
    content = totals.as_json() | of_series(series, steady)
    content["arrivals"] = facts.arrivals
    content["arrivals_due"] = facts.due
    content["not_delivered"] = facts.not_delivered
    content["users_max"] = max((row.users for row in series if row.users is not None), default=None)
    content["noise_floor"] = None if facts.noise_floor is None else facts.noise_floor.as_json()
    if facts.steps:
        content["steps"] = steps.as_json()
    content["unknown_route"] = unknown_routes.count
    content["user_errors"] = dict(facts.user_errors)
    content["log_records"] = dict(facts.log_records)
    content["blocks"] = blocking.as_totals(facts.blocks)
    content |= cases.totals()
    counts = {"history": totals.count, "series": in_series}
    rows = _validity(facts, counts, vitals, lag, cycles)
    if facts.faults:
        rows.append(carried_out(facts.faults, cast("list[dict[str, object]]", content["faults"])))
    return conclude(decided, checks, rows, content, _concerns(totals, facts), cases.hypotheses(found))


def not_judged(why: str, facts: Facts) -> Verdict:
    """Return the verdict on a run that could not be judged: it says so, and what could not be written down."""
    rows = [Entry("judging", Status.INVALID, None, "done", why)]
    if facts.errors:
        rows.append(validity.recording({}, facts.errors))
    return conclude([], [], rows, Totals({}).as_json())


def _seen(run: RunDirectory, facts: Facts) -> Seen:
    rows = {table: count_rows(run.history, table) for table in ("attempts", "injections", "calls")}
    untied = count_rows(run.history, "calls", without="operation")
    return Seen(
        **rows,
        untied_calls=untied,
        edges=read_edges(run.history),
        faults=facts.faults,
        chain_deadline_ms=facts.chain_deadline_ms,
    )


def _conservation(facts: Facts) -> Conservation:
    if facts.errors:
        return Conservation(None, "operations could not be written down (see validity: recording)")
    return Conservation(facts.arrivals, "a worker was lost before it reported how many operations it had started")


def _read(path: Path, read: Callable[[Path], Iterable[Row]], facts: Facts) -> list[Row]:
    """Return the rows of a file; none where it is not there, or is no whole one since data could not be written."""
    try:
        return list(read(path)) if path.exists() else []
    except (RunError, ValueError) as error:
        if facts.errors:
            return []
        raise RunError(str(error)) from error


def _validity(
    facts: Facts,
    counts: dict[str, int],
    vitals: Sequence[Vitals],
    lag: HarnessLag,
    cycles: Cycles,
) -> list[Entry]:
    if facts.locust_requests is not None:
        counts["Locust"] = facts.locust_requests
    p95_ms = lag.response_p95_ms
    rows = [
        facts.took_part.row(),
        validity.recording(counts, facts.errors),
        lag.close(vitals, None if facts.noise_floor is None else facts.noise_floor.p95_ms),
        validity.event_loop_lag(vitals, p95_ms),
        validity.processor(vitals),
        validity.garbage_collection(vitals, p95_ms),
        cycles.close(_users(vitals), scheduled=facts.scheduled),
    ]
    if facts.due is not None and facts.not_delivered is not None:
        rows.append(
            validity.delivered_load(
                facts.due,
                facts.not_delivered,
                begun=facts.begun,
                joined_late=facts.joined_late,
                lost=bool(facts.took_part.lost),
            )
        )
    if facts.broken:
        rows.append(validity.event_loop(facts.broken))
    if facts.user_errors:
        rows.append(user_errors(facts.user_errors))
    if facts.other_requests:
        rows.append(other_users(facts.other_requests))
    if facts.gone is not None and not facts.took_part.missed:  # else users are gone with their workers, as said there
        rows.append(gone(facts.gone))
    if facts.held_back_s:
        rows.append(validity.held_back(facts.held_back_s, vitals))
    if facts.workers is not None:
        rows.append(validity.agreement(facts.mismatches, facts.workers))
    if facts.clock_offsets_ms:
        rows.append(validity.clocks(facts.clock_offsets_ms))
    return rows


def _users(vitals: Sequence[Vitals]) -> dict[int, int]:
    """Return the users of all workers by second, where each worker of that second knew its own."""
    users: dict[int, int] = {}
    unknown = {row.second for row in vitals if row.users is None}
    for row in vitals:
        if row.second not in unknown and row.users is not None:
            users[row.second] = users.get(row.second, 0) + row.users
    return users


def _concerns(totals: Totals, facts: Facts) -> list[str]:
    seen = {**totals.outcomes, Outcome.CANCELLED: totals.outcomes.get(Outcome.CANCELLED, 0) - totals.stopped}
    concerns = [
        f"{seen[outcome]:,} operations {outcome.value}"
        for outcome in (Outcome.FAILED, Outcome.CANCELLED, Outcome.SHED)
        if seen.get(outcome)
    ]
    if errors := facts.log_records.get("ERROR", 0) + facts.log_records.get("CRITICAL", 0):
        concerns.append(f"the target logged {errors:,} errors")
    if (blocked := blocking.concern(facts.blocks)) is not None:
        concerns.append(blocked)
    return concerns
