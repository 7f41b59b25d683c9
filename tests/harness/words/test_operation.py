from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words.errors import ExitCode
from harness.words.operation import CLOCKS, Operation, Outcome, display_id, operation_id

WORKERS = st.integers(0, 10_000)
ORDINALS = st.integers(0, (1 << 40) - 1)


def test_response_time_counts_from_the_intended_start_to_the_outcome(operation):
    late = operation(intended_ns=100, start_ns=400, entered_ns=450, end_ns=1000, resumed_ns=2000)
    assert late.response_ns == 900


def test_the_four_clocks_tell_the_harness_from_the_target(operation):
    late = operation(intended_ns=100, start_ns=400, entered_ns=450, end_ns=1000, resumed_ns=2000)
    assert [getattr(late, f"{clock}_ns") for clock in CLOCKS] == [900, 550, 50, 300 + 1000]
    assert late.response_ns == (late.start_ns - late.intended_ns) + late.queue_ns + late.service_ns


def test_where_no_stage_was_entered_there_is_no_service_time_and_no_queueing(operation):
    refused = operation(entered_ns=None)
    assert (refused.service_ns, refused.queue_ns) == (None, None)
    assert refused.lag_ns == 1000


def test_an_operation_cannot_be_changed(operation):
    with pytest.raises(AttributeError):
        operation().route = "premium"


def test_outcomes_are_the_five_of_the_definition():
    assert {outcome.value for outcome in Outcome} == {"ok", "failed", "cancelled", "timeout", "shed"}


def test_an_operation_has_one_id_column_and_no_column_twice():
    assert Operation._fields[0] == "id"
    assert len(set(Operation._fields)) == len(Operation._fields)


@pytest.mark.parametrize(
    ("identifier", "shown"), [(0, "0-0"), (operation_id(0, 41), "0-41"), (operation_id(7, 0), "7-0"), (1 << 40, "1-0")]
)
def test_an_id_is_shown_as_worker_and_ordinal(identifier, shown):
    assert display_id(identifier) == shown


@given(WORKERS, ORDINALS)
def test_a_shown_id_names_worker_and_ordinal_of_any_operation(worker, ordinal):
    assert display_id(operation_id(worker, ordinal)) == f"{worker}-{ordinal}"


@given(st.tuples(WORKERS, ORDINALS), st.tuples(WORKERS, ORDINALS))
def test_ids_are_unique_in_a_run_and_sort_by_worker_then_ordinal(one, other):
    assert (operation_id(*one) < operation_id(*other)) == (one < other)
    assert (operation_id(*one) == operation_id(*other)) == (one == other)


def test_the_largest_id_fits_64_bits():
    assert operation_id(10_000, (1 << 40) - 1) <= sys.maxsize


def test_exit_codes_are_those_that_users_script_against():
    assert {code.name: int(code) for code in ExitCode} == {
        "PASS": 0,
        "USAGE": 2,
        "CRITERION": 10,
        "CHECKER": 11,
        "INCONCLUSIVE": 12,
    }
