"""Time and memory of reading and reporting run directories of millions of operations."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from synthetic_run import write_run

GOALS = {1_000_000: {"load_run": 2.0, "report": 15.0}, 10_000_000: {"load_run": 2.0, "report": 60.0}}
GOAL_GB = 3.0
MEASURED = """
import sys, time
begin = time.perf_counter()
{code}
seconds = time.perf_counter() - begin
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1e6, file=sys.stderr)
"""
STEPS = {
    "load_run": "import analysis; analysis.load_run(sys.argv[1])",
    "operations": "import analysis; analysis.load_run(sys.argv[1]).operations",
    "report": "from analysis.cli import main; main(['report', sys.argv[1]])",
    "compare": "from analysis.cli import main; main(['compare', sys.argv[1], sys.argv[1]])",
}


def measure(step: str, folder: Path) -> tuple[float, float]:
    """Return seconds, with all imports, and the largest resident memory in GB of a process that does one thing."""
    command = [sys.executable, "-c", MEASURED.format(code=STEPS[step]), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} ended with {done.returncode}:\n{done.stderr}")
    seconds, gigabytes = done.stderr.split()[-2:]
    return float(seconds), float(gigabytes)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, nargs="+", default=[1_000_000], help="sizes (1,000,000)")
    missed = False
    for operations in parser.parse_args().operations:
        with tempfile.TemporaryDirectory() as scratch:
            begin = time.perf_counter()
            folder = write_run(Path(scratch) / "run", operations)
            size_mb = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
            print(
                f"analysis: {operations:,} operations, {size_mb:,.0f} MB, made in {time.perf_counter() - begin:.0f} s"
            )
            for step in STEPS:
                seconds, gigabytes = measure(step, folder)
                goal = GOALS.get(operations, {}).get(step)
                kept = (goal is None or seconds < goal) and gigabytes < GOAL_GB
                missed |= not kept
                aim = (
                    f"  goal: less than {goal:.0f} s and {GOAL_GB:.0f} GB {'kept' if kept else 'MISSED'}"
                    if goal
                    else ""
                )
                print(f"analysis: {step:<12}{seconds:7.1f} s  {gigabytes:5.2f} GB{aim}", flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
