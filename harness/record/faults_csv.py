"""``faults.csv``: one row per window of a fault, written once the run has been judged."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.words.column import names
from harness.words.schema import FAULTS

HEADER = names(FAULTS)


def write_faults(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write ``faults.csv`` whole or not at all; what was not measured is empty. Raise OSError where that cannot be."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(["" if row[name] is None else row[name] for name in HEADER] for row in rows)
    partial.rename(path)
