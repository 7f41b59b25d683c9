"""For how long the master heard nothing of its workers while a run went on."""

from __future__ import annotations

from collections.abc import Collection


class Reach:
    """Counts the looks, one a second, in which nothing was heard of a worker.

    Looks and not seconds: a master whose hub stands makes none, and what arrived meanwhile is heard before the next.
    """

    def __init__(self) -> None:
        self._silent: dict[int, int] = {}
        self._longest: dict[int, int] = {}

    def hear(self, worker: int) -> None:
        """Something of a worker arrived."""
        self._silent[worker] = 0

    def look(self, there: Collection[int]) -> None:
        """Look once more at the workers that Locust knows, those that it calls missing too."""
        for worker in there:
            self._silent[worker] = silent = self._silent.get(worker, 0) + 1
            self._longest[worker] = max(self._longest.get(worker, 0), silent)

    def longest_s(self, worker: int) -> float:
        """Return the longest time for which nothing of a worker arrived, to a second."""
        return float(max(self._longest.get(worker, 0) - 1, 0))  # a look comes up to a second after what was heard
