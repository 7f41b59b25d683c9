from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.corpus.corpus import Scenario
from harness.load.corpus.deck import Deck, deck_of, few_of, first_drawn

ALL = tuple(Scenario(str(number), f"text {number}", number % 10) for number in range(60))
sizes = st.integers(1, 60)
seeds = st.integers()


def drawn(count: int, size: int = 60, **options) -> list[str]:
    deck = Deck(ALL[:size], **{"seed": 1, "name": "deck", **options})
    return [deck.draw().id for _ in range(count)]


def ids(size: int) -> list[str]:
    return sorted(scenario.id for scenario in ALL[:size])


@settings(deadline=None)
@given(size=sizes, seed=seeds, worker=st.integers(0, 12), workers=st.integers(1, 8))
def test_every_pass_covers_every_scenario_exactly_once(size, seed, worker, workers):
    draws = drawn(3 * size, size, seed=seed, worker=worker, workers=workers)
    for start in range(0, 3 * size, size):
        assert sorted(draws[start : start + size]) == ids(size)


@settings(deadline=None)
@given(size=sizes, seed=seeds, workers=st.integers(1, 8), generation=st.integers(0, 2))
def test_workers_of_equal_speed_share_the_deck_without_repeating_each_other(size, seed, workers, generation):
    first = generation * workers
    each = [drawn(size, size, seed=seed, worker=first + index, workers=workers) for index in range(workers)]
    together = [name for draws in each for name in draws[: size // workers]]
    assert len(set(together)) == len(together)
    assert {name for draws in each for name in draws[: -(-size // workers)]} == set(ids(size))


@given(seed=seeds, worker=st.integers(0, 5), workers=st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_equal_decks_draw_alike(seed, worker, workers):
    options = {"seed": seed, "worker": worker, "workers": workers}
    assert drawn(150, **options) == drawn(150, **options)


@given(seed=seeds)
@settings(deadline=None, max_examples=30)
def test_seeds_names_passes_and_late_workers_are_shuffled_each_their_own_way(seed):
    plain = drawn(120, seed=seed)
    orders = [
        plain[:60],
        plain[60:],
        drawn(60, seed=seed + 1),
        drawn(60, seed=seed, name="another"),
        drawn(60, seed=seed, worker=1),
    ]
    assert len({tuple(order) for order in orders}) == len(orders)


def test_the_order_is_the_same_on_every_host():
    order = "".join(drawn(12, size=6, seed=7, name="normal/question"))
    assert order == "215304205413"


def test_one_scenario_is_drawn_for_ever():
    assert drawn(5, size=1) == ["0"] * 5


def test_the_length_is_that_of_one_pass():
    assert len(Deck(ALL, seed=1, name="deck")) == 60


@pytest.mark.parametrize(
    ("scenarios", "worker", "workers"), [((), 0, 1), (ALL, -1, 1), (ALL, 0, 0)], ids=["empty", "worker", "workers"]
)
def test_a_deck_of_nothing_or_for_nobody_is_refused(scenarios, worker, workers):
    with pytest.raises(ValueError, match=r"no scenarios|expected 0 or more"):
        Deck(scenarios, seed=1, name="deck", worker=worker, workers=workers)


ROUTED = tuple(Scenario(str(n), "text", 4, expected_route="rare" if n == 41 else "common") for n in range(60))


@settings(deadline=None)
@given(seed=seeds, count=st.integers(1, 70))
def test_the_few_are_distinct_and_the_same_for_the_same_seed(seed, count):
    few = few_of(ALL, count, seed=seed)
    assert len({scenario.id for scenario in few}) == len(few) == min(count, len(ALL))
    assert few_of(ALL, count, seed=seed) == few


@given(seed=seeds)
def test_among_the_few_is_one_of_each_expected_route(seed):
    assert {scenario.expected_route for scenario in few_of(ROUTED, 2, seed=seed)} == {"rare", "common"}


def test_the_few_differ_from_seed_to_seed():
    assert len({few_of(ALL, 3, seed=seed) for seed in range(10)}) > 1


TAGS = (("question",), ("code",), ("edge",))
KINDED = tuple(Scenario(f"k{number}", "text", number % 10, tags=TAGS[number % 3]) for number in range(300))
HIGH, LOW = frozenset({8, 9}), frozenset({0, 1, 2})


def by_users(key, count: int, *, workers: int) -> set[str]:
    """Return what ``workers`` of equal speed draw first from a deck."""
    decks = [deck_of(KINDED, *key, seed=7, worker=worker, workers=workers) for worker in range(workers)]
    return {decks[number % workers].draw().id for number in range(count)}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_users_draw_first_is_at_the_top_of_their_decks(workers):
    shares = {(HIGH, "question"): 3.0, (LOW, None): 1.0}
    sample = {scenario.id for scenario in first_drawn(KINDED, shares, seed=7, size=40)}
    assert len(sample) == 40
    assert by_users((HIGH, "question"), 20, workers=workers) <= sample  # all of them
    assert by_users((LOW, None), 12, workers=workers) <= sample
    assert not by_users((LOW, "edge"), 12, workers=workers) <= sample


def test_the_first_drawn_are_about_in_proportion_and_a_rare_deck_is_not_left_out():
    shares = {(HIGH, None): 1.0, (LOW, None): 9.0}
    order = first_drawn(KINDED, shares, seed=7, size=50)
    of_high = [number for number, scenario in enumerate(order, start=1) if scenario.priority in HIGH]
    assert of_high[0] <= 5
    assert 5 <= len(of_high) <= 9
    assert order == first_drawn(KINDED, shares, seed=7, size=60)[:50]
    assert order != first_drawn(KINDED, shares, seed=8, size=50)


def test_a_scenario_of_two_decks_is_there_once_and_no_more_than_the_decks_hold():
    shares = {(HIGH, None): 1.0, (HIGH, "code"): 1.0, (frozenset({11}), None): 1.0}
    everything = first_drawn(KINDED, shares, seed=7, size=1000)
    assert sorted(scenario.id for scenario in everything) == sorted(s.id for s in KINDED if s.priority in HIGH)


def test_a_kind_that_a_band_lacks_stands_for_any():
    deck = deck_of(KINDED, {8}, "statement", seed=1)
    assert deck is not None
    assert len(deck) == 30
    assert deck_of(KINDED, {11}, None, seed=1) is None


def test_what_is_sent_whatever_is_drawn_comes_first_and_once():
    certain = KINDED[:5]
    order = first_drawn(KINDED, {(LOW, None): 1.0}, seed=7, size=30, certain=certain)
    assert tuple(order[:5]) == certain
    assert len({scenario.id for scenario in order}) == len(order) == 30
    assert tuple(first_drawn(KINDED, {}, seed=7, size=3, certain=certain)) == certain[:3]
