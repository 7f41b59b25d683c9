from __future__ import annotations

import pytest

from harness.measure.packed import CHUNK
from harness.measure.recorder import ATTEMPTS_AT_ONCE, Recorder

SPANS = [("guard", "guard", 1, 2, "ok"), ("router", "route", 2, 3, "ok")]
ATTEMPT = ("a", 0, 5, 7, "ok", None, None, None, None)


class Taken:
    """A consumer of everything that keeps what it was given, chunk by chunk."""

    def __init__(self) -> None:
        self.operations, self.spans, self.attempts = [], [], []

    def fold(self, chunk):
        self.operations.append([made.id for made in chunk.operations()])

    def fold_spans(self, chunk):
        self.spans.append([span.operation for span in chunk.spans()])

    def fold_attempts(self, rows):
        self.attempts.append([row[:2] for row in rows])


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def recorder(taken):
    return Recorder((taken.fold,), (taken.fold_spans,), (taken.fold_attempts,))


def test_nothing_is_handed_on_where_nothing_was_recorded(taken, recorder):
    recorder.hand_on()
    assert taken.operations == taken.spans == taken.attempts == []


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_each_operation_and_span_is_handed_on_once_in_order(operation, taken, recorder, count):
    for ordinal in range(count):
        recorder.record(operation(ordinal), SPANS)
    handed_on = sum(map(len, taken.operations))
    assert handed_on == count // CHUNK * CHUNK  # a whole chunk at once
    recorder.hand_on()
    recorder.hand_on()
    assert [one for chunk in taken.operations for one in chunk] == list(range(count))
    assert [one for chunk in taken.spans for one in chunk] == [n // 2 for n in range(2 * count)]


def test_attempts_carry_their_operation_and_place_and_are_handed_on_many_at_a_time(operation, taken, recorder):
    for ordinal in range(ATTEMPTS_AT_ONCE // 2):
        assert taken.attempts == []
        recorder.record(operation(ordinal), (), (ATTEMPT, ATTEMPT))
    assert [len(rows) for rows in taken.attempts] == [ATTEMPTS_AT_ONCE]
    recorder.record(operation(7), (), (ATTEMPT,))
    recorder.hand_on()
    assert taken.attempts[0][:3] == [(0, 0), (0, 1), (1, 0)]
    assert taken.attempts[1:] == [[(7, 0)]]


def test_a_consumer_that_breaks_takes_nothing_from_the_others_and_is_not_passed_over(operation, taken):
    def breaks(_):
        raise ZeroDivisionError

    recorder = Recorder((breaks, taken.fold), (breaks, taken.fold_spans), (breaks, taken.fold_attempts))
    recorder.record(operation(1), SPANS, (ATTEMPT,))
    with pytest.raises(ZeroDivisionError):
        recorder.hand_on()
    assert (taken.operations, taken.spans, taken.attempts) == ([[1]], [[1, 1]], [[(1, 0)]])
    recorder.hand_on()
    assert taken.operations == [[1]]


def test_consumers_know_no_other_so_that_their_order_changes_nothing(operation):
    first, second = Taken(), Taken()
    for folds in ((first.fold, second.fold), (second.fold, first.fold)):
        recorder = Recorder(folds)
        for ordinal in range(CHUNK + 1):
            recorder.record(operation(ordinal), ())
        recorder.hand_on()
    assert first.operations == second.operations
