from __future__ import annotations

import pandas as pd
import pytest

from analysis.statistics import breaker_states, fault_windows, worst_states
from harness.judge.checkers.disturbances.fault_windows import windows_of
from harness.load.faults.plan import parse_fault_plan
from harness.words.operation import Edge

PLAN = b"""
[[fault]]
name = "slow"
where = { stage = "router" }
what = { kind = "latency", ms = 1 }

[[fault]]
name = "cut"
where = { stage = "router" }
what = { kind = "error" }
"""


@pytest.fixture(name="edges_of")
def edges_of_fixture(table, at):
    def make(*edges):
        rows = [(at(second), what, name, before, after, "told", w) for second, what, name, before, after, w in edges]
        return table("edges", rows)

    return make


def opened(second: float, name: str = "slow", worker: int = 0):
    return (second, "fault", name, "closed", "open", worker)


def closed(second: float, name: str = "slow", worker: int = 0):
    return (second, "fault", name, "open", "closed", worker)


def test_a_window_opens_with_the_first_process_and_closes_with_the_last(edges_of, at) -> None:
    frame = fault_windows(edges_of(opened(10, worker=0), opened(10.02, worker=1), closed(20, worker=1), closed(20.1)))

    assert frame["fault"].tolist() == ["slow"]
    assert frame["start_ns"].tolist() == [at(10)]
    assert frame["end_ns"].tolist() == [at(20.1)]


def test_a_fault_can_have_several_windows_and_faults_may_overlap(edges_of, at) -> None:
    edges = edges_of(opened(1), closed(2), opened(5), closed(6), opened(1.5, "cut"), closed(5.5, "cut"))
    frame = fault_windows(edges)

    assert frame["fault"].tolist() == ["slow", "cut", "slow"]
    assert frame["end_ns"].tolist() == [at(2), at(5.5), at(6)]


def test_a_window_that_never_closed_has_no_end(edges_of) -> None:
    frame = fault_windows(edges_of(opened(1), opened(1, worker=1)))

    assert frame["end_ns"].isna().tolist() == [True]


@pytest.mark.parametrize("dead", [9.99, 10, 10.01, 15])
def test_a_worker_that_died_in_a_window_keeps_it_open_for_nobody(edges_of, at, dead) -> None:
    alive = [opened(10), closed(20), opened(40), closed(50)]
    frame = fault_windows(edges_of(*alive, opened(dead, worker=1)))

    assert frame["start_ns"].tolist() == [at(min(dead, 10)), at(40)]
    assert frame["end_ns"].tolist() == [at(20), at(50)]


def test_windows_are_those_of_the_judge(edges_of, at) -> None:
    rows = [opened(10), closed(20), opened(40), closed(50), opened(10.01, worker=1), opened(60, "cut", worker=1)]
    plan = parse_fault_plan(PLAN, "plan").fault
    edges = {0: [], 1: []}
    for second, what, name, before, after, worker in rows:
        edges[worker].append(Edge(at(second), what, name, before, after, "told"))
    judged = windows_of(edges, plan)
    frame = fault_windows(edges_of(*rows))

    assert [(window.fault.name, window.start_ns, window.end_ns) for window in judged] == [
        ("slow", at(10), at(20)), ("slow", at(40), at(50)), ("cut", at(60), None),
    ]  # fmt: skip
    ends = [None if pd.isna(end) else int(end) for end in frame["end_ns"]]
    assert list(zip(frame["fault"], frame["start_ns"], ends, strict=True)) == [
        (window.fault.name, window.start_ns, window.end_ns) for window in judged
    ]
    assert [window.ends_ns for window in judged] == [at(20), at(50), None]  # recovery from the first is looked for


def test_injections_say_where_and_how_many_a_window_hit(edges_of, table, at) -> None:
    hits = [
        (1, "slow", "latency", "stage router", at(2), None),
        (1, "slow", "latency", "stage guard", at(2.1), None),
        (2, "slow", "latency", "stage router", at(4), at(5)),
        (3, "slow", "latency", "stage router", at(40), at(41)),
        (4, "cut", "error", "backend a", at(3), at(3)),
    ]
    frame = fault_windows(edges_of(opened(1), closed(6)), table("injections", hits))

    assert frame["operations_hit"].tolist() == [2]
    assert frame["place"].tolist() == ["stage guard + stage router"]
    assert frame["kind"].tolist() == ["latency"]


def test_injections_are_counted_in_the_window_they_name_whatever_their_clock_says(table, at) -> None:
    states = [(1, "closed", "open", 0), (2, "open", "closed", 0), (5, "closed", "open", 1), (6, "open", "closed", 1)]
    edges = [(at(when), "fault", "slow", before, after, "told", n, 0) for when, before, after, n in states]
    hits = [(1, "slow", "latency", "stage router", at(1.5), None, 0), (2, "slow", "latency", "x", at(1.6), None, 1)]
    frame = fault_windows(table("edges", edges), table("injections", hits))

    assert frame["operations_hit"].tolist() == [1, 1]
    assert frame["place"].tolist() == ["stage router", "x"]
    assert frame["ordinals"].tolist() == [((0, 0),), ((0, 1),)]


def test_without_injections_hits_are_unknown(edges_of) -> None:
    frame = fault_windows(edges_of(opened(1), closed(6)))

    assert frame["operations_hit"].isna().all()


def test_no_edges_give_no_windows_and_no_states(edges_of) -> None:
    assert fault_windows(edges_of()).empty
    assert breaker_states(edges_of()).empty
    assert worst_states(breaker_states(edges_of())).empty


def test_a_breaker_is_in_one_state_after_the_other(edges_of, at) -> None:
    edges = edges_of(
        (3, "breaker", "gpu", "closed", "open", 0),
        (8, "breaker", "gpu", "open", "half_open", 0),
        (9, "breaker", "gpu", "half_open", "closed", 0),
        (4, "breaker", "gpu", "closed", "open", 1),
    )
    frame = breaker_states(edges, end_ns=at(20))
    first = frame[frame["worker"] == 0]

    assert first["state"].tolist() == ["closed", "open", "half_open", "closed"]
    assert pd.isna(first["start_ns"].iloc[0])
    assert first["start_ns"].iloc[1:].tolist() == [at(3), at(8), at(9)]
    assert first["end_ns"].tolist() == [at(3), at(8), at(9), at(20)]
    assert frame[frame["worker"] == 1]["state"].tolist() == ["closed", "open"]


def test_the_worst_state_of_any_worker_counts(edges_of, at) -> None:
    edges = edges_of(
        (3, "breaker", "gpu", "closed", "open", 0),
        (8, "breaker", "gpu", "open", "half_open", 0),
        (9, "breaker", "gpu", "half_open", "closed", 0),
        (4, "breaker", "gpu", "closed", "open", 1),
        (8.5, "breaker", "gpu", "open", "closed", 1),
    )
    frame = worst_states(breaker_states(edges))

    assert frame["state"].tolist() == ["closed", "open", "open", "open", "half_open", "closed"]
    assert frame["workers"].tolist() == [2, 1, 2, 1, 1, 2]
    assert frame["start_ns"].dropna().tolist() == [at(3), at(4), at(8), at(8.5), at(9)]
