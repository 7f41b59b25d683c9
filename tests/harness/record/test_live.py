"""Lines of edges: one per edge of a breaker, one per window of a fault and run, not more than a terminal can take."""

from __future__ import annotations

from harness.load.fault_plan import FaultPlan, parse_fault_plan
from harness.record.live import LINES_PER_S, LiveLines
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
        self.lines: list[str] = []
        self.now_s = 0.0
        self.live = LiveLines(plan, BEGAN_NS, self.lines.append, lambda: several, lambda: self.now_s)

    def show(self, *edges: Edge, worker: int = 0, offset_ns: int = 0) -> list[str]:
        """Show edges as they come over the wire, and return the new lines."""
        before = len(self.lines)
        self.live.show(worker, [list(edge) for edge in edges], offset_ns)
        return self.lines[before:]


def edge(at_s: float, what: str, name: str, after: str, cause: str = "", before: str = "closed") -> Edge:
    return Edge(BEGAN_NS + round(at_s * 1e9), what, name, before, after, cause)


def test_the_window_of_a_fault_says_where_and_what_it_is() -> None:
    shown = Shown()
    assert shown.show(edge(12.04, "fault", "slow", "open", "12.04 s"), edge(13, "fault", "slow", "closed", "13 s")) == [
        "12.0 s  fault 'slow' begins (route premium, tier 0: latency 400 ms)",
        "13.0 s  fault 'slow' ends",
    ]
    assert shown.show(edge(20, "fault", "slow", "closed", THE_RUN_ENDED)) == [
        "20.0 s  fault 'slow' ends: the run ended"
    ]


def test_a_window_is_told_once_however_many_workers_open_it_and_in_whatever_order() -> None:
    shown = Shown(several=True)
    first = [edge(1, "fault", "slow", "open"), edge(2, "fault", "slow", "closed"), edge(5, "fault", "slow", "open")]
    assert len(shown.show(*first, worker=0)) == 3
    assert shown.show(*first, worker=1) == []
    assert len(shown.show(edge(6, "fault", "slow", "closed"), worker=1)) == 1
    assert shown.show(edge(6, "fault", "slow", "closed"), worker=0) == []


def test_a_breaker_says_why_and_of_which_worker_it_is_where_there_are_several() -> None:
    opens = edge(13.4, "breaker", "premium", "open", "failures in a row: 5")
    assert Shown().show(opens) == ["13.4 s  breaker premium opens: failures in a row: 5"]
    shown = Shown(several=True)
    assert shown.show(opens, worker=1) == ["13.4 s  breaker premium of worker 1 opens: failures in a row: 5"]
    assert shown.show(opens, worker=0) == ["13.4 s  breaker premium of worker 0 opens: failures in a row: 5"]
    assert shown.show(edge(15, "breaker", "premium", "half_open", "open time over")) == [
        "15.0 s  breaker premium of worker 0 lets probes through: open time over"
    ]


def test_times_are_those_of_the_master() -> None:
    assert Shown().show(edge(10, "breaker", "x", "closed", "reset"), offset_ns=-2 * 10**9) == [
        "8.0 s  breaker x closes: reset"
    ]


def test_what_is_too_much_for_a_second_is_counted_in_the_next_line_or_at_the_end() -> None:
    shown = Shown()
    flood = [edge(1, "breaker", "x", "open", "why")] * (LINES_PER_S + 7)
    assert len(shown.show(*flood)) == LINES_PER_S
    shown.now_s = 1.0
    assert shown.show(edge(2, "breaker", "x", "closed", "why")) == [
        "2.0 s  breaker x closes: why (and 7 more edges before)"
    ]
    shown.show(*flood)
    shown.live.close()
    assert shown.lines[-1].startswith("8 more edges were not shown")


def test_without_a_plan_breakers_are_told_all_the_same() -> None:
    assert Shown(None).show(edge(1, "breaker", "x", "open", "why")) == ["1.0 s  breaker x opens: why"]
