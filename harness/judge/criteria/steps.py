"""Steps: what was measured while a load shape kept the users at one level, folded from the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.judge.criteria.steady import BATCH, FEWEST_BATCHES, warm_up_length
from harness.measure.histogram import Histogram, within_ms
from harness.words.operation import Flag, Operation, Outcome

BIN_NS = 100_000_000
MOST_BINS = 1_000
"""Bins of a step: one that is longer than 100 s has wider ones, so that its memory is bounded."""

TOO_FEW = f"fewer than {FEWEST_BATCHES} operations ended ok"
NEVER_STEADY = "no steady state"
"""Why no warm-up is left out."""


@dataclass(frozen=True, slots=True)
class Step:
    """A level of users and when it ran; times in nanoseconds since the Unix epoch.

    ``from_ns`` is when as many users ran, not when they were asked for; None where they never did.
    ``held`` and ``judged`` (first and end Unix second that counted) are those of a trial of a ramp to failure.
    """

    users: int
    from_ns: int | None = None
    to_ns: int | None = None
    held: bool | None = None
    judged: tuple[int, int] | None = None


@dataclass(slots=True)
class _Block:
    """The operations of ``BATCH`` consecutive bins."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    ok: Histogram = field(default_factory=Histogram)
    min_ns: int | None = None
    max_ns: int = 0

    def add(self, outcome: Outcome, response_ns: int) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome is Outcome.OK:
            self.ok.add((response_ns + 500) // 1000)
            self.min_ns = response_ns if self.min_ns is None else min(self.min_ns, response_ns)
            self.max_ns = max(self.max_ns, response_ns)

    def merge(self, other: _Block) -> None:
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        self.ok.merge(other.ok.counts)
        if other.min_ns is not None:
            self.min_ns = other.min_ns if self.min_ns is None else min(self.min_ns, other.min_ns)
        self.max_ns = max(self.max_ns, other.max_ns)


class _Measured:
    """A fold of the operations of one step that ran."""

    def __init__(self, step: Step, from_ns: int, to_ns: int) -> None:
        self.step = step
        self.from_ns = from_ns
        self.to_ns = to_ns
        self._bin_ns = max(BIN_NS, -(-(to_ns - from_ns) // MOST_BINS))
        finer = MOST_BINS * self._bin_ns // (to_ns - from_ns)
        self._fine_ns = self._bin_ns // max(divisor for divisor in (1, 2, 5, 10) if divisor <= max(finer, 1))
        self._sums: dict[int, tuple[int, int]] = {}  # fine bin -> sum of responses and number of what ended ok
        self._blocks: dict[int, _Block] = {}

    def add(self, operation: Operation) -> None:
        """Take an operation whose outcome was known within the step."""
        elapsed_ns = operation.end_ns - self.from_ns
        response_ns = operation.end_ns - operation.intended_ns
        if operation.outcome is Outcome.OK:
            at = elapsed_ns // self._fine_ns
            total, count = self._sums.get(at, (0, 0))
            self._sums[at] = total + response_ns, count + 1
        number = elapsed_ns // self._bin_ns // BATCH
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = _Block()
        block.add(operation.outcome, response_ns)

    def _warm_up_blocks(self) -> int | str:
        """Return how many blocks are warm-up, or why that is not known.

        Bins in which nothing ended ok say nothing and are passed over. Where too few are left, as of one user who
        thinks, the fine ones are observations, which then hold an operation or two each, in smaller batches if need be.
        """
        wide: dict[int, tuple[int, int]] = {}
        for at, (total, count) in self._sums.items():
            known = wide.get(at * self._fine_ns // self._bin_ns, (0, 0))
            wide[at * self._fine_ns // self._bin_ns] = known[0] + total, known[1] + count
        cut_ns = self._cut_ns(wide, self._bin_ns, BATCH)
        if cut_ns == TOO_FEW:
            cut_ns = self._cut_ns(self._sums, self._fine_ns, min(len(self._sums) // FEWEST_BATCHES, BATCH))
        return cut_ns if isinstance(cut_ns, str) else -(-cut_ns // (BATCH * self._bin_ns))

    def _cut_ns(self, sums: Mapping[int, tuple[int, int]], width_ns: int, batch: int) -> int | str:
        """Return where the warm-up ends by bins of a width, in nanoseconds of the step, or why that is not known."""
        bins = sorted(at for at in sums if (at + 1) * width_ns <= self.to_ns - self.from_ns)
        if not batch or len(bins) < FEWEST_BATCHES * batch:
            return TOO_FEW
        cut = warm_up_length([sums[at][0] / sums[at][1] for at in bins], batch)
        if cut is None:
            return NEVER_STEADY
        return bins[cut] * width_ns if cut else 0

    def as_json(self) -> dict[str, object]:
        """Return the step without its warm-up; latencies in milliseconds."""
        found = self._warm_up_blocks()
        why_unknown = found if isinstance(found, str) else None
        warm_up = 0 if isinstance(found, str) else found
        left = _Block()
        for at, block in self._blocks.items():
            if at >= warm_up:
                left.merge(block)
        seconds = (self.to_ns - self.from_ns - warm_up * BATCH * self._bin_ns) / 1e9
        operations = sum(left.outcomes.values())
        stands = 2 * left.outcomes.get(Outcome.OK, 0) >= operations
        percentiles = left.ok.percentiles_us((50.0, 95.0, 99.0)) if stands else [None] * 3
        p50, p95, p99 = (within_ms(percentile, left.min_ns, left.max_ns) for percentile in percentiles)
        return {
            **_edges(self.step),
            "warm_up_s": None if why_unknown else round(warm_up * BATCH * self._bin_ns / 1e9, 3),
            "warm_up_unknown": why_unknown,
            "seconds": round(seconds, 6),
            "operations": operations,
            **{outcome.value: left.outcomes.get(outcome, 0) for outcome in Outcome},
            "throughput_rps": round(operations / seconds, 3),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
        }


class Steps:
    """A fold of operations into the steps in which their outcomes were known.

    Operations that the harness cancelled are in none. ``steps`` do not overlap.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._measured = {
            number: _Measured(step, step.from_ns, step.to_ns)
            for number, step in enumerate(steps)
            if step.from_ns is not None and step.to_ns is not None and step.to_ns - step.from_ns >= BIN_NS
        }
        self._folds = tuple(self._measured.values())
        self._last = self._folds[0] if self._folds else None

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        at_ns = operation.end_ns
        last = self._last
        if last is None or operation.flag is Flag.STOPPED:
            return
        if not last.from_ns <= at_ns < last.to_ns:  # a part of the history is of one second: mostly the one before
            for fold in self._folds:
                if fold.from_ns <= at_ns < fold.to_ns:
                    self._last = last = fold
                    break
            else:
                return
        last.add(operation)

    def as_json(self) -> list[dict[str, object]]:
        """Return the ``steps`` of ``verdict.json``; one whose users ran for less than a bin has no numbers."""
        return [
            self._measured[number].as_json() if number in self._measured else _edges(step)
            for number, step in enumerate(self._steps)
        ]


def _edges(step: Step) -> dict[str, object]:
    return {"users": step.users, "from_ns": step.from_ns, "to_ns": step.to_ns, "held": step.held}
