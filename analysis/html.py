"""Pieces of HTML in which runs, verdicts and comparisons show themselves in a notebook."""

from __future__ import annotations

from html import escape

from analysis import wording

_TONES = {"PASS": "#0a6b4f", "PASS WITH CONCERNS": "#7a5200", "FAIL": "#a8321a"}
_OPEN = "#59636e"


def badge(word: str) -> str:
    """Return a verdict, or an answer, in its colour."""
    colour = _TONES.get(word, _OPEN)
    return f"<span style='background:{colour};color:#ffffff;border-radius:.5em;padding:.1em .6em'>{text(word)}</span>"


def text(found: object) -> str:
    """Return what was found as text in HTML; '—' for None."""
    return escape(wording.visible(str(found))) if found is not None else "—"


def heads(names: tuple[str, ...]) -> str:
    """Return the head of a table."""
    return "".join(f"<th style='text-align:left'>{name}</th>" for name in names)


def row(*cells: object) -> str:
    """Return a row of a table."""
    return "<tr>" + "".join(f"<td style='text-align:left'>{text(cell)}</td>" for cell in cells) + "</tr>"
