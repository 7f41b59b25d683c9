"""Time and memory of reading and reporting run directories of millions of operations.

``report`` draws every plot; with ``--figures`` each is measured, in one process: the time, and the largest resident
memory so far.
"""

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
    "curve": "from analysis.cli import main; main(['curve', sys.argv[1]])",
    "fallback": "from analysis.cli import main; main(['fallback', sys.argv[1]])",
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


FIGURES = """
import sys, time
from analysis import load_run
from analysis.report.figures import FIGURES
from analysis.run_statistics import Measured
from analysis.report.write import draw
begin = time.perf_counter()
run = Measured(load_run(sys.argv[1]))
for figure in FIGURES:
    why = figure.lacks(run)
    if not why:
        draw(figure, run)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    now = time.perf_counter()
    print(f"analysis:   {figure.name:<26}{now - begin:6.1f} s  {int(peak.split()[1]) / 1e6:5.2f} GB  {why}", flush=True)
    begin = now
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", action="store_true", help="measure each plot of the report as well")
    parser.add_argument("--operations", type=int, nargs="+", default=[1_000_000], help="sizes (1,000,000)")
    options = parser.parse_args()
    missed = False
    for operations in options.operations:
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
            if options.figures:
                subprocess.run([sys.executable, "-c", FIGURES, str(folder)], check=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
