"""The noise floor: what the harness measures of a target that does nothing, and criteria that ask for less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.judge.criteria import Criterion
from harness.judge.entry import Entry, Status


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """Response times of operations through a null pipeline, in milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float

    def as_json(self) -> dict[str, float]:
        """Return the numbers by name, to the microsecond."""
        return {name: round(getattr(self, name), 3) for name in ("p50_ms", "p99_ms", "max_ms")}

    @classmethod
    def of_json(cls, content: object) -> NoiseFloor | None:
        """Return what ``as_json`` gave; None for anything else."""
        if not isinstance(content, dict):
            return None
        values = [content.get(name) for name in ("p50_ms", "p99_ms", "max_ms")]
        known = [float(value) for value in values if isinstance(value, int | float)]
        return cls(*known) if len(known) == len(values) else None

    def of(self, metric: str) -> float:
        """Return the floor of a latency metric: the p50 for what lies in the middle or below, else the p99."""
        low = ("p50_ms", "mean_ms", "min_ms")
        return self.p50_ms if metric.endswith(low) else self.p99_ms


def highest(floors: Iterable[NoiseFloor]) -> NoiseFloor | None:
    """Return the largest of each number over all workers, None where none was measured."""
    known = list(floors)
    if not known:
        return None
    return NoiseFloor(*(max(getattr(floor, name) for floor in known) for name in ("p50_ms", "p99_ms", "max_ms")))


def above_floor(criteria: Sequence[Criterion], entries: Sequence[Entry], floor: NoiseFloor | None) -> list[Entry]:
    """Return the entries of criteria, UNKNOWN where a latency is to be at or below what the harness can see."""
    return [_above(criterion, entry, floor) for criterion, entry in zip(criteria, entries, strict=True)]


def why_unseen(criterion: Criterion, floor: NoiseFloor | None) -> str | None:
    """Return why the harness cannot see whether a criterion holds, None where it can or the floor is not known."""
    latency = criterion.metric.endswith("_ms") and criterion.compare in ("<", "<=", "==")
    if floor is None or not latency or criterion.number > floor.of(criterion.metric):
        return None
    floor_ms = floor.of(criterion.metric)
    return f"tighter than the harness can see: its noise floor is {floor_ms:.3f} ms (a null pipeline, this run)"


def _above(criterion: Criterion, entry: Entry, floor: NoiseFloor | None) -> Entry:
    detail = why_unseen(criterion, floor)
    return entry if detail is None else replace(entry, status=Status.UNKNOWN, detail=detail)
