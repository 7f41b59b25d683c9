"""A saved run, judged again from what lies in its folder. ``analysis`` knows this module of ``record`` and no other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.judge.verdict import Verdict
from harness.record.facts_json import read_facts
from harness.record.faults_csv import write_faults
from harness.record.judging import judge_or_say_why
from harness.record.run_directory import RunDirectory, json_text
from harness.words.column import FORMAT
from harness.words.errors import RunError, reason
from harness.words.files import read_bounded

_MOST = 256 * 1024 * 1024
"""Bytes of a document that are read: no run writes as many."""


@dataclass(frozen=True, slots=True)
class Again:
    """What a run is judged now, beside what lies in its folder."""

    run: RunDirectory
    verdict: Verdict
    before: str | None  # text of ``verdict.json``, None where there is none

    @property
    def text(self) -> str:
        """``verdict.json`` as it would be written now."""
        return json_text(self.verdict.as_json())

    @property
    def equal(self) -> bool:
        """Whether that is what lies there, byte for byte."""
        return self.before == self.text

    def write(self) -> None:
        """Write ``verdict.json``, and ``faults.csv`` where the run had a fault plan.

        Raises:
            OSError: that cannot be.

        """
        self.run.write_json(self.run.verdict, self.verdict.as_json())
        faults = self.verdict.totals.get("faults")
        if faults is not None:
            write_faults(self.run.faults, cast("list[dict[str, object]]", faults))


def judged_again(path: Path) -> Again:
    """Judge a run directory.

    Raises:
        RunError: it is none, is of a format that this version does not know, or has no facts: of 0.1.0, or cut off.

    """
    run = RunDirectory(path)
    _require_format(run)
    if not run.facts.exists():
        raise RunError(f"{path}: has no facts.json, without which it cannot be judged again: cut off before its end?")
    criteria, facts = read_facts(run.facts)
    verdict, _ = judge_or_say_why(run, criteria, facts)
    return Again(run, verdict, _text(run.verdict) if run.verdict.exists() else None)


def _require_format(run: RunDirectory) -> None:
    if not run.path.is_dir():
        raise RunError(f"{run.path}: no run directory")
    try:
        manifest = json.loads(_text(run.manifest))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{run.manifest}: no manifest of a run: {reason(error)}") from error
    found = manifest.get("format", 1) if isinstance(manifest, dict) else None
    if found == 1:
        raise RunError(f"{run.path}: has no facts to be judged again from: its format is 1, of 0.1.0; facts since 2")
    if found != FORMAT or isinstance(found, bool):
        raise RunError(f"{run.manifest}: format: found {found!r:.40}, expected {FORMAT}")


def _text(path: Path) -> str:
    try:
        return read_bounded(path, _MOST).decode()
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {reason(error)}") from error
