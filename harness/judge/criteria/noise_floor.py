"""The noise floor: what the harness measures of a target that does nothing, and criteria that ask for less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.judge.criteria.criteria import Criterion
from harness.judge.entry import Entry, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """Response times of operations through a null pipeline, in milliseconds.

    The percentiles are of operations sent as users send them: after a sleep, several at once. ``max_ms`` is the longest
    of them and says what else the machine did; ``best_p95_ms`` is of operations one after the other: what the harness
    adds at its best. Both decide nothing. Early runs of 0.1.0 have neither ``p95_ms`` nor ``best_p95_ms``.
    """

    p50_ms: float
    p95_ms: float | None = None
    p99_ms: float
    max_ms: float
    best_p95_ms: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return the numbers there are by name, to the microsecond."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {name: round(number, 3) for name, number in numbers.items() if number is not None}

    @classmethod
    def of_json(cls, content: object) -> NoiseFloor | None:
        """Return what ``as_json`` gave; None for anything else."""
        if not isinstance(content, dict):
            return None
        known = {name: float(value) for name in _NUMBERS if isinstance(value := content.get(name), int | float)}
        return cls(**known) if known.keys() >= _ALWAYS else None

    def of(self, metric: str) -> float:
        """Return the floor of a latency metric: the p50 for what lies in the middle or below, the p95 for p90 and p95.

        For what lies beyond, or where it was not measured, the p99.
        """
        if metric in ("p50_ms", "mean_ms", "min_ms"):
            return self.p50_ms
        return self.p95_ms if metric in ("p90_ms", "p95_ms") and self.p95_ms is not None else self.p99_ms


_NUMBERS = ("p50_ms", "p95_ms", "p99_ms", "max_ms", "best_p95_ms")
_ALWAYS = frozenset({"p50_ms", "p99_ms", "max_ms"})

TIGHT_MS = 10.0
"""Latencies at or below which a criterion may ask for less than the harness can see, where no floor is known.

A start in which too few bursts are done in time takes over 40 ms for each.
"""


def highest(floors: Iterable[NoiseFloor]) -> NoiseFloor | None:
    """Return the largest of each number over all workers, None where none was measured."""
    known = list(floors)
    if not known:
        return None
    return NoiseFloor(
        p50_ms=max(floor.p50_ms for floor in known),
        p95_ms=_highest(floor.p95_ms for floor in known),
        p99_ms=max(floor.p99_ms for floor in known),
        max_ms=max(floor.max_ms for floor in known),
        best_p95_ms=_highest(floor.best_p95_ms for floor in known),
    )


def _highest(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return max(known, default=None)


def above_floor(criteria: Sequence[Criterion], entries: Sequence[Entry], floor: NoiseFloor | None) -> list[Entry]:
    """Return the entries of criteria, UNKNOWN where a latency is to be at or below what the harness can see.

    Where no floor was measured, the details of criteria that ask for ``TIGHT_MS`` or less say so.
    """
    pairs = zip(criteria, entries, strict=True)
    return [_above(criterion, entry, floor) if _bounds(criterion) else entry for criterion, entry in pairs]


def _bounds(criterion: Criterion) -> bool:
    """Whether a criterion asks for a latency at or below its number."""
    return criterion.metric.endswith("_ms") and criterion.compare in ("<", "<=", "==")


def why_unseen(criterion: Criterion, floor: NoiseFloor | None) -> str | None:
    """Return why the harness cannot see whether a criterion holds, None where it can or the floor is not known."""
    if floor is None or not _bounds(criterion) or criterion.number > floor.of(criterion.metric):
        return None
    floor_ms = floor.of(criterion.metric)
    return f"tighter than the harness can see: its noise floor is {floor_ms:.3f} ms (a null pipeline, this run)"


def _above(criterion: Criterion, entry: Entry, floor: NoiseFloor | None) -> Entry:
    if floor is None:
        remark = "no noise floor was measured: whether the harness can see so little is not known"
        tight = criterion.number <= TIGHT_MS and entry.status is not Status.UNKNOWN
        return replace(entry, detail="; ".join(filter(None, (entry.detail, remark)))) if tight else entry
    detail = why_unseen(criterion, floor)
    return entry if detail is None else replace(entry, status=Status.UNKNOWN, detail=detail)
