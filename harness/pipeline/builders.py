"""Whether what ``module:attribute`` names may be called although nobody on the machine itself named it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from stageflow import Pipeline
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.pipeline.find import named_object
from harness.pipeline.target import Target
from harness.words.errors import TargetError

BUILT = (Pipeline, UnifiedStageGraph, Target)
"""What a target can be, and what a function that builds one says it returns."""

_NAMES = {built.__name__ for built in BUILT}


def require_builder(spec: str, folder: Path) -> None:
    """Import the module of ``spec`` and refuse an attribute that is neither a target nor a function that builds one.

    A function builds one where it says so (``-> Pipeline``), is written in ``folder`` and needs no argument but
    ``seed``. It is not called.

    Raises:
        TargetError: the module or attribute is not there, or is something else.

    """
    found = named_object(spec)
    if isinstance(found, BUILT):
        return
    if not callable(found) or inspect.isclass(found):
        return  # no target either, which find_target has words for
    code = getattr(found, "__code__", None)
    if not (isinstance(code, CodeType) and _written_in(code.co_filename, folder) and _builds(found)):
        raise TargetError(
            f"--target {spec}: the function does not say that it builds a pipeline, expected '-> Pipeline' "
            "(or UnifiedStageGraph, Target) and no argument but seed; or name it on Locust's command line"
        )


def _written_in(file: str, folder: Path) -> bool:
    return Path(file).resolve().is_relative_to(folder)


def _builds(function: Callable[..., object]) -> bool:
    """Whether a function says that it returns a target, and can be called without arguments that nobody gives it."""
    said = getattr(function, "__annotations__", {}).get("return")
    text = said if isinstance(said, str) else getattr(said, "__name__", str(said))
    words = [word.rpartition(".")[2] for word in re.split(r"[\s|]+", text.strip()) if word]
    parameters = inspect.signature(function).parameters.values()
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    given = all(each.name == "seed" or each.default is not each.empty or each.kind in free for each in parameters)
    return bool(words) and all(word in _NAMES for word in words) and given
