"""What a comparison promises: of equal runs it says so, of slower ones, too."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import bucket_of, sample

from analysis.comparison.result import Answer, Row
from analysis.comparison.sides import rows_of
from harness.measure import histogram

PAIRS = 100
MOST_ALARMS = 10
"""At a true rate of 5 %, more of 100 come with a probability of 1 %."""


def alarmed(rows: list[Row]) -> bool:
    return any(row.answer in (Answer.FASTER, Answer.SLOWER) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(("correlation", "wander"), [(0.0, 0.0), (0.5, 0.15), (0.8, 0.15)])
def test_of_a_hundred_pairs_of_equal_runs_few_are_called_different(correlation: float, wander: float) -> None:
    alarms = 0
    for pair in range(PAIRS):
        random = np.random.default_rng([7, pair])
        one, two = (sample(random, correlation=correlation, wander=wander) for _ in range(2))
        rows = rows_of([one], [two])
        assert sum(row.answer is Answer.TOO_FEW for row in rows) <= 2  # or there would be nothing to alarm
        alarms += alarmed(rows)

    assert alarms <= MOST_ALARMS


@pytest.mark.slow
def test_runs_that_differ_from_run_to_run_need_several_of_each() -> None:
    """Levels of whole runs that spread by 10 % fool one run against one, not three against three."""
    single = several = 0
    for pair in range(40):
        random = np.random.default_rng([11, pair])
        runs = [sample(random, wander=0.05, slower=float(np.exp(0.1 * random.standard_normal()))) for _ in range(6)]
        single += alarmed(rows_of(runs[:1], runs[3:4]))
        several += alarmed(rows_of(runs[:3], runs[3:]))

    assert single >= 10
    assert several <= 5


@pytest.mark.slow
def test_a_slowdown_of_a_tenth_is_found_and_has_its_sign() -> None:
    found = covered = 0
    for pair in range(20):
        random = np.random.default_rng([13, pair])
        one = sample(random, seconds=180, wander=0.03)
        two = sample(random, seconds=180, wander=0.03, slower=1.1)
        rows = rows_of([one], [two])
        assert not any(row.answer is Answer.FASTER for row in rows)
        row = rows[0]
        found += row.answer is Answer.SLOWER
        covered += row.low_pct < 10 < row.high_pct

    assert found >= 19
    assert covered >= 18


@pytest.mark.slow
def test_three_runs_on_each_side_find_a_slowdown_of_a_tenth() -> None:
    random = np.random.default_rng(17)
    baseline = [sample(random, seconds=120, wander=0.03) for _ in range(3)]
    candidate = [sample(random, seconds=120, wander=0.03, slower=1.1) for _ in range(3)]

    rows = rows_of(baseline, candidate)

    assert rows[0].answer is Answer.SLOWER
    assert rows[0].low_pct > 0


def test_a_run_compared_with_itself_is_not_different() -> None:
    one = sample(np.random.default_rng(1), seconds=120)

    rows = rows_of([one], [one])

    assert {row.answer for row in rows} == {Answer.NO_DIFFERENCE}
    assert {row.difference_pct for row in rows} == {0.0}
    assert {row.superiority for row in rows} == {0.5}


def test_buckets_are_those_of_the_harness() -> None:
    values = np.array([0, 1, 2047, 2048, 2049, 4095, 4096, 100_000, 3_599_999_999])

    assert bucket_of(values).tolist() == [histogram.bucket_of(int(value)) for value in values]
