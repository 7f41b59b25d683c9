from __future__ import annotations

import math

import pandas as pd
import pytest

from analysis import load_run
from analysis.statistics import RecoveryRule, fallback_activation, switch_delays, wrong_fallbacks

STEP_S = 1.0
"""One step of the series."""


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


def windows_of(at, *windows: tuple[float, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "fault": [f"fault {number}" for number in range(len(windows))],
            "start_ns": [at(start) for start, _ in windows],
            "end_ns": [None if end is None else at(end) for _, end in windows],
        }
    )
    return frame.astype({"start_ns": "int64", "end_ns": "Int64"})


def outage(row, first_fallback: float, recovery: float, seconds: int = 40, slow: bool = False):
    """Return rows at 20 operations a second that go to tier 1 from one moment to the other."""
    rows = []
    for second in range(seconds):
        after = sum(first_fallback <= second + k / 20 < recovery for k in range(20))
        latency = 40_000 if slow and after else 10_000
        rows += [row(second, [latency] * (20 - after))] if after < 20 else []
        rows += [row(second, [latency] * after, tier=1, route="backup")] if after else []
    return rows


@pytest.mark.parametrize("start", [10.0, 10.4, 11.97])
@pytest.mark.parametrize("delay", [0.0, 0.3, 2.6])
@pytest.mark.parametrize("recovery", [0.0, 1.7, 5.2])
def test_delay_and_recovery_from_the_series_are_the_injected_ones_within_a_step(
    series_of, row, at, start: float, delay: float, recovery: float
) -> None:
    series = series_of(outage(row, start + delay, 20 + recovery))
    found = fallback_activation(series, windows_of(at, (start, 20.0))).iloc[0]

    assert found["activation_delay_s"] == pytest.approx(delay, abs=STEP_S)
    assert found["recovery_s"] == pytest.approx(recovery, abs=STEP_S)
    assert found["resolution_s"] == 1


@pytest.mark.parametrize("delay", [0.003, 0.3, 2.6])
def test_delay_from_attempts_is_exact(series_of, row, at, table, operation, delay: float) -> None:
    series = series_of(outage(row, 10 + delay, 21))
    operations = table("operations", [operation(1, 10.0, 15.0, tier=1)])
    attempts = table(
        "attempts",
        [
            (1, 0, "fast", 0, at(10.0), at(10 + delay), "timeout", "closed", "slow"),
            (1, 1, "backup", 1, at(10 + delay), at(15), "ok", None, None),
        ],
    )
    found = fallback_activation(series, windows_of(at, (10, 20)), operations, attempts).iloc[0]

    assert found["activation_delay_s"] == pytest.approx(delay, abs=1e-6)
    assert found["resolution_s"] == 0
    assert (found["false"], found["missed"]) == (0, 0)


def test_delay_from_operations_is_until_the_first_one_served_by_a_fallback(
    series_of, row, at, table, operation
) -> None:
    operations = table("operations", [operation(1, 9.9, 10.5), operation(2, 10.1, 10.75, tier=1)])
    found = fallback_activation(series_of(outage(row, 10.7, 20)), windows_of(at, (10, 20)), operations).iloc[0]

    assert found["activation_delay_s"] == pytest.approx(0.75)
    assert pd.isna(found["false"])
    assert "without attempts false and missed fallbacks are unknown" in found["missing"]


def test_shares_of_a_window_and_before_it(series_of, row, at) -> None:
    found = fallback_activation(series_of(outage(row, 10, 20)), windows_of(at, (10, 20))).iloc[0]

    assert found["operations"] == 200
    assert found["fallback_pct"] == 100
    assert found["fallback_before_pct"] == 0


def test_a_window_without_fallback_says_so(series_of, row, at) -> None:
    found = fallback_activation(series_of(outage(row, 90, 91)), windows_of(at, (10, 20))).iloc[0]

    assert math.isnan(found["activation_delay_s"])
    assert "no fallback was taken" in found["missing"]


def test_routing_that_stays_on_the_fallback_has_not_recovered(series_of, row, at) -> None:
    found = fallback_activation(series_of(outage(row, 10, 90)), windows_of(at, (10, 20))).iloc[0]

    assert math.isnan(found["recovery_s"])
    assert "had not recovered" in found["missing"]


def test_routing_that_is_back_but_slow_has_not_recovered(series_of, row, at) -> None:
    rows = outage(row, 10, 20, seconds=20) + [row(20 + k, [13_000] * 20) for k in range(10)]
    found = fallback_activation(series_of(rows), windows_of(at, (10, 20)))
    lenient = fallback_activation(series_of(rows), windows_of(at, (10, 20)), rule=RecoveryRule(p95_of_baseline=1.5))

    assert found["recovery_s"].isna().all()
    assert lenient["recovery_s"].tolist() == [0.0]


def test_two_good_seconds_are_no_recovery(series_of, row, at) -> None:
    rows = [*outage(row, 10, 20, seconds=22), row(22, [10000] * 20, tier=1)]
    rows += [row(23 + k, [10_000] * 20) for k in range(5)]
    found = fallback_activation(series_of(rows), windows_of(at, (10, 20))).iloc[0]

    assert found["recovery_s"] == 3.0


def test_a_run_without_seconds_before_the_fault_has_nothing_to_compare_recovery_with(series_of, row, at) -> None:
    found = fallback_activation(series_of(outage(row, 0, 5)), windows_of(at, (0, 5))).iloc[0]

    assert math.isnan(found["recovery_s"])
    assert "fewer than 20 operations ended ok in fault-free seconds before it" in found["missing"]


def test_a_window_that_never_closed_reaches_to_the_end(series_of, row, at) -> None:
    found = fallback_activation(series_of(outage(row, 10, 90)), windows_of(at, (10, None))).iloc[0]

    assert found["operations"] == 600
    assert math.isnan(found["end_s"])
    assert "never closed" in found["missing"]


def test_no_windows_give_an_empty_frame(series_of, row, at) -> None:
    assert fallback_activation(series_of([row(0, [1])]), windows_of(at)).empty
    assert fallback_activation(series_of([]), windows_of(at)).empty


def attempt(at, operation: int, ordinal: int, tier: int, outcome: str, begin: float = 0.0, end: float = 1.0):
    return (operation, ordinal, f"route {tier}", tier, at(begin), at(end), outcome, None, None)


def test_a_fallback_without_a_failed_primary_is_false(at, table, operation) -> None:
    operations = table("operations", [operation(k, 0, 1, tier=1) for k in range(4)])
    attempts = table(
        "attempts",
        [
            attempt(at, 0, 0, 1, "ok"),  # primary not even tried
            attempt(at, 1, 0, 0, "ok"),
            attempt(at, 1, 1, 1, "ok"),  # primary had answered
            attempt(at, 2, 0, 0, "failed"),
            attempt(at, 2, 1, 1, "ok"),
            attempt(at, 3, 0, 0, "rejected"),  # its breaker was open
            attempt(at, 3, 1, 1, "ok"),
        ],
    )

    assert wrong_fallbacks(operations, attempts)["false"].tolist() == [True, True, False, False]


def test_a_tier_not_tried_before_failing_is_missed(at, table, operation) -> None:
    outcomes = ["failed", "failed", "ok", "cancelled"]
    operations = table("operations", [operation(k, 0, 1, outcome=outcome) for k, outcome in enumerate(outcomes)])
    attempts = table(
        "attempts",
        [
            attempt(at, 0, 0, 0, "failed"),  # gave up although there is a tier 1
            attempt(at, 1, 0, 0, "failed"),
            attempt(at, 1, 1, 1, "failed"),  # tried all there are
            attempt(at, 2, 0, 0, "failed"),
            attempt(at, 2, 1, 1, "ok"),
            attempt(at, 3, 0, 0, "failed"),
        ],
    )

    assert wrong_fallbacks(operations, attempts)["missed"].tolist() == [True, False, False, False]


def test_switch_delay_is_from_the_failing_attempts_end_to_the_next_tiers_begin(at, table) -> None:
    attempts = table(
        "attempts",
        [
            attempt(at, 7, 0, 0, "failed", 0.0, 1.0),
            attempt(at, 7, 1, 0, "failed", 1.1, 2.0),  # a retry
            attempt(at, 7, 2, 1, "failed", 2.000_000_3, 3.0),
            attempt(at, 7, 3, 2, "ok", 3.5, 4.0),
            attempt(at, 8, 0, 0, "ok", 0.0, 1.0),
        ],
    )
    frame = switch_delays(attempts)

    assert frame["operation"].tolist() == [7]
    assert frame["delay_ms"].tolist() == [0.0003]
    assert frame[["from_tier", "to_tier"]].to_numpy().tolist() == [[0, 1]]
