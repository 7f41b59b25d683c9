"""A checker that raises, wherever it does, costs its own row and no other; what it adds needs no declaration."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness.judge.checkers.fallbacks.chain_deadline import ChainDeadline
from harness.judge.checkers.outcomes.accuracy import Accuracy
from harness.judge.checkers.outcomes.hang import Hang
from harness.judge.evidence import Evidence, Seen
from harness.judge.facts import Facts
from harness.judge.judging import judge
from harness.judge.verdict import Verdict
from harness.words.operation import Operation


def raises(*_: object) -> None:
    raise RuntimeError("no such luck")


@pytest.fixture(name="judged")
def judged_fixture(operation: Callable[..., Operation]) -> Callable[[], Verdict]:
    facts = Facts(golden=True, deadline_ms=None, arrivals=3, locust_requests=3)
    evidence = Evidence(facts, Seen(), operations=lambda: iter([operation(number) for number in range(3)]))
    return lambda: judge(evidence)


def statuses(verdict: Verdict) -> dict[str, str]:
    return {entry.name: entry.status.value for entry in verdict.checks}


@pytest.mark.parametrize("where", ["of", "add", "close"])
def test_one_row_is_unknown_and_the_others_stand(
    judged: Callable[[], Verdict], monkeypatch: pytest.MonkeyPatch, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = statuses(judged())
    monkeypatch.setattr(Hang, where, classmethod(raises) if where == "of" else raises)
    assert statuses(judged()) == {**before, "hang": "UNKNOWN"}
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "hang" in record.getMessage()


def test_a_share_that_cannot_be_told_is_one_that_was_not_measured(
    judged: Callable[[], Verdict], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = statuses(judged())
    monkeypatch.setattr(Accuracy, "percent", property(raises))
    assert statuses(judged()) == before
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_checker_that_no_run_gets_is_not_even_made(
    judged: Callable[[], Verdict], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ChainDeadline, "of", classmethod(raises))
    judged()
    assert not caplog.records


def test_what_a_checker_adds_to_the_totals_stands_under_its_name(
    judged: Callable[[], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hang, "totals", lambda self: {"hangs": 1})
    assert json.loads(json.dumps(judged().as_json()))["totals"]["checks"] == {"hang": {"hangs": 1}}
