"""The deck: the order in which users and workers draw scenarios, reproducible from the seed."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from harness.load.corpus.corpus import Scenario

DeckKey: TypeAlias = "tuple[frozenset[int], str | None]"
"""What a deck is drawn for: priorities, and a kind of scenario or None for any."""


class Deck:
    """An endless shuffled sequence over ``scenarios``: pass after pass, each covering every scenario once.

    Pass ``p`` shuffles the scenarios by ``(seed, name, p)``. The shuffle is common to all workers and cut
    into ``workers`` shares (positions ``w``, ``w + workers``, ...); worker ``w`` begins a pass with its own
    share and goes on with those of ``w + 1``, ``w + 2``, ... So workers of equal speed together cover the
    deck once before any of them repeats what another one drew (shares differ by at most one scenario). A
    worker that joins late has an index beyond ``workers``: it takes the share of ``worker % workers`` in
    another shuffle.

    One deck serves all users of a worker. Not thread-safe; greenlets and tasks of one thread may share it.
    """

    __slots__ = ("_generation", "_left", "_name", "_pass", "_scenarios", "_seed", "_share", "_shares")

    def __init__(
        self, scenarios: Sequence[Scenario], *, seed: int, name: str, worker: int = 0, workers: int = 1
    ) -> None:
        """Make the deck ``name`` of ``worker``, one of ``workers``.

        Raises:
            ValueError: ``scenarios`` is empty, ``worker`` is negative or ``workers`` below 1.
        """
        if not scenarios:
            raise ValueError(f"deck {name!r} has no scenarios")
        if worker < 0 or workers < 1:
            raise ValueError(f"worker {worker} of {workers}: expected 0 or more, of 1 or more")
        self._scenarios = tuple(scenarios)
        self._seed = seed
        self._name = name
        self._generation, self._share = divmod(worker, workers)
        self._shares = workers
        self._pass = 0
        self._left: list[Scenario] = []

    def draw(self) -> Scenario:
        """Return the next scenario."""
        if not self._left:
            self._left = self._next_pass()
        return self._left.pop()

    def __len__(self) -> int:
        """Return the number of scenarios of one pass."""
        return len(self._scenarios)

    def _next_pass(self) -> list[Scenario]:
        """Return the scenarios of the next pass, the first to be drawn last."""
        # A text seed is hashed with SHA-512 (random.seed, version 2): the same on every host and Python.
        key = f"{self._seed}/{self._name}/{self._generation}/{self._pass}"
        self._pass += 1
        chance = random.Random(key)
        # Sorting by random numbers takes a third of the time of random.shuffle, while all users wait.
        ranks = [chance.random() for _ in self._scenarios]
        shuffled = [self._scenarios[at] for at in sorted(range(len(ranks)), key=ranks.__getitem__)]
        order: list[Scenario] = []
        for offset in range(self._shares):
            order += shuffled[(self._share + offset) % self._shares :: self._shares]
        order.reverse()
        return order


def few_of(scenarios: Collection[Scenario], count: int, *, seed: int) -> tuple[Scenario, ...]:
    """Return ``count`` of the scenarios, or all where there are no more: the same in every worker, by the seed.

    Those of different expected routes come first, so that few scenarios take as many ways as they can.
    """
    left = list(scenarios)
    random.Random(f"{seed}/few").shuffle(left)
    times: dict[str | None, int] = {}
    turns = []
    for scenario in left:
        times[scenario.expected_route] = turn = times.get(scenario.expected_route, 0) + 1
        turns.append((turn, scenario))
    turns.sort(key=lambda pair: pair[0])  # stable: within a turn as shuffled
    return tuple(scenario for _, scenario in turns[:count])


def deck_of(
    scenarios: Sequence[Scenario],
    priorities: Collection[int],
    kind: str | None,
    *,
    seed: int,
    worker: int = 0,
    workers: int = 1,
) -> Deck | None:
    """Return the deck of some priorities and a kind, of any kind where there is none of it; None without scenarios."""
    wanted = frozenset(priorities)
    of_band = [scenario for scenario in scenarios if scenario.priority in wanted]
    of_kind = [scenario for scenario in of_band if kind is None or scenario.kind == kind]
    if not of_band:
        return None
    name = f"{sorted(wanted)} {kind}"
    return Deck(of_kind or of_band, seed=seed, name=name, worker=worker, workers=workers)


def first_drawn(
    scenarios: Sequence[Scenario],
    shares: Mapping[DeckKey, float],
    *,
    seed: int,
    size: int,
    certain: Iterable[Scenario] = (),
) -> list[Scenario]:
    """Return the ``size`` scenarios (or all there are) that users will draw first, in about their order.

    ``shares`` are the shares of the decks in what is drawn. Each deck is taken from its top on: whatever the number of
    workers, which cut the same order into shares, what they draw first is the top of it. ``certain`` are those that are
    sent whatever is drawn: they come first.
    """
    decks = [(deck_of(scenarios, *key, seed=seed), share) for key, share in shares.items() if share > 0]
    turns = [(_due(1, share), at, deck, 1) for at, (deck, share) in enumerate(decks) if deck is not None]
    heapq.heapify(turns)
    found = {scenario.id: scenario for scenario in certain}
    while turns and len(found) < size:
        _, at, deck, drawn = turns[0]
        scenario = deck.draw()
        found.setdefault(scenario.id, scenario)
        if drawn < len(deck):
            heapq.heapreplace(turns, (_due(drawn + 1, decks[at][1]), at, deck, drawn + 1))
        else:
            heapq.heappop(turns)
    return list(found.values())[:size]


def _due(nth: int, share: float) -> float:
    """Return after how many draws from all decks the ``nth`` from one of them has come with a chance of about a tenth.

    That is where a Poisson distribution has its tenth percentile, about: (sqrt(n) - 0.64)^2, for n events on average.
    """
    return (math.sqrt(nth) - 0.64) ** 2 / share
