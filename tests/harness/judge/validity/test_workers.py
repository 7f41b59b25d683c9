"""The row on the workers: who was not there makes it INVALID, who may have been there twice is a concern."""

from __future__ import annotations

import pytest

from harness.judge.entry import Status
from harness.judge.validity.workers import Workers


def test_workers_that_were_there_from_begin_to_end_are_valid_without_a_concern() -> None:
    row = Workers().row()
    assert (row.status, row.concern, row.actual) == (Status.VALID, None, "0 lost")
    assert not Workers().missed


@pytest.mark.parametrize(
    ("workers", "actual", "told"),
    [
        (Workers(late={"worker 1": 7.5}), "0 lost, 1 late", "worker 1 said nothing for 7.5 s"),
        (Workers(lost=("worker 0 (host)",)), "1 lost", "worker 0 (host)"),
        (Workers(lost=("worker 0",), late={"worker 1": 7.5}), "1 lost, 1 late", "worker 0; what they had not"),
        (Workers(absent="0 of 2 workers came within 5 s"), "absent", "0 of 2 workers came within 5 s"),
        (Workers(lost=("worker 0",), unreached={"worker 1": 6}), "1 lost, 1 out of reach for a while", "worker 1 was"),
    ],
)
def test_a_worker_that_was_not_there_is_not_believed_and_named(workers: Workers, actual: str, told: str) -> None:
    row = workers.row()
    assert (row.status, row.actual, row.concern) == (Status.INVALID, actual, None)
    assert told in row.detail
    assert workers.missed


@pytest.mark.parametrize(
    ("workers", "actual", "concern"),
    [
        (
            Workers(unreached={"worker 1": 7.0}),
            "0 lost, 1 out of reach for a while",
            "out of reach: worker 1 was not heard of for 7 s",
        ),
        (
            Workers(began_late={"worker 0": 6.2, "worker 1": 8.0}),
            "0 lost, 2 began late",
            "began late: worker 0 took no part in the first 6.2 s, worker 1 took no part in the first 8 s",
        ),
    ],
)
def test_a_worker_of_which_nothing_is_missing_is_a_concern(workers: Workers, actual: str, concern: str) -> None:
    row = workers.row()
    assert (row.status, row.actual, row.concern) == (Status.VALID, actual, concern)
    assert workers.missed
