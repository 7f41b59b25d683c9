"""What all tests share: Hypothesis without deadlines or chance, their order, and operations made from a few words."""

from __future__ import annotations

import compileall
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from harness.words.operation import Operation, Outcome, operation_id

settings.register_profile("routeswarm", deadline=None, derandomize=True)
settings.load_profile("routeswarm")

REPOSITORY = Path(__file__).resolve().parents[1]

MS = 1_000_000
START_NS = 1_740_000_000_000_000_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--give-way", action="store_true", help="leave nine tenths of the processor time to others")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the packages once: where PYTHONDONTWRITEBYTECODE is set, each process of a test would do it again."""
    if config.getoption("--give-way"):
        give_way()
    if not hasattr(config, "workerinput"):
        for package in ("harness", "analysis", "locustfiles"):
            compileall.compile_dir(REPOSITORY / package, quiet=2)


def give_way() -> None:
    """Leave most of the processors to others: Linux shares them out among sessions first, then among processes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes begin without
    os.nice(10)
    with contextlib.suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text("10")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with whole runs, the longest: what one worker does alone at the end, with nothing to steal, is short."""
    items.sort(key=lambda item: not item.path.is_relative_to(REPOSITORY / "tests" / "end_to_end"))


def operation(ordinal: int = 0, *, worker: int = 0, response_ms: float = 5.0, **fields: object) -> Operation:
    """Return an operation that ended ok, begun ``ordinal`` ms after the start; fields may be replaced."""
    begun = START_NS + ordinal * MS
    ended = begun + round(response_ms * MS)
    made = Operation(
        id=operation_id(worker, ordinal),
        worker=worker,
        user=0,
        user_class="NormalUser",
        scenario="s1",
        priority=4,
        expected_route="fast",
        intended_ns=begun,
        start_ns=begun,
        entered_ns=begun + 1000,
        end_ns=ended,
        resumed_ns=ended + 1000,
        outcome=Outcome.OK,
        route="fast",
        asked_route="fast",
        confidence=0.5,
        tier=0,
        attempts=1,
        flag=None,
        error=None,
    )
    return made._replace(**fields)


def undecided(outcome: Outcome, ordinal: int = 0, **fields: object) -> Operation:
    """Return an operation that ended with ``outcome`` before anything was decided."""
    nothing = {"route": None, "asked_route": None, "confidence": None, "error": f"{outcome.value}: why"}
    return operation(ordinal, outcome=outcome, **nothing, **fields)


MakeOperation = Callable[..., Operation]


@pytest.fixture(name="operation", scope="session")
def operation_fixture() -> MakeOperation:
    return operation


@pytest.fixture(name="undecided", scope="session")
def undecided_fixture() -> MakeOperation:
    return undecided
