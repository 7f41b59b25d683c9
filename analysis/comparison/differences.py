"""From the estimates of runs to differences between two sides, with intervals and answers.

Several runs of a side count as several: the difference is then judged by how much runs of the same side differ (what
resampling whole runs converges to, computed exactly), or by the blocks inside the runs, whichever is less sure. Over
all routes and percentiles together a false alarm has at most the stated probability (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.comparison.sample import Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """How two sides differ in one percentile: logarithms of ms, and what the difference is judged by.

    ``spreads`` are pairs of standard error and degrees of freedom; the one that is less sure counts.
    """

    baseline_ms: float
    candidate_ms: float
    log_ratio: float
    spreads: tuple[tuple[float, float], ...]

    @property
    def p_value(self) -> float:
        """Return how probable so large a difference is between equal sides."""
        from scipy.special import stdtr  # here, because importing it takes a fifth of importing analysis

        return max(2 * float(stdtr(freedom, -abs(self.log_ratio) / error)) for error, freedom in self.spreads)

    def interval(self, level: float) -> tuple[float, float]:
        """Return low and high end of the logarithm of the ratio, wrong with the probability ``level``."""
        from scipy.special import stdtrit

        half = max(error * float(stdtrit(freedom, 1 - level / 2)) for error, freedom in self.spreads)
        return self.log_ratio - half, self.log_ratio + half


def difference(baseline: Sequence[Estimate], candidate: Sequence[Estimate]) -> Difference:
    """Return the difference between two sides, one estimate per run."""
    sides = (baseline, candidate)
    means = [float(np.mean([each.log_us for each in side])) for side in sides]
    spreads = [_within(sides)]
    if len(baseline) + len(candidate) > 2:
        spreads.append(_between(sides, means))
    shown = [float(np.exp(mean)) / 1000 for mean in means]
    return Difference(shown[0], shown[1], means[1] - means[0], tuple(spreads))


def holm(p_values: Sequence[float], level: float) -> tuple[list[bool], list[float]]:
    """Return which of several differences are shown, and the level at which each was tested.

    The smallest p-value is tested at ``level / n``, the next at ``level / (n - 1)``, until one is not shown; that and
    all larger ones are not, and have the level of the one where it ended.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    shown, levels = [False] * len(order), [level] * len(order)
    ended: float | None = None
    for rank, place in enumerate(order):
        levels[place] = level / (len(order) - rank) if ended is None else ended
        shown[place] = ended is None and p_values[place] <= levels[place]
        if not shown[place]:
            ended = levels[place]
    return shown, levels


def _within(sides: Sequence[Sequence[Estimate]]) -> tuple[float, float]:
    """Return the standard error by the blocks inside the runs; degrees of freedom after Welch and Satterthwaite."""
    parts = [((each.error / len(side)) ** 2, each.freedom) for side in sides for each in side]
    variance = sum(part for part, _ in parts)
    return float(np.sqrt(variance)), variance**2 / sum(part**2 / freedom for part, freedom in parts)


def _between(sides: Sequence[Sequence[Estimate]], means: Sequence[float]) -> tuple[float, float]:
    """Return the standard error by how much runs of the same side differ, which is taken to be alike on both."""
    squares = sum((each.log_us - mean) ** 2 for side, mean in zip(sides, means, strict=True) for each in side)
    freedom = sum(len(side) for side in sides) - 2
    variance = squares / freedom * sum(1 / len(side) for side in sides)
    return max(float(np.sqrt(variance)), 1e-12), float(freedom)
