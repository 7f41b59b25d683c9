"""When a fault window led to its first fallback, against what the judge wrote down, and case by case."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis import load_run, statistics
from analysis.statistics.faults.first_fallbacks import first_fallbacks

STORM = Path(__file__).parents[3] / "results" / "example-storm"


def test_delays_of_the_storm_are_those_of_its_faults_csv() -> None:
    run = load_run(STORM)
    windows = statistics.fault_windows(run.edges, run.injections)
    found = statistics.fallback_activation(run.series, windows, run.operations, run.attempts, run.injections)

    assert found["fault"].tolist() == run.faults["name"].tolist()
    assert found["activation_delay_s"].tolist() == pytest.approx(
        (run.faults["activation_delay_ms"] / 1000).tolist(), abs=1e-3
    )
    any_fallback = statistics.fallback_activation(run.series, windows, run.operations, run.attempts)
    assert any_fallback["activation_delay_s"].iloc[4] < 0.02  # that of the window beside it


@pytest.fixture(name="first")
def first_fixture(table, at, operation):
    """Return the seconds of the first fallback in a window from 10 to 20, from attempts and injections."""

    def found(attempts: list[tuple], hits: list[tuple], windows: tuple[tuple[str, float], ...] = (("down", 10.0),)):
        identifiers = sorted({each[0] for each in attempts})
        begins = {each: min(a[4] for a in attempts if a[0] == each) for each in identifiers}
        ends = {each: max(a[5] for a in attempts if a[0] == each) for each in identifiers}
        operations = table("operations", [operation(each, begins[each], ends[each]) for each in identifiers])
        told = [(*a[:4], at(a[4]), at(a[5]), *a[6:]) for a in attempts]
        injections = [(o, fault, "error", place, at(when), at(when)) for o, fault, place, when in hits]
        frame = pd.DataFrame(
            [(name, at(begin), at(begin + 10)) for name, begin in windows], columns=["fault", "start_ns", "end_ns"]
        )
        times = first_fallbacks(frame, operations, table("attempts", told), table("injections", injections))
        return [None if each is None else round((each - at(0)) / 1e9, 6) for each in times]

    return found


def attempt(operation: int, ordinal: int, tier: int, begin: float, outcome: str, breaker: str | None = None) -> tuple:
    return (operation, ordinal, f"route {tier}", tier, begin, begin + 0.1, outcome, breaker, None)


def test_it_is_that_of_an_operation_the_fault_hit_and_of_no_other(first) -> None:
    attempts = [
        attempt(1, 0, 0, 10.0, "failed"), attempt(1, 1, 1, 10.2, "ok"),
        attempt(2, 0, 0, 11.0, "failed"), attempt(2, 1, 0, 11.2, "failed"), attempt(2, 2, 1, 11.4, "ok"),
    ]  # fmt: skip

    assert first(attempts, [(2, "down", "backend b", 11.05)]) == [11.4]
    assert first(attempts, [(1, "down", "backend b", 10.05)]) == [10.2]
    assert first(attempts, [(3, "down", "backend b", 10.05)]) == [None]


def test_an_attempt_that_was_not_executed_is_no_fallback(first) -> None:
    attempts = [
        attempt(1, 0, 0, 10.0, "failed"), attempt(1, 1, 1, 10.2, "rejected", "open"), attempt(1, 2, 2, 10.3, "ok"),
    ]  # fmt: skip

    assert first(attempts, [(1, "down", "backend b", 10.05)]) == [10.3]


def test_a_route_that_an_open_breaker_rejects_falls_back_by_the_fault_on_the_route(first) -> None:
    attempts = [
        attempt(1, 0, 0, 12.0, "failed"), attempt(1, 1, 1, 12.2, "ok"),
        attempt(2, 0, 0, 11.0, "rejected", "open"), attempt(2, 1, 1, 11.01, "ok"),
        attempt(3, 0, 0, 10.5, "rejected", "closed"), attempt(3, 1, 1, 10.6, "ok"),
    ]  # fmt: skip

    assert first(attempts, [(1, "down", "route route 0, tier 0", 12.05)]) == [11.01]
    assert first(attempts, [(1, "down", "backend b", 12.05)]) == [12.2]


def test_an_attempt_on_a_tier_the_fault_did_not_strike_leads_to_nothing(first) -> None:
    attempts = [attempt(1, 0, 0, 10.0, "failed"), attempt(1, 1, 1, 10.2, "failed"), attempt(1, 2, 2, 10.4, "ok")]

    assert first(attempts, [(1, "down", "backend b", 10.25)]) == [10.4]


def test_a_second_walk_is_not_the_first_ones_fallback(first) -> None:
    attempts = [
        attempt(1, 0, 0, 10.0, "ok"), attempt(1, 1, 0, 10.2, "failed"), attempt(1, 2, 1, 10.4, "ok"),
    ]  # fmt: skip

    assert first(attempts, [(1, "down", "backend b", 10.05)]) == [None]
    assert first(attempts, [(1, "down", "backend b", 10.25)]) == [10.4]


def test_a_hit_outside_of_attempts_and_a_fault_without_hits_take_any_attempt_that_gave_way(first) -> None:
    attempts = [attempt(1, 0, 0, 10.0, "failed"), attempt(1, 1, 1, 10.2, "ok")]

    assert first(attempts, [(1, "down", "stage s", 9.99)]) == [10.2]
    assert first(attempts, []) == [10.2]
    assert first([attempt(1, 0, 0, 22.0, "failed"), attempt(1, 1, 1, 22.2, "ok")], []) == [None]


def test_hits_belong_to_the_window_of_their_fault_that_had_begun_last(first) -> None:
    attempts = [attempt(1, 0, 0, 31.0, "failed"), attempt(1, 1, 1, 31.2, "ok")]

    hits = [(1, "down", "backend b", 31.05)]
    assert first(attempts, hits, (("down", 10.0), ("down", 30.0), ("other", 30.5))) == [None, 31.2, 31.2]
    assert first(attempts, [*hits, (9, "other", "backend b", 31.0)], (("down", 30.0), ("other", 30.5))) == [31.2, None]
