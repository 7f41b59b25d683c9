"""What a fault plan names in Python: exceptions, and functions it calls. Found and tried before the run."""

from __future__ import annotations

import builtins
import importlib
import inspect
from collections.abc import Callable
from typing import cast

from harness.load.faults.plan import FaultPlanError
from harness.pipeline.error_place import raised_at
from harness.words.errors import one_line

_MISSING = object()


class PlanImports:
    """What kinds of faults ask for what they need (``kinds.what.Finder``); those of one share one wall clock."""

    def __init__(self) -> None:
        self._jump: Callable[[float], Callable[[], object]] | None = None

    def exception(self, name: str, message: str, place: str) -> Callable[[], Exception]:
        """Return what makes exceptions; see ``exception_maker``."""
        return exception_maker(name, message, place)

    def function(self, name: str, place: str) -> Callable[[], object]:
        """Return a function; see ``function``."""
        return function(name, place)

    def clock(self) -> Callable[[float], Callable[[], object]]:
        """Return what moves the wall clock of the tasks of operations."""
        if self._jump is None:
            # Not at the top: time-machine imports pytest where that is installed, and few plans need it.
            from harness.pipeline.inject.wall_clock import WallClock

            self._jump = WallClock().jump
        return self._jump


def exception_maker(name: str, message: str, place: str) -> Callable[[], Exception]:
    """Return what makes the exceptions of a fault: each is new.

    Args:
        name: of a builtin exception, ``module:Class``, or a ``module:function`` that returns one; the class or function
            is given the message.
        message: of the exceptions.
        place: where in the plan it stands, as errors say it.

    Raises:
        FaultPlanError: there is none of that name, or it makes no exception of a message.

    """
    module, _, attribute = name.rpartition(":")
    found = _attribute(module, attribute, place) if module else getattr(builtins, attribute, _MISSING)
    is_exception = isinstance(found, type) and issubclass(found, Exception)
    if not is_exception and (not callable(found) or isinstance(found, type) or not module):
        raise FaultPlanError(f"{place}: found {name!r}, expected a builtin exception or module:Class")
    make = cast("Callable[[str], object]", found)
    try:
        made = make(message)
    except (Exception, SystemExit) as error:
        raise FaultPlanError(
            f"{place}: {name} cannot be made of a message alone ({one_line(error)}), "
            "expected one that can, or a module:function that makes it"
        ) from error
    if not isinstance(made, Exception) or (is_exception and type(made) is not found):
        if inspect.iscoroutine(made):
            made.close()
        raise FaultPlanError(f"{place}: {name} made a {type(made).__name__}, expected an exception")
    return lambda: cast("Exception", make(message))


def function(name: str, place: str) -> Callable[[], object]:
    """Return the function of ``module:function``, a plain one that can be called without arguments.

    Raises:
        FaultPlanError: there is none; the line begins with ``place``.

    """
    module, _, attribute = name.partition(":")
    found = _attribute(module, attribute, place) if module and attribute else _MISSING
    if not callable(found) or inspect.iscoroutinefunction(found):
        kind = "an async function" if callable(found) else repr(name)
        raise FaultPlanError(f"{place}: found {kind}, expected module:function, a plain one")
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise FaultPlanError(f"{place}: {name} cannot be called without arguments: {error}") from error
    except ValueError:
        pass  # of a builtin that does not tell its parameters
    return cast("Callable[[], object]", found)


def _attribute(module: str, name: str, place: str) -> object:
    """Return an attribute of a module, ``_MISSING`` where it has none of that name."""
    if not all(part.isidentifier() for part in module.split(".")):
        raise FaultPlanError(f"{place}: found {module!r}, which is no name of a module")
    try:
        return getattr(importlib.import_module(module), name, _MISSING)
    except (Exception, SystemExit) as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if absent is not None and f"{module}.".startswith(f"{absent}."):
            raise FaultPlanError(f"{place}: no module {absent!r} here or in the environment") from error
        raise FaultPlanError(f"{place}: importing {module} failed: {one_line(error)}{raised_at(error)}") from error
