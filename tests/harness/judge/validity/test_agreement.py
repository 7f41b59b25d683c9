from __future__ import annotations

from harness.judge.validity.agreement import differences

MASTER = {"gevent": "26.9", "corpus digest": "abc", "--seed": 1, "ROUTE stages": ["router", "guard"], "optional": None}


def test_a_worker_like_its_master_differs_in_nothing():
    assert differences("worker 0", {**MASTER, "more": 1}, MASTER) == []


def test_each_difference_is_a_clause_with_both_values():
    found = {**MASTER, "gevent": "25.1", "--seed": 7, "ROUTE stages": ["router"], "optional": "1"}
    assert differences("worker 2", found, MASTER) == [
        "worker 2: gevent 25.1, master 26.9",
        "worker 2: --seed 7, master 1",
        "worker 2: ROUTE stages router, master router guard",
        "worker 2: optional 1, master none",
    ]


def test_what_a_worker_does_not_say_is_a_difference():
    assert differences("worker 1", {}, {"gevent": "26.9", "optional": None}) == ["worker 1: gevent none, master 26.9"]
