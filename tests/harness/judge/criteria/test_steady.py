from random import Random

import pytest

from harness.judge.criteria.steady import BATCH, FEWEST_BATCHES, WHOLE_RUN, Steady, WarmUp, warm_up_length
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

    def steady_of(times_ms, every_ms=20, users=None, **fields):
        fold = WarmUp()
        for n, time_ms in enumerate(times_ms):
            ended = START_S * 1_000_000_000 + n * every_ms * 1_000_000
            fold.add(operation(n, **fields)._replace(intended_ns=ended - round(time_ms * 1e6), end_ns=ended))
        return fold.steady(users or {})

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
    assert (short.from_s, short.warm_up_s, short.why_no_more) == (None, 0, "too short a run to find a steady state in")
    assert (rising.from_s, rising.warm_up_s, rising.why_no_more) == (None, 0, "no steady state was found")
    assert short.covers(0)


def test_a_run_of_nothing_counts_whole() -> None:
    assert WarmUp().steady({}).from_s is None
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
    assert one.steady({}) == other.steady({})
    assert 3 <= one.steady({}).warm_up_s <= 5


def ramped(operation, users_at, seconds, think_ms=100, response_ms=5.0):
    """Return what users send of whom each begins when ``users_at`` says, and the users by second."""
    made = []
    for begin_s in users_at:
        for at_ms in range(round(begin_s * 1000), seconds * 1000, think_ms):
            end_ns = START_S * 1_000_000_000 + at_ms * 1_000_000
            made.append(operation(len(made))._replace(intended_ns=end_ns - round(response_ms * 1e6), end_ns=end_ns))
    return made, {START_S + s: sum(begin_s < s + 1 for begin_s in users_at) for s in range(seconds)}


def fold_of(operations):
    fold = WarmUp()
    for each in operations:
        fold.add(each)
    return fold


def test_while_users_are_added_nothing_is_steady_though_each_response_is_the_same(operation) -> None:
    made, users = ramped(operation, [n / 1.5 for n in range(20)], 40)
    assert fold_of(made).steady(users) == Steady(START_S + 13, 13)


def test_users_that_were_all_there_within_the_first_second_need_no_warm_up(operation) -> None:
    made, users = ramped(operation, [n / 40 for n in range(20)], 40)
    assert fold_of(made).steady(users).warm_up_s <= 1


def test_a_throughput_that_settles_later_than_the_response_time_is_waited_for(operation) -> None:
    made, users = ramped(operation, [0.0] * 2, 40)
    late, _ = ramped(operation, [0.0] * 18, 40)
    made += [each for each in late if each.end_ns >= (START_S + 6) * 1_000_000_000]
    users = dict.fromkeys(users, 20)
    assert fold_of(made).steady({}).warm_up_s == fold_of(made).steady(users).warm_up_s == 6


def test_a_stall_in_the_second_half_leaves_the_steady_state_of_the_response_time(operation) -> None:
    made, users = ramped(operation, [n / 1.5 for n in range(20)], 40)
    made = [each for each in made if not START_S + 35 <= each.end_ns / 1e9 < START_S + 39]
    assert fold_of(made).steady(users) == Steady(START_S + 13, 13)


def test_users_that_come_back_after_some_were_lost_are_no_rise(operation) -> None:
    made, users = ramped(operation, [0.0] * 20, 40)
    users |= {START_S + second: 15 for second in range(20, 25)}
    assert fold_of(made).steady(users) == Steady(START_S, 0)


@pytest.mark.parametrize(("seconds", "from_s"), [(17, START_S + 13), (16, None), (10, None)])
def test_a_run_that_ends_soon_after_its_last_user_began_counts_from_there_and_says_why(
    operation, seconds, from_s
) -> None:
    made, users = ramped(operation, [n / 1.5 for n in range(20)], seconds)
    steady = fold_of(made).steady(users)
    assert steady == Steady(from_s, 13 if from_s else 0, "too short a run to find a steady state in")


def test_a_run_that_never_settles_after_its_last_user_began_counts_from_there(operation) -> None:
    made, users = ramped(operation, [n / 1.5 for n in range(20)], 40)
    made = [
        each
        if n % 2
        else each._replace(intended_ns=each.intended_ns - max(0, each.end_ns - (START_S + 30) * 10**9) // 10)
        for n, each in enumerate(made)
    ]
    assert fold_of(made).steady(users) == Steady(START_S + 13, 13, "no steady state was found")
