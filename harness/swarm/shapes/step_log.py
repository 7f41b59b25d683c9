"""When each level of users was asked for, reached and left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.judge.criteria.steps import Step
from harness.words.clock import Epoch


class StepLog:
    """The steps of one run.

    Args:
        now_ns: Unix nanoseconds; of this process, on the clock of the history, if not given.

    """

    def __init__(self, now_ns: Callable[[], int] | None = None) -> None:
        self._now_ns = Epoch.of_this_process().unix_ns if now_ns is None else now_ns
        self.steps: list[Step] = []

    def now_ns(self) -> int:
        """Return the time."""
        return self._now_ns()

    @property
    def current(self) -> Step | None:
        """The step that goes on, None between steps."""
        return self.steps[-1] if self.steps and self.steps[-1].to_ns is None else None

    def ask(self, users: int) -> None:
        """Begin a step, and end the one before."""
        self.leave()
        self.steps.append(Step(users))

    def look(self, running: int) -> None:
        """Take note of how many users run: the first time that it is as many as asked for, the level is reached."""
        step = self.current
        if step is not None and step.from_ns is None and running == step.users:
            self.steps[-1] = replace(step, from_ns=self.now_ns())

    def leave(self, at_ns: int | None = None) -> None:
        """End the step that goes on, now unless ``at_ns`` says otherwise."""
        step = self.current
        if step is not None:
            self.steps[-1] = replace(step, to_ns=self.now_ns() if at_ns is None else at_ns)

    def judge(self, held: bool, judged: tuple[int, int]) -> None:
        """Note what the step that was left has shown."""
        self.steps[-1] = replace(self.steps[-1], held=held, judged=judged)
