"""What the harness costs: one graph driven by plain asyncio, and by Locust with all recording on.

Both drive the same one-stage ROUTE graph with the same scenarios, in processes of their own, in turns, so that what
else the machine does meets both: a pair is plain, Locust, Locust, plain, and each side of it the mean of its two, since
a shared machine changes its speed by a tenth from one measurement to the next. Printed are medians of the ratios of
pairs. Latency is response time as reported, to
the moment the outcome is known; ``p95 resumed`` is to the moment the Locust user goes on, which is the harness's own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import numpy as np

HERE = Path(__file__).parent
WARM_UP_S = 1.0
GOALS = {  # of plain asyncio
    (100, "throughput"): (0.80, "at least"),
    (1, "throughput"): (0.65, "at least"),
    (100, "p95"): (1.20, "at most"),
}


def drive_plainly(users: int, seconds: float) -> dict[str, float]:
    """Drive the graph by plain asyncio: ``users`` tasks, each one operation after the other."""
    sys.path.insert(0, str(HERE))
    from one_stage import pipeline

    from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
    from harness.pipeline.target import Identity, default_context

    scenarios = read_corpus(DEFAULT_CORPUS).scenarios
    session = uuid4()
    graph = pipeline.build()
    latencies: list[int] = []

    async def user(number: int, begin: float, end: float) -> None:
        at = number
        while (now := time.monotonic()) < end:
            at = (at + 7) % len(scenarios)
            start = time.monotonic_ns()
            unique = uuid4()  # as the client: one id for a request and its run
            identity = Identity(unique, unique, session, session)
            results = await graph.run(default_context(scenarios[at], identity))
            assert results["router"].data["route"]
            if now >= begin:
                latencies.append(time.monotonic_ns() - start)

    async def run() -> None:
        begin = time.monotonic() + WARM_UP_S
        await asyncio.gather(*(user(number, begin, begin + seconds) for number in range(users)))

    gc.collect()
    gc.freeze()
    asyncio.run(run())
    summary = _summary(latencies, seconds)
    return {**summary, "p95 resumed": summary["p95"]}  # the task that asked is the one that measured


def drive_with_locust(users: int, seconds: float, processes: int = 0) -> dict[str, float]:
    """Drive the graph by a real headless Locust, and read its history."""
    from harness.record.history import parts_of, read_operations

    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "locust", "-f", str(HERE / "closed_loop.py"), "--headless", "--only-summary"),
            *("--users", str(users), "--spawn-rate", "1000", "--run-time", f"{int(seconds + 2 * WARM_UP_S)}s"),
            *("--target", "one_stage:pipeline", "--baseline-size", "0", "--results-dir", folder),
            *(("--processes", str(processes)) if processes else ()),
        ]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 12):  # without a baseline consistency is not judged
            raise SystemExit(f"locust ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        history = Path(folder) / "latest" / "history"
        operations = list(read_operations(parts_of(history, "operations").paths))
    begin = min(operation.start_ns for operation in operations) + int(WARM_UP_S * 1e9)
    inside = [op for op in operations if begin <= op.start_ns and op.end_ns < begin + int(seconds * 1e9)]
    resumed = _summary([op.resumed_ns - op.start_ns for op in inside], seconds)
    return {**_summary([op.end_ns - op.intended_ns for op in inside], seconds), "p95 resumed": resumed["p95"]}


def _summary(latencies: Iterable[int], seconds: float) -> dict[str, float]:
    taken = np.fromiter(latencies, dtype=np.int64)
    p50, p95, p99 = (float(value) / 1e3 for value in np.percentile(taken, (50, 95, 99)))
    return {"throughput": len(taken) / seconds, "p50": p50, "p95": p95, "p99": p99}


def measure(kind: str, users: int, seconds: float) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--child", kind, "--users", str(users), "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_pair(users: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return what plain asyncio and Locust did, each measured twice: first and last, and in between."""
    first, *between, last = (measure(kind, users, seconds) for kind in ("asyncio", "locust", "locust", "asyncio"))
    return _mean(first, last), _mean(*between)


def _mean(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {metric: (value + other[metric]) / 2 for metric, value in one.items()}


def compare(users: int, pairs: int, seconds: float) -> bool:
    """Print the ratios of ``pairs`` pairs; whether the goals hold."""
    found = [measure_pair(users, seconds) for _ in range(pairs)]
    holds = True
    for metric, unit in (("throughput", "/s"), ("p50", "µs"), ("p95", "µs"), ("p95 resumed", "µs"), ("p99", "µs")):
        plain, bridged = (statistics.median(side[metric] for side in sides) for sides in zip(*found, strict=True))
        ratios = sorted(bridge[metric] / alone[metric] for alone, bridge in found)
        ratio = statistics.median(ratios)
        goal = ""
        if (users, metric) in GOALS:
            bound, side = GOALS[users, metric]
            kept = ratio >= bound if side == "at least" else ratio <= bound
            holds &= kept
            goal = f"  goal: {side} {bound:.2f} {'kept' if kept else 'MISSED'}"
        print(
            f"{users:>4} users  {metric:<11}  asyncio {plain:>9,.0f} {unit}  locust {bridged:>9,.0f} {unit}"
            f"  ratio {ratio:.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]{goal}",
            flush=True,
        )
    return holds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of measurements (5)")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of one measurement; a pair has four (2.5)")
    parser.add_argument("--users", type=int, default=0, help="concurrent users (100, then 1)")
    parser.add_argument("--child", choices=("asyncio", "locust"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        drive = drive_plainly if asked.child == "asyncio" else drive_with_locust
        print(json.dumps(drive(asked.users, asked.seconds)))
        return
    print("bridge: one-stage ROUTE graph, plain asyncio against Locust with all recording on")
    kept = [compare(users, asked.pairs, asked.seconds) for users in ([asked.users] if asked.users else [100, 1])]
    sys.exit(not all(kept))


if __name__ == "__main__":
    main()
