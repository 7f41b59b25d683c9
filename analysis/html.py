"""How a run and its verdict show themselves in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from analysis import wording

if TYPE_CHECKING:
    from analysis.comparison.result import Comparison
    from analysis.documents import Entry, Verdict
    from analysis.run import Run

_TONES = {"PASS": "#0a6b4f", "PASS WITH CONCERNS": "#7a5200", "FAIL": "#a8321a"}
_OPEN = "#59636e"


def run(shown: Run) -> str:
    """Return a run in short: its name, verdict, size, and what is missing; reads no history."""
    verdict, totals = shown.verdict, shown.verdict.totals if shown.verdict is not None else None
    word = verdict.verdict if verdict is not None else wording.NOT_JUDGED
    facts = {
        "operations": wording.number(totals.operations) if totals is not None else None,
        "p95": wording.milliseconds(totals.p95_ms) if totals is not None else None,
        "most users": wording.number(totals.users_max) if totals is not None and totals.users_max else None,
        "duration": wording.seconds(totals.duration_s) if totals is not None else None,
        "target": _text(shown.manifest.options.get("target")),
        "started": None if shown.manifest.t0 is None else _text(shown.manifest.t0),
    }
    rows = "".join(_row(name, value) for name, value in facts.items() if value is not None)
    missing = "".join(f"<li>{_text(sentence)}</li>" for sentence in shown.missing)
    lacks = f"<p>This run is not whole:</p><ul>{missing}</ul>" if missing else ""
    return f"<div><p>{_badge(word)} <b>{_text(shown.name)}</b></p><table>{rows}</table>{lacks}</div>"


def verdict(shown: Verdict) -> str:
    """Return a verdict as a table: what decided it, then criteria, checks, validity and hypotheses."""
    reason = f" {_text(shown.reason)}" if shown.reason else ""
    groups = {
        "criterion": shown.criteria,
        "check": shown.checks,
        "validity": shown.validity,
        "hypothesis": shown.hypotheses,
    }
    rows = "".join(_entry(name, entry) for name, entries in groups.items() for entry in entries)
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("", "", "status", "measured", "evidence"))
    return f"<div><p>{_badge(shown.verdict)}{reason}</p><table><tr>{head}</tr>{rows}</table></div>"


def comparison(shown: Comparison) -> str:
    """Return a comparison as a table: the answer, then a row per route and percentile."""
    from analysis.comparison.result import names, signed

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
        for row in shown.rows
    ]
    table = "".join(f"<th style='text-align:left'>{name}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    said = "".join(f"<li>{_text(sentence)}</li>" for sentence in (*shown.reasons, *shown.notes))
    sides = f"{_text(names(shown.candidate))} against {_text(names(shown.baseline))}"
    return f"<div><p>{_badge(shown.answer)} {sides}</p><table><tr>{table}</tr>{body}</table><ul>{said}</ul></div>"


def _entry(group: str, entry: Entry) -> str:
    cells = (group, entry.name, entry.status, wording.value(entry.actual), entry.detail or "—")
    return "<tr>" + "".join(f"<td style='text-align:left'>{_text(cell)}</td>" for cell in cells) + "</tr>"


def _row(name: str, value: str) -> str:
    return f"<tr><td style='text-align:left'>{name}</td><td style='text-align:left'>{value}</td></tr>"


def _badge(word: str) -> str:
    colour = _TONES.get(word, _OPEN)
    return f"<span style='background:{colour};color:#ffffff;border-radius:.5em;padding:.1em .6em'>{_text(word)}</span>"


def _text(found: object) -> str:
    return escape(wording.visible(str(found))) if found is not None else "—"
