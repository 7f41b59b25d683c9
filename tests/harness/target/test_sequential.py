from __future__ import annotations

import asyncio

import pytest

from harness.load.corpus import Scenario
from harness.target.runner import run_sequential
from harness.words.operation import Outcome

SCENARIOS = tuple(Scenario(f"s{n}", str(n), n % 10, expected_route=f"r{n}") for n in range(6))


class Refused(BaseException):
    """What is no Exception and no cancellation."""


def passed(driven, scenarios=SCENARIOS, deadline_s=5.0, budget_s=None):
    return asyncio.run(run_sequential(driven.runner, scenarios, deadline_s, budget_s))


def on(text, error):
    def answer(ctx):
        if ctx.snapshot.input_text == text:
            raise error
        return {"route": f"r{ctx.snapshot.input_text}", "confidence": 0.5}

    return answer


def test_each_scenario_becomes_one_operation_in_order_one_after_the_other(router, drive):
    operations = [operation for operation, _ in passed(drive(router(on(None, None))))]
    assert [op.scenario for op in operations] == [scenario.id for scenario in SCENARIOS]
    assert [op.id for op in operations] == list(range(6))
    assert [(op.route, op.expected_route, op.priority) for op in operations] == [
        (f"r{n}", f"r{n}", n) for n in range(6)
    ]
    assert {op.outcome for op in operations} == {Outcome.OK}
    times = [time for op in operations for time in (op.intended_ns, op.start_ns, op.entered_ns, op.end_ns)]
    assert times == sorted(times)


def test_each_operation_has_its_own_spans(router, drive):
    for operation, spans in passed(drive(router(on(None, None)))):
        assert [(span[0], span[1], span[4]) for span in spans] == [("router", "route", "ok")]
        assert operation.start_ns <= spans[0][2] <= spans[0][3] <= operation.end_ns


@pytest.mark.parametrize(
    ("error", "outcome", "shown"),
    [
        (ValueError("two"), Outcome.FAILED, "ValueError: two"),
        (asyncio.CancelledError("two"), Outcome.CANCELLED, "CancelledError"),
        (Refused("two"), Outcome.FAILED, "Refused: two"),
        (TimeoutError("two"), Outcome.FAILED, "TimeoutError: two"),
    ],
)
def test_what_one_scenario_raises_is_its_outcome_and_the_pass_goes_on(router, drive, error, outcome, shown):
    operations = [operation for operation, _ in passed(drive(router(on("2", error))))]
    assert len(operations) == 6
    assert [op.outcome for op in operations] == [Outcome.OK, Outcome.OK, outcome, *[Outcome.OK] * 3]
    assert operations[2].error.startswith(shown)
    assert (operations[2].route, operations[2].confidence) == (None, None)


def test_a_scenario_past_its_deadline_is_a_timeout_and_the_pass_goes_on(router, drive):
    async def waits(ctx):
        if ctx.snapshot.input_text == "1":
            await asyncio.Event().wait()
        return {"route": "fast"}

    operations = [operation for operation, _ in passed(drive(router(waits)), SCENARIOS[:3], deadline_s=0.02)]
    assert [op.outcome for op in operations] == [Outcome.OK, Outcome.TIMEOUT, Outcome.OK]
    assert operations[1].error == "no outcome at the deadline"
    assert operations[1].route is None


def test_a_pass_without_budget_left_runs_the_first_scenario_and_begins_no_other(router, drive):
    assert len(passed(drive(router(on(None, None))), budget_s=0.0)) == 1
    assert len(passed(drive(router(on(None, None))), budget_s=60.0)) == 6


def test_a_pass_that_is_cancelled_ends(router, drive):
    begun = []

    async def waits(ctx):
        begun.append(ctx.snapshot.input_text)
        await asyncio.Event().wait()

    driven = drive(router(waits))

    async def main():
        task = asyncio.create_task(run_sequential(driven.runner, SCENARIOS, 60.0))
        while not begun:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert begun == ["0"]


def test_two_passes_decide_alike(router, drive):
    driven = drive(router(on("3", ValueError("three"))))
    one, two = passed(driven), passed(driven)
    assert [(op.outcome, op.route, op.error) for op, _ in one] == [(op.outcome, op.route, op.error) for op, _ in two]
