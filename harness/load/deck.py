"""The deck: the order in which users and workers draw scenarios, reproducible from the seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from harness.load.corpus import Scenario


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
