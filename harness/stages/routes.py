"""What a fallback chain is made of: routes, their breakers, and the default that always answers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Protocol

from stageflow import StageContext

from harness.stages.breaker.settings import BreakerSettings
from harness.stages.retry import RetryPolicy
from harness.stages.runners import Call, Runner, as_call
from harness.words.errors import ChainError, NoAnswerError

OPEN = "open"


class Permit(Protocol):
    """The leave to make one call. Exactly one of its methods is called, once."""

    def succeed(self) -> None:
        """Tell that the call gave an answer."""

    def fail(self, error: BaseException) -> None:
        """Tell that it did not."""

    def release(self) -> None:
        """Tell that it was cancelled, which says nothing about the backend."""


class Breaker(Protocol):
    """A circuit breaker, as a route needs it."""

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""

    def try_acquire(self) -> Permit | None:
        """Return the leave to make one call now, None where there is none."""


def uses_all_open(declared: str | None, breakers: Collection[Breaker | None]) -> bool:
    """Whether routes are tried without permits, since the breakers of all of them are open and that is the rule.

    ``declared`` is the chain's ``all_open``; None: the rule is ``use_all_when_all_open`` of the breakers' settings, and
    each of them must have it. A breaker whose open time is over is not open: its next call is let through.
    """
    if declared == "default" or not all(breaker is not None and _is_open(breaker) for breaker in breakers):
        return False
    if declared == "use":
        return True
    settings = [getattr(breaker, "settings", None) for breaker in breakers]
    return all(isinstance(found, BreakerSettings) and found.use_all_when_all_open for found in settings)


def _is_open(breaker: Breaker) -> bool:
    return breaker.state == OPEN and getattr(breaker, "opens_in_s", None) != 0.0


def not_empty(answer: object) -> bool:
    """Whether an answer is one: not None, and no empty text or container."""
    return answer is not None and (not hasattr(answer, "__len__") or len(answer) > 0)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a chain.

    Attributes:
        name: what the route is called in decisions and histories.
        runner: answers for it: a Stageflow stage, a function of the ``StageContext`` (async, or one that does not
            block), a ``Pipeline`` or a built graph.
        timeout_ms: of one attempt; None: only the chain's deadline bounds it.
        retry: what is tried again; None: nothing.
        breaker: asked before each attempt; None: there is none.
        degraded: whether its answers are declared to be worse than the primary's.
        writes: protected keys it may change.
        accept: whether what it returned is an answer; the attempt failed where it is not.

    Raises:
        ChainError: the name is empty, the timeout is not positive, or the runner cannot run.

    """

    name: str
    runner: Runner
    timeout_ms: float | None = None
    retry: RetryPolicy | None = None
    breaker: Breaker | None = None
    degraded: bool = False
    writes: Collection[str] = ()
    accept: Callable[[object], bool] = not_empty
    call: Call = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.timeout_ms is not None and not 0 < self.timeout_ms < math.inf:
            raise ChainError(f"route {self.name!r}: timeout_ms={self.timeout_ms}: expected more than 0")
        try:
            object.__setattr__(self, "call", as_call(self.runner))
        except ChainError as error:
            raise ChainError(f"route {self.name!r}: {error}") from None


@dataclass(frozen=True, slots=True)
class Default:
    """The answer of a chain none of whose routes gave one.

    Attributes:
        answer: the answer itself, or a plain function of the ``StageContext`` that returns it at once.
        name: what it is called in decisions and histories.
        degraded: whether it is declared to be worse than the primary's.

    Raises:
        ChainError: there is nothing to answer, or it would have to be awaited.

    """

    answer: Mapping[str, object] | str | Callable[[StageContext], object]
    name: str = "default"
    degraded: bool = True

    def __post_init__(self) -> None:
        _check_name(self.name)
        if inspect.iscoroutinefunction(self.answer):
            raise ChainError(f"default {self.name!r}: an async function may never answer: expected a plain one")
        if not callable(self.answer) and not not_empty(self.answer):
            raise ChainError(f"default {self.name!r}: {self.answer!r} answers nothing")

    def give(self, ctx: StageContext) -> object:
        """Return the answer for one operation; raise what its function raises, or NoAnswerError."""
        answer = self.answer(ctx) if callable(self.answer) else deepcopy(self.answer)
        if inspect.iscoroutine(answer):
            answer.close()
        if inspect.isawaitable(answer) or not not_empty(answer):
            raise NoAnswerError(f"the default gave {type(answer).__name__}")
        return answer


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ChainError(f"a route named {name!r}: expected a text")


def check_order(stage: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise ChainError where an order names no route, an unknown one, or one that comes back."""
    order = list(names)
    shown = " -> ".join(order)
    if not order:
        raise ChainError(f"chain {stage!r}: no route: expected at least one")
    for place, name in enumerate(order):
        if name not in known:
            raise ChainError(f"chain {stage!r}: {shown}: unknown route {name!r}, expected one of {', '.join(known)}")
        if name in order[:place]:
            raise ChainError(f"chain {stage!r}: {shown}: {name!r} comes back: only its retries may try a route again")
