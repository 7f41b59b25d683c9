"""Settings of circuit breakers as others publish them, each with its source and with what of it is not modelled.

Values and comparisons are those of the sources' code where code and prose differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from harness.stages.breaker.settings import BreakerSettings

RESILIENCE4J: Final = BreakerSettings(
    failure_threshold=None,
    failure_rate=0.5,
    window_calls=100,
    minimum_calls=100,
    open_s=60.0,
    probes=10,
    success_threshold=None,
    slow_call_ms=60_000.0,
    slow_rate=1.0,
)
"""resilience4j, ``CircuitBreakerConfig.java``: "DEFAULT_FAILURE_RATE_THRESHOLD = 50", "DEFAULT_SLIDING_WINDOW_SIZE =
100", "DEFAULT_MINIMUM_NUMBER_OF_CALLS = 100", "DEFAULT_WAIT_DURATION_IN_OPEN_STATE = 60",
"DEFAULT_PERMITTED_CALLS_IN_HALF_OPEN_STATE = 10", "DEFAULT_SLOW_CALL_DURATION_THRESHOLD = 60" (seconds) at
"DEFAULT_SLOW_CALL_RATE_THRESHOLD = 100". At a rate "equal to or greater than the threshold" it opens.

There, probes are judged after min(minimum number of calls, permitted probes) outcomes; here after all probes, which
is the same with these numbers."""

POLLY: Final = BreakerSettings(
    failure_threshold=None,
    failure_rate=0.1,
    window_s=30.0,
    window_parts=10,
    minimum_calls=100,
    successes_open=False,
    open_s=5.0,
)
"""Polly 8, ``CircuitBreakerConstants.cs``: "DefaultFailureRatio = 0.1", "DefaultMinimumThroughput = 100",
"DefaultSamplingDuration = TimeSpan.FromSeconds(30)", "DefaultBreakDuration = TimeSpan.FromSeconds(5)".

Its documentation says that it breaks when the ratio "exceeds" the threshold; ``AdvancedCircuitBehavior.cs`` breaks at
it ("FailureRate >= _failureRatio"), and on failures only. Not modelled: a second probe when the first has no outcome
after another break duration, and that the ten parts of the window begin with the calls instead of the clock."""

ENVOY: Final = BreakerSettings(
    failure_threshold=5,
    open_s=30.0,
    open_times_n=True,
    open_max_s=300.0,
    sweep_s=10.0,
    probes=0,
)
"""Envoy outlier detection, ``outlier_detection.proto``: "consecutive_5xx … Defaults to 5", "interval … Defaults to
10000ms or 10s", "The real time is equal to the base time multiplied by the number of times the host has been ejected
and is capped by max_ejection_time. Defaults to 30000ms or 30s", "the default value (300000ms or 300s)".

A host returns with a sweep and without probes; each sweep that finds it in service takes one off the number of times
(``outlier_detection_impl.cc``, ``checkHostForUneject``). Not modelled: ``max_ejection_percent`` and the detectors that
compare hosts, which need the whole cluster."""

LITELLM: Final = BreakerSettings(
    failure_threshold=None,
    failure_rate=0.5,
    above_only=True,
    window_s=60.0,
    window_parts=1,
    minimum_calls=5,
    successes_open=False,
    open_s=5.0,
    probes=0,
)
"""LiteLLM router, ``constants.py`` and ``router_utils/cooldown_handlers.py``: "DEFAULT_FAILURE_THRESHOLD_PERCENT =
0.5", "DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS = 5", "DEFAULT_COOLDOWN_TIME_SECONDS = 5"; cooled down when
"percent_fails > DEFAULT_FAILURE_THRESHOLD_PERCENT" of the current minute. Versions before the fix of issue
17418 need 2 calls, not 5.

Not modelled: a 429 or an error that is not to be retried cools down at once; a model group of one deployment does not
cool down until 1,000 calls all failed; the minute's counts outlive the cooldown."""

PORTKEY: Final = BreakerSettings(
    failure_threshold=None,
    failure_rate=0.2,
    above_only=True,
    window_s=60.0,
    window_parts=1,
    minimum_calls=10,
    successes_open=False,
    open_s=30.0,
    probes=0,
    use_all_when_all_open=True,
)
"""Portkey AI gateway, documentation page "Circuit Breaker": "cooldown_interval: Milliseconds to wait before retrying
(min: 30s)", "Circuit closes (CLOSED) automatically after cooldown_interval passes", "If all targets are OPEN, circuit
breaker is bypassed".

The page gives **no defaults** for the thresholds: 20 % of at least 10 calls is its example; that the rate is of one
minute is ours, since the page names no window."""

STAGEFLOW: Final = BreakerSettings(failure_threshold=5, open_s=30.0, probes=None, success_threshold=1)
"""stageflow-core 1.2.0, ``CircuitBreakerInterceptor`` in ``pipeline/interceptors.py``: 5 failures without a success
between them open ("# Threshold"), "# 30 second reset", then every call is let through: the first success closes, the
first failure reopens.

Not modelled: there, a rejected call counts as a success and closes the breaker (its ``after`` sees a stage that did not
fail), and late failures prolong the open time."""

PRESETS: Final[Mapping[str, BreakerSettings]] = MappingProxyType(
    {
        "resilience4j": RESILIENCE4J,
        "polly": POLLY,
        "envoy": ENVOY,
        "litellm": LITELLM,
        "portkey": PORTKEY,
        "stageflow": STAGEFLOW,
    }
)
"""All presets by name."""
