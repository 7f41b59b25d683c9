"""Symbolic links in folders that came from somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path, whatever links it goes by, leads out of a folder; one that cannot be followed does."""
    try:
        try:
            found = path.resolve(strict=True)
        except FileNotFoundError:
            found = (
                path.resolve()
            )  # from Python 3.13 on it takes a loop of links for a path: strictly, that was refused
        return not found.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return True


def links_out(folder: Path) -> Iterator[Path]:
    """Yield the links below a folder that lead out of it, relative to it, in order; no link is followed."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(parent, name)
            if path.is_symlink() and leads_out(path, folder):
                yield path.relative_to(folder)
