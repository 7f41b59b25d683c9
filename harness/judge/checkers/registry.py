"""The registry: every checker there is. It finds them in the modules of this package; nobody lists them."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

from harness.judge import checkers
from harness.judge.checker import Checker

AnyChecker: TypeAlias = Checker[Any]


@cache
def registered() -> tuple[type[AnyChecker], ...]:
    """Return the checkers in the order of their rows in a verdict.

    Raises:
        TypeError: two checkers have one name, or one place.

    """
    found = sorted(_all(checkers), key=lambda checker: (checker.place, checker.name))
    for attribute in ("name", "place"):
        values = [getattr(checker, attribute) for checker in found]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise TypeError(f"checkers with one {attribute}: {twice}")
    return tuple(found)


def named(name: str) -> type[AnyChecker] | None:
    """Return the checker of a name, None where there is none of it, as in verdicts of other versions."""
    return next((checker for checker in registered() if checker.name == name), None)


def _all(package: ModuleType) -> Iterator[type[AnyChecker]]:
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(info.name)).values():
            # Only where it is defined: other modules import it.
            if isinstance(value, type) and issubclass(value, Checker) and value.__module__ == info.name:
                yield value
