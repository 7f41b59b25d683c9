"""Finding the target that ``--target module:attribute`` names."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

from stageflow import Pipeline
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.pipeline.error_place import raised_at
from harness.pipeline.target import Target
from harness.words.components import building
from harness.words.errors import TargetError, one_line

REFERENCE_TARGET = "harness.stages.reference:build"
"""The target of the main job; the shipped corpus's golden routes are those of its rules."""

RESILIENT_TARGET = "harness.stages.resilient:build"
"""The same rules with fallback chains behind them."""

REFERENCE_TARGETS = (REFERENCE_TARGET, RESILIENT_TARGET)
"""The targets that ship with the harness, for which the shipped corpus's golden routes count."""

_RAISED = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)
"""What a module or a function of the user may raise, all of which is a mistake in it."""


def find_target(spec: str, *, seed: int = 0) -> Target:
    """Return the target of ``module:attribute``, importing the module from the current folder or the environment.

    The attribute may be a ``Pipeline``, a function returning one (a parameter named ``seed`` is given the run's
    seed), a built graph, or a ``Target``.

    Raises:
        TargetError: no such module or attribute, or an object that is no pipeline.

    """
    found = named_object(spec)
    if isinstance(found, Target):
        return found
    if isinstance(found, (Pipeline, UnifiedStageGraph)):
        return Target(found)
    if callable(found) and not inspect.isclass(found):
        return _from_function(spec, found, seed)
    raise TargetError(
        f"--target {spec}: found {_kind(found)}, "
        "expected a Pipeline, a function returning one, a built graph or a Target"
    )


def named_object(spec: str) -> object:
    """Return what ``module:attribute`` names, importing the module; nothing is called.

    Raises:
        TargetError: no such module or attribute.

    """
    module_name, colon, attribute = spec.partition(":")
    if not colon or not module_name or not attribute:
        raise TargetError(f"--target {spec}: expected module:attribute, e.g. mypackage.routing:pipeline")
    if "/" in module_name or module_name.startswith("."):
        module = Path(module_name).stem or "routing"
        raise TargetError(
            f"--target {spec}: found a path, expected module:attribute, e.g. {module}:{attribute}, "
            "looked up from the current folder"
        )
    found: object = _import(spec, module_name)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = _nearest(part, found)
            raise TargetError(f"--target {spec}: {module_name} has no attribute {attribute!r}{near}") from None
        except Exception as error:
            raise TargetError(f"--target {spec}: reading {attribute!r} failed: {one_line(error)}") from error
    return found


def _import(spec: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with building(None):  # what a module makes is there once, for all who use it
            return importlib.import_module(name)
    except _RAISED as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if absent is not None and f"{name}.".startswith(f"{absent}."):
            raise TargetError(f"--target {spec}: no module {absent!r} here or in the environment") from error
        raise TargetError(f"--target {spec}: importing {name} failed: {one_line(error)}{raised_at(error)}") from error


def _nearest(name: str, holder: object) -> str:
    near = difflib.get_close_matches(name, [n for n in dir(holder) if not n.startswith("_")], n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _kind(found: object) -> str:
    return f"the class {found.__name__}" if inspect.isclass(found) else f"an object of type {type(found).__name__}"


def _from_function(spec: str, function: object, seed: int) -> Target:
    assert callable(function)
    if inspect.iscoroutinefunction(function):
        raise TargetError(
            f"--target {spec}: found a coroutine function, expected a plain function returning a Pipeline"
        )
    try:
        takes_seed = "seed" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        takes_seed = False

    def make() -> Pipeline | UnifiedStageGraph | Target:
        try:
            made = function(seed=seed) if takes_seed else function()
        except _RAISED as error:
            raise TargetError(f"--target {spec}: the function failed: {one_line(error)}{raised_at(error)}") from error
        if not isinstance(made, (Pipeline, UnifiedStageGraph, Target)):
            raise TargetError(
                f"--target {spec}: the function returned {_kind(made)}, expected a Pipeline or a built graph"
            )
        return made

    first = make()
    if isinstance(first, Target):
        return first
    if isinstance(first, Pipeline):
        return Target(first)
    unused = [first]

    def graph() -> UnifiedStageGraph:
        found = unused.pop() if unused else make()
        if not isinstance(found, UnifiedStageGraph):
            raise TargetError(f"--target {spec}: the function returned {_kind(found)}, and a built graph before")
        return found

    return Target(graph)
