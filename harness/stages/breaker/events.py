"""What is said of a circuit breaker: its states, the causes of its edges, its events and its counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class BreakerState(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Cause(StrEnum):
    """Why a breaker changed its state."""

    FAILURES_IN_A_ROW = "failures in a row"
    FAILURE_RATE = "failure rate"
    SLOW_RATE = "slow call rate"
    OPEN_TIME_OVER = "open time over"
    PROBE_FAILED = "probe failed"
    PROBES_SUCCEEDED = "probes succeeded"
    NO_PROBES = "no probes required"
    FORCED = "forced open"
    RESET = "reset"


class BreakerEvent(NamedTuple):
    """One edge of a breaker. ``at_s`` is on the breaker's clock."""

    breaker: str
    at_s: float
    before: BreakerState
    after: BreakerState
    cause: Cause
    detail: str
    """The cause's numbers in words, and the last error."""

    @property
    def forced(self) -> bool:
        """Whether ``force_open`` or ``reset`` made this edge, and not the outcomes of calls or the time."""
        return self.cause in (Cause.FORCED, Cause.RESET)


OnEvent = Callable[[BreakerEvent], None]
"""Is told of every edge, after it. What it raises reaches the caller whose call made the edge: it must not raise."""


@dataclass(slots=True)
class StateCounts:
    """What happened in one state, over all its visits.

    Over all states, permitted = succeeded + failed + released + late + calls that still go on.
    """

    entered: int = 0
    spent_s: float = 0.0
    permitted: int = 0
    rejected: int = 0
    succeeded: int = 0
    failed: int = 0
    slow: int = 0
    """Calls longer than ``slow_call_ms``, whatever else they were."""
    released: int = 0
    late: int = 0
    """Outcomes that arrived in this state, of calls permitted in an earlier generation."""
