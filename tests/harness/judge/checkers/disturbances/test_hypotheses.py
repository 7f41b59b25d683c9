from __future__ import annotations

import pytest
from made_cases import CLOSED, HALF_OPEN, MS, OPEN, edge, made, opened, operation, windows

from harness.judge.check import feed
from harness.judge.checkers.disturbances.hypotheses import Activation, of_breakers
from harness.judge.checkers.fallbacks.breakers import BreakerLegality
from harness.judge.checkers.fallbacks.fallbacks import FallbackCorrectness
from harness.judge.checkers.registry import registered
from harness.judge.checkers.selection import Checks
from harness.judge.entry import Status
from harness.judge.evidence import Evidence, Seen
from harness.judge.facts import Facts
from harness.load.faults.plan import parse_fault_plan

NAMES = [
    *("breaker transitions", "fallback activation", "state preservation", "determinism", "route history"),
    "activation under overload",
]

OF_EVERY_RUN = {checker.name for checker in registered() if not checker.needs}
KNOWN = (True, 30_000.0, 1, 1)


def evidence(facts=Facts(*KNOWN), baseline=(), **seen):  # noqa: B008  # frozen
    """Return the evidence of a run in which so many rows were seen."""
    return Evidence(facts, Seen(**seen), baseline=baseline)


def activation(cases, found=()):
    """Return the entry on activation, and what it was folded from."""
    fold, correctness = Activation(found), FallbackCorrectness()
    for case in cases:
        fold.add(case)
        correctness.add(case)
    return fold.close(correctness.close()), fold


class TestActivation:
    def test_operations_whose_primary_gave_way_are_its_n_and_those_that_went_on_its_number(self):
        cases = [made("a0 ok"), made("a0 failed, a0 ok"), made("a0 failed, b1 ok"), made("a0 rejected open, b1 ok")]
        entry, fold = activation(cases)
        assert (entry.status, entry.actual) == (Status.VALID, "2 of 2")
        assert "n = 2 operations whose primary gave way, 2 of them ended ok" in entry.detail
        assert len(fold.delay) == 2

    def test_a_missed_fallback_makes_it_invalid(self):
        entry, _ = activation([made("a0 failed, b1 ok"), made("a0 failed", ordinal=3)])
        assert (entry.status, entry.actual, entry.examples) == (Status.INVALID, "1 of 2", (3,))

    def test_a_run_in_which_no_primary_gave_way_is_unknown(self):
        assert activation([made("a0 ok"), made()])[0].status is Status.UNKNOWN

    def test_the_latency_of_fallbacks_with_an_open_breaker_is_told_in_times_of_the_clean_primary(self):
        def lasting(tried, ms, **fields):
            case = made(tried, **fields)
            intended_ns = case.operation.end_ns - ms * MS
            return case._replace(operation=case.operation._replace(intended_ns=intended_ns))

        hit = (("down", "error", "route a, tier 0", 1, 2),)
        cases = [
            *[lasting("a0 ok", 10, at_ms=n) for n in range(20)],
            *[lasting("a0 rejected open, b1 ok", 15, at_ms=n) for n in range(20)],
            *[lasting("a0 rejected half_open, b1 ok", 500, at_ms=n) for n in range(20)],
            *[lasting("a0 failed, b1 ok", 500, at_ms=n) for n in range(20)],
            *[lasting("a0 failed, a0 ok", 500, at_ms=n) for n in range(20)],
            *[lasting("c0 ok", 40, at_ms=n) for n in range(20)],
            *[lasting("c0 rejected open, b1 ok", 20, at_ms=n) for n in range(20)],
            *[lasting("a0 ok", 500, at_ms=n, injections=hit) for n in range(20)],
            *[lasting("a0 ok", 500, at_ms=1500 + n) for n in range(20)],  # in the window of a fault
        ]
        entry, fold = activation(cases, windows(*opened("down", 1, 2)))
        assert fold.latency_x == pytest.approx(1.5, rel=0.01)
        assert "times the clean primary's (a: 20 and 20 operations)" in entry.detail
        assert fold.as_json()["open_p50_ms"] == pytest.approx(15, rel=0.001)

    @pytest.mark.parametrize(
        "cases",
        [
            [made("a0 ok")] * 20,
            [made("a0 rejected open, b1 ok")] * 20,
            [made("a0 rejected open, b1 ok"), made("c0 ok")] * 20,
            [made("a0 rejected open, b1 ok"), made("a0 ok")] * 19,
            [],
        ],
    )
    def test_without_one_of_both_there_is_no_ratio(self, cases):
        _, fold = activation(cases)
        assert fold.latency_x is None
        assert fold.as_json()["x"] is None


class TestBreakers:
    def test_edges_of_a_breaker_s_own_are_its_n(self):
        edges = [
            edge(1, "a", CLOSED, OPEN),
            edge(2, "a", OPEN, HALF_OPEN),
            edge(3, "b", CLOSED, OPEN, "forced open: x"),
        ]
        entry = of_breakers(edges, BreakerLegality(edges).close())
        assert entry.status is Status.VALID
        assert "n = 2 edges of 1 breakers: closed to open 1, open to half_open 1" in entry.detail

    def test_an_illegal_edge_makes_it_invalid(self):
        edges = [edge(1, "a", CLOSED, HALF_OPEN)]
        assert of_breakers(edges, BreakerLegality(edges).close()).status is Status.INVALID

    def test_forced_edges_alone_test_nothing(self):
        edges = [edge(1, "a", CLOSED, OPEN, "forced open: until reset")]
        assert of_breakers(edges, BreakerLegality(edges).close()).status is Status.UNKNOWN


class TestWhichChecks:
    """What a run gets besides the checks of every run."""

    def names(self, evidence, cases):
        checks = Checks(evidence)
        feed(cases, checks.of_cases)
        rows = [entry.name for entry in checks.close() if entry.name not in OF_EVERY_RUN]
        return rows, checks.hypotheses(), checks

    def test_a_run_that_tells_nothing_gets_nothing(self):
        names, hypotheses, checks = self.names(evidence(), [made()])
        assert (names, hypotheses, checks.need_cases, checks.totals()) == ([], [], False, {"unknown_route": None})

    def test_backends_that_keep_a_log_let_silent_fallbacks_be_seen(self):
        names, hypotheses, _ = self.names(evidence(calls=1), [made()])
        assert (names, hypotheses) == (["silent fallback"], [])

    def test_a_target_that_tells_attempts_and_has_no_breaker_is_not_unknown_for_it(self):
        names, hypotheses, checks = self.names(evidence(attempts=2), [made("a0 failed, b1 ok")])
        assert names == ["silent fallback", "fallback correctness", "fallback loop"]
        assert [entry.name for entry in hypotheses] == NAMES
        assert [entry.status for entry in hypotheses].count(Status.VALID) == 3
        assert set(checks.totals()) == {"fallback_latency", "unknown_route"}

    def test_a_target_whose_chain_declares_a_deadline_is_judged_by_it(self):
        names, _, _ = self.names(evidence(Facts(*KNOWN, chain_deadline_ms=900), attempts=1), [made("a0 ok")])
        assert names[-1] == "chain deadline"

    def test_a_plan_on_a_target_that_tells_nothing(self):
        fault = windows(*opened("down", 1, 2))[0].fault
        names, hypotheses, checks = self.names(evidence(Facts(*KNOWN, faults=(fault,))), [made()])
        assert names == ["silent fallback", "ledger", "recovery"]
        assert {entry.status for entry in hypotheses} == {Status.UNKNOWN}
        assert set(checks.totals()) == {"ledger", "faults", "unknown_route"}

    def test_a_plan_whose_faults_hit_no_operation_has_no_ledger(self):
        forced = windows(*opened("forced", 1, 2))[0].fault
        names, _, checks = self.names(evidence(Facts(*KNOWN, faults=(forced,))), [made()])
        assert names == ["silent fallback", "recovery"]
        assert checks.totals()["ledger"]["injected"] == 0

    def test_operations_under_other_conditions_than_the_baseline_are_disturbed(self):
        plan = parse_fault_plan(
            b'[[fault]]\nname = "reload"\nwhat = { kind = "reload", call = "a:b" }\n'
            b'[[fault]]\nname = "clock"\nwhat = { kind = "clock_jump", by_s = 5 }\n',
            "plan",
        )
        edges = {0: [*opened("reload", 5, 6), *opened("clock", 1, 2)]}
        checks = Checks(evidence(Facts(*KNOWN, faults=plan.fault), edges=edges))
        assert [checks.undisturbed(made(at_ms=at_ms)) for at_ms in (100, 1500, 3000, 5500, 9000)] == [
            *(True, False, True, False, False),
        ]
        assert not checks.undisturbed(made(injections=(("x", "error", "y", 0, 1),)))

    def test_consistency_alone_is_not_told_of_disturbed_operations(self):
        fault = windows(*opened("down", 1, 2))[0].fault
        checks = Checks(evidence(Facts(*KNOWN, faults=(fault,)), baseline=[operation()]))
        other = {"route": "b", "expected_route": "a"}
        feed([made(injections=(("down", "error", "y", 0, 1),), **other), made(ordinal=1)], checks.of_cases)
        found = {entry.name: entry.status for entry in checks.close()}
        assert (found["consistency"], found["accuracy"]) == (Status.VALID, Status.INVALID)
