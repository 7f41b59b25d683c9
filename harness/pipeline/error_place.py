"""Where in the user's own code an error was raised."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import stageflow

_OTHERS = tuple(f"{folder}{os.sep}" for folder in (Path(__file__).parents[1], Path(stageflow.__file__).parent))


def _imports(frame: traceback.FrameSummary) -> bool:
    return "importlib" in frame.filename


def raised_at(error: BaseException) -> str:
    """Return `` (file:line)`` of the last frame outside this package and Stageflow, "" without one.

    What is wrong with a declared chain or pipeline is raised in their code: the mistake is where it was declared.
    """
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not frame.filename.startswith((*_OTHERS, "<")) and not _imports(frame)]
    return f" ({users[-1].filename}:{users[-1].lineno})" if users else ""
