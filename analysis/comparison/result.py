"""The outcome of a comparison: rows, a plain answer, and an exit code for CI."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import pandas as pd

from analysis import html, wording
from analysis.wording import milliseconds, number
from harness.words.errors import ExitCode


class Answer(StrEnum):
    """What a comparison says of the candidate."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no difference shown"
    MIXED = "faster and slower"
    TOO_FEW = "too few operations"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True)
class Row:
    """One route and percentile: the candidate against the baseline.

    ``difference_pct`` is of the baseline, positive where the candidate is slower, with the interval ``low_pct`` to
    ``high_pct`` at the level the row was tested at; None where there were too few operations. ``superiority`` is the
    probability that an operation of the candidate took longer than one of the baseline, of the route as a whole.
    ``counts`` are the operations of baseline and candidate.
    """

    route: str
    percent: float
    answer: Answer = Answer.TOO_FEW
    baseline_ms: float | None = None
    candidate_ms: float | None = None
    difference_pct: float | None = None
    low_pct: float | None = None
    high_pct: float | None = None
    superiority: float | None = None
    counts: tuple[int, int] = (0, 0)

    def sentence(self) -> str:
        """Say the row in words."""
        if self.difference_pct is None or self.low_pct is None or self.high_pct is None:
            return f"{self.route} p{self.percent:g}: {self.answer}"
        return (
            f"{self.route} p{self.percent:g}: {self.answer}, {milliseconds(self.baseline_ms)} to "
            f"{milliseconds(self.candidate_ms)}, {signed(self.difference_pct)} "
            f"[{signed(self.low_pct)}, {signed(self.high_pct)}]"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One candidate side against the baseline side.

    ``level`` is the probability of at least one false alarm over all rows together. ``reasons`` say why the sides are
    not comparable; then there are no rows. ``notes`` are what a reader should know besides.
    """

    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    level: float
    rows: tuple[Row, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """Whether the candidate is faster, slower, both, or neither was shown."""
        if self.reasons:
            return Answer.NOT_COMPARABLE
        found = {row.answer for row in self.rows} & {Answer.FASTER, Answer.SLOWER}
        if len(found) == 2:
            return Answer.MIXED
        if found:
            return found.pop()
        judged = any(row.answer is Answer.NO_DIFFERENCE for row in self.rows)
        return Answer.NO_DIFFERENCE if judged else Answer.TOO_FEW

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a frame: the fields of ``Row``, with ``baseline_count``, ``candidate_count`` and ``reason``.

        Sides that are not comparable have one row per reason, with that answer and no number, so that a file of it says
        so, too.
        """
        rows = [_columns(row) | {"reason": ""} for row in self.rows]
        names = [*_columns(Row("", 50)), "reason"]
        if self.reasons:
            rows = [{"answer": str(Answer.NOT_COMPARABLE), "reason": reason} for reason in self.reasons]
        return pd.DataFrame(rows, columns=names)

    def regressions(self, max_regression_pct: float = 0.0) -> list[Row]:
        """Return the rows that are shown to be slower by more than ``max_regression_pct``: all of the interval is."""
        slower = [row for row in self.rows if row.answer is Answer.SLOWER]
        return [row for row in slower if row.low_pct is not None and row.low_pct > max_regression_pct]

    def undecided(self, max_regression_pct: float = 0.0) -> list[Row]:
        """Return the rows that may be slower by more than that: not shown, since only a part of their interval is."""
        shown = self.regressions(max_regression_pct)
        above = [row for row in self.rows if row.high_pct is not None and row.high_pct > max_regression_pct]
        return [row for row in above if row not in shown]

    def exit_code(self, max_regression_pct: float | None = None) -> ExitCode:
        """Return 0, 10 where a regression beyond ``max_regression_pct`` is shown (None: never), or 12.

        12 is for what is not comparable, and for sides with too few operations to compare anything.
        """
        if self.answer in (Answer.NOT_COMPARABLE, Answer.TOO_FEW):
            return ExitCode.INCONCLUSIVE
        if max_regression_pct is not None and self.regressions(max_regression_pct):
            return ExitCode.CRITERION
        return ExitCode.PASS

    def to_json(self) -> str:
        """Return everything as JSON, with a line end."""
        document = {
            "baseline": self.baseline,
            "candidate": self.candidate,
            "answer": self.answer,
            "level": self.level,
            "reasons": self.reasons,
            "notes": self.notes,
            "rows": [_columns(row) for row in self.rows],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def _repr_html_(self) -> str:
        """Return a comparison as a table: the answer, then a row per route and percentile."""
        head = ("route", "", "baseline", "candidate", "difference", "interval", "answer")
        rows = [
            (
                row.route,
                f"p{row.percent:g}",
                wording.milliseconds(row.baseline_ms),
                wording.milliseconds(row.candidate_ms),
                signed(row.difference_pct),
                f"{signed(row.low_pct)} to {signed(row.high_pct)}",
                row.answer,
            )
            for row in self.rows
        ]
        body = "".join(html.row(*cells) for cells in rows)
        said = "".join(f"<li>{html.text(sentence)}</li>" for sentence in (*self.reasons, *self.notes))
        sides = f"{html.text(names(self.candidate))} against {html.text(names(self.baseline))}"
        table = f"<table><tr>{html.heads(head)}</tr>{body}</table>"
        return f"<div><p>{html.badge(self.answer)} {sides}</p>{table}<ul>{said}</ul></div>"


def signed(percent: float | None) -> str:
    """Return a difference with its sign: '+10.2 %'."""
    if percent is None or not math.isfinite(percent):
        return "—"
    return f"{'+' if percent > 0 else '−' if percent < 0 else ''}{number(abs(float(percent)))} %"  # noqa: RUF001


def names(side: Sequence[str]) -> str:
    """Return a side's runs in words."""
    return side[0] if len(side) == 1 else f"{len(side)} runs ({', '.join(side)})"


def _columns(row: Row) -> dict[str, object]:
    """Return a row by column, with numbers rounded to what is stated."""
    found = asdict(row) | {"answer": str(row.answer)}
    found["baseline_count"], found["candidate_count"] = found.pop("counts")
    return {name: round(each, 6) if isinstance(each, float) else each for name, each in found.items()}
