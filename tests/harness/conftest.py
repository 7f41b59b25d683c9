"""An asyncio loop whose clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

Result = TypeVar("Result")


class JumpingSelector(selectors.SelectSelector):
    """Never waits: it hands the time it was asked to wait to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("every task waits for something that no timer brings")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop on the clock of its selector."""

    def __init__(self) -> None:
        self._virtual = JumpingSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


@pytest.fixture(scope="session")
def virtually():
    """Return a function that runs a coroutine on a fresh virtual loop and returns its result."""
    return run_virtually


@pytest.fixture
def virtual_loop():
    """Return a virtual loop for tests that end one themselves."""
    loop = VirtualLoop()
    yield loop
    loop.close()
