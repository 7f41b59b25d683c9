"""From run directories to a ``Comparison``."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from analysis.comparison import comparable
from analysis.comparison.differences import Difference, difference, holm
from analysis.comparison.result import Answer, Comparison, Row
from analysis.comparison.sample import SHORTEST_S, Estimate, Sample, estimates, sample_of, superiority
from analysis.run import Run, load_run
from harness.words.errors import UsageError

PERCENTS = (50.0, 95.0, 99.0)
LEVEL = 0.05

Side = Run | str | os.PathLike[str] | Sequence[Run | str | os.PathLike[str]]


def compare(
    baseline: Side,
    candidate: Side,
    *,
    percents: Sequence[float] = PERCENTS,
    level: float = LEVEL,
    accept: Collection[str] = (),
    seed: int = 0,
) -> Comparison:
    """Return how the candidate's latency differs from the baseline's, by route and percentile.

    A side is a run, its path, or several of either. A run that a side names twice, by a link or as a copy with the same
    run id, counts once, which a note says: counted twice, it would pass for two runs that hardly differ. ``accept``
    names what may differ (``comparable.REASONS``).
    Raises ``RunError`` where a path is no run, ``UsageError`` where a side has no runs or ``accept`` names something
    else.
    """
    (before, again), (after, again_after) = _distinct(_runs(baseline)), _distinct(_runs(candidate))
    sides = before, after
    if not all(sides):
        raise UsageError("compare: a side without a run; expected at least one on each")
    if unknown := sorted(set(accept) - set(comparable.REASONS)):
        raise UsageError(f"compare: cannot accept {unknown[0]!r}; expected one of {', '.join(comparable.REASONS)}")
    everything = [*sides[0], *sides[1]]
    one, other = (tuple(run.name for run in side) for side in sides)
    twice = (*again, *again_after, *_on_both(*sides))
    if reasons := comparable.differences(everything, accept):
        return Comparison(one, other, level, (), tuple(reasons), twice)
    samples = [[sample_of(run) for run in side] for side in sides]
    rows = rows_of(samples[0], samples[1], percents, level, seed)
    notes = (*twice, *_limits(everything, [*samples[0], *samples[1]]), *comparable.notes(everything))
    return Comparison(one, other, level, tuple(rows), (), notes)


def _limits(runs: Sequence[Run], samples: Sequence[Sample]) -> list[str]:
    """Return what the size of a comparison keeps it from saying."""
    short = [sample for sample in samples if sample.seconds < SHORTEST_S]
    notes = [f"{each.name}: {each.seconds} s to compare, expected at least {SHORTEST_S}" for each in short]
    if len(runs) == 2 and _identity(runs[0]) != _identity(runs[1]):
        notes.append("one run on each side: how much runs differ is not in the intervals; give several of each")
    return notes


def _runs(side: Side) -> list[Run]:
    if isinstance(side, Run):
        return [side]
    if isinstance(side, str | os.PathLike):
        return [load_run(side)]
    return [each if isinstance(each, Run) else load_run(each) for each in side]


def _distinct(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Return each run once, and which were named again, one sentence each."""
    found: dict[tuple[str, ...], Run] = {}
    notes = []
    for run in runs:
        first = found.setdefault(_identity(run), run)
        if first is not run:
            notes.append(f"{run.path} is the run {first.path} again: counted once")
    return list(found.values()), list(dict.fromkeys(notes))


def _identity(run: Run) -> tuple[str, ...]:
    """Return what tells a run from others: its id, which copies of it have, too; else its place."""
    return (run.manifest.run_id,) if run.manifest.run_id else ("", str(run.path.resolve()))


def _on_both(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[str]:
    """Return which runs are on both sides of a comparison of more than a run with itself."""
    if len(baseline) == len(candidate) == 1:
        return []
    known = {_identity(run) for run in baseline}
    return [f"{run.name} is on both sides, which makes them look alike" for run in candidate if _identity(run) in known]


def rows_of(
    baseline: Sequence[Sample],
    candidate: Sequence[Sample],
    percents: Sequence[float] = PERCENTS,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Row]:
    """Return the rows of a comparison, by route and percentile; ``(all routes)`` first."""
    samples = [*baseline, *candidate]
    routes = sorted({route for sample in samples for route in sample.routes})
    everything = [(route, percent) for route in routes for percent in percents]
    wanted = [key for key in everything if all(_enough(sample, *key) for sample in samples)]
    one, other = _of_side(baseline, wanted, seed), _of_side(candidate, wanted, seed)
    differences = {key: difference(one[key], other[key]) for key in wanted}
    shown, levels = holm([differences[key].p_value for key in wanted], level)
    effects = {
        route: superiority([each.routes[route] for each in baseline], [each.routes[route] for each in candidate])
        for route in {route for route, _ in wanted}
    }
    tested = {key: _tested(key, differences[key], shown[k], levels[k], effects[key[0]]) for k, key in enumerate(wanted)}
    counts = {route: (_count(baseline, route), _count(candidate, route)) for route in routes}
    return [replace(tested.get(key, Row(*key)), counts=counts[key[0]]) for key in everything]


def _tested(key: tuple[str, float], found: Difference, shown: bool, level: float, effect: float) -> Row:
    answer = (Answer.SLOWER if found.log_ratio > 0 else Answer.FASTER) if shown else Answer.NO_DIFFERENCE
    ratio, low, high = (100 * float(np.expm1(value)) for value in (found.log_ratio, *found.interval(level)))
    return Row(*key, answer, found.baseline_ms, found.candidate_ms, ratio, low, high, effect)


def _of_side(
    side: Sequence[Sample], wanted: Sequence[tuple[str, float]], seed: int
) -> dict[tuple[str, float], list[Estimate]]:
    found = [estimates(sample, wanted, seed) for sample in side]
    return {key: [each[key] for each in found] for key in wanted}


def _enough(sample: Sample, route: str, percent: float) -> bool:
    return route in sample.routes and sample.routes[route].enough_for(percent)


def _count(side: Sequence[Sample], route: str) -> int:
    return sum(sample.routes[route].count for sample in side if route in sample.routes)
