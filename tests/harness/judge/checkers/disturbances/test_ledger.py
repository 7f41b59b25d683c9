from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_cases import decided, made, stopped

from harness.judge.checkers.disturbances.ledger import Fate, Ledger, balance, fate_of, in_words
from harness.judge.checkers.disturbances.silent_failure import SilentFailure
from harness.judge.entry import Status
from harness.load.faults.kinds import KINDS
from harness.load.faults.kinds.what import Effect
from harness.words.operation import AttemptOutcome, Flag, Outcome

CHANGES = {name for name, kind in KINDS.items() if kind.effect in (Effect.CHANGE, Effect.ANSWER)}
PRIMARY = "route a, tier 0"
ERROR = ("down", "error", PRIMARY, 1, 2)
SLOW = ("slow", "latency", PRIMARY, 1, 2)
AT_BACKEND = ("gpu down", "error", "backend gpu-a", 12, 14)
FAILED_CALL = ("gpu-a", 10, 15, "failed")


def fates(case, reference=None):
    return [fate_of(case, injection, reference or {}) for injection in case.injections]


class TestFates:
    @pytest.mark.parametrize(
        ("tried", "fate"),
        [
            ("a0 failed, a0 ok", Fate.RETRIED),
            ("a0 failed, b1 ok", Fate.FELL_BACK),
            ("a0 timeout, default1 ok", Fate.FELL_BACK),
            ("a0 failed, a0 skipped, b1 ok", Fate.FELL_BACK),  # the retry was not made
            ("a0 failed, a0 rejected open, b1 ok", Fate.FELL_BACK),
            ("a0 failed, b1 failed, default2 failed", Fate.SURFACED),
            ("a0 failed", Fate.SURFACED),
            ("a0 ok", Fate.UNACCOUNTED),
        ],
    )
    @pytest.mark.parametrize("kind", ["error", "hang", "timeout", "empty", "none", "cancel"])
    def test_an_error_that_struck_an_attempt(self, tried, fate, kind):
        assert fates(made(tried, injections=(("down", kind, PRIMARY, 1, 2),))) == [fate]

    @pytest.mark.parametrize(
        ("tried", "fate"),
        [
            ("a0 ok", Fate.SERVED_LATE),
            ("a0 timeout, a0 ok", Fate.RETRIED),
            ("a0 timeout, b1 ok", Fate.FELL_BACK),
            ("a0 timeout", Fate.SURFACED),
        ],
    )
    @pytest.mark.parametrize("kind", ["latency", "slow", "block"])
    def test_a_delay_that_struck_an_attempt(self, tried, fate, kind):
        assert fates(made(tried, injections=(("slow", kind, PRIMARY, 1, 9),))) == [fate]

    def test_each_fault_of_an_operation_has_its_own_fate(self):
        injections = (SLOW, ERROR, ("down", "error", PRIMARY, 11, 12), ("late", "latency", "route b, tier 1", 21, 25))
        case = made("a0 failed, a0 failed, b1 ok", injections=injections)
        assert fates(case) == [Fate.RETRIED, Fate.RETRIED, Fate.FELL_BACK, Fate.SERVED_LATE]

    def test_an_attempt_that_failed_and_after_which_the_operation_says_ok_is_unaccounted(self):
        case = made("a0 failed", injections=(ERROR,), outcome=Outcome.OK, route="a", error=None)
        assert fates(case) == [Fate.UNACCOUNTED]

    @pytest.mark.parametrize(
        "fields",
        [
            stopped(),
            {"outcome": Outcome.FAILED, "route": None},
            {"outcome": Outcome.TIMEOUT, "route": None},
            {"outcome": Outcome.CANCELLED, "route": None},
            {"outcome": Outcome.SHED, "route": None},
            {"flag": Flag.NO_ROUTE, "route": None},
            {"flag": Flag.MALFORMED},
        ],
    )
    @pytest.mark.parametrize("tried", ["", "a0 failed, b1 cancelled", "a0 failed, b1 ok"])
    def test_whatever_did_not_end_ok_and_whole_surfaced(self, tried, fields):
        assert fates(made(tried, injections=(ERROR, SLOW), **fields)) == [Fate.SURFACED] * 2

    def test_an_operation_stopped_in_the_middle_of_its_fallback_surfaced(self):
        case = made("a0 failed, b1 cancelled", injections=(ERROR,), **stopped())
        assert fates(case) == [Fate.SURFACED]


class TestBackends:
    @pytest.mark.parametrize(
        ("later", "fate"),
        [
            (("gpu-a", 15, 30, "served"), Fate.RETRIED),
            (("gpu-a", 15, 30, "failed"), Fate.RETRIED),
            (("gpu-b", 15, 30, "served"), Fate.FELL_BACK),
            (("gpu-b", 15, 30, "failed"), Fate.UNACCOUNTED),
            (("gpu-b", 2, 30, "served"), Fate.UNACCOUNTED),  # asked before
        ],
    )
    def test_where_no_attempts_are_told_the_backends_own_logs_decide(self, later, fate):
        assert fates(made(injections=(AT_BACKEND,), calls=(FAILED_CALL, later))) == [fate]

    def test_a_call_of_another_stage_is_no_fallback(self):
        spans = (("enrich", "enrich", 0, 50), ("router", "route", 50, 100))
        calls = (FAILED_CALL, ("gpu-b", 60, 70, "served"))
        assert fates(made(injections=(AT_BACKEND,), calls=calls, spans=spans)) == [Fate.UNACCOUNTED]

    def test_a_route_that_asked_again_inside_its_attempt_retried(self):
        late = ("gpu down", "error", "backend gpu-a", 2, 3)
        calls = (("gpu-a", 1, 3, "failed"), ("gpu-a", 4, 9, "served"))
        assert fates(made("a0 ok", injections=(late,), calls=calls)) == [Fate.RETRIED]

    def test_a_delayed_call_that_was_served_is_late_and_one_that_was_given_up_is_not(self):
        slow = ("slow", "latency", "backend gpu-a", 12, 90)
        assert fates(made(injections=(slow,), calls=(("gpu-a", 10, 90, "served"),))) == [Fate.SERVED_LATE]
        assert fates(made(injections=(slow,), calls=(("gpu-a", 10, 90, "cancelled"),))) == [Fate.UNACCOUNTED]
        given_up = (("gpu-a", 10, 40, "cancelled"), ("gpu-b", 40, 60, "served"))
        assert fates(made(injections=(slow,), calls=given_up)) == [Fate.FELL_BACK]

    def test_what_a_target_reports_of_the_whole_operation_counts_where_it_tells_no_attempts(self):
        assert fates(made(injections=(AT_BACKEND,), tier=1)) == [Fate.FELL_BACK]
        assert fates(made(injections=(AT_BACKEND,), attempts=2)) == [Fate.RETRIED]
        assert fates(made(injections=(AT_BACKEND,))) == [Fate.UNACCOUNTED]


class TestStages:
    def test_a_stage_that_ran_again_was_retried(self):
        down = ("down", "error", "stage router", 0, 10)
        again = (("router", "route", 0, 10), ("router", "route", 20, 30))
        assert fates(made(injections=(down,), spans=again)) == [Fate.RETRIED]
        assert fates(made(injections=(down,))) == [Fate.UNACCOUNTED]

    def test_a_delay_around_a_whole_chain_is_late_whatever_the_chain_did(self):
        slow = ("slow", "latency", "stage router", -1, 60)
        assert fates(made("a0 failed, b1 ok", injections=(slow,))) == [Fate.SERVED_LATE]


class TestChanges:
    @pytest.mark.parametrize("kind", sorted(CHANGES))
    @pytest.mark.parametrize("tried", ["", "a0 ok"])
    def test_compared_with_the_expected_route(self, kind, tried):
        injections = (("odd", kind, "stage router", 0, 5),)
        assert fates(made(tried, injections=injections, route="x", expected_route="x")) == [Fate.NO_EFFECT]
        assert fates(made(tried, injections=injections, route="y", expected_route="x")) == [Fate.UNACCOUNTED]

    @pytest.mark.parametrize("kind", sorted(CHANGES))
    def test_compared_with_the_baseline_where_no_route_is_expected(self, kind):
        case = made(injections=(("odd", kind, "stage router", 0, 5),), expected_route=None, route="x")
        assert fates(case, {"s1": "x"}) == [Fate.NO_EFFECT]
        assert fates(case, {"s1": "y"}) == [Fate.UNACCOUNTED]
        assert fates(case, {}) == [Fate.UNDECIDED]

    def test_a_corrupt_key_that_made_an_attempt_fail_fell_back(self):
        case = made("a0 failed, b1 ok", injections=(("odd", "corrupt_key", PRIMARY, 1, 2),))
        assert fates(case) == [Fate.FELL_BACK]

    def test_an_answer_changed_after_a_fallback_is_compared_with_who_answered(self):
        odd = (("odd", "wrong_route", "stage router", -1, 50),)
        assert fates(made("a0 failed, b1 ok", injections=odd)) == [Fate.NO_EFFECT]
        assert fates(made("a0 failed, b1 ok", injections=odd, route="z")) == [Fate.UNACCOUNTED]


class TestLedger:
    def test_a_balanced_ledger_is_valid_and_says_its_equation(self):
        cases = [
            made("a0 failed, a0 ok", injections=(ERROR,)),
            made("a0 failed, b1 ok", injections=(ERROR,)),
            made("a0 failed", injections=(ERROR,)),
            made("a0 ok", injections=(SLOW, ("odd", "corrupt_key", PRIMARY, 1, 2))),
            made("a0 ok"),
        ]
        ledger = Ledger({}, 5)
        entry = decided(ledger, cases)
        assert entry.status is Status.VALID
        said = "5 injected = 1 retried + 1 fell back + 1 surfaced + 2 served late (1 of them without effect)"
        assert entry.detail.startswith(said)
        assert ledger.as_json()["by_fault"]["down"]["injected"] == 3

    def test_a_fault_that_nothing_accounts_for_is_named_and_quoted(self):
        ledger = Ledger({}, 2)
        cases = [made("a0 failed, b1 ok", injections=(ERROR,)), made("a0 ok", ordinal=9, injections=(ERROR,))]
        entry = decided(ledger, cases)
        assert (entry.status, entry.actual, entry.examples) == (Status.INVALID, "1 unaccounted", (9,))
        assert "0-9 ok, route 'a', tier 0 | attempts a@0 ok | hit by 'down' (error) at route a, tier 0" in entry.detail

    def test_it_is_a_silent_failure_of_the_operation_too(self):
        ledger = Ledger({}, 1)
        checker = SilentFailure(ledger)
        case = made("a0 ok", ordinal=9, injections=(ERROR, ("down", "error", PRIMARY, 1, 2)))
        ledger.add(case)
        checker.add(case.operation)
        entry = checker.close()
        assert (entry.status, entry.actual, entry.examples) == (Status.INVALID, "1", (9,))

    def test_a_balanced_ledger_leaves_silent_failure_valid(self):
        ledger = Ledger({}, 1)
        checker = SilentFailure(ledger)
        case = made("a0 failed, b1 ok", injections=(ERROR,))
        ledger.add(case)
        checker.add(case.operation)
        assert checker.close().status is Status.VALID

    def test_faults_of_operations_that_are_not_in_the_history_are_missing_and_not_good(self):
        entry = decided(Ledger({}, 3), [made("a0 failed, b1 ok", injections=(ERROR,))])
        assert (entry.status, entry.required) == (Status.UNKNOWN, True)
        assert "2 injected faults belong to no operation" in entry.detail

    def test_what_cannot_be_compared_is_unknown_and_no_violation(self):
        case = made(injections=(("odd", "wrong_route", "stage router", 0, 5),), expected_route=None)
        entry = decided(Ledger({}, 1), [case])
        assert (entry.status, entry.actual) == (Status.UNKNOWN, "1 undecided")

    def test_a_plan_whose_faults_hit_nobody_is_unknown_and_not_required(self):
        entry = decided(Ledger({}, 0), [made()])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)


outcomes = st.sampled_from([outcome.value for outcome in AttemptOutcome])
tries = st.lists(st.tuples(st.sampled_from(["a0", "b1", "c2"]), outcomes), max_size=5)
places = st.sampled_from([PRIMARY, "route b, tier 1", "backend gpu-a", "stage router"])
times = st.floats(-5, 105)
faults = st.tuples(st.sampled_from("xyz"), st.sampled_from(sorted(KINDS)), places, times, st.none() | times)
call_rows = st.tuples(
    st.sampled_from(["gpu-a", "gpu-b"]), times, times, st.sampled_from(["served", "failed", "refused", "cancelled"])
)


@st.composite
def any_case(draw):
    tried = ", ".join(f"{where} {outcome}" for where, outcome in draw(tries))
    fields = {} if draw(st.booleans()) else {"outcome": draw(st.sampled_from(list(Outcome)))}
    injections, calls = draw(st.lists(faults, max_size=4)), draw(st.lists(call_rows, max_size=4))
    return made(tried, injections=tuple(injections), calls=tuple(calls), **fields)


@given(st.lists(any_case(), max_size=8))
def test_whatever_happens_every_injected_fault_has_exactly_one_fate(cases):
    injected = sum(len(case.injections) for case in cases)
    ledger = Ledger({}, injected)
    for case in cases:
        ledger.add(case)
    total = ledger.as_json()
    terms = ("retried", "fell_back", "surfaced", "served_late", "unaccounted")
    assert total["injected"] == injected == sum(total[term] for term in terms)
    for term in ("injected", *terms):
        assert sum(by_fault[term] for by_fault in total["by_fault"].values()) == total[term]
    entry = ledger.close()
    assert (entry.status is Status.INVALID) == (ledger.fates[Fate.UNACCOUNTED] > 0)


@given(st.dictionaries(st.sampled_from(list(Fate)), st.integers(0, 9)))
def test_the_equation_in_words_is_the_balance(fates):
    terms = balance(fates)
    assert in_words(fates).startswith(f"{terms['injected']:,} injected = {terms['retried']:,} retried")
    assert ("unaccounted" in in_words(fates)) == (terms["unaccounted"] > 0)
