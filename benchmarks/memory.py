"""Resident memory of one process over a million operations with all recording on."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
GOAL_MB = 30
BASE = 100_000  # operations after which growth counts


def measure(operations: int) -> list[tuple[int, int]]:
    """Return operations done and resident bytes, twice a second."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.csv"
        command = [
            *(sys.executable, "-m", "locust", "-f", "memory_probe.py", "--headless", "--only-summary"),
            *("--users", "100", "--spawn-rate", "1000", "--target", "one_stage:pipeline"),
            *("--baseline-size", "0", "--results-dir", folder),
        ]
        environment = {**os.environ, "PROBE_FILE": str(notes), "PROBE_OPERATIONS": str(operations)}
        done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 12):  # without a baseline consistency is not judged
            raise SystemExit(f"locust ended with {done.returncode}:\n{done.stderr}")
        lines = notes.read_text(encoding="utf-8").splitlines()
    return [(int(count), int(rss)) for count, rss in (line.split(",") for line in lines)]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000, help="operations to run (1,000,000)")
    notes = measure(parser.parse_args().operations)
    base = next(rss for count, rss in notes if count >= BASE)
    highest = max(rss for count, rss in notes if count >= BASE)
    grown = (highest - base) / 1e6
    kept = grown < GOAL_MB
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        count, rss = notes[min(len(notes) - 1, int(share * len(notes)))]
        print(f"memory: {count:>9,} operations  {rss / 1e6:6.1f} MB resident")
    print(
        f"memory: grew by {grown:.1f} MB after the first {BASE:,} of {notes[-1][0]:,} operations"
        f"  goal: less than {GOAL_MB} MB {'kept' if kept else 'MISSED'}"
    )
    sys.exit(not kept)


if __name__ == "__main__":
    main()
