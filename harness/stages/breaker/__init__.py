"""Circuit breakers: when they open, what they remember of calls, and what is said of them."""

from harness.stages.breaker.circuit_breaker import CircuitBreaker, Permit
from harness.stages.breaker.events import BreakerEvent, BreakerState, Cause, OnEvent, StateCounts
from harness.stages.breaker.settings import BreakerSettings

__all__ = [
    "BreakerEvent",
    "BreakerSettings",
    "BreakerState",
    "Cause",
    "CircuitBreaker",
    "OnEvent",
    "Permit",
    "StateCounts",
]
