"""What goes wrong on the load side is named, and is a concern; where nothing does, there is none."""

from __future__ import annotations

import pytest

from harness.judge.entry import Status
from harness.judge.validity.user_errors import Early, Gone, Requests, ended_early, gone, other_users, user_errors


def test_tasks_and_listeners_that_raised_are_told_apart() -> None:
    row = user_errors({"boom (file.py:3)": 2, "listener connect of init: OSError: not there (file.py:9)": 1})
    assert (row.status, row.required, row.actual) == (Status.VALID, False, "3 errors")
    assert row.concern == (
        "tasks of the locustfile raised 2 times; "
        "listeners raised once (listener connect of init: OSError: not there (file.py:9))"
    )


def test_a_load_shape_that_raised_makes_the_run_one_that_cannot_be_trusted() -> None:
    row = user_errors({"load shape: ValueError: no such step (file.py:7)": 1, "boom": 2})
    assert (row.status, row.concern, row.actual) == (Status.INVALID, None, "3 errors")
    assert "the load shape raised once: it was asked no more; the first: load shape: ValueError" in row.detail


@pytest.mark.parametrize(
    "text", ["boom (file.py:3)", "listener connect of init: OSError", "greenlet of LowUser: ValueError"]
)
def test_one_error_is_a_concern_whoever_raised_it(text: str) -> None:
    row = user_errors({text: 1})
    assert (row.actual, row.concern is None) == ("1 error", False)
    assert text in row.detail


def test_requests_of_other_users_that_all_went_well_are_no_concern() -> None:
    row = other_users({"GET /": Requests(10, 0, None)})
    assert (row.status, row.actual, row.concern) == (Status.VALID, "0 of 10 failed", None)


def test_requests_of_other_users_that_failed_are_named_the_most_frequent_first() -> None:
    sent = {f"GET /{number}": Requests(10, number, f"error {number}") for number in range(8)}
    row = other_users(sent)
    assert (row.status, row.actual, row.required) == (Status.VALID, "28 of 80 failed", False)
    assert row.concern == "28 of 80 failed of the requests of other users (GET /7)"
    assert row.detail.startswith("GET /7: 7 of 10 (error 7); GET /6: 6 of 10 (error 6)")
    assert row.detail.endswith("; 2 more kinds")


@pytest.mark.parametrize(
    ("users", "concern"),
    [
        (Gone(3.2, 0, 4), "all 4 users had gone after 3 s, before the end of the load"),
        (Gone(3.2, 1_999, 2_000), "1 of 2,000 users had gone after 3 s, before the end of the load"),
    ],
)
def test_users_that_went_away_early_are_a_concern(users: Gone, concern: str) -> None:
    row = gone(users)
    assert (row.status, row.concern) == (Status.VALID, concern)


@pytest.mark.parametrize(
    ("load", "concern", "target"),
    [
        (
            Early(3.21, 60, "mine.py:7 in stop"),
            "the load ended after 3.2 s, before its 60 s were over, by mine.py:7 in stop",
            "60 s",
        ),
        (Early(3.21, None, None), "the load ended after 3.2 s, before its load shape had ended", "to its end"),
    ],
)
def test_a_load_that_ended_early_is_a_concern(load: Early, concern: str, target: str) -> None:
    row = ended_early(load)
    assert (row.status, row.concern, row.actual, row.target) == (Status.VALID, concern, "3.2 s", target)
    assert row.detail.startswith(concern)
