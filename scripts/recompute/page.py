"""The numbers of ``report.md`` against what the history of its run says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from scripts.recompute import load, models, steady
from scripts.recompute.checks import Checks
from scripts.recompute.faults import Faults
from scripts.recompute.forms import FORMS
from scripts.recompute.raw import Raw
from scripts.recompute.sentences import Sentences
from scripts.recompute.shown import NUMBER, may_be
from scripts.recompute.tables import Tables


class Difference(NamedTuple):
    """A number of the report that is not what the history says, or that nothing here knows."""

    line: str
    shown: str
    expected: str


class Page(Tables, Sentences):
    """The report of one run, and what its numbers must be."""

    def __init__(self, folder: Path) -> None:
        self.raw = Raw(folder)
        self.faults = Faults(self.raw)
        self.checks = Checks(self)
        self.compared = 0
        self._made: dict[object, object] = {}

    @cached_property
    def steady(self) -> tuple[int, int] | None:
        """First second and length of what the steady state leaves out."""
        return steady.of_run(self.raw)

    @cached_property
    def load(self) -> load.Load:
        """Levels of users."""
        windows = [(begin, end) for _, begin, end in self.faults.windows]
        return load.Load(self.raw, windows, self.steady[0] if self.steady else None)

    @cached_property
    def fits(self) -> list[models.Model]:
        """The models, fitted to the levels that have operations enough."""
        return models.fitted(self.load.levels[self.load.levels["count"] >= load.FEWEST])

    @property
    def chain_deadline_ms(self) -> float:
        """What the target's chains declare: in no history."""
        return float(self.entry("chain deadline")["target"].split()[1])

    def entry(self, name: str) -> dict:
        """Return a row of the verdict."""
        groups = ("criteria", "checks", "validity", "hypotheses")
        return next(entry for group in groups for entry in self.raw.verdict[group] if entry["name"] == name)

    def once(self, key: object, make: Callable[[], object]) -> object:
        """Return what was made before under a key: each line is looked at many times by a test."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def differences(self, text: str) -> list[Difference]:
        """Compare every number of a report; ``compared`` counts them."""
        self.compared = 0
        return [found for section, line in lines(text) for found in self.of_line(section, line)]

    def of_line(self, section: str, line: str) -> list[Difference]:
        """Return what is wrong with a line of a section; a line with numbers that has no known form is."""
        numbers = NUMBER.findall(line)
        self.compared += len(numbers)
        if not numbers:
            return []
        for where, pattern, name in FORMS:
            if where == section and (match := pattern.fullmatch(line)):
                expected = getattr(self, name)(*match.groups())
                return [
                    Difference(line, str(shown), "/".join(map(str, right)))
                    for shown, found in zip(match.groups(), expected, strict=True)
                    if shown not in (right := may_be(found))
                ]
        return [Difference(line, " ".join(numbers), "a line of a known form")]


def lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield section and line of a report, without Markdown's escapes, pictures and heads of tables."""
    section = ""
    for line in text.splitlines():
        plain = re.sub(r"\\([^\w\s]|_)", r"\1", line)
        if plain.startswith(("## ", "### ")) and not NUMBER.search(plain):
            section = plain.lstrip("# ")
        elif not plain.startswith(("![", "| Name |", "| fault |", "| Users |")):
            yield section, plain
