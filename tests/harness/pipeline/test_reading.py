"""What a routing decision is read from: labels of routes, outputs of ROUTE stages."""

from __future__ import annotations

import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stageflow import StageOutput

from harness.pipeline.target import RouteReader, checked, route_label
from harness.words.operation import ROUTE_LABEL_LIMIT, Decision, Flag

ONE = RouteReader(("router",), ("route", "destination"))
TWO = RouteReader(("first", "second"), ("route",))


class Route(enum.Enum):
    FAST = "fast"
    NUMBER = 3


class Named(enum.StrEnum):
    FAST = "fast"


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def read(**data):
    return ONE({"router": StageOutput.ok(data)})


class TestLabel:
    @pytest.mark.parametrize("value", ["fast", "a/b", "ü", "x" * ROUTE_LABEL_LIMIT, Named.FAST, Route.FAST])
    def test_text_and_text_in_an_enum_is_kept(self, value):
        label, flag = route_label(value)
        assert (label, flag) == (value.value if isinstance(value, enum.Enum) else value, None)
        assert type(label) is str

    @pytest.mark.parametrize("value", [None, ""])
    def test_nothing_is_flagged_as_no_route(self, value):
        assert route_label(value) == (None, Flag.NO_ROUTE)

    @pytest.mark.parametrize(
        ("value", "label"), [(3, "3"), (0, "0"), (True, "True"), (["a"], "['a']"), (b"x", "b'x'"), (Route.NUMBER, "3")]
    )
    def test_what_is_no_text_is_flagged_and_still_told_apart(self, value, label):
        assert route_label(value) == (label, Flag.MALFORMED)

    def test_a_million_characters_are_flagged_and_cut_but_still_told_apart(self):
        one, other = route_label("x" * 1_000_000), route_label("x" * 999_999 + "y")
        assert one[1] is other[1] is Flag.OVERSIZED
        assert one[0] != other[0]
        assert len(one[0]) == len(other[0]) == ROUTE_LABEL_LIMIT
        assert one == route_label("x" * 1_000_000)

    def test_one_character_decides_whether_a_route_is_oversized(self):
        assert route_label("x" * ROUTE_LABEL_LIMIT)[1] is None
        assert route_label("x" * (ROUTE_LABEL_LIMIT + 1))[1] is Flag.OVERSIZED

    @given(st.text(st.characters(), max_size=150))
    def test_any_label_is_short_printable_and_can_be_written(self, text):
        label, _ = route_label(text)
        if label is not None:
            label.encode("utf-8")
            assert label.isprintable()
            assert 0 < len(label) <= ROUTE_LABEL_LIMIT

    @pytest.mark.parametrize("text", ["half a character \ud800", "a\rb", "a\nb", "nul\0", "\x1b[2J", "\u202eright"])
    def test_what_no_file_and_no_terminal_should_get_is_escaped(self, text):
        label, _ = route_label(text)
        assert label.isprintable()
        label.encode("utf-8")

    def test_escaped_routes_stay_apart(self):
        labels = {route_label(text)[0] for text in ("\ud800", "\ud801", "\r", "\n", "\0", "a\nb", "a\rb")}
        assert len(labels) == 7

    def test_a_route_whose_own_text_raises_is_flagged(self):
        label, flag = route_label(Unprintable())
        assert flag is Flag.MALFORMED
        assert "Unprintable" in label


class TestReader:
    def test_route_and_confidence_are_read_and_the_rest_is_as_of_one_attempt_at_tier_0(self):
        assert read(route="fast", confidence=0.75) == Decision("fast", "fast", 0.75, 0, 1, None)

    def test_a_fallback_is_read_with_the_route_first_asked(self):
        decision = read(route="backup", asked_route="fast", tier=2, attempts=3)
        assert decision == Decision("backup", "fast", None, 2, 3, None)

    def test_attempts_given_one_by_one_are_counted(self):
        assert read(route="fast", attempts=[{"route": "a"}, {"route": "b"}]).attempts == 2
        assert read(route="fast", attempts=("a",)).attempts == 1

    def test_the_first_present_name_of_a_route_counts(self):
        assert read(destination="b").route == "b"
        assert read(destination="b", route="a").route == "a"

    @pytest.mark.parametrize("data", [{}, {"route": None}, {"route": ""}, {"answer": "x"}])
    def test_an_output_without_a_route_is_flagged(self, data):
        decision = read(**data)
        assert (decision.route, decision.asked_route, decision.flag) == (None, None, Flag.NO_ROUTE)

    @pytest.mark.parametrize("results", [{}, {"router": StageOutput.skip(reason="off")}])
    def test_a_route_stage_that_did_not_answer_is_flagged(self, results):
        assert ONE(results).flag is Flag.NO_ROUTE

    @pytest.mark.parametrize("confidence", [None, "high", math.nan, math.inf, -math.inf, [1], True, 10**400])
    def test_a_confidence_that_is_no_number_is_none(self, confidence):
        decision = read(route="fast", confidence=confidence)
        assert (decision.route, decision.confidence, decision.flag) == ("fast", None, None)

    @pytest.mark.parametrize("name", ["tier", "attempts"])
    @pytest.mark.parametrize("count", [-1, 10**6, 10**30, True, "two", 1.5])
    def test_a_tier_or_count_that_is_none_is_flagged_and_fits_the_history(self, name, count):
        decision = read(route="fast", **{name: count})
        assert decision.flag is Flag.MALFORMED
        assert (decision.route, decision.tier, decision.attempts) == ("fast", 0, 1)


def told(**changes):
    """Return an attempt as a fallback chain tells it."""
    plain = {"route": "a", "tier": 0, "start_ns": 5, "end_ns": 7, "outcome": "failed", "breaker": None, "reason": "503"}
    return {**plain, **changes}


class Ended(enum.StrEnum):
    WITH_AN_ERROR = "failed"


class TestAttempts:
    def test_attempts_told_one_by_one_are_kept_and_counted(self):
        second = told(
            route="b", tier=1, start_ns=8, end_ns=9, outcome="ok", breaker="half_open", reason=None, attempt=1
        )
        decision = read(route="b", tier=1, asked_route="a", attempts=[told(), second])
        assert (decision.attempts, decision.flag) == (2, None)
        assert decision.tried == (
            ("a", 0, 5, 7, "failed", None, "503", None, None),
            ("b", 1, 8, 9, "ok", "half_open", None, None, None),
        )

    @pytest.mark.parametrize("attempts", [3, None, [], [{"route": "a"}], ["a", "b"], ("a",), "aa"])
    def test_attempts_in_a_form_of_the_target_s_own_are_counted_only(self, attempts):
        decision = read(route="a", attempts=attempts)
        assert decision.tried == ()
        assert decision.flag is (Flag.MALFORMED if attempts == "aa" else None)

    @pytest.mark.parametrize(
        "changes",
        [
            {"route": None},
            {"route": ""},
            {"route": 3},
            {"tier": -1},
            {"tier": "0"},
            {"start_ns": 5.0},
            {"start_ns": None},
            {"start_ns": -1},
            {"start_ns": 8},
            {"end_ns": None},
            {"end_ns": 1_740_000_000_000_000_000},
            {"end_ns": 10**30},
            {"outcome": "exploded"},
            {"outcome": None},
            {"outcome": ["ok"]},
            {"breaker": 1},
            {"reason": b"503"},
        ],
    )
    def test_a_malformed_attempt_is_flagged_and_left_out(self, changes):
        decision = read(route="a", attempts=[told(), told(**changes)])
        assert (decision.route, decision.flag, decision.attempts) == ("a", Flag.MALFORMED, 2)
        assert decision.tried == (("a", 0, 5, 7, "failed", None, "503", None, None),)

    def test_texts_are_as_the_history_can_keep_them(self):
        attempt = told(
            route="x" * 1000, outcome=Ended.WITH_AN_ERROR, breaker="o" * 1000, reason="\ud800\n" + "r" * 1000
        )
        ((route, _, _, _, outcome, breaker, reason, _, _),) = read(route="a", attempts=[attempt]).tried
        assert len(route) == ROUTE_LABEL_LIMIT
        assert type(outcome) is str
        assert len(breaker) == 40
        assert reason.isprintable()
        assert reason.startswith("\\ud800")

    def test_the_attempts_of_several_stages_follow_each_other_in_pipeline_order(self):
        results = {
            "second": StageOutput.ok(route="b", attempts=[told(route="b")]),
            "first": StageOutput.ok(route="a", attempts=[told(), told(start_ns=6)]),
        }
        decision = TWO(results)
        assert [(attempt[0], attempt[2]) for attempt in decision.tried] == [("a", 5), ("a", 6), ("b", 5)]
        assert decision.attempts == 3

    def test_a_reader_of_one_s_own_may_give_them_as_tuples_or_as_told(self):
        kept = ("a", 0, 5, 7, "failed", None, "503", None, None)
        assert checked(Decision("a", tried=(kept, told()))).tried == (kept, kept)

    @pytest.mark.parametrize("attempt", [5, (), ("a", 0), {"route": "a"}, ("a", 0, 5, 7, "exploded", None, None)])
    def test_what_it_gives_that_is_no_attempt_is_flagged(self, attempt):
        decision = checked(Decision("a", tried=(attempt,)))
        assert (decision.tried, decision.flag) == ((), Flag.MALFORMED)


class TestSeveralRouteStages:
    def test_routes_are_joined_in_pipeline_order_and_the_weakest_confidence_counts(self):
        results = {
            "second": StageOutput.ok(route="b", confidence=0.25, attempts=2),
            "first": StageOutput.ok(route="a", confidence=0.5, tier=1, asked_route="x"),
        }
        assert TWO(results) == Decision("a/b", "x/b", 0.25, 1, 3, None)

    def test_a_skipped_stage_is_left_out(self):
        results = {"first": StageOutput.skip(reason="off"), "second": StageOutput.ok(route="b")}
        assert TWO(results) == Decision("b", "b", None, 0, 1, None)

    def test_one_stage_without_a_route_is_flagged(self):
        decision = TWO({"first": StageOutput.ok(route="a"), "second": StageOutput.ok()})
        assert (decision.route, decision.flag) == ("a/", Flag.NO_ROUTE)

    def test_no_route_at_all_is_no_route_and_none_was_asked(self):
        for output in (StageOutput.ok(), StageOutput.skip(reason="off")):
            decision = TWO({"first": output, "second": output})
            assert (decision.route, decision.asked_route, decision.flag) == (None, None, Flag.NO_ROUTE)
