from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import load_run
from analysis.statistics import fairness, jain_index, priority_classes, priority_inversions


def call(at, priority: int, arrived_ms: float, started_ms: float | None, ended_ms: float = 900, **fields: object):
    values = {
        "operation": 1, "backend": "gpu", "priority": priority, "arrived_ns": at(arrived_ms / 1000),
        "started_ns": None if started_ms is None else at(started_ms / 1000), "ended_ns": at(ended_ms / 1000),
        "outcome": "served", "error": None, "worker": 0,
    } | fields  # fmt: skip
    return tuple(values.values())


def inverted(frame) -> dict[int, tuple[int, float]]:
    return {row.priority: (row.inverted, row.inverted_ms) for row in frame.itertuples()}


def test_a_less_urgent_call_dispatched_while_a_more_urgent_one_waited_is_an_inversion(at, table) -> None:
    calls = [call(at, 9, 0, 100), call(at, 1, 0, 40), call(at, 1, 0, 60)]

    assert inverted(priority_inversions(table("calls", calls))) == {1: (0, 0.0), 9: (1, 60.0)}


@pytest.mark.parametrize(
    ("name", "low"),
    [
        ("was running when the urgent one arrived", (0, 9)),
        ("was dispatched within the guard", (0, 10.5)),
        ("was dispatched after it", (0, 100.5)),
        ("never started", (0, None)),
    ],
)
def test_what_is_no_inversion(at, table, name: str, low) -> None:
    calls = [call(at, 9, 10, 100), call(at, 1, *low)]

    assert inverted(priority_inversions(table("calls", calls)))[9] == (0, 0.0)


def test_equal_priorities_other_backends_and_other_processes_invert_nothing(at, table) -> None:
    high, low = call(at, 9, 0, 100), call(at, 1, 0, 50)
    for other in (call(at, 9, 0, 50), call(at, 1, 0, 50, backend="cpu"), call(at, 1, 0, 50, worker=1)):
        assert priority_inversions(table("calls", [high, other]))["inverted"].sum() == 0
    assert priority_inversions(table("calls", [high, low]))["inverted"].sum() == 1


def test_a_call_that_gave_up_waiting_was_inverted_too(at, table) -> None:
    calls = [call(at, 9, 0, None, ended_ms=80, outcome="cancelled"), call(at, 1, 0, 50)]

    assert inverted(priority_inversions(table("calls", calls)))[9] == (1, 30.0)


times = st.integers(0, 60)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), times, st.none() | times, times), max_size=12))
def test_inversions_are_those_of_the_definition(at, table, drawn) -> None:
    calls = []
    for priority, arrived, wait, service in drawn:
        started = None if wait is None else arrived + wait
        calls.append(call(at, priority, arrived, started, (started or arrived) + service))
    frame = priority_inversions(table("calls", calls))

    def waited_until(each) -> float:
        return each[1] + each[2] if each[2] is not None else each[1] + each[3]

    expected: dict[int, list[float]] = {}
    for high in drawn:
        ahead = [
            low[1] + low[2]
            for low in drawn
            if low[0] < high[0] and low[2] is not None and high[1] + 1 <= low[1] + low[2] < waited_until(high)
        ]
        expected.setdefault(high[0], []).extend([waited_until(high) - min(ahead)] if ahead else [])
    assert inverted(frame) == {priority: (len(late), float(sum(late))) for priority, late in expected.items()}


def test_classes_stand_side_by_side_from_the_most_urgent(make_run, row, at, table) -> None:
    rows = [row(0, [1_000] * 10, priority=9), row(0, [8_000] * 30, priority=1), row(0, [5], priority=5, outcome="shed")]
    rows += [row(1, [8_000] * 10, priority=1, tier=1)]
    series = load_run(make_run(rows)).series
    inversions = priority_inversions(table("calls", [call(at, 9, 0, 100), call(at, 1, 0, 40)]))
    frame = priority_classes(series, inversions)

    assert frame["priority"].tolist() == [9, 5, 1]
    assert frame["operations"].tolist() == [10, 1, 40]
    assert frame["ok_pct"].tolist() == [100, 0, 100]
    assert frame["p50_ms"].round(1).tolist()[::2] == [1.0, 8.0]
    assert math.isnan(frame["p50_ms"][1])
    assert frame["fallback_pct"].tolist() == [0, 0, 25]
    assert frame["inverted"].tolist() == [1, 0, 0]
    assert "inverted" not in priority_classes(series)


@pytest.mark.parametrize(("values", "index"), [([5, 5, 5], 1.0), ([9, 0, 0], 1 / 3), ([1, 3], 0.8)])
def test_jains_index(values, index: float) -> None:
    assert jain_index(values) == pytest.approx(index)


@pytest.mark.parametrize("values", [[], [0, 0]])
def test_jains_index_of_nothing_is_unknown(values) -> None:
    assert math.isnan(jain_index(values))


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20))
def test_jains_index_lies_between_one_share_and_all(values) -> None:
    assert 1 / len(values) - 1e-9 <= jain_index(np.array(values)) <= 1 + 1e-9


def test_fairness_among_users_and_priorities(table, operation) -> None:
    rows = [operation(k, 0, 0.1, user=k % 2, priority=9 if k % 2 else 1) for k in range(8)]
    rows += [operation(8 + k, 0, 0.3, user=2, priority=1) for k in range(2)]
    frame = fairness(table("operations", rows)).set_index(["among", "of"])

    assert frame.loc[("users", "operations ended ok"), "n"] == 3
    assert frame.loc[("users", "operations ended ok"), "index"] == pytest.approx(100 / (3 * 36))
    assert frame.loc[("priorities", "share ended ok"), "index"] == 1
    assert frame.loc[("priorities", "mean response time"), "lowest"] == pytest.approx(100)


def test_priorities_of_nothing(make_run, table) -> None:
    assert priority_classes(load_run(make_run([])).series).empty
    assert priority_inversions(table("calls", [])).empty
    assert fairness(table("operations", [])).empty
