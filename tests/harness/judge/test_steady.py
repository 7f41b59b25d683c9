from random import Random

import pytest

from harness.judge.steady import BATCH, FEWEST_BATCHES, WHOLE_RUN, Steady, WarmUp, warm_up_length
from harness.words.operation import Outcome

START_S = 1_740_000_000


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


@pytest.fixture(name="steady_of")
def steady_of_fixture(operation):
    """Return a function: response times (ms) of operations that end one after another, to the steady state."""

    def steady_of(times_ms, every_ms=20, **fields):
        fold = WarmUp()
        for n, time_ms in enumerate(times_ms):
            ended = START_S * 1_000_000_000 + n * every_ms * 1_000_000
            fold.add(operation(n, **fields)._replace(intended_ns=ended - round(time_ms * 1e6), end_ns=ended))
        return fold.steady()

    return steady_of


def test_the_warm_up_of_a_run_ends_at_the_next_whole_second(steady_of) -> None:
    # 2.2 s of slow operations, then 27.8 s of fast ones
    assert steady_of([200.0] * 110 + [20.0] * 1390) == Steady(START_S + 3, 3)


def test_a_run_that_is_steady_from_the_start_has_no_warm_up(steady_of) -> None:
    steady = steady_of([20.0] * 1500)
    assert steady == Steady(START_S, 0)
    assert steady.covers(START_S)


def test_a_short_run_and_one_that_never_became_steady_count_whole_and_say_why(steady_of) -> None:
    short, rising = steady_of([20.0] * 200), steady_of([20.0] * 1200 + [500.0] * 300)
    assert (short.from_s, short.warm_up_s, short.why_whole) == (None, 0, "too short a run to find a steady state in")
    assert (rising.from_s, rising.warm_up_s, rising.why_whole) == (None, 0, "no steady state was found")
    assert short.covers(0)


def test_a_run_of_nothing_counts_whole() -> None:
    assert WarmUp().steady().from_s is None
    assert WHOLE_RUN.covers(0)


def test_what_did_not_end_ok_is_no_observation(steady_of, operation) -> None:
    assert steady_of([20.0] * 1500, outcome=Outcome.FAILED).from_s is None


def test_the_order_of_the_history_does_not_matter(operation) -> None:
    draw = Random(3)
    made = [
        operation(n * 10, response_ms=draw.uniform(90, 110) if n < 300 else draw.uniform(4, 6)) for n in range(2000)
    ]
    one, other = WarmUp(), WarmUp()
    for op in made:
        one.add(op)
    for op in draw.sample(made, len(made)):
        other.add(op)
    assert one.steady() == other.steady()
    assert 3 <= one.steady().warm_up_s <= 5
