"""Where the harness's own time goes: microseconds of CPU per operation in Locust, in the client, in recording.

One process, 100 greenlets on the same graph, in short turns: the bare graph driven by the loop, then with the client
around it, then with recording, then from Locust's users with its request event; every other round backwards. Printed
are medians of the differences within a round, so that what else the machine does meets all of them. Recording is all
that is done with an operation until it is on disk: series, history and spans taken, merged, encoded and written, as a
single process does. ``record`` alone is what a user waits for between an operation and its next.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # before Locust is imported: as a run, in the world of the target

import gevent
from closed_loop import BusyUser
from locust.env import Environment
from locust.runners import LocalRunner

from harness.loop import HubLoop
from harness.measure.packed import CHUNK
from harness.measure.recorder import Recorder
from harness.measure.series import Merged
from harness.measure.series_csv import write_header, write_rows
from harness.pipeline.find import find_target
from harness.pipeline.target import default_context
from harness.record.buffer import HistoryBuffer
from harness.record.history import PartWriter
from harness.record.tables import warm_up
from harness.swarm.inputs import load_inputs
from harness.swarm.keeping.locust_csv import install_buckets
from harness.swarm.loading.loader import YOUNG_COLLECTIONS
from harness.swarm.loading.session import Session, open_session
from harness.swarm.options import Options
from harness.words.clock import Epoch

RECORDING = "recording (series, history, spans, to disk)"
ON_THE_WAY = "of it the history, as each operation ends"
GOALS_US = {RECORDING: 8.0, ON_THE_WAY: 2.0}
USERS = 100
TURN_S = 0.45
"""Two turns of it, with what is between them, are one second: what is gathered before it is handed over and written."""
RECORDED_AT_ONCE = CHUNK - 1
"""Operations of one timing of what each of them waits for; a chunk made into columns counts in recording."""


class Bench:
    """One process with a session, and ways to drive it."""

    def __init__(self, folder: Path) -> None:
        logging.disable(logging.WARNING)  # Locust's, of a core that is busy: it is meant to be
        install_buckets()
        warm_up()
        options = Options(
            "one_stage:pipeline", "shared", None, None, None, 30_000, 1, Path("results"), 0, draws_report=False
        )
        self.loop = HubLoop()
        self.loop.start()
        self.session = Session(load_inputs(options), "breakdown", self.loop, Epoch.of_this_process(), 0, 1)
        self.history = HistoryBuffer(self.session.epoch)  # one for all turns, as in a run
        self.recorder = Recorder((self.history.fold,), (self.history.fold_spans,), (self.history.fold_attempts,))
        self.environment = Environment(user_classes=[BusyUser])
        self.runner = LocalRunner(self.environment)
        self.environment.runner = self.runner
        open_session(self.environment, self.session)
        self.graph = find_target("one_stage:pipeline").pipeline.build()  # type: ignore[union-attr]
        self.done = 0
        self.merged = Merged()
        self.parts = PartWriter(folder)
        self.series = (folder / "series.csv").open("w", encoding="utf-8", newline="")
        write_header(self.series)
        self._kept_to = 0
        gc.collect()
        gc.freeze()
        young, *older = gc.get_threshold()
        gc.set_threshold(round(young * YOUNG_COLLECTIONS), *older)  # as in a run

    def bare(self) -> Callable[[], object]:
        """Return what drives one operation without the client."""
        deck, identity = self.session.deck(range(10), None), self.session.user_identity(0)
        return lambda: self.loop.drive(self.graph.run(default_context(deck.draw(), identity)), 30.0)

    def client(self, *, recorded: bool) -> Callable[[], object]:
        """Return what drives one operation through the client, without Locust's event."""
        user = BusyUser(self.environment)
        user.client._fire = lambda **_: None
        if not recorded:
            user.client._session = cast("Session", _Unrecorded(self.session))
        return user.route

    def turn(self, make: Callable[[], Callable[[], object]]) -> float:
        """Return CPU microseconds per operation of one turn."""
        going = True

        def user() -> None:
            send = make()
            while going:
                send()
                self.done += 1

        greenlets = [gevent.spawn(user) for _ in range(USERS)]
        cost = self._measure(lambda: self.done)
        going = False
        gevent.joinall(greenlets)
        return cost

    def locust_turn(self) -> float:
        """Return CPU microseconds per operation of one turn of Locust's own users."""
        self.runner.spawn_users({"BusyUser": USERS})
        cost = self._measure(lambda: self.session.started)
        self.runner.user_greenlets.kill()
        return cost

    def _measure(self, count: Callable[[], int]) -> float:
        gevent.sleep(0.05)
        before, began = count(), time.process_time()
        gevent.sleep(TURN_S)
        return (time.process_time() - began) / (count() - before) * 1e6

    def record_turn(self) -> float:
        """Return CPU microseconds that the history takes of a user's time, by operation as the client makes them."""
        given: list[tuple[Any, ...]] = []
        record = self.session.record
        self.session.record = lambda *operation: given.append(operation)
        user = BusyUser(self.environment)
        user.client._fire = lambda **_: None
        while len(given) < RECORDED_AT_ONCE:
            user.route()
        self.session.record = record
        add = self.recorder.record
        began = time.process_time()
        for operation in given:
            add(*operation)
        cost = (time.process_time() - began) / len(given) * 1e6
        self.recorder.hand_on()
        self.history.take()
        return cost

    def begin_second(self) -> None:
        """Wait for a Unix second to begin, so that two turns are in one, and forget what was recorded."""
        gevent.sleep(1 - time.time() % 1)
        self.session.take()
        self._kept_to = self.session.started

    def keep_turn(self) -> float:
        """Return CPU microseconds per operation of handing over, merging and writing what was recorded in a second."""
        count, began = self.session.started - self._kept_to, time.process_time()
        delta = self.session.take()
        self.merged.merge(delta["series"])
        write_rows(self.series, self.merged.pop_before(None), USERS)
        self.series.flush()
        for table, part in delta["history"].items():
            self.parts.write(table, 0, part)
        return (time.process_time() - began) / count * 1e6


class _Unrecorded:
    """A session that forgets its operations."""

    def __init__(self, session: Session) -> None:
        self.__dict__.update(session.__dict__)
        self.identity = session.identity
        self.record = self._forget

    def _forget(self, *_: object) -> None:
        """Record nothing."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="rounds of the turns (21)")
    count = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        kept = report(measure(Bench(Path(folder)), count))
    sys.stdout.flush()
    os._exit(not kept)  # greenlets of Locust would keep the process


def measure(bench: Bench, count: int) -> dict[str, list[float]]:
    """Return the costs of each round in microseconds, by name."""
    costs: dict[str, list[float]] = {}
    for number in range(count):
        bare, client, record, recorded, locust, keep = _round(bench, backwards=bool(number % 2))
        found = {
            "loop and graph": bare,
            "client (reading, tracing)": client - bare,
            RECORDING: recorded - client + keep,
            ON_THE_WAY: record,
            "Locust (users, event, stats)": locust - recorded,
        }
        for name, cost in found.items():
            costs.setdefault(name, []).append(cost)
    return costs


def _round(bench: Bench, *, backwards: bool) -> list[float]:
    """Return what one turn of each costs: bare, client, record, recorded, Locust, keep."""
    unrecorded: list[Callable[[], float]] = [
        lambda: bench.turn(bench.bare),
        lambda: bench.turn(lambda: bench.client(recorded=False)),
        bench.record_turn,
    ]
    recorded: list[Callable[[], float]] = [
        lambda: bench.turn(lambda: bench.client(recorded=True)),
        bench.locust_turn,
    ]
    before = _in_order(unrecorded, backwards=backwards) if not backwards else []
    bench.begin_second()
    second = [*_in_order(recorded, backwards=backwards), bench.keep_turn()]
    return [*(before or _in_order(unrecorded, backwards=backwards)), *second]


def _in_order(turns: list[Callable[[], float]], *, backwards: bool) -> list[float]:
    """Take turns, the last one first if ``backwards``; return their costs in the order of ``turns``."""
    costs = [turn() for turn in (reversed(turns) if backwards else turns)]
    return costs[::-1] if backwards else costs


def report(costs: dict[str, list[float]]) -> bool:
    """Print the medians and quartiles; whether recording keeps its goals."""
    kept = True
    for name, of_rounds in costs.items():
        low, cost, high = statistics.quantiles(of_rounds, n=4)
        goal_us, goal = GOALS_US.get(name), ""
        if goal_us is not None:
            kept &= cost <= goal_us
            goal = f"  goal: at most {goal_us:g} µs {'kept' if cost <= goal_us else 'MISSED'}"
        print(f"breakdown: {name:<44} {cost:6.1f} [{low:.1f}, {high:.1f}] µs per operation{goal}")
    return kept


if __name__ == "__main__":
    main()
