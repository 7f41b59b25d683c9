from random import Random

import pytest

from harness.judge.steady import BATCH, FEWEST_BATCHES, warm_up_length


def noisy(levels: list[tuple[int, float]], seed: int = 1) -> list[float]:
    draw = Random(seed)
    return [level + draw.gauss(0, 1) for count, level in levels for _ in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_a_warm_up_is_cut_off_where_it_ends(seed: int) -> None:
    cut = warm_up_length(noisy([(50, 40.0), (450, 10.0)], seed))
    assert cut is not None
    assert 50 <= cut <= 125


@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_is_steady_from_the_start_keeps_most_of_its_data(seed: int) -> None:
    cut = warm_up_length(noisy([(500, 10.0)], seed))
    assert cut is not None
    assert cut <= 250


def test_equal_values_have_no_warm_up() -> None:
    assert warm_up_length([3.0] * 200) == 0


def test_a_run_that_changes_in_its_second_half_never_became_steady() -> None:
    assert warm_up_length(noisy([(400, 10.0), (100, 80.0)])) is None


def test_too_few_values_decide_nothing() -> None:
    assert warm_up_length([1.0] * (BATCH * FEWEST_BATCHES - 1)) is None
    assert warm_up_length([1.0] * (BATCH * FEWEST_BATCHES)) == 0


def test_the_last_values_that_fill_no_batch_do_not_matter() -> None:
    values = noisy([(50, 40.0), (450, 10.0)])
    assert warm_up_length(values) == warm_up_length([*values, 1e9, 1e9])
