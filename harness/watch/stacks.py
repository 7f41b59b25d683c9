"""Reading what ``faulthandler`` wrote of a process whose thread was held: which stage, at which line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import harness
from harness.words.operation import STAGE_FRAME

_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)$')
_HARNESS = str(Path(harness.__file__).parent)
_LIBRARY = str(Path(re.__file__).parent.parent)  # Python's own
_STAGES = str(Path(harness.__file__).parent / "stages")  # components of targets
_INJECTOR = str(Path(harness.__file__).parent / "pipeline" / "inject" / "injector.py")


class Held(NamedTuple):
    """Where a thread was held."""

    stage: str | None
    place: str | None
    planned: bool


NOWHERE = Held(None, None, planned=False)


def held_at(stacks: str, thread: int) -> Held:
    """Return where a thread was in the last of some dumps; ``NOWHERE`` where it is not in it.

    The place is the innermost line of the target's own code, whatever it called in a library; of the innermost library
    where there is none.
    """
    frames = _frames(stacks, thread)
    stage = next((name.removeprefix(STAGE_FRAME) for _, _, name in frames if name.startswith(STAGE_FRAME)), None)
    planned = any(file == _INJECTOR for file, _, _ in frames[:2])
    outside = [frame for frame in frames if _is_outside(frame[0])]
    innermost = next((frame for frame in outside if not _is_library(frame[0])), outside[0] if outside else None)
    place = None if innermost is None else f"{_short(innermost[0])}:{innermost[1]} in {innermost[2]}"
    return Held(stage, place, planned)


def _frames(stacks: str, thread: int) -> list[tuple[str, str, str]]:
    """Return file, line and function of a thread's frames in the last dump that has it, innermost first."""
    marks = [match.end() for match in re.finditer(rf"hread 0x0*{thread:x}\b[^\n]*\n", stacks)]
    if not marks:
        return []
    found = []
    for text in stacks[marks[-1] :].splitlines():
        match = _FRAME.match(text)
        if match is None:
            break
        found.append((match["file"], match["line"], match["name"]))
    return found


def _is_library(file: str) -> bool:
    return file.startswith((_LIBRARY, "<")) or "site-packages" in file


def _is_outside(file: str) -> bool:
    return not file.startswith(_HARNESS) or file.startswith(_STAGES)


def _short(file: str) -> str:
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return "/".join(path.parts[-2:])
