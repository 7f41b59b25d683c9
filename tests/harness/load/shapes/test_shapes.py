"""Shapes: users as a pure function of elapsed time, and what is no load is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.shapes.shapes import Shape, Soak, Spike, Staircase
from harness.words.errors import ShapeError

USERS = st.integers(1, 1_000)
SECONDS = st.floats(1, 10_000)

STAIRCASES = st.builds(Staircase, st.lists(USERS, min_size=1, max_size=12).map(tuple), SECONDS)
SOAKS = st.builds(lambda users, ramp, rest: Soak(users, ramp + rest, ramp), USERS, st.floats(0, 100), SECONDS)
SPIKES = st.builds(
    lambda base, more, a, b, c: Spike(base, base + more, a, a + b + 0.01, a + b + c + 0.02),
    USERS,
    USERS,
    SECONDS,
    SECONDS,
    SECONDS,
)
SHAPES = STAIRCASES | SOAKS | SPIKES


@given(SHAPES, st.floats(0, 1))
def test_users_are_those_of_the_last_phase_begun_until_the_end(shape: Shape, share: float) -> None:
    elapsed_s = share * shape.end_s * 0.999_999
    begun = [phase for phase in shape.phases if phase.from_s <= elapsed_s]
    assert shape.users_at(elapsed_s) == begun[-1].users
    assert shape.users_at(shape.end_s) is None
    assert shape.users_at(math.nextafter(shape.end_s, math.inf)) is None


@given(SHAPES)
def test_stepping_from_change_to_change_visits_each_phase_once_and_ends(shape: Shape) -> None:
    elapsed_s, seen = 0.0, []
    while (phase := shape.phase_at(elapsed_s)) is not None:
        seen.append(phase)
        elapsed_s = shape.next_change_s(elapsed_s)
    assert seen == list(range(len(shape.phases)))
    assert elapsed_s == shape.end_s


@given(STAIRCASES)
def test_a_staircase_dwells_equally_long_on_each_level(shape: Staircase) -> None:
    assert [phase.users for phase in shape.phases] == list(shape.levels)
    edges = [*(phase.from_s for phase in shape.phases), shape.end_s]
    assert all(after - before == pytest.approx(shape.dwell_s) for before, after in pairwise(edges))


@pytest.mark.parametrize(("elapsed_s", "users"), [(0, 10), (19.9, 10), (20, 100), (39.9, 100), (40, 10), (60, None)])
def test_a_spike(elapsed_s: float, users: int | None) -> None:
    assert Spike(10, 100, 20, 40, 60).users_at(elapsed_s) == users


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Staircase((1, 0, 5)), "levels: step 2: found 0 users"),
        (lambda: Staircase((1, -3)), "levels: step 2: found -3 users"),
        (lambda: Staircase((1, 2.5)), "levels: step 2: found 2.5 users"),
        (lambda: Staircase((True,)), "levels: step 1: found True users"),
        (lambda: Staircase(()), r"levels: found \(\)"),
        (lambda: Staircase(7), "levels: found 7"),
        (lambda: Staircase("125"), "levels: found '125'"),
        (lambda: Staircase((1,), 0), "dwell_s: found 0 s"),
        (lambda: Staircase((1,), -5), "dwell_s: found -5 s"),
        (lambda: Staircase((1,), math.nan), "dwell_s: found nan s"),
        (lambda: Staircase((1,), math.inf), "dwell_s: found inf s"),
        (lambda: Staircase((1,), "15"), "dwell_s: found '15' s"),
        (lambda: Spike(0, 5, 1, 2, 3), "base: found 0 users"),
        (lambda: Spike(5, 5, 1, 2, 3), "peak: found 5 users, expected more than the base of 5"),
        (lambda: Spike(1, 5, 4, 2, 9), "expected 0 < from_s < to_s < duration_s"),
        (lambda: Spike(1, 5, 2, 9, 9), "expected 0 < from_s < to_s < duration_s"),
        (lambda: Spike(1, 5, 0, 5, 9), "expected 0 < from_s < to_s < duration_s"),
        (lambda: Spike(1, 5, -1, 5, 9), "from_s: found -1 s"),
        (lambda: Soak(0, 60), "users: found 0 users"),
        (lambda: Soak(1, -60), "duration_s: found -60 s"),
        (lambda: Soak(1, 60, -1), "ramp_s: found -1 s"),
        (lambda: Soak(1, 60, 60), "ramp_s: found 60, expected less than the duration"),
    ],
)
def test_what_is_no_load_is_refused(make: object, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        make()  # type: ignore[operator]


def test_a_step_that_ends_before_its_users_are_there_is_refused() -> None:
    shape = Staircase((1, 100), 5)
    shape.require_reachable(20)
    with pytest.raises(
        ShapeError, match=r"step 2 lasts 5 s, and getting from 1 to 100 users at 10 users/s takes 9.9 s"
    ):
        shape.require_reachable(10)
    Soak(100, 60, 50).require_reachable(1)  # whose ramp is its own


@given(SHAPES, st.floats(0.1, 1_000))
def test_a_reachable_shape_has_time_for_each_change(shape: Shape, rate: float) -> None:
    edges = [*(phase.from_s for phase in shape.phases), shape.end_s]
    users = [0, *(phase.users for phase in shape.phases)]
    if shape.ramp_s:
        return
    fits = all(abs(users[n + 1] - users[n]) / rate < edges[n + 1] - edges[n] for n in range(len(shape.phases)))
    try:
        shape.require_reachable(rate)
    except ShapeError:
        assert not fits
    else:
        assert fits
