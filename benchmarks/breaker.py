"""CPU microseconds that a closed circuit breaker adds to a call that succeeds."""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from harness.stages.breaker import BreakerSettings, CircuitBreaker

GOAL_US = 2.0
CALLS = 50_000

SETTINGS = {
    "failures in a row": BreakerSettings(),
    "rate of 100 calls": BreakerSettings(failure_threshold=None, failure_rate=0.5, window_calls=100, minimum_calls=100),
    "rate of 30 seconds": BreakerSettings(failure_threshold=None, failure_rate=0.5, window_s=30.0, minimum_calls=100),
    "the same, and slow calls": BreakerSettings(
        failure_threshold=None, failure_rate=0.5, window_s=30.0, minimum_calls=100, slow_call_ms=1_000.0, slow_rate=0.5
    ),
}


def cost_us(settings: BreakerSettings) -> float:
    """Return CPU microseconds for asking a breaker for a permit and using it."""
    breaker = CircuitBreaker("bench", settings=settings)
    began = time.process_time()
    for _ in range(CALLS):
        permit = breaker.try_acquire()
        if permit is not None:
            permit.succeed()
    return (time.process_time() - began) / CALLS * 1e6


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each kind of breaker (9)")
    rounds = parser.parse_args().rounds
    worst = 0.0
    for name, settings in SETTINGS.items():
        found = statistics.median(cost_us(settings) for _ in range(rounds))
        worst = max(worst, found)
        print(f"breaker: {name:<25} {found:5.2f} µs per call", flush=True)
    kept = worst <= GOAL_US
    print(f"breaker: most {worst:.2f} µs  goal: at most {GOAL_US} {'kept' if kept else 'MISSED'}")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
