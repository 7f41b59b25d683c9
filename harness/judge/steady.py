"""Steady state: where the warm-up of a run ends, found from the measurements by MSER-5, never by a fixed guess.

Source: K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997);
White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics", WSC 2000 (batches of five).
"""

from __future__ import annotations

from collections.abc import Sequence

BATCH = 5
"""Observations per batch: the 5 in MSER-5."""

FEWEST_BATCHES = 10
"""With fewer, the rule has next to nothing to choose from."""


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
