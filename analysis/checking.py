"""``python -m analysis check``: a saved run, judged again and compared with the verdict that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from analysis.wording import number
from harness.judge.verdict import Verdict
from harness.record.judging_again import judged_again
from harness.words.errors import one_line

DIFFERS = 1
"""Exit code where a run is judged otherwise than it was, and its verdict's own would be 0."""

MOST_NAMED = 20
"""Differences that are named."""


def check(path: Path, *, write: bool = False) -> tuple[list[str], int]:
    """Return what is to be said of a run judged again, line by line, and the exit code: of its verdict, or ``DIFFERS``.

    Args:
        path: a run directory.
        write: whether ``verdict.json``, and ``faults.csv`` of a run with faults, are written anew.

    Raises:
        RunError: it is no run directory, or has no facts to judge it from.
        OSError: it cannot be written.

    """
    again = judged_again(path)
    verdict = again.verdict
    if again.equal:
        lines = [f"{path}: equal, byte for byte: {_shown(verdict)}"]
    elif again.before is None:
        lines = [f"{path}: had no verdict; it is {_shown(verdict)}"]
    else:
        found = list(_differences(again.before, again.text))
        more = [f"  and {number(len(found) - MOST_NAMED)} more"] if len(found) > MOST_NAMED else []
        lines = [f"{path}: differs; it is now {_shown(verdict)}", *found[:MOST_NAMED], *more]
    if write and not again.equal:
        again.write()
        lines.append(f"{again.run.verdict} was written")
    return lines, int(verdict.exit_code) or (0 if again.equal or write else DIFFERS)


def _shown(verdict: Verdict) -> str:
    return f"{verdict.conclusion.value} (exit {int(verdict.exit_code)}): {verdict.reason}"


def _differences(before: str, after: str) -> Iterator[str]:
    """Yield what differs, by its place in the document; the form alone where the content is the same."""
    try:
        found = json.loads(before)
    except (ValueError, RecursionError) as error:
        yield f"  verdict.json was no JSON: {one_line(error)}"
        return
    differences = list(_between("", found, json.loads(after)))
    yield from differences or ["  in how it is written, not in what it says"]


def _between(place: str, before: object, after: object) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _between(f"{place}.{key}" if place else str(key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and _named(before) and _named(after):
        yield from _between(place, {row["name"]: row for row in before}, {row["name"]: row for row in after})
    else:
        yield f"  {place}: {_text(before)} -> {_text(after)}"


def _named(rows: list[object]) -> bool:
    """Whether these are rows, each of a name of its own."""
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    return len({str(name) for name in names}) == len(rows)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]
