"""Ramp to failure, judged: levels, what the search found, and the run's criteria over what held."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.judge.criteria.criteria import parse_criteria
from harness.judge.criteria.ramp_to_failure import (
    LevelJudgement,
    RampToFailure,
    criteria_of_levels,
    judge_level,
    judge_levels,
    judge_search,
)
from harness.judge.criteria.steps import Step
from harness.judge.entry import Status
from harness.load.shapes.search import Search
from harness.measure.series import Cell, Key
from harness.measure.series_csv import SeriesRow
from harness.words.operation import Outcome

CRITERIA = parse_criteria(
    "p95_ms < 100 at users >= 50\navailability_pct >= 99\nconsistency_pct == 100\nthroughput_rps > 5\n", "test"
)
OF_LEVELS = criteria_of_levels(CRITERIA)


def row(second: int, ms: float, count: int = 20, outcome: Outcome = Outcome.OK, users: int = 1) -> SeriesRow:
    cell = Cell()
    cell.count, cell.sum_ns = count, round(ms * 1e6) * count
    cell.min_ns = cell.max_ns = round(ms * 1e6)
    cell.histogram.add(round(ms * 1000), count)
    return SeriesRow(Key(second, "U", 1, None, "r", 0, outcome), cell, users)


def judgement(holds: bool, *, measured: bool = True) -> LevelJudgement:
    return LevelJudgement(holds, measured, "p95 7 ms" if measured else "p95 not measured", (0, 1), None)


def ramp(limit: int, *, trials: int = 1_000, **settings: int) -> RampToFailure:
    search = Search(**settings)
    while search.next_users is not None and len(search.trials) < trials:
        search.record(search.next_users <= limit)
    return RampToFailure(search, [judgement(trial.held) for trial in search.trials])


def test_levels_are_judged_by_what_a_level_can_show_at_any_number_of_users() -> None:
    assert [criterion.text for criterion in OF_LEVELS] == ["p95_ms < 100", "availability_pct >= 99"]
    assert all(criterion.covers(1) for criterion in OF_LEVELS)


def test_a_criterion_up_to_some_users_applies_up_to_those() -> None:
    (criterion,) = criteria_of_levels(parse_criteria("p95_ms < 10 at users <= 5", "test"))
    assert judge_level([criterion], 5, [row(0, 50)], 0, 1).holds is False
    above = judge_level([criterion], 6, [row(0, 50)], 0, 1)
    assert (above.holds, above.measured, above.numbers) == (False, False, "no criterion applies")
    assert str(above) == "no criterion applies, not judged"


def test_only_the_seconds_of_the_level_count() -> None:
    rows = [row(9, 500), row(10, 20), row(11, 20), row(12, 500)]
    shown = judge_level(OF_LEVELS, 80, rows, 10, 12)
    assert shown.holds
    assert shown.judged == (10, 12)
    assert str(shown) == "p95 20 ms, availability 100 %, holds"


def test_a_level_breaks_when_one_criterion_fails() -> None:
    slow = judge_level(OF_LEVELS, 80, [row(10, 120)], 10, 11)
    assert (slow.holds, slow.measured) == (False, True)
    assert str(slow).endswith(", breaks")
    lossy = judge_level(OF_LEVELS, 80, [row(10, 20), row(10, 20, 1, Outcome.FAILED)], 10, 11)
    assert (lossy.holds, lossy.measured) == (False, True)


def test_a_level_in_which_nothing_ended_does_not_hold_and_was_not_measured() -> None:
    silent = judge_level(OF_LEVELS, 80, [], 10, 12)
    assert (silent.holds, silent.measured) == (False, False)
    assert "not measured" in silent.numbers


def test_the_warm_up_of_a_level_is_left_out() -> None:
    rows = [row(second, 900 if second < 13 else 20 + second % 2) for second in range(10, 30)]
    shown = judge_level(OF_LEVELS, 80, rows, 10, 30)
    assert shown.holds
    assert shown.judged == (13, 30)
    assert shown.steady
    short = judge_level(OF_LEVELS, 80, rows, 10, 18)
    assert (short.holds, short.steady, short.judged) == (False, False, (10, 18))


def test_the_limit_is_a_row_of_the_verdict_with_its_uncertainty() -> None:
    entry = judge_search(ramp(163))
    assert (entry.name, entry.status) == ("highest load that holds", Status.PASS)
    found = ramp(163).search
    assert entry.actual == f"{found.highest_held} users [{found.highest_held}, {found.lowest_broke})"
    assert f"{found.lowest_broke} users broke: p95 7 ms" in entry.detail


def test_a_search_in_which_nothing_holds_fails() -> None:
    entry = judge_search(ramp(0))
    assert (entry.status, entry.actual) == (Status.FAIL, "below 1 user")
    assert "even 1 user broke" in entry.detail


def test_a_first_level_without_numbers_is_unknown() -> None:
    search = Search()
    search.record(held=False)
    entry = judge_search(RampToFailure(search, [judgement(False, measured=False)]))
    assert entry.status is Status.UNKNOWN


@pytest.mark.parametrize(("limit", "actual"), [(50, "at least 50 users"), (0, None)])
def test_a_search_that_meets_levels_no_criterion_covers_is_unknown(limit: int, actual: str | None) -> None:
    (criterion,) = criteria_of_levels(parse_criteria(f"p95_ms < 10 at users <= {limit}", "test"))
    search, judgements = Search(resolution=0.0), []
    while (users := search.next_users) is not None:
        judgements.append(judge_level([criterion], users, [row(0, 5)], 0, 1))
        search.record(judgements[-1].holds)
    entry = judge_search(RampToFailure(search, judgements))
    assert (entry.status, entry.actual) == (Status.UNKNOWN, actual)
    assert f"{limit + 1} user{'s' if limit else ''} could not be judged: no criterion applies" in entry.detail


def test_a_search_whose_criteria_the_harness_cannot_see_says_why() -> None:
    search = Search()
    search.record(held=False)
    entry = judge_search(RampToFailure(search, [judge_level([], 1, [row(0, 5)], 0, 1)], None, "tighter than …"))
    assert (entry.status, entry.actual) == (Status.UNKNOWN, None)
    assert entry.detail == "1 user could not be judged: tighter than …; 1 trial"


def test_a_search_in_which_nothing_breaks_says_that_the_limit_lies_beyond() -> None:
    entry = judge_search(ramp(5_000))
    assert (entry.status, entry.actual) == (Status.PASS, "1,000 users or more")
    assert "the limit lies beyond" in entry.detail


@pytest.mark.parametrize(
    ("trials", "actual", "open_"),
    [
        (0, None, "no level was judged"),
        (3, "at least 4 users [4, …)", "no level has broken yet"),
        (9, "at least 128 users [128, 256)", "the bracket is 128 users wide, expected at most 6"),
    ],
)
def test_a_search_that_was_stopped_says_how_far_it_got(trials: int, actual: str | None, open_: str) -> None:
    entry = judge_search(ramp(163, trials=trials))
    assert (entry.status, entry.actual) == (Status.UNKNOWN, actual)
    assert open_ in entry.detail


def test_a_closed_bracket_that_was_not_confirmed_is_unknown() -> None:
    whole = ramp(163)
    entry = judge_search(ramp(163, trials=len(whole.search.trials) - 1))
    assert entry.status is Status.UNKNOWN
    assert "have not been tried a second time" in entry.detail


def levels_run(steps: list[Step], series: list[SeriesRow], search: Search) -> dict[str, Status]:
    run = RampToFailure(search, [judgement(trial.held) for trial in search.trials])
    decided: Callable[..., list] = judge_levels  # type: ignore[type-arg]
    return {entry.name: entry.status for entry in decided(CRITERIA, series, {"consistency": 100.0}, run, steps)}


def test_the_criteria_of_the_run_are_judged_over_the_levels_that_held() -> None:
    run = ramp(1, most=2)
    steps = [
        Step(1, 10, 12, held=True, judged=(10, 12)),
        Step(2, 13, 15, held=False, judged=(13, 15)),
        Step(1, 16, 18, held=True, judged=(16, 18)),
    ]
    series = [row(second, 500 if second in (13, 14, 15) else 20) for second in range(10, 19)]
    assert levels_run(steps, series, run.search) == {
        "p95_ms < 100": Status.PASS,
        "availability_pct >= 99": Status.PASS,
        "consistency_pct == 100": Status.PASS,
        "throughput_rps > 5": Status.PASS,
    }


def test_a_level_that_held_once_and_then_broke_is_not_among_those_that_held() -> None:
    search = Search(first=1, most=4)
    for held in (True, True, True, False):  # 1, 2, 4, and 4 a second time
        search.record(held)
    assert search.highest_held == 2
    steps = [Step(1, 0, 1, held=True, judged=(1, 2)), Step(4, 0, 1, held=True, judged=(3, 4))]
    series = [row(1, 20), row(3, 500)]
    assert levels_run(steps, series, search)["p95_ms < 100"] is Status.PASS


def test_where_nothing_held_the_criteria_are_unknown() -> None:
    search = Search()
    search.record(held=False)
    found = levels_run([Step(1, 0, 1, held=False, judged=(1, 2))], [row(1, 500)], search)
    assert found["p95_ms < 100"] is Status.UNKNOWN
