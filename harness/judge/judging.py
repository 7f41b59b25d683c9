"""Judging: evidence in, verdict out. Nothing here opens a file, and the same evidence gives the same verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from harness.judge import blocking
from harness.judge.check import Fold, FoldsOperations, feed
from harness.judge.checkers.selection import Checks
from harness.judge.criteria.criteria import judge_criteria
from harness.judge.criteria.noise_floor import above_floor
from harness.judge.criteria.ramp_to_failure import judge_levels, judge_search
from harness.judge.criteria.steady import WHOLE_RUN, Steady, WarmUp
from harness.judge.criteria.steps import Steps
from harness.judge.entry import Entry, Status
from harness.judge.evidence import Evidence
from harness.judge.facts import Facts
from harness.judge.totals import Totals, of_series
from harness.judge.validity import rows as validity
from harness.judge.validity.fault_plan import carried_out
from harness.judge.validity.harness_share import HarnessLag
from harness.judge.validity.littles_law import Cycles
from harness.judge.validity.user_errors import ended_early, gone, other_users, user_errors
from harness.judge.verdict import Verdict, conclude
from harness.measure.vitals import Vitals
from harness.words.operation import Operation, Outcome


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on a run. Raises what its readers raise."""
    evidence = replace(evidence)  # judging counts in what it shares: a second time begins at nothing
    facts, series = evidence.facts, evidence.series
    checks = Checks(evidence)
    totals = Totals(dict(facts.labels))
    steps, warm_up, lag, cycles = Steps(facts.steps), WarmUp(), HarnessLag(), Cycles()
    of_all: list[Fold[Operation]] = [totals, steps, warm_up, lag, cycles]
    if checks.need_cases:
        feed(evidence.cases(), [*map(FoldsOperations, of_all), *checks.of_cases])
    else:
        feed(evidence.operations(), [*of_all, *checks.of_operations])
    checks.see_events()
    entries = checks.close()
    steady = warm_up.steady(evidence.users) if facts.trim else WHOLE_RUN
    content = totals.as_json() | of_series(series, steady)
    content["arrivals"] = facts.arrivals
    content["arrivals_due"] = facts.due
    content["not_delivered"] = facts.not_delivered
    content["users_max"] = max(evidence.users.values(), default=None)
    content["noise_floor"] = None if facts.noise_floor is None else facts.noise_floor.as_json()
    if facts.steps:
        content["steps"] = steps.as_json()
    content["user_errors"] = dict(facts.user_errors)
    content["log_records"] = dict(facts.log_records)
    content["blocks"] = blocking.as_totals(facts.blocks)
    content |= checks.totals()
    counts = {"history": totals.count, "series": sum(row.cell.count for row in series)}
    rows = _validity(facts, counts, evidence.vitals, lag, cycles)
    if facts.faults:
        rows.append(carried_out(facts.faults, cast("list[dict[str, object]]", content["faults"])))
    decided = _criteria(evidence, checks, steady)
    verdict = conclude(decided, entries, rows, content, _concerns(totals, facts), checks.hypotheses())
    return verdict.refused(facts.refused) if facts.refused is not None else verdict


def not_judged(why: str, facts: Facts) -> Verdict:
    """Return the verdict on a run that could not be judged: it says so, and what could not be written down."""
    rows = [Entry("judging", Status.INVALID, None, "done", why)]
    if facts.errors:
        rows.append(validity.recording({}, facts.errors))
    verdict = conclude([], [], rows, Totals({}).as_json())
    return verdict.refused(facts.refused) if facts.refused is not None else verdict


def _criteria(evidence: Evidence, checks: Checks, steady: Steady) -> list[Entry]:
    facts, criteria, series, measured = evidence.facts, evidence.criteria, evidence.series, checks.measured
    if facts.ramp is None:
        return above_floor(criteria, judge_criteria(criteria, series, measured, steady), facts.noise_floor)
    over_held = judge_levels(criteria, series, measured, facts.ramp, facts.steps)
    return [judge_search(facts.ramp), *above_floor(criteria, over_held, facts.noise_floor)]


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
    if facts.early is not None and not (facts.errors or facts.broken or facts.took_part.lost):  # which end a run, too
        rows.append(ended_early(facts.early))
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
