"""Operations one at a time, on the loop of the users and on asyncio's own."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from harness.load.corpus.corpus import Scenario
from harness.loop import HubLoop
from harness.pipeline.baseline import run_sequential
from harness.pipeline.driving import drive_operation
from harness.pipeline.runner import Reply
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Trace
from harness.words.errors import DeadlineExceeded
from harness.words.operation import Outcome

SCENARIOS = tuple(Scenario(f"s{n}", str(n), n % 10, expected_route=f"r{n}") for n in range(6))
NOBODY = Identity(*(UUID(int=n) for n in range(4)))


class Refused(BaseException):
    """What is no Exception and no cancellation."""


class PlainDriver:
    """Runs each coroutine in an asyncio loop of its own."""

    def drive(self, coro, deadline_s=None):
        async def main():
            try:
                return await asyncio.wait_for(coro, deadline_s)
            except TimeoutError as error:
                raise DeadlineExceeded from error

        return asyncio.run(main())


@pytest.fixture
def hub():
    loop = HubLoop()
    loop.start()
    yield loop
    loop.close()


@pytest.fixture(params=["plain", "hub"])
def passed(request):
    """Return a function that runs scenarios through a pipeline, one after the other."""
    driver = PlainDriver() if request.param == "plain" else request.getfixturevalue("hub")

    def run(driven, scenarios=SCENARIOS, deadline_s=5.0, budget_s=None):
        return run_sequential(driver, driven.runner, scenarios, deadline_s, budget_s)

    return run


def answers(ctx):
    return {"route": f"r{ctx.snapshot.input_text}", "confidence": 0.5}


def raising(text, error):
    """Return what a stage does that raises ``error`` for one text."""

    def answer(ctx):
        if ctx.snapshot.input_text == text:
            raise error
        return answers(ctx)

    return answer


def test_each_scenario_becomes_one_operation_in_order_one_after_the_other(passed, router, drive):
    operations = passed(drive(router(answers)))
    assert [op.scenario for op in operations] == [scenario.id for scenario in SCENARIOS]
    assert [op.id for op in operations] == list(range(6))
    assert [(op.route, op.expected_route, op.priority) for op in operations] == [
        (f"r{n}", f"r{n}", n) for n in range(6)
    ]
    assert {op.outcome for op in operations} == {Outcome.OK}
    times = [time for op in operations for time in (op.intended_ns, op.start_ns, op.entered_ns, op.end_ns)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("error", "outcome", "shown"),
    [
        (ValueError("two"), Outcome.FAILED, "ValueError: two"),
        (asyncio.CancelledError("two"), Outcome.CANCELLED, "CancelledError"),
        (Refused("two"), Outcome.FAILED, "Refused: two"),
        (TimeoutError("two"), Outcome.FAILED, "TimeoutError: two"),
        (DeadlineExceeded("two"), Outcome.FAILED, "DeadlineExceeded: two"),
    ],
)
def test_what_one_scenario_raises_is_its_outcome_and_the_pass_goes_on(passed, router, drive, error, outcome, shown):
    operations = passed(drive(router(raising("2", error))))
    assert [op.outcome for op in operations] == [Outcome.OK, Outcome.OK, outcome, *[Outcome.OK] * 3]
    assert operations[2].error.startswith(shown)
    assert (operations[2].route, operations[2].confidence) == (None, None)


@pytest.mark.parametrize("error", [SystemExit(5), KeyboardInterrupt("two")])
def test_an_exit_that_a_stage_asks_for_is_its_outcome_and_the_pass_goes_on(hub, router, drive, error):
    # on the loop of the users: asyncio's own lets these two escape from whatever task raised them
    operations = run_sequential(hub, drive(router(raising("2", error))).runner, SCENARIOS, 5.0)
    assert [op.outcome for op in operations] == [Outcome.OK, Outcome.OK, Outcome.FAILED, *[Outcome.OK] * 3]
    assert operations[2].error.startswith(type(error).__name__)


def test_a_scenario_past_its_deadline_is_a_timeout_and_the_pass_goes_on(passed, router, drive):
    async def waits(ctx):
        if ctx.snapshot.input_text == "1":
            await asyncio.Event().wait()
        return {"route": "fast"}

    operations = passed(drive(router(waits)), SCENARIOS[:3], deadline_s=0.02)
    assert [op.outcome for op in operations] == [Outcome.OK, Outcome.TIMEOUT, Outcome.OK]
    assert operations[1].error == "no outcome within 20 ms"
    assert operations[1].route is None
    assert operations[1].response_ns >= 20_000_000


def test_a_pass_without_budget_left_runs_the_first_scenario_and_begins_no_other(passed, router, drive):
    assert len(passed(drive(router(answers)), budget_s=0.0)) == 1
    assert len(passed(drive(router(answers)), budget_s=60.0)) == 6


def test_scenarios_are_taken_one_by_one(passed, router, drive):
    taken = []
    scenarios = (taken.append(scenario.id) or scenario for scenario in SCENARIOS)
    passed(drive(router(answers)), scenarios, budget_s=0.0)
    assert len(taken) <= 2


def test_no_scenario_is_no_operation(passed, router, drive):
    assert passed(drive(router(answers)), []) == []


def test_two_passes_decide_alike(passed, router, drive):
    driven = drive(router(raising("3", ValueError("three"))))
    one, two = passed(driven), passed(driven)
    assert [(op.outcome, op.route, op.error) for op in one] == [(op.outcome, op.route, op.error) for op in two]


class Throwing:
    """A driver into whose wait something is thrown."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def drive(self, coro, deadline_s=None) -> Reply:
        coro.close()
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), Refused("thrown into the waiting caller")])
def test_what_is_thrown_into_the_caller_is_raised(router, drive, error):
    with pytest.raises(type(error)):
        drive_operation(Throwing(error), drive(router(answers)).runner, SCENARIOS[0], NOBODY, Trace(), 5.0)


def test_a_deadline_ends_the_operation_when_it_passed_and_not_when_its_task_gave_up(router, drive):
    trace = Trace()
    trace.end_ns = 17
    reply = drive_operation(
        Throwing(DeadlineExceeded()), drive(router(answers)).runner, SCENARIOS[0], NOBODY, trace, 1.5
    )
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT, "no outcome within 1500 ms")
    assert trace.end_ns is None
