"""Resident memory and completeness of a long run at full speed: users without think time, all recording on.

Memory is read from outside, once a second, while users run; the growth that counts is from the end of the first minute
to the highest value before the users are stopped. ``make soak``, no part of
``make bench``: it takes as long as it is told to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq

HERE = Path(__file__).parent
GOAL_MB = 20
SETTLED_S = 60


def soak(minutes: float, folder: Path) -> list[tuple[float, int]]:
    """Run for so many minutes; return seconds since the start and resident bytes, once a second."""
    seconds = int(minutes * 60)
    command = [
        *(sys.executable, "-m", "locust", "-f", str(HERE / "closed_loop.py"), "--headless", "--only-summary"),
        *("--users", "100", "--spawn-rate", "1000", "--run-time", f"{seconds}s", "--target", "one_stage:pipeline"),
        *("--baseline-size", "0", "--results-dir", str(folder)),
    ]
    with (folder / "output.txt").open("w", encoding="utf-8") as output:
        locust = psutil.Popen(command, cwd=HERE, stdout=output, stderr=subprocess.STDOUT)
        notes: list[tuple[float, int]] = []
        began = time.monotonic()
        while locust.poll() is None:
            elapsed_s = time.monotonic() - began
            if elapsed_s < seconds:  # afterwards it judges the run, and that memory is not the load's
                notes.append((elapsed_s, locust.memory_info().rss))
            time.sleep(1)
    if locust.returncode not in (0, 12):  # without a baseline consistency is not judged
        raise SystemExit(f"locust ended with {locust.returncode}:\n{(folder / 'output.txt').read_text()}")
    return notes


def is_complete(run: Path) -> tuple[bool, int]:
    """Return whether history, series, Locust and arrivals agree, and the rows of the history."""
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    rows = sum(pq.read_metadata(part).num_rows for part in run.glob("history/operations-*.parquet"))
    said = {entry["name"]: entry["status"] for entry in (*verdict["checks"], *verdict["validity"])}
    agreed = said["conservation"] == said["recording"] == "VALID" and rows == verdict["totals"]["arrivals"]
    return agreed, rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run (10)")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notes = soak(minutes, folder)
        complete, rows = is_complete(folder / "latest")
    settled = [rss for elapsed_s, rss in notes if elapsed_s >= SETTLED_S]
    if not settled:
        raise SystemExit(f"soak: found {minutes:g} minutes, expected more than {SETTLED_S / 60:g}")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = min(len(settled) - 1, int(share * len(settled)))
        print(f"soak: minute {SETTLED_S / 60 + share * (minutes - SETTLED_S / 60):4.1f}  {settled[at] / 1e6:6.1f} MB")
    grown = (max(settled) - settled[0]) / 1e6
    kept = grown < GOAL_MB and complete
    print(
        f"soak: grew by {grown:.1f} MB after the first minute, {rows:,} operations, history "
        f"{'complete' if complete else 'NOT COMPLETE'}  goal: less than {GOAL_MB} MB {'kept' if kept else 'MISSED'}"
    )
    sys.exit(not kept)


if __name__ == "__main__":
    main()
