"""Breakers that say what they are told to, sinks, contexts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from stageflow import PipelineContext, StageContext


class ScriptedPermit:
    """A permit that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def succeed(self) -> None:
        self.told.append("succeeded")

    def fail(self, error: BaseException) -> None:
        self.told.append(f"failed: {type(error).__name__}")

    def release(self) -> None:
        self.told.append("released")


class ScriptedBreaker:
    """A breaker that gives or refuses permits by a script, and then as its state says."""

    def __init__(self, state: str = "closed", script: Iterable[bool] = ()) -> None:
        self.state = state
        self.permits: list[ScriptedPermit] = []
        self._script = list(script)

    def try_acquire(self) -> ScriptedPermit | None:
        allowed = self._script.pop(0) if self._script else self.state != "open"
        if not allowed:
            return None
        self.permits.append(ScriptedPermit())
        return self.permits[-1]

    @property
    def told(self) -> list[str]:
        """What the permits were told, in order; fails where one was told nothing, or twice."""
        assert all(len(permit.told) == 1 for permit in self.permits), [permit.told for permit in self.permits]
        return [permit.told[0] for permit in self.permits]


@pytest.fixture(scope="session")
def scripted_breaker():
    """Return the class of breakers that follow a script."""
    return ScriptedBreaker


class Sink:
    """Keeps the events it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def emit(self, *, type: str, data: dict[str, Any]) -> None:  # noqa: A002  # as Stageflow calls it
        self.try_emit(type=type, data=data)

    def try_emit(self, *, type: str, data: dict[str, Any]) -> None:  # noqa: A002
        self.events.append((type, data))


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture(scope="session")
def stage_context():
    """Return a function that makes the context of a stage, as a pipeline would."""

    def make(text: str = "hello", *, event_sink: Sink | None = None, **metadata: object) -> StageContext:
        ctx = PipelineContext.create(input_text=text, metadata=metadata, event_sink=event_sink)
        return ctx.derive_root_stage_context(stage_name="router")

    return make
