"""Ramp to failure, judged: whether a level holds, what the search found, and the run's criteria over what held.

The criteria of a search are the run's own on latency, availability and failures. ``at users >= N`` (or ``> N``) is
left out, so that they apply at every level: what has to hold under load is what the load is raised against.
``at users <= N``, ``< N`` and ``== N`` stay, and such a criterion applies at the levels it covers. Throughput and
number of operations are small at a small load, consistency and accuracy are of the whole run: no level is judged by
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.judge.criteria.criteria import Criterion, judge_criteria
from harness.judge.criteria.steady import BATCH, warm_up_length
from harness.judge.criteria.steps import Step
from harness.judge.entry import Entry, Status
from harness.load.shapes.search import Search
from harness.measure.series_csv import SeriesRow
from harness.words.operation import Outcome

SEARCH = "highest load that holds"
_NOT_OF_LEVELS = frozenset({"throughput_rps", "operations", "consistency_pct", "accuracy_pct", "fallback_latency_x"})


def criteria_of_levels(criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """Return the criteria a level is judged by, without the lowest number of users they are restricted to."""
    return tuple(_at_every_level(criterion) for criterion in criteria if criterion.metric not in _NOT_OF_LEVELS)


def _at_every_level(criterion: Criterion) -> Criterion:
    if criterion.users_compare not in (">=", ">"):
        return criterion
    return replace(criterion, text=criterion.text.partition(" at users")[0], users_compare=None, users=None)


@dataclass(frozen=True, slots=True)
class LevelJudgement:
    """What a level showed: whether it holds, the numbers, and the Unix seconds after its warm-up that counted."""

    holds: bool
    measured: bool  # False: nothing to judge by; such a level does not hold
    numbers: str
    judged: tuple[int, int]
    steady: bool | None  # None: too short to tell, no warm-up was left out
    covered: bool = True  # whether a criterion applies at so many users

    def __str__(self) -> str:
        if not self.covered:
            return f"{self.numbers}, not judged"
        return f"{self.numbers}, {'holds' if self.holds else 'breaks'}"


def judge_level(
    criteria: Sequence[Criterion], users: int, rows: Sequence[SeriesRow], first: int, end: int
) -> LevelJudgement:
    """Judge the Unix seconds from ``first`` up to ``end`` (not included), all of which had ``users`` users.

    ``criteria`` as from ``criteria_of_levels``. A level at which none of them applies was not measured.
    """
    warm_up = _warm_up_seconds(rows, first, end)
    start = first + (warm_up or 0)
    counted = [row._replace(users=users) for row in rows if start <= row.key.second < end]
    applied = [criterion for criterion in criteria if criterion.covers(users)]
    entries = judge_criteria(applied, counted, {})
    broken = any(entry.status is Status.FAIL for entry in entries)
    unknown = any(entry.status is Status.UNKNOWN for entry in entries)
    parts = [_numbers(criterion, entry) for criterion, entry in zip(applied, entries, strict=True)]
    numbers = ", ".join(parts) or "no criterion applies"
    covered = bool(applied)
    holds = covered and not broken and not unknown
    return LevelJudgement(holds, holds or broken, numbers, (start, end), warm_up is not None, covered)


def _warm_up_seconds(rows: Sequence[SeriesRow], first: int, end: int) -> int | None:
    """Return the seconds of warm-up by the same rule as for steps, each second taken for one batch."""
    means: list[float] = []
    for second in range(first, end):
        cells = [row.cell for row in rows if row.key.second == second and row.key.outcome == Outcome.OK]
        if not cells:
            return None  # a stall is no warm-up
        means += [sum(cell.sum_ns for cell in cells) / sum(cell.count for cell in cells)] * BATCH
    cut = warm_up_length(means)
    return None if cut is None else cut // BATCH


def _numbers(criterion: Criterion, entry: Entry) -> str:
    name = criterion.metric.removesuffix("_ms").removesuffix("_pct").replace("p999", "p99.9")
    return f"{name} {entry.actual}" if entry.actual is not None else f"{name} not measured ({entry.detail})"


@dataclass(frozen=True, slots=True)
class RampToFailure:
    """A search that has ended, however it ended."""

    search: Search
    judgements: Sequence[LevelJudgement]  # what each trial showed, in the order of the trials
    why_stopped: str | None = None  # where it ended before it was over
    why_uncovered: str | None = None  # why no criterion was left to judge by


def judge_search(ramp: RampToFailure) -> Entry:
    """Return the row of the verdict on a ramp to failure."""
    search, judgements = ramp.search, ramp.judgements
    held, broke = search.highest_held, search.lowest_broke
    target = f">= {_users(search.first)}"
    trials = f"{len(search.trials)} trials" if len(search.trials) != 1 else "1 trial"
    breaking = ""
    if broke is not None:
        shown = next(
            judgement
            for trial, judgement in zip(search.trials, judgements, strict=True)
            if trial.users == broke and not trial.held
        )
        if not shown.covered:
            actual = None if held is None else f"at least {held:,} users"
            detail = f"{_users(broke)} could not be judged: {ramp.why_uncovered or shown.numbers}; {trials}"
            return Entry(SEARCH, Status.UNKNOWN, actual, target, detail)
        breaking = f"{_users(broke)} broke: {shown.numbers}"
        if held is None:
            status = Status.FAIL if shown.measured else Status.UNKNOWN
            return Entry(SEARCH, status, f"below {_users(broke)}", target, f"even {breaking}; {trials}")
    if search.next_users is not None:
        actual = (
            None if held is None else f"at least {held:,} users [{held:,}, {'…' if broke is None else f'{broke:,}'})"
        )
        detail = f"{ramp.why_stopped or 'the run ended before the search'}, after {trials}: {_what_is_open(search)}"
        return Entry(SEARCH, Status.UNKNOWN, actual, target, detail)
    assert held is not None
    if broke is None:
        detail = f"nothing broke up to the maximum of {_users(held)}: the limit lies beyond; {trials}"
        return Entry(SEARCH, Status.PASS, f"{held:,} users or more", target, detail)
    return Entry(SEARCH, Status.PASS, f"{held:,} users [{held:,}, {broke:,})", target, f"{breaking}; {trials}")


def _what_is_open(search: Search) -> str:
    held, broke = search.highest_held, search.lowest_broke
    if not search.trials:
        return "no level was judged"
    if broke is None or held is None:
        return "no level has broken yet"
    if search.closed:
        return f"{_users(held)} held, and have not been tried a second time"
    return f"the bracket is {_users(broke - held)} wide, expected at most {search.widest:,}"


def _users(users: int) -> str:
    return f"{users:,} user" if users == 1 else f"{users:,} users"


def judge_levels(
    criteria: Sequence[Criterion],
    series: Sequence[SeriesRow],
    of_checks: Mapping[str, float | None],
    ramp: RampToFailure,
    steps: Sequence[Step],
) -> list[Entry]:
    """Decide the criteria of a run with a search: those of levels over the seconds of levels that held."""
    held = ramp.search.highest_held or 0
    users = {
        second: step.users
        for step in steps
        if step.held and step.judged and step.users <= held
        for second in range(*step.judged)
    }
    of_held = [row._replace(users=users[row.key.second]) for row in series if row.key.second in users]
    decided = []
    for criterion in criteria:
        rows = series if criterion.metric in _NOT_OF_LEVELS else of_held
        entry = judge_criteria(criteria_of_levels([criterion]) or [criterion], rows, of_checks)[0]
        if rows is of_held:
            entry = replace(entry, detail=f"{entry.detail}, of the levels that held")
        decided.append(entry)
    return decided
