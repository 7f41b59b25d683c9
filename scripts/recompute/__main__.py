"""Compare the reports of run directories with their histories; exit 1 where a number differs."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.recompute.page import Page


def main(folders: list[str]) -> int:
    """Print what differs in each ``FOLDER/report.md``, and how many numbers were compared."""
    if not folders:
        print("usage: python -m scripts.recompute RUN_DIR [RUN_DIR ...]   (after python -m analysis report RUN_DIR)")
        return 2
    wrong = 0
    for folder in map(Path, folders):
        page = Page(folder)
        found = page.differences((folder / "report.md").read_text(encoding="utf-8"))
        for each in found:
            print(f"{folder.name}: {each.shown!r}, expected {each.expected!r}, in: {each.line}")
        print(f"{folder.name}: {page.compared:,} numbers compared, {len(found)} differences")
        wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
