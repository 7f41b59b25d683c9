"""Steady state: where the warm-up of a run ends, found from the measurements by MSER-5, never by a fixed guess.

Source: K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997);
White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics", WSC 2000 (batches of five).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.words.operation import Operation, Outcome

BATCH = 5
"""Observations per batch: the 5 in MSER-5."""

FEWEST_BATCHES = 10
"""With fewer, the rule has next to nothing to choose from."""

BIN_NS = 100_000_000
"""One observation is the mean response time of the operations that ended ok within 0.1 s."""

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Steady:
    """The seconds of a run that are its steady state: from Unix second ``from_s`` on, after ``warm_up_s`` others.

    ``from_s`` is None where the whole run counts; ``why_whole`` says why, if it was looked for.
    """

    from_s: int | None
    warm_up_s: int = 0
    why_whole: str = ""

    def covers(self, second: int) -> bool:
        """Whether a Unix second counts."""
        return self.from_s is None or second >= self.from_s


WHOLE_RUN = Steady(None)
"""Nothing is left out, and nothing was looked for: a run whose load changes by plan has no one steady state."""


class WarmUp:
    """A fold of a history: the mean response time of what ended ok, in bins of 0.1 s, and what follows from it."""

    def __init__(self) -> None:
        self._bins: dict[int, list[int]] = {}  # bin -> sum of response times (ns), operations

    def add(self, operation: Operation) -> None:
        """Take one operation, its times in nanoseconds since the Unix epoch."""
        if operation.outcome is not Outcome.OK:
            return
        number = operation.end_ns // BIN_NS
        found = self._bins.get(number)
        if found is None:
            self._bins[number] = [operation.end_ns - operation.intended_ns, 1]
        else:
            found[0] += operation.end_ns - operation.intended_ns
            found[1] += 1

    def steady(self) -> Steady:
        """Return the steady state, cut at whole seconds; bins in which nothing ended ok are no observations."""
        numbers = sorted(self._bins)
        if len(numbers) < FEWEST_BATCHES * BATCH:
            return Steady(None, why_whole="too short a run to find a steady state in")
        length = warm_up_length([total / count for total, count in map(self._bins.__getitem__, numbers)])
        if length is None:
            return Steady(None, why_whole="no steady state was found")
        first_s = numbers[0] * BIN_NS // SECOND_NS
        if not length:
            return Steady(first_s)
        from_s = -(-numbers[length] * BIN_NS // SECOND_NS)
        return Steady(from_s, from_s - first_s)


def warm_up_length(values: Sequence[float]) -> int | None:
    """Return how many leading observations are warm-up, a multiple of ``BATCH``; 0 where there is none.

    The cut is the one after which the mean of what is left has the smallest squared standard error,
    ``sum((y - mean)**2) / n**2`` over the batch means left. None where there are fewer than ``FEWEST_BATCHES`` batches,
    or where the best cut lies in the second half: then no steady state was reached.
    """
    batches = [sum(values[at : at + BATCH]) / BATCH for at in range(0, len(values) - BATCH + 1, BATCH)]
    if len(batches) < FEWEST_BATCHES:
        return None
    best_cut, best_error = 0, float("inf")
    mean, squares = 0.0, 0.0
    for left, value in enumerate(reversed(batches), 1):  # from behind, so that mean and squares grow (Welford 1962)
        cut = len(batches) - left
        delta = value - mean
        mean += delta / left
        squares += delta * (value - mean)
        error = squares / left**2
        if left >= FEWEST_BATCHES // 2 and error <= best_error:
            best_cut, best_error = cut, error
    return best_cut * BATCH if best_cut <= len(batches) // 2 else None
