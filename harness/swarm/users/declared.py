"""Which kinds of scenario a task sends, as it says itself. Nothing is read out of its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from locust import TaskSet, User

from harness.words.errors import UsageError

Task = Callable[[TaskSet | User], None]
"""Locust gives a task what holds it: the user, or the task set of one."""

Shares = Mapping[str | None, float]
"""Kinds, and None for any kind, with their shares in what is sent; they add up to 1."""

NESTED = 5
"""Task sets within task sets that are looked into."""

_SAID = "routeswarm_sends"
_Function = TypeVar("_Function", bound=Callable[..., object])


def sending(*kinds: str | None) -> Callable[[_Function], _Function]:
    """Return a decorator with which a task says that it sends scenarios of these kinds, each as often.

    Without a kind it sends scenarios of any. The baseline then holds what the task will send first. It changes nothing
    in what the task does; ``@task`` may stand above it or below.

    Raises:
        UsageError: a kind is no text; ``@sending`` without parentheses.

    """
    for kind in kinds:
        if kind is not None and not isinstance(kind, str):
            raise UsageError(f'sending: found {kind!r}, expected kinds of scenario, as in @sending("question")')

    def say(function: _Function) -> _Function:
        setattr(function, _SAID, kinds or (None,))
        return function

    return say


def said_by(holder: type[User | TaskSet]) -> tuple[Shares, float]:
    """Return what the tasks of a user or a task set say that they send, and the share of those that say nothing.

    The shares of kinds add up to 1 less that one.
    """
    return _said_by(holder, NESTED)


def _said_by(holder: type[User | TaskSet], depth: int) -> tuple[Shares, float]:
    tasks = cast("list[Task | type[TaskSet]]", list(holder.tasks)) if depth else []
    if not tasks:
        return {}, 1.0
    shares: dict[str | None, float] = {}
    for one in tasks:
        of_task = _said_by(one, depth - 1)[0] if isinstance(one, type) else _of_task(one)
        for kind, share in of_task.items():
            shares[kind] = shares.get(kind, 0) + share / len(tasks)
    return shares, 1.0 - sum(shares.values())


def _of_task(task: Task) -> Shares:
    """Return what a task says; nothing where it says nothing."""
    kinds: tuple[str | None, ...] = getattr(task, _SAID, ())
    shares: dict[str | None, float] = {}
    for kind in kinds:
        shares[kind] = shares.get(kind, 0) + 1 / len(kinds)
    return shares
