from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.judge.entry import Status, percent, shown_percent, zero_of

WHOLES = st.integers(1, 10**12)


@given(WHOLES, st.data())
def test_a_percentage_never_rounds_a_failure_up_to_100_or_a_case_down_to_0(whole, data):
    part = data.draw(st.one_of(st.integers(0, whole), st.just(whole - 1), st.just(min(1, whole))))
    shown = shown_percent(part, whole)
    number = float(shown.removesuffix(" %"))
    assert (number == 100.0) == (part == whole)
    assert (number == 0.0) == (part == 0)
    assert number == pytest.approx(100 * part / whole, abs=0.005)


@given(WHOLES)
@example(10_000)
def test_all_but_one_is_never_shown_as_all(whole):
    assert shown_percent(whole - 1, whole) != "100 %"
    assert shown_percent(whole, whole) == "100 %"
    assert shown_percent(0, whole) == "0 %"


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (1, 2, "50 %"),
        (1, 3, "33.33 %"),
        (1, 10, "10 %"),
        (99, 100, "99 %"),
        (999, 1000, "99.9 %"),
        (99_999, 100_000, "99.999 %"),
        (9_999_999, 10_000_000, "99.99999 %"),
        (1, 1_000_000, "0.0001 %"),
    ],
)
def test_percentages_as_people_read_them(part, whole, shown):
    assert shown_percent(part, whole) == shown


def test_a_percentage_of_nothing_is_absent():
    assert percent(0, 0) is None
    assert shown_percent(0, 0) is None


def test_none_in_n_cases_proves_three_in_n():
    assert zero_of(3000) == "0 of 3,000 (rate below 0.001 at 95 % confidence)"
    assert zero_of(1) == "0 of 1 (rate below 3 at 95 % confidence)"
    assert zero_of(0) == "nothing to check"


@pytest.mark.parametrize(
    ("status", "holds", "broken"),
    [
        (Status.VALID, True, False),
        (Status.PASS, True, False),
        (Status.INVALID, False, True),
        (Status.FAIL, False, True),
        (Status.UNKNOWN, False, False),
    ],
)
def test_unknown_is_neither_good_nor_bad(status, holds, broken):
    assert (status.holds, status.broken) == (holds, broken)
