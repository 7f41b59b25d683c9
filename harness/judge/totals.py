"""Totals of a run, folded from its history and from its series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.judge.criteria.series_fold import PERCENTILES, Window
from harness.judge.criteria.steady import Steady
from harness.measure.histogram import Histogram, within_ms
from harness.measure.series import Clock
from harness.measure.series_csv import SeriesRow
from harness.words.error_kinds import Kinds
from harness.words.operation import CLOCKS, LABELS_KEPT, OTHER, Flag, Operation, Outcome


@dataclass(slots=True)
class Totals:
    """A fold of operations: counts by outcome and route, latency of those that ended ok, agreement with labels."""

    labels: dict[str, str] = field(default_factory=dict)  # scenario id -> human label
    outcomes: dict[str, int] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    flagged: int = 0
    stopped: int = 0  # cancelled by the harness
    ok: Histogram = field(default_factory=Histogram)
    min_ns: int | None = None
    max_ns: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    _kinds: Kinds = field(default_factory=Kinds)

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        outcome = operation.outcome
        self.stopped += operation.flag is Flag.STOPPED
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if self.first_ns is None or operation.intended_ns < self.first_ns:
            self.first_ns = operation.intended_ns
        if self.last_ns is None or operation.end_ns > self.last_ns:
            self.last_ns = operation.end_ns
        if operation.error is not None:
            _count(self.errors, self._kinds.of(operation.error))
        if outcome is not Outcome.OK:
            return
        self.flagged += operation.flag is not None
        route = operation.route if operation.route is not None else "(none)"
        route = _count(self.routes, route)
        response_ns = operation.end_ns - operation.intended_ns
        self.ok.add((response_ns + 500) // 1000)
        self.min_ns = response_ns if self.min_ns is None else min(self.min_ns, response_ns)
        self.max_ns = max(self.max_ns, response_ns)
        label = self.labels.get(operation.scenario)
        if label is not None:
            _count(self.confusion.setdefault(label, {}), route)

    @property
    def count(self) -> int:
        """Operations with an outcome."""
        return sum(self.outcomes.values())

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first intended start to the last outcome."""
        if self.first_ns is None or self.last_ns is None:
            return None
        return (self.last_ns - self.first_ns) / 1e9

    def as_json(self) -> dict[str, object]:
        """Return the ``totals`` of ``verdict.json``; latencies in milliseconds, null where nothing ended ok."""
        duration = self.duration_s
        found = self.ok.percentiles_us((50.0, 95.0, 99.0))
        p50, p95, p99 = (within_ms(value, self.min_ns, self.max_ns) for value in found)
        return {
            **{outcome.value: self.outcomes.get(outcome, 0) for outcome in Outcome},
            "operations": self.count,
            "flagged": self.flagged,
            "stopped": self.stopped,
            "duration_s": None if duration is None else round(duration, 3),
            "throughput_rps": round(self.count / duration, 3) if duration else None,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": round(self.max_ns / 1e6, 6) if self.ok.counts else None,
            "routes": dict(sorted(self.routes.items(), key=lambda item: (-item[1], item[0]))),
            "errors": _most(self.errors),
            "label_confusion": {label: dict(sorted(row.items())) for label, row in sorted(self.confusion.items())},
        }


def of_series(rows: Iterable[SeriesRow], steady: Steady) -> dict[str, object]:
    """Return the four clocks of what ended ok, and the numbers of the steady state; null where not measured.

    ``clocks`` is of the whole run: name -> ``p50_ms``, ``p95_ms``, ``p99_ms``, ``sum_ms``. Where ``steady_from_s``, a
    Unix second, is null, no steady state was found or none was looked for.
    """
    waits = {name: Clock() for name in CLOCKS[1:]}
    whole, window = Window(), Window()
    for row in rows:
        whole.add(row)
        if row.key.outcome == Outcome.OK:
            for name, clock in waits.items():
                clock.merge(row.cell.clock(name))
        if steady.from_s is not None and steady.covers(row.key.second):
            window.add(row)
    response = {name: whole.latency_ms(name) for name in _SHOWN}
    rate = window.measure("throughput_rps")
    return {
        "clocks": {
            CLOCKS[0]: {**response, "sum_ms": whole.sum_ns / 1e6 if whole.ok.counts else None},
            **{name: _shown(clock) for name, clock in waits.items()},
        },
        "steady_from_s": steady.from_s,
        "warm_up_s": None if steady.from_s is None else steady.warm_up_s,
        **{f"steady_{name}": window.latency_ms(name) for name in _SHOWN},
        "steady_throughput_rps": None if rate is None else round(rate, 3),
    }


_SHOWN = ("p50_ms", "p95_ms", "p99_ms")


def _shown(clock: Clock) -> dict[str, float | None]:
    found = clock.histogram.percentiles_us([PERCENTILES[name] for name in _SHOWN])
    values = {name: None if us is None else round(us / 1000, 6) for name, us in zip(_SHOWN, found, strict=True)}
    return {**values, "sum_ms": clock.sum_ns / 1e6 if clock.histogram.counts else None}


ERRORS_SHOWN = 20


def _most(errors: Mapping[str, int]) -> dict[str, int]:
    """Return the kinds of errors that came most often, and ``OTHER`` for the rest, so that all add up."""
    order = sorted(errors.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    shown, rest = order[:ERRORS_SHOWN], sum(count for _, count in order[ERRORS_SHOWN:])
    return {**dict(shown), OTHER: rest} if rest else dict(shown)


def _count(counts: dict[str, int], text: str) -> str:
    """Count a text of the target under itself, or under ``OTHER`` once there are ``LABELS_KEPT``; return which."""
    if text not in counts and len(counts) >= LABELS_KEPT:
        text = OTHER
    counts[text] = counts.get(text, 0) + 1
    return text
