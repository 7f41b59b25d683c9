"""Real software under 30 users without think time: by plain asyncio, and by Locust with all recording on.

A row is one pipeline of ``tests/real`` in two processes, started together, that are driven in turns: a pair is plain,
Locust, Locust, plain, so that what else the machine does meets both. Both send the same scenarios to the same
services. Each turn begins with a warm-up that is not measured. An operation counts in the turn in which it ends.
Printed are medians of the ratios of pairs; within a pair each side is the mean of its two turns. ``CPU`` is what the
process itself took per operation, user and system, without children: where a row falls short it says whether the
harness computes more, or waits.

``python benchmarks/real.py httpx grpc`` measures these rows alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
REAL = REPOSITORY / "tests" / "real"
sys.path[:0] = [str(REPOSITORY), str(REAL)]

from rows import ROWS, Row  # noqa: E402
from services import MissingServerError, Running  # noqa: E402
from turns import LOCUST, PLAIN, Turns  # noqa: E402

from harness.record.history import parts_of, read_operations  # noqa: E402
from harness.words.clock import Epoch  # noqa: E402
from harness.words.operation import Outcome  # noqa: E402

USERS = 30
LEAST_THROUGHPUT, MOST_P50 = 0.90, 1.15
READY_S = 90.0
ENDED_S = 60.0
SETTLED_S = 0.3
SIDES = (PLAIN, LOCUST)


class RowError(RuntimeError):
    """A row that could not be measured."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side did: when its operations began and ended (monotonic, ns), and what failed or went wrong."""

    begun: np.ndarray
    ended: np.ndarray
    failed: Counter[str]
    wrong: int

    def turn(self, begin_ns: int, end_ns: int) -> tuple[int, float]:
        """Return the number of operations that ended within a time, and their median in ms."""
        within = (self.ended >= begin_ns) & (self.ended < end_ns)
        taken = self.ended[within] - self.begun[within]
        if not len(taken):
            raise RowError("no operation ended within a turn")
        return len(taken), float(np.median(taken)) / 1e6


class Duel:
    """One row: the two processes, from their start to what they left."""

    def __init__(self, row: Row, environment: dict[str, str], turns: argparse.Namespace) -> None:
        self.row = row
        self._asked = turns
        self._folder = Path(tempfile.mkdtemp(prefix="routeswarm-real-"))
        self._cpu_s: Counter[str] = Counter()
        self._turns: Turns | None = None
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("LOCUST_", "ROUTESWARM_"))}
        self._environment = {**inherited, **environment, "TURNS": str(self._folder), "PYTHONPATH": str(REPOSITORY)}
        users = ("--users", str(USERS))
        self._processes = {
            PLAIN: self._start(PLAIN, "drive.py", row.target, *users, "--turns", str(self._folder)),
            LOCUST: self._start(LOCUST, "-m", "locust", *self._locust(row), *users, "--spawn-rate", "1000"),
        }

    def _locust(self, row: Row) -> Sequence[str]:
        results = str(self._folder / "results")
        return (
            *("-f", "users_in_turns.py", "--headless", "--only-summary", "--run-time", "600s"),
            *("--target", row.target, "--corpus", "corpus.jsonl", "--baseline-size", "0", "--results-dir", results),
        )

    def _start(self, side: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{side}.out").open("wb") as out, (self._folder / f"{side}.err").open("wb") as err:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REAL,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def fight(self) -> None:
        """Let the sides take their turns."""
        self._await(lambda: Turns.ready(self._folder), READY_S, "ready")
        asked = self._asked
        start_ns = time.monotonic_ns() + round(SETTLED_S * 1e9)
        self._turns = Turns(start_ns, asked.pairs, asked.warm_up, asked.seconds * self.row.longer)
        self._turns.tell(self._folder)
        for _, side, begin_ns, end_ns in self._turns.measured():
            before = self._cpu_at(side, begin_ns)
            self._cpu_s[side] += self._cpu_at(side, end_ns) - before

    def _cpu_at(self, side: str, at_ns: int) -> float:
        time.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
        try:
            spent = psutil.Process(self._processes[side].pid).cpu_times()
        except psutil.NoSuchProcess:
            raise RowError(self._said(side)) from None
        return float(spent.user + spent.system)

    def _await(self, condition: Callable[[], bool], patience_s: float, what: str) -> None:
        until = time.monotonic() + patience_s
        while not condition():
            for side, process in self._processes.items():
                if process.poll() is not None and not condition():
                    raise RowError(self._said(side))
            if time.monotonic() > until:
                raise RowError(f"not {what} within {patience_s:g} s: {self._said(LOCUST)}")
            time.sleep(0.05)

    def _said(self, side: str) -> str:
        said = (self._folder / f"{side}.err").read_text(errors="backslashreplace").strip().splitlines()
        return f"{side} ended with {self._processes[side].poll()}: {' | '.join(said[-4:])}"

    def result(self) -> Result:
        """Wait for both sides to end, and return what they did."""
        for process in self._processes.values():
            try:
                process.wait(ENDED_S)
            except subprocess.TimeoutExpired:
                raise RowError(f"not ended within {ENDED_S:g} s of the last turn") from None
        assert self._turns is not None
        return Result(self.row, self._turns, {PLAIN: self._plain(), LOCUST: self._of_history()}, self._cpu_s)

    def _plain(self) -> Side:
        lines = (self._folder / "plain.out").read_text().splitlines()
        if self._processes[PLAIN].returncode or not lines:
            raise RowError(self._said(PLAIN))
        found = json.loads(lines[-1])
        times = np.array(found["times"], dtype=np.int64).reshape(-1, 2)
        return Side(times[:, 0], times[:, 1], Counter(found["failed"]), sum(found["wrong"].values()))

    def _of_history(self) -> Side:
        code = self._processes[LOCUST].returncode
        if code not in (0, 12):  # without a baseline consistency is not judged
            raise RowError(self._said(LOCUST))
        parts = parts_of(self._folder / "results" / "latest" / "history", "operations").paths
        operations = list(read_operations(parts))
        offset_ns = Epoch.of_this_process().offset_ns
        return Side(
            np.array([operation.intended_ns for operation in operations], dtype=np.int64) - offset_ns,
            np.array([operation.end_ns for operation in operations], dtype=np.int64) - offset_ns,
            Counter(operation.error or "" for operation in operations if operation.outcome is not Outcome.OK),
            sum(op.outcome is Outcome.OK and op.route != op.expected_route for op in operations),
        )

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Result:
    """What came of a row."""

    def __init__(self, row: Row, turns: Turns, sides: dict[str, Side], cpu_s: Counter[str]) -> None:
        self.row = row
        self.sides = sides
        turned: dict[tuple[int, str], list[tuple[int, float]]] = {}
        for pair, side, begin_ns, end_ns in turns.measured():
            turned.setdefault((pair, side), []).append(sides[side].turn(begin_ns, end_ns))
        self._measured_s = turns.measured_s
        self._throughput = {key: sum(count for count, _ in both) / 2 for key, both in turned.items()}
        self._p50 = {key: statistics.mean(p50 for _, p50 in both) for key, both in turned.items()}
        self._pairs = range(turns.pairs)
        counted = {side: sum(2 * self._throughput[pair, side] for pair in self._pairs) for side in SIDES}
        self.cpu_us = {side: cpu_s[side] / counted[side] * 1e6 for side in SIDES}

    def throughput(self, side: str) -> float:
        """Return the median over pairs, per second."""
        return statistics.median(self._throughput[pair, side] for pair in self._pairs) / self._measured_s

    def p50_ms(self, side: str) -> float:
        """Return the median over pairs."""
        return statistics.median(self._p50[pair, side] for pair in self._pairs)

    @property
    def throughput_ratios(self) -> list[float]:
        """Locust's over plain asyncio's, of each pair, sorted."""
        return self._ratios(self._throughput)

    @property
    def p50_ratios(self) -> list[float]:
        """Locust's over plain asyncio's, of each pair, sorted."""
        return self._ratios(self._p50)

    def _ratios(self, found: dict[tuple[int, str], float]) -> list[float]:
        return sorted(found[pair, LOCUST] / found[pair, PLAIN] for pair in self._pairs)

    @property
    def short(self) -> list[str]:
        """What falls short, in words."""
        found = []
        if statistics.median(self.throughput_ratios) < LEAST_THROUGHPUT:
            found.append("throughput")
        if statistics.median(self.p50_ratios) > MOST_P50:
            found.append("p50")
        for side in SIDES:
            if self.sides[side].failed:
                error, _ = self.sides[side].failed.most_common(1)[0]
                found.append(f"{side} failed: {error}")
            if self.sides[side].wrong:
                found.append(f"{side}: {self.sides[side].wrong} wrong routes")
        return found

    def __str__(self) -> str:
        rate, p50 = (statistics.median(ratios) for ratios in (self.throughput_ratios, self.p50_ratios))
        low, high = self.throughput_ratios[0], self.throughput_ratios[-1]
        failed = sum(self.sides[LOCUST].failed.values())
        return (
            f"{self.row.name:<18}"
            f"{self.throughput(PLAIN):>8,.0f} {self.throughput(LOCUST):>8,.0f} {rate:>6.2f} [{low:.2f}, {high:.2f}] "
            f"{self.p50_ms(PLAIN):>8.2f} {self.p50_ms(LOCUST):>8.2f} {p50:>6.2f} "
            f"{self.cpu_us[PLAIN]:>8,.0f} {self.cpu_us[LOCUST]:>8,.0f} {failed:>6}  "
            f"{'SHORT: ' + ', '.join(self.short) if self.short else 'kept'}"
        )


HEAD = (
    f"{'':<18}{'operations/s':>17} {'Locust over':>21} {'p50 ms':>17} {'over':>6} "
    f"{'CPU us/operation':>17} {'Locust':>6}\n"
    f"{'':<18}{'asyncio':>8} {'Locust':>8} {'asyncio [pairs]':>21} {'asyncio':>8} {'Locust':>8} {'':>6} "
    f"{'asyncio':>8} {'Locust':>8} {'failed':>6}  goals: throughput >= {LEAST_THROUGHPUT:.2f}, p50 <= {MOST_P50:.2f}"
)


def measure(rows: Sequence[Row], services: Running, asked: argparse.Namespace) -> bool:
    """Measure rows and print each; whether all hold the goals.

    The next duel is started while the one before draws its report: neither is measured meanwhile.
    """
    kept, fought = True, None
    with ExitStack() as stack:
        for row in rows:
            try:
                duel = started(row, services, asked)
                stack.callback(duel.close)
                kept &= show(fought)
                fought = None
                duel.fight()
            except (MissingServerError, RowError) as error:
                kept &= show(fought)
                print(f"{row.name:<18}SHORT: {error}", flush=True)
                kept, fought = False, None
            else:
                fought = duel
        kept &= show(fought)
    return kept


def started(row: Row, services: Running, asked: argparse.Namespace) -> Duel:
    """Start both sides of a row; raise ``MissingServerError`` where something is not installed."""
    if row.missing:
        raise MissingServerError(f"not installed: {', '.join(row.missing)} (make venv-real)")
    return Duel(row, services.environment(row.services), asked)


def show(duel: Duel | None) -> bool:
    """Print what came of a duel and end it; whether it holds the goals."""
    if duel is None:
        return True
    try:
        result = duel.result()
    except RowError as error:
        print(f"{duel.row.name:<18}SHORT: {error}", flush=True)
        return False
    finally:
        duel.close()
    print(result, flush=True)
    return not result.short


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these of {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of two turns a side (3)")
    parser.add_argument("--seconds", type=float, default=0.9, help="what is measured of a turn (0.9)")
    parser.add_argument("--warm-up", type=float, default=0.6, help="what is not, before it (0.6)")
    asked = parser.parse_args()
    unknown = set(asked.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    print(f"real software: plain asyncio against Locust with all recording on, {USERS} users\n{HEAD}", flush=True)
    chosen = [row for row in ROWS if not asked.rows or row.name in asked.rows]
    with tempfile.TemporaryDirectory() as folder, Running(Path(folder)) as services:
        kept = measure(chosen, services, asked)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
