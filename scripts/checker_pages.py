"""Write what the checkers say of themselves into the pages: ``python scripts/checker_pages.py``, or ``make docs``.

A page has a table between two comments, ``<!-- checks: NAME -->`` and ``<!-- end of checks -->``; the rest is its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.judge.checkers.registry import AnyChecker, registered

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "definitions.md", DOCS / "testing-your-pipeline.md")
_TABLE = re.compile(r"(?<=<!-- checks: )([a-z ]+)( -->\n).*?(?=<!-- end of checks -->)", re.DOTALL)


def of_every_run() -> str:
    """Return the definitions of the checks of every run."""
    rows = ((c.name, c.invalid_when, c.unknown_when, c.source) for c in registered() if not c.needs)
    return _table(("check", "INVALID when", "UNKNOWN when", "source"), rows)


def of_some_runs() -> str:
    """Return the definitions of the checks that a run gets where there is something to judge."""
    header = ("check", "there when the run has", "INVALID when", "UNKNOWN when", "source")
    return _table(
        header, ((c.name, _needs(c), c.invalid_when, c.unknown_when, c.source) for c in registered() if c.needs)
    )


def in_the_guide() -> str:
    """Return what to do about an INVALID row, check by check."""
    header = ("check", "what INVALID means", "what to do")
    return _table(header, ((c.name, c.means, c.advice) for c in registered()))


TABLES = {"of every run": of_every_run, "of some runs": of_some_runs, "what to do": in_the_guide}


def rendered(page: str) -> str:
    """Return a page with its tables as the checkers have them now.

    Raises:
        KeyError: it has a table of a name that there is none of.

    """
    return _TABLE.sub(lambda found: f"{found[1]}{found[2]}{TABLES[found[1]]()}", page)


def _needs(checker: AnyChecker) -> str:
    left_out = "; left out where it is UNKNOWN" if checker.left_out else ""
    return " or ".join(sorted(checker.needs)) + left_out


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    under = f"|{'---|' * len(header)}"
    first, *others = (f"| {' | '.join(line)} |" for line in (header, *rows))
    return "\n".join(("", first, under, *others, "", ""))


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
