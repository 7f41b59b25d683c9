"""Ramp to failure: the search ends at the limit, in few trials, whatever it is told."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.shapes.search import Search
from harness.words.errors import ShapeError

MOST_TRIALS_OF_ANY_ORACLE = 1_000


def searched(search: Search, holds: Callable[[int], bool]) -> Search:
    while (users := search.next_users) is not None:
        assert search.first <= users <= search.most
        search.record(holds(users))
        assert len(search.trials) < MOST_TRIALS_OF_ANY_ORACLE
    return search


@given(
    limit=st.integers(1, 10_000),
    first=st.integers(1, 50),
    factor=st.floats(1.2, 10),
    resolution=st.sampled_from((0.0, 0.01, 0.05, 0.2)),
)
def test_the_limit_lies_in_a_bracket_as_narrow_as_asked_for(
    limit: int, first: int, factor: float, resolution: float
) -> None:
    search = searched(Search(first, 10_000, factor, resolution), lambda users: users <= limit)
    held, broke = search.highest_held, search.lowest_broke
    if limit < first:
        assert (held, broke) == (None, first)
        assert len(search.trials) == 1
    elif limit == search.most:
        assert (held, broke) == (search.most, None)
    else:
        assert held is not None
        assert broke is not None
        assert held <= limit < broke
        assert broke - held <= max(1, resolution * held)
        assert [trial.held for trial in search.trials if trial.users == held] == [True, True]
    raises = math.log(search.most / first) / math.log(min(factor, 2)) + 10
    assert len(search.trials) <= 2 * raises + math.log2(search.most) + 2


@given(limit=st.integers(1, 999))
def test_the_defaults_need_few_trials(limit: int) -> None:
    search = searched(Search(), lambda users: users <= limit)
    assert len(search.trials) <= 17


@given(st.randoms(use_true_random=False), st.floats(0, 1))
def test_an_oracle_that_contradicts_itself_ends_the_search_too(random: object, share: float) -> None:
    search = searched(Search(most=10_000), lambda users: random.random() < share)  # type: ignore[attr-defined]
    held, broke = search.highest_held, search.lowest_broke
    if held is not None:
        of_held = [trial.held for trial in search.trials if trial.users == held]
        assert all(of_held)
        assert len(of_held) >= 2
        assert broke is None or held < broke


def test_a_level_that_breaks_the_second_time_counts_as_broken() -> None:
    seen: list[int] = []

    def holds(users: int) -> bool:
        seen.append(users)
        return users <= 100 and not (users == 100 and seen.count(100) == 2)

    search = searched(Search(), holds)
    assert (100, False) in search.trials
    assert search.lowest_broke == 100
    assert search.highest_held is not None
    assert 95 <= search.highest_held < 100


def test_the_load_is_raised_by_the_factor_then_halved_between() -> None:
    search = searched(Search(first=10, most=1_000), lambda users: users <= 100)
    assert [trial.users for trial in search.trials] == [10, 20, 40, 80, 160, 120, 100, 110, 105, 100]


def test_what_never_broke_and_what_never_held_have_no_other_side() -> None:
    never_broke = searched(Search(most=100), lambda users: True)
    assert (never_broke.highest_held, never_broke.lowest_broke) == (100, None)
    never_held = searched(Search(first=7), lambda users: False)
    assert (never_held.highest_held, never_held.lowest_broke) == (None, 7)


def test_an_unfinished_search_is_not_closed() -> None:
    search = Search()
    for _ in range(3):
        search.record(held=True)
    assert not search.closed
    assert search.highest_held == 4
    assert search.next_users == 8


def test_a_search_that_is_over_takes_no_more() -> None:
    with pytest.raises(ValueError, match="over"):
        searched(Search(), lambda users: False).record(held=True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"first": 0}, "first: found 0 users"),
        ({"most": 0}, "most: found 0 users"),
        ({"first": 10, "most": 9}, "most: found 9 users, expected at least the first level of 10"),
        ({"factor": 1}, "factor: found 1"),
        ({"factor": math.inf}, "factor: found inf"),
        ({"resolution": -0.1}, "resolution: found -0.1"),
        ({"resolution": 1}, "resolution: found 1"),
    ],
)
def test_settings_that_search_for_nothing_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        Search(**settings)  # type: ignore[arg-type]
