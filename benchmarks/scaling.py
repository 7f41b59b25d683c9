"""Operations per second of two workers on two cores, over those of one."""

from __future__ import annotations

import argparse
import statistics
import sys

from bridge import drive_with_locust

GOAL = 1.8


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="pairs of measurements (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement (5)")
    asked = parser.parse_args()
    found = []
    for _ in range(asked.pairs):
        one, two = (drive_with_locust(100, asked.seconds, workers)["throughput"] for workers in (1, 2))
        found.append((one, two, two / one))
        print(f"scaling: one worker {one:>8,.0f} /s  two workers {two:>8,.0f} /s  ratio {two / one:.3f}", flush=True)
    ratio = statistics.median(ratio for *_, ratio in found)
    kept = ratio >= GOAL
    print(f"scaling: median ratio {ratio:.3f}  goal: at least {GOAL} {'kept' if kept else 'MISSED'}")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
