"""The feed of events: every moment of every row once, in order of time, with no more held than is under way."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_cases import operation

from harness.judge.check import Guarded, show
from harness.judge.checker import OfOperations
from harness.judge.entry import Entry, Status
from harness.judge.events import What, begin_of, in_order, moments
from harness.judge.evidence import Evidence
from harness.judge.facts import Facts
from harness.words.operation import Call, Edge

AT = st.integers(0, 50)
TIMES = st.tuples(AT, AT, AT)  # in any order: a caller may say that an operation is due later than it is sent


def op(ordinal, times):
    intended, start, end = times
    return operation(ordinal)._replace(intended_ns=intended, start_ns=start, end_ns=end)


def call(ordinal, times, slot):
    arrived, started, ended = times
    return Call(ordinal, "gpu", 4, arrived, started if slot else None, ended, "served", None)


@st.composite
def histories(draw):
    operations = [op(n, times) for n, times in enumerate(draw(st.lists(TIMES, max_size=30)))]
    calls = [call(n, *given) for n, given in enumerate(draw(st.lists(st.tuples(TIMES, st.booleans()), max_size=30)))]
    edges = [Edge(at, "breaker", str(n), "a", "b", "") for n, at in enumerate(draw(st.lists(AT, max_size=5)))]
    return [sorted(rows, key=begin_of) for rows in (operations, calls, edges)]


@given(histories())
def test_each_moment_of_each_row_comes_once_in_order_of_time(sources):
    events = list(in_order(*sources))
    assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
    expected = Counter((at, what, row) for source in sources for row in source for at, what in moments(row))
    assert Counter(events) == expected


@given(histories())
def test_of_one_moment_the_order_is_that_of_what_happened(sources):
    order = [*What]
    events = [(event.at_ns, order.index(event.what)) for event in in_order(*sources)]
    assert events == sorted(events)


def test_rows_of_one_moment_come_in_the_same_order_however_they_lie_in_their_sources():
    rows = [op(n, (7, 7, 7)) for n in range(5)]
    events = list(in_order(rows))
    assert list(in_order(rows[3:], rows[2::-1])) == events
    assert [event.row.id for event in events] == [*range(5), *range(5), *range(5)]


def test_a_source_out_of_order_is_an_error_and_no_wrong_order():
    with pytest.raises(ValueError, match="begins at 1"):
        list(in_order([op(0, (5, 5, 9)), op(1, (1, 1, 9))]))


def test_an_event_comes_before_rows_that_begin_after_it_are_read():
    read = []

    def rows():
        for n in range(100):
            read.append(n)
            yield op(n, (n * 10, n * 10, n * 10 + 15))

    events = in_order(rows())
    while (event := next(events)).what is not What.ENDED or event.row.id != 20:
        pass
    assert max(read) == 22  # begun at 220; the end of 20 is at 215


@pytest.mark.slow
def test_what_is_held_does_not_grow_with_the_number_of_operations():
    def rows(count):
        for n in range(count):
            yield op(n, (n * 10, n * 10 + 1, n * 10 + 205))  # about twenty at a time

    def peak(count):
        tracemalloc.start()
        seen = sum(1 for _ in in_order(rows(count)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seen == 3 * count
        return most

    peak(1_000)  # what is made once
    assert peak(50_000) < 1.5 * peak(1_000) < 200_000


class Seeing(OfOperations):
    """A checker that is shown events."""

    name, place, means, advice = "seeing", 1, "x", "x"
    invalid_when, unknown_when, source = "x", "x", "ours"

    def __init__(self, at=None):
        self.seen = []
        self._at = at

    def add(self, operation):
        assert not self.seen  # first all operations, then the events

    def see(self, event):
        self.seen.append(event.what)
        if len(self.seen) == self._at:
            raise ZeroDivisionError

    def close(self):
        return Entry(self.name, Status.VALID, f"{len(self.seen)}", None, "")


class TestWhoIsShown:
    def events(self):
        return in_order([op(0, (1, 2, 3))])

    def test_a_checker_that_sees(self):
        checker = Seeing()
        show(self.events, [Guarded(checker)])
        assert checker.seen == [What.ARRIVED, What.DISPATCHED, What.ENDED]

    def test_one_that_raises_is_unknown_and_told_no_more_and_others_go_on(self):
        crashing, other = Guarded(Seeing(at=2)), Guarded(Seeing())
        show(self.events, [crashing, other])
        assert (crashing.close().status, crashing.checker.seen) == (Status.UNKNOWN, [What.ARRIVED, What.DISPATCHED])
        assert other.close().actual == "3"

    def test_where_nobody_sees_nothing_is_read(self):
        class Blind(OfOperations):
            name = "blind"

        def unread():
            raise AssertionError

        show(unread, [Guarded(Blind())])

    def test_a_checker_of_a_run_is_shown_its_events(self, monkeypatch):
        from harness.judge.checkers import selection
        from harness.judge.judging import judge

        monkeypatch.setattr(selection, "registered", lambda: (Seeing,))
        facts = Facts(golden=True, deadline_ms=None, arrivals=1, locust_requests=1)
        evidence = Evidence(facts, operations=lambda: [op(0, (1, 2, 3))], events=self.events)
        assert [entry.actual for entry in judge(evidence).checks] == ["3"]
