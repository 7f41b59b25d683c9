"""Where the harness's own time goes: microseconds of CPU per operation in Locust, in the client, in recording.

One process, 100 greenlets on the same graph, in turns of half a second: the bare graph driven by the loop, then with
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
from harness.record.history import warm_up  # noqa: E402
from harness.swarm.inputs import load_inputs  # noqa: E402
from harness.swarm.options import Options  # noqa: E402
from harness.swarm.session import Session, open_session  # noqa: E402
from harness.swarm.statistics import install_buckets  # noqa: E402
from harness.target.find import find_target  # noqa: E402
from harness.target.target import default_context  # noqa: E402
from harness.words.clock import Epoch  # noqa: E402

USERS = 100
TURN_S = 0.5


class Bench:
    """One process with a session, and ways to drive it."""

    def __init__(self) -> None:
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
        gc.collect()
        gc.freeze()

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
        before, began = count(), time.process_time()
        gevent.sleep(TURN_S)
        cost = (time.process_time() - began) / (count() - before) * 1e6
        self.session.take()
        return cost


class _Unrecorded:
    """A session that forgets its operations."""

    def __init__(self, session: Session) -> None:
        self.__dict__.update(session.__dict__)
        self.identity = session.identity

    def record(self, *_: object) -> None:
        """Forget."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the four turns (9)")
    bench = Bench()
    rounds = []
    for _ in range(parser.parse_args().rounds):
        bare = bench.turn(bench.bare)
        client = bench.turn(lambda: bench.client(recorded=False))
        recorded = bench.turn(lambda: bench.client(recorded=True))
        rounds.append((bare, client - bare, recorded - client, bench.locust_turn() - recorded))
    names = ("loop and graph", "client (reading, tracing)", "recording", "Locust (users, event, stats)")
    for name, costs in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"breakdown: {name:<30} {statistics.median(costs):6.1f} µs per operation")
    sys.stdout.flush()
    os._exit(0)  # greenlets of Locust would keep the process


if __name__ == "__main__":
    main()
