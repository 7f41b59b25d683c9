"""Wrong chains are refused where they are made, in one line that says what and where."""

from __future__ import annotations

import math

import pytest
from stageflow import Pipeline, StageKind, StageOutput

from harness.stages.chain import FallbackChainStage
from harness.stages.retry import DecorrelatedJitter, FullJitter, RetryBudget, RetryPolicy
from harness.stages.routes import Default, Route
from harness.stages.runners import SubPipeline
from harness.words.errors import ChainError, UsageError


def answers(ctx):
    return {"text": "hello"}


async def later(ctx):
    return "later"


class Stage:
    kind = StageKind.TRANSFORM

    async def execute(self, ctx):
        return StageOutput.ok(x=1)


A, B = Route("a", answers), Route("b", answers)
DEFAULT = Default("later")
TWO_ENDS = Pipeline(name="two").with_stage("x", Stage).with_stage("y", Stage)
PICK = {"choose": lambda ctx: "x"}

WRONG = {
    "no route": (lambda: FallbackChainStage([], DEFAULT), "no route: expected at least one"),
    "duplicate": (lambda: FallbackChainStage([A, A], DEFAULT), "a -> a: 'a' comes back"),
    "cycle": (lambda: FallbackChainStage([A, B, A], DEFAULT), "a -> b -> a: 'a' comes back"),
    "no default": (lambda: FallbackChainStage([A], None), "no default: expected a Default, found None"),
    "default that is no Default": (lambda: FallbackChainStage([A], {"x": 1}), "no default"),
    "default named as a route": (lambda: FallbackChainStage([A], Default("x", name="a")), "the name of a route, 'a'"),
    "empty default": (lambda: Default({}), "{} answers nothing"),
    "no default answer": (lambda: Default(None), "None answers nothing"),
    "default to be awaited": (lambda: Default(later), "an async function may never answer"),
    "unknown route in a chain": (
        lambda: FallbackChainStage([A, B], DEFAULT, chains={"x": ("a", "z")}, **PICK),
        "a -> z: unknown route 'z', expected one of a, b",
    ),
    "cycle in a chain": (
        lambda: FallbackChainStage([A, B], DEFAULT, chains={"x": "aba"}, **PICK),
        "a -> b -> a: 'a' comes back",
    ),
    "empty chain": (lambda: FallbackChainStage([A], DEFAULT, chains={"x": ()}, **PICK), "no route: expected"),
    "chains nobody chooses": (lambda: FallbackChainStage([A], DEFAULT, chains={"x": "a"}), "chains without choose"),
    "negative deadline": (lambda: FallbackChainStage([A], DEFAULT, deadline_ms=-1), "deadline_ms=-1: expected more"),
    "negative timeout": (lambda: Route("a", answers, timeout_ms=-5), "route 'a': timeout_ms=-5: expected more than 0"),
    "no timeout at all": (lambda: Route("a", answers, timeout_ms=0), "timeout_ms=0"),
    "timeout that is no number": (lambda: Route("a", answers, timeout_ms=math.nan), "timeout_ms=nan"),
    "endless timeout": (lambda: Route("a", answers, timeout_ms=math.inf), "timeout_ms=inf"),
    "no name": (lambda: Route(" ", answers), "a route named ' '"),
    "name that is no text": (lambda: Route(3, answers), "a route named 3"),
    "runner that cannot run": (lambda: Route("a", 5), "route 'a': a int cannot run: expected a stage, a function"),
    "pipeline with two ends": (lambda: Route("a", TWO_ENDS), "sub-pipeline: x, y: expected answer= to name one stage"),
    "unknown answering stage": (lambda: SubPipeline(TWO_ENDS, answer="z"), "sub-pipeline: z: expected answer= to"),
    "all_open": (lambda: FallbackChainStage([A], DEFAULT, all_open="maybe"), "all_open='maybe'"),
    "protected as a text": (lambda: FallbackChainStage([A], DEFAULT, protected="tenant"), "protected='tenant'"),
    "write of what is not protected": (
        lambda: FallbackChainStage([Route("a", answers, writes=("tenant",))], DEFAULT),
        "route 'a' writes 'tenant', which is not protected",
    ),
    "retry on nothing": (RetryPolicy, "expected at least one type of Exception"),
    "retry on what is no error": (lambda: RetryPolicy("503"), "expected at least one type of Exception"),
    "retry on cancellation": (lambda: RetryPolicy(KeyboardInterrupt), "expected at least one type of Exception"),
    "negative retries": (lambda: RetryPolicy(OSError, retries=-1), "retries=-1: expected a whole number"),
    "backoff below 0": (lambda: FullJitter(-1), "base_ms=-1, cap_ms=1000.0: expected 0 < base_ms <= cap_ms"),
    "backoff above its cap": (lambda: DecorrelatedJitter(20, 10), "base_ms=20, cap_ms=10"),
    "budget above 100 %": (lambda: RetryBudget(20), "ratio=20, reserve=10.0: expected 0 <= ratio <= 1"),
}


@pytest.mark.parametrize(("make", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line(make, says):
    with pytest.raises(ChainError) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, UsageError)
