"""The two JSON documents of a run directory, read as what the harness writes (``harness.judge.documents``)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import msgspec

from analysis import html, wording
from harness.judge import documents
from harness.judge.criteria.criteria import parse_criterion
from harness.judge.documents import CriterionEntry, Entry, Manifest, Step, Totals
from harness.words.errors import UNREADABLE, CriteriaError, RunError, reason
from harness.words.files import read_bounded

__all__ = ["CriterionEntry", "Entry", "Manifest", "Step", "Totals", "Verdict", "read_document"]


class Verdict(documents.Verdict, frozen=True):
    """Criteria, checks and validity of a run, and the word they add up to."""

    def _repr_html_(self) -> str:
        """Return a verdict as a table: what decided it, then criteria, checks, validity and hypotheses."""
        reason = f" {html.text(self.reason)}" if self.reason else ""
        groups: dict[str, Sequence[Entry]] = {
            "criterion": self.criteria,
            "check": self.checks,
            "validity": self.validity,
            "hypothesis": self.hypotheses,
        }
        rows = "".join(
            html.row(name, entry.name, entry.status, wording.value(entry.actual), entry.detail or "—")
            for name, entries in groups.items()
            for entry in entries
        )
        head = html.heads(("", "", "status", "measured", "evidence"))
        return f"<div><p>{html.badge(self.verdict)}{reason}</p><table><tr>{head}</tr>{rows}</table></div>"


Document = TypeVar("Document", Manifest, Verdict)


MOST_BYTES = 64 * 1024**2
"""Of a document: one with 200 routes by 200 labels has 2 MB."""
MOST_DEPTH = 100
MOST_DIGITS = 19
"""Of a whole number: all that a run counts has 64 bits."""


def read_document(path: Path, kind: type[Document]) -> Document:
    """Return the document in ``path``; raise ``RunError`` with file and reason where it is none."""
    try:
        if path.exists() and not path.is_file():
            raise RunError(f"{path.name}: no regular file")
        text = read_bounded(path, MOST_BYTES).decode("utf-8")
        found = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_constant)
        return _with_thresholds(msgspec.convert(_without_halves(found), kind))
    except (*UNREADABLE, msgspec.ValidationError) as error:
        raise RunError(f"{path.name}: {reason(error)}") from error


def _with_thresholds(document: Document) -> Document:
    """Return a document whose criteria say what they ask; in those of 0.1.0 that stands in their names only."""
    if not isinstance(document, Verdict):
        return document
    return msgspec.structs.replace(document, criteria=[_with_threshold(entry) for entry in document.criteria])


def _with_threshold(entry: CriterionEntry) -> CriterionEntry:
    if entry.metric is not None:
        return entry
    try:
        asked = parse_criterion(entry.name).threshold
    except CriteriaError:  # no threshold, as the highest load that holds
        return entry
    return msgspec.structs.replace(entry, **asdict(asked))


def _whole(digits: str) -> int:
    number = int(digits) if len(digits) <= MOST_DIGITS + 1 else 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"found a number of {len(digits):,} digits, expected one of 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"found {digits[:40]}, expected a finite number")
    return number


def _constant(name: str) -> None:
    """Return nothing for NaN, which is what was not measured."""
    if name != "NaN":
        raise ValueError(f"found {name}, expected a finite number")


def _without_halves(found: object, depth: int = 0) -> object:
    """Return a JSON value whose texts can all be written as UTF-8: JSON may escape half a character, and stays so."""
    if depth > MOST_DEPTH:
        raise ValueError(f"nested more than {MOST_DEPTH} deep")
    if isinstance(found, str):
        return _whole_text(found)
    if isinstance(found, dict):
        return {_whole_text(key): _without_halves(value, depth + 1) for key, value in found.items()}
    if isinstance(found, list):
        return [_without_halves(value, depth + 1) for value in found]
    return found


def _whole_text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
