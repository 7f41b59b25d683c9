"""Lines of edges: one per edge of a breaker, one per window of a fault and run, not more than a terminal can take."""

from __future__ import annotations

import pytest

from harness.load.faults.describe import in_words
from harness.load.faults.plan import FaultPlan, parse_fault_plan
from harness.swarm.keeping.live_lines import LINES_PER_S, LiveLines, Told, Untold
from harness.words.operation import THE_RUN_ENDED, Edge

PLAN = parse_fault_plan(
    b"""
[[fault]]
name = "slow"
where = { route = "premium", tier = 0 }
what = { kind = "latency", ms = 400 }
""",
    "plan.toml",
)
BEGAN_NS = 1_000 * 10**9


class Shown:
    def __init__(self, plan: FaultPlan | None = PLAN, *, several: bool = False) -> None:
        self.told: list[Told | Untold] = []
        self.now_s = 0.0
        self.live = LiveLines(plan, BEGAN_NS, self.told.append, lambda: several, lambda: self.now_s)

    def show(self, *edges: Edge, worker: int = 0, offset_ns: int = 0, until_s: float | None = None) -> list[Told]:
        """Show edges as they come over the wire, up to a second of the worker's clock, and return what is told."""
        before = len(self.told)
        until_ns = (
            max((edge.at_ns for edge in edges), default=0) if until_s is None else BEGAN_NS + round(until_s * 1e9)
        )
        self.live.show(worker, [list(edge) for edge in edges], offset_ns, until_ns)
        return self.told[before:]


def edge(
    at_s: float, what: str, name: str, after: str, cause: str = "", before: str = "closed", window: int = 0
) -> Edge:
    ordinal = window if what == "fault" else None
    return Edge(BEGAN_NS + round(at_s * 1e9), what, name, before, after, cause, ordinal)


def test_the_window_of_a_fault_says_where_and_what_it_is() -> None:
    shown = Shown()
    assert shown.show(edge(12.04, "fault", "slow", "open", "12.04 s"), edge(13, "fault", "slow", "closed", "13 s")) == [
        Told(12.04, "fault", "slow", "open", None, in_words(PLAN.fault[0])),
        Told(13, "fault", "slow", "closed", None, ""),
    ]
    assert shown.show(edge(20, "fault", "slow", "closed", THE_RUN_ENDED, window=1)) == [
        Told(20, "fault", "slow", "closed", None, THE_RUN_ENDED)
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (Told(12.04, "fault", "slow", "open", None, "here"), "12.0 s  fault 'slow' begins (here)"),
        (Told(13, "fault", "slow", "closed", None, ""), "13.0 s  fault 'slow' ends"),
        (Told(13, "fault", "slow", "closed", None, "why"), "13.0 s  fault 'slow' ends: why"),
        (Told(1.25, "breaker", "x", "open", None, "why"), "1.2 s  breaker x opens: why"),
        (Told(2, "breaker", "x", "half_open", 1, "why"), "2.0 s  breaker x of worker 1 lets probes through: why"),
        (Told(2, "breaker", "x", "closed", None, "why", 7), "2.0 s  breaker x closes: why (and 7 more edges before)"),
        (Untold(8), "8 more edges were not shown; all are in history/edges-*.parquet"),
    ],
)
def test_what_is_told_as_a_line_of_the_terminal(told: Told | Untold, line: str) -> None:
    assert str(told) == line


def test_a_window_is_told_once_however_many_workers_open_it_and_in_whatever_order() -> None:
    shown = Shown(several=True)
    first = [edge(1, "fault", "slow", "open"), edge(2, "fault", "slow", "closed")]
    first.append(edge(5, "fault", "slow", "open", window=1))
    assert len(shown.show(*first, worker=0, until_s=9)) == 3
    assert shown.show(*first, worker=1, until_s=9) == []
    assert len(shown.show(edge(6, "fault", "slow", "closed", window=1), worker=1)) == 1
    assert shown.show(edge(6, "fault", "slow", "closed", window=1), worker=0) == []


def test_a_breaker_says_why_and_of_which_worker_it_is_where_there_are_several() -> None:
    opens = edge(13.4, "breaker", "premium", "open", "failures in a row: 5")
    told = Told(13.4, "breaker", "premium", "open", None, "failures in a row: 5")
    assert Shown().show(opens) == [told]
    shown = Shown(several=True)
    assert shown.show(opens, worker=1, until_s=20) == [told._replace(worker=1)]
    assert shown.show(opens, worker=0, until_s=20) == [told._replace(worker=0)]


def test_times_are_those_of_the_master() -> None:
    (told,) = Shown().show(edge(10, "breaker", "x", "closed", "reset"), offset_ns=-2 * 10**9)
    assert told.at_s == 8.0


def test_what_is_too_much_for_a_second_is_counted_in_the_next_line_or_at_the_end() -> None:
    shown = Shown()
    flood = [edge(1, "breaker", "x", "open", "why")] * (LINES_PER_S + 7)
    assert len(shown.show(*flood)) == LINES_PER_S
    shown.now_s = 1.0
    (told,) = shown.show(edge(2, "breaker", "x", "closed", "why"))
    assert (told.at_s, told.more) == (2.0, 7)
    shown.show(*flood)
    shown.live.close()
    assert shown.told[-1] == Untold(8)


def test_without_a_plan_breakers_are_told_all_the_same() -> None:
    (told,) = Shown(None).show(edge(1, "breaker", "x", "open", "why"))
    assert (told.what, told.name, told.after) == ("breaker", "x", "open")


def breaker(at_s: float, name: str) -> Edge:
    return edge(at_s, "breaker", name, "open", "why")


def seconds(told: list[Told]) -> list[float]:
    return [round(each.at_s, 3) for each in told]


def test_lines_of_several_workers_come_in_the_order_of_the_master_s_time() -> None:
    shown = Shown(several=True)
    shown.show(worker=1, until_s=0.9)
    assert (
        shown.show(breaker(1.5, "a"), breaker(1.9, "b"), worker=0, until_s=2.0) == []
    )  # worker 1 may have earlier ones
    lines = shown.show(breaker(1.2, "c"), breaker(1.7, "d"), worker=1, until_s=1.8)
    assert seconds(lines) == [1.2, 1.5, 1.7]
    assert seconds(shown.show(worker=1, until_s=2.8)) == [1.9]


def test_the_order_is_that_of_the_clock_of_the_master() -> None:
    shown = Shown(several=True)
    shown.show(worker=1, until_s=0, offset_ns=-10 * 10**9)
    shown.show(breaker(1.5, "a"), worker=0, until_s=2)
    assert seconds(shown.show(breaker(11.2, "b"), worker=1, offset_ns=-10 * 10**9, until_s=12)) == [1.2, 1.5]


def test_the_window_of_a_fault_begins_with_the_worker_that_opened_it_first_and_not_with_the_first_to_say_so() -> None:
    shown = Shown(several=True)
    shown.show(worker=1, until_s=0)
    shown.show(edge(1.02, "fault", "slow", "open"), edge(1.3, "breaker", "x", "open", "why"), worker=0, until_s=2)
    lines = shown.show(edge(1.4, "fault", "slow", "open"), worker=1, until_s=2)
    assert [(round(each.at_s, 3), each.what) for each in lines] == [(1.02, "fault"), (1.3, "breaker")]


def test_a_worker_that_keeps_silent_holds_the_others_up_for_two_seconds() -> None:
    shown = Shown(several=True)
    shown.show(worker=1, until_s=1)
    assert shown.show(breaker(1.5, "a"), worker=0, until_s=3.4) == []
    assert seconds(shown.show(breaker(3.45, "b"), worker=0, until_s=3.6)) == [1.5]


def test_what_is_held_at_the_end_is_told() -> None:
    shown = Shown(several=True)
    shown.show(worker=1, until_s=1)
    shown.show(breaker(1.5, "a"), breaker(1.4, "b"), worker=0, until_s=2)
    assert shown.told == []
    shown.live.close()
    assert seconds(shown.told) == [1.4, 1.5]
