"""Steady state: where the warm-up of a run ends, found from the measurements by MSER-5, never by a fixed guess.

Looked at is what came after the last user had been started: response times and throughput, each of which may settle
later than the other.

Source: K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997);
White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics", WSC 2000 (batches of five).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.words.operation import Flag, Operation, Outcome

BATCH = 5
"""Observations per batch: the 5 in MSER-5."""

FEWEST_BATCHES = 10
"""With fewer, the rule has next to nothing to choose from."""

BIN_NS = 100_000_000
"""One observation is of 0.1 s: the mean response time of what ended ok in it, or the number of operations."""

SECOND_NS = 1_000_000_000

FEWEST_SECONDS = 3
"""Seconds with all users without which those before stay in: throughput needs one beside the first and the last."""


@dataclass(frozen=True, slots=True)
class Steady:
    """The seconds of a run that are its steady state: from Unix second ``from_s`` on, after ``warm_up_s`` others.

    ``from_s`` is None where the whole run counts. ``why_no_more`` says why no more is left out than the seconds in
    which users were still being started, if it was looked for.
    """

    from_s: int | None
    warm_up_s: int = 0
    why_no_more: str = ""

    def covers(self, second: int) -> bool:
        """Whether a Unix second counts."""
        return self.from_s is None or second >= self.from_s


WHOLE_RUN = Steady(None)
"""Nothing is left out, and nothing was looked for: a run whose load changes by plan has no one steady state."""


class WarmUp:
    """A fold of a history: mean response times of what ended ok and numbers of operations, in bins of 0.1 s."""

    def __init__(self) -> None:
        self._ok: dict[int, list[int]] = {}  # bin -> sum of response times (ns), operations that ended ok
        self._ended: dict[int, int] = {}  # bin -> operations

    def add(self, operation: Operation) -> None:
        """Take one operation, its times in nanoseconds since the Unix epoch."""
        if operation.flag is Flag.STOPPED:
            return
        number = operation.end_ns // BIN_NS
        self._ended[number] = self._ended.get(number, 0) + 1
        if operation.outcome is not Outcome.OK:
            return
        found = self._ok.get(number)
        if found is None:
            self._ok[number] = [operation.end_ns - operation.intended_ns, 1]
        else:
            found[0] += operation.end_ns - operation.intended_ns
            found[1] += 1

    def steady(self, users: Mapping[int, int]) -> Steady:
        """Return the steady state, cut at whole seconds; ``users`` ran in each Unix second, as far as is known.

        It begins no earlier than the second after the one in which there were as many users as ever, and where the
        later of both cuts is. A bin in which nothing ended ok is no observation of the response time.
        """
        if not self._ended:
            return Steady(None, why_no_more=_TOO_SHORT)
        first_s, last_s = (at(self._ended) * BIN_NS // SECOND_NS for at in (min, max))
        all_there_s = max(_all_there(users), first_s)
        begin = all_there_s * SECOND_NS // BIN_NS
        numbers = sorted(number for number in self._ok if number >= begin)
        length = warm_up_length([self._ok[number][0] / self._ok[number][1] for number in numbers])
        if length is None:
            why = _TOO_SHORT if len(numbers) < FEWEST_BATCHES * BATCH else "no steady state was found"
            if first_s < all_there_s <= last_s - FEWEST_SECONDS:
                return Steady(all_there_s, all_there_s - first_s, why)
            return Steady(None, why_no_more=why)
        # The last bin ends with the run. A throughput that never settles, as of a target that stalls, is its own.
        ended = [self._ended.get(number, 0) for number in range(begin, max(self._ended))]
        cut = max(numbers[length] if length else begin, begin + (warm_up_length(ended) or 0))
        from_s = -(-cut * BIN_NS // SECOND_NS)
        return Steady(from_s, from_s - first_s)


_TOO_SHORT = "too short a run to find a steady state in"


def _all_there(users: Mapping[int, int]) -> int:
    """Return the Unix second from which on there were as many users as ever; 0 where they were so from the start."""
    most = max(users.values(), default=0)
    reached = min((second for second, count in users.items() if count == most), default=0)
    return reached + 1 if users and reached > min(users) else 0


def warm_up_length(values: Sequence[float], batch: int = BATCH) -> int | None:
    """Return how many leading observations are warm-up, a multiple of ``batch``; 0 where there is none.

    The cut is the one after which the mean of what is left has the smallest squared standard error,
    ``sum((y - mean)**2) / n**2`` over the batch means left. None where there are fewer than ``FEWEST_BATCHES`` batches,
    or where the best cut lies in the second half: then no steady state was reached.
    """
    batches = [sum(values[at : at + batch]) / batch for at in range(0, len(values) - batch + 1, batch)]
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
    return best_cut * batch if best_cut <= len(batches) // 2 else None
