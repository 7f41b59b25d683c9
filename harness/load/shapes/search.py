"""Ramp to failure: the search for the highest load that holds, as a function of the trials so far.

Each trial is a number of users and whether it held. The load is raised by a factor until a level breaks; then the
bracket between the highest level that held and the lowest that broke is halved until it is narrow enough; then the
highest that held is tried once more. A level that held and then broke counts as broken, and the bracket is opened again
below it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from harness.load.shapes.shapes import require_users
from harness.words.errors import ShapeError

CONFIRMED = 2
"""Trials in which the highest level has to hold."""


class Trial(NamedTuple):
    """One level that was tried."""

    users: int
    held: bool


class Search:
    """The trials of one ramp to failure, and which comes next.

    Args:
        first: users of the first trial.
        most: users above which is not tried.
        factor: by which the load is raised as long as it holds.
        resolution: width of the bracket, as a share of the highest level that held, at which the search is over; a
            bracket of one user always ends it.

    Raises:
        ShapeError: first or most has no user, most is below first, the factor is not above 1, or the resolution is
            negative.

    """

    def __init__(self, first: int = 1, most: int = 1_000, factor: float = 2.0, resolution: float = 0.05) -> None:
        require_users("first", first)
        require_users("most", most)
        if most < first:
            raise ShapeError(f"most: found {most:,} users, expected at least the first level of {first:,}")
        if not 1 < factor < math.inf:
            raise ShapeError(f"factor: found {factor!r}, expected a number above 1")
        if not 0 <= resolution < 1:
            raise ShapeError(f"resolution: found {resolution!r}, expected a share from 0 to 1 such as 0.05")
        self.first = first
        self.most = most
        self.factor = factor
        self.resolution = resolution
        self.trials: list[Trial] = []

    def record(self, held: bool) -> None:
        """Take the outcome of the trial that ``next_users`` asked for."""
        users = self.next_users
        if users is None:
            raise ValueError("the search is over")
        self.trials.append(Trial(users, held))

    @property
    def lowest_broke(self) -> int | None:
        """The lowest level that broke in a trial."""
        return min((trial.users for trial in self.trials if not trial.held), default=None)

    @property
    def highest_held(self) -> int | None:
        """The highest level that held in every trial, below any that broke."""
        broke = self.lowest_broke
        return max((trial.users for trial in self.trials if broke is None or trial.users < broke), default=None)

    @property
    def widest(self) -> int:
        """Users between the highest that held and the lowest that broke at which the search is content."""
        return max(1, math.floor(self.resolution * (self.highest_held or 0)))

    @property
    def closed(self) -> bool:
        """Whether the limit is known as closely as asked for, but for its confirmation."""
        held, broke = self.highest_held, self.lowest_broke
        if held is None:
            return broke is not None
        return held == self.most if broke is None else broke - held <= self.widest

    @property
    def next_users(self) -> int | None:
        """The level to try next, None when the search is over."""
        held, broke = self.highest_held, self.lowest_broke
        if held is None:
            return self.first if broke is None else None
        if self.closed:
            confirmed = sum(trial.users == held for trial in self.trials) >= CONFIRMED
            return None if confirmed else held
        if broke is None:
            return min(self.most, max(held + 1, round(held * self.factor)))
        return (held + broke) // 2
