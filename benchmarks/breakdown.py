"""Where the harness's own time goes: microseconds of CPU per operation in Locust, in the client, in recording.

One process, 100 greenlets on the same graph, in turns of a second: the bare graph driven by the loop, then with
the client around it, then with recording, then from Locust's users with its request event. Printed are medians of the
differences within a round, so that what else the machine does meets all of them.
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

from gevent import monkey

monkey.patch_all()  # as Locust does, before anything else

import gevent  # noqa: E402
from closed_loop import BusyUser  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.runners import LocalRunner  # noqa: E402

from harness.loop import HubLoop, use_native_logging_lock  # noqa: E402
from harness.measure.series import Merged  # noqa: E402
from harness.record.history import PartWriter  # noqa: E402
from harness.record.tables import warm_up  # noqa: E402
from harness.swarm.inputs import load_inputs  # noqa: E402
from harness.swarm.loading import YOUNG_COLLECTIONS  # noqa: E402
from harness.swarm.options import Options  # noqa: E402
from harness.swarm.session import Session, open_session  # noqa: E402
from harness.swarm.statistics import install_buckets  # noqa: E402
from harness.target.find import find_target  # noqa: E402
from harness.target.target import default_context  # noqa: E402
from harness.words.clock import Epoch  # noqa: E402

RECORDING = "recording (series, history, spans, to disk)"
GOAL_US = 8
USERS = 100
TURN_S = 1.0  # as long as what a worker gathers before it hands it over


class Bench:
    """One process with a session, and ways to drive it."""

    def __init__(self, folder: Path) -> None:
        logging.disable(logging.WARNING)  # Locust's, of a core that is busy: it is meant to be
        install_buckets()
        use_native_logging_lock()
        warm_up()
        options = Options("one_stage:pipeline", "shared", None, None, None, 30_000, 1, Path("results"), 0)
        self.loop = HubLoop()
        self.loop.start()
        self.session = Session(load_inputs(options), "breakdown", self.loop, Epoch.of_this_process(), 0, 1)
        self.environment = Environment(user_classes=[BusyUser])
        self.runner = LocalRunner(self.environment)
        self.environment.runner = self.runner
        open_session(self.environment, self.session)
        self.graph = find_target("one_stage:pipeline").pipeline.build()  # type: ignore[union-attr]
        self.done = 0
        self.merged = Merged()
        self.parts = PartWriter(folder)
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
            user.client._session = _Unrecorded(self.session)
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
        cost = self._measure(lambda: self.session.arrivals)
        self.runner.user_greenlets.kill()
        return cost

    def _measure(self, count: Callable[[], int]) -> float:
        gevent.sleep(0.05)
        self.session.take()
        before, began = count(), time.process_time()
        gevent.sleep(TURN_S)
        self._keep()
        return (time.process_time() - began) / (count() - before) * 1e6

    def _keep(self) -> None:
        """Do what the keeping side does with what was recorded: merge the series, write the parts."""
        delta = self.session.take()
        self.merged.merge(delta["series"])
        self.merged.pop_before(None)
        for table, part in delta["history"].items():
            self.parts.write(table, 0, part)


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
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the four turns (7)")
    count = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        kept = report(measure(Bench(Path(folder)), count))
    sys.stdout.flush()
    os._exit(not kept)  # greenlets of Locust would keep the process


def measure(bench: Bench, count: int) -> list[tuple[float, ...]]:
    """Return the costs of each round in microseconds: bare, client, recording, Locust."""
    rounds = []
    for _ in range(count):
        bare = bench.turn(bench.bare)
        client = bench.turn(lambda: bench.client(recorded=False))
        recorded = bench.turn(lambda: bench.client(recorded=True))
        rounds.append((bare, client - bare, recorded - client, bench.locust_turn() - recorded))
    return rounds


def report(rounds: list[tuple[float, ...]]) -> bool:
    """Print the medians; whether recording keeps its goal."""
    names = ("loop and graph", "client (reading, tracing)", RECORDING, "Locust (users, event, stats)")
    kept = False
    for name, costs in zip(names, zip(*rounds, strict=True), strict=True):
        cost, goal = statistics.median(costs), ""
        if name == RECORDING:
            kept = cost <= GOAL_US
            goal = f"  goal: at most {GOAL_US} µs {'kept' if kept else 'MISSED'}"
        print(f"breakdown: {name:<44} {cost:6.1f} µs per operation{goal}")
    return kept


if __name__ == "__main__":
    main()
