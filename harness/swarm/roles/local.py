"""The single process: loads and keeps."""

from __future__ import annotations

import gevent
from locust.env import Environment
from locust.runners import LocalRunner

from harness.load.arrivals.share import Share
from harness.swarm.keeping.keeper import Keeper
from harness.swarm.keeping.manifest import about_this_process
from harness.swarm.loading.loader import Loader
from harness.swarm.roles.role import join_through_interrupts, stop_once
from harness.swarm.roles.run_owner import KeepingRole
from harness.swarm.users.bands import RouteUser
from harness.swarm.wire.delta import size_of
from harness.swarm.wire.outbox import Outbox
from harness.words.clock import now_ns


class Local(KeepingRole):
    """RouteSwarm in a process without workers."""

    def __init__(self, environment: Environment, runner: LocalRunner) -> None:
        super().__init__(environment, runner)
        self._loader = Loader(environment, self.loop, self.logs, self.lookout, RouteUser)
        stop_once(runner, self._loader.end_schedules)

    def wire(self) -> None:
        """Listen to Locust."""
        super().wire()
        self.environment.events.spawning_complete.add_listener(lambda **_: self._begin_schedules())

    def _begin_schedules(self) -> None:
        self._loader.begin_schedules(now_ns(), dict.fromkeys(self.open_loop_classes(), Share(0, 1)))

    def begin(self) -> None:
        """Open the session that the users join, and start to keep what it gathers."""
        keeper = self.opened()
        keeper.begin()
        self.lookout.end_within(self.load_seconds())
        began_ns = now_ns()
        session = self._loader.start(
            keeper.inputs,
            keeper.run.run_id,
            worker=0,
            workers=1,
            sharers=[0],
            open_loop=self.open_loop_classes(),
            elapsed_s=lambda: (now_ns() - began_ns) / 1e9,
        )
        keeper.roll.expect([0])
        keeper.introduce(about_this_process(0, "local", self._loader.noise_floor))
        keeper.attend({0})
        waiting: Outbox[None] = Outbox(session.gate.set)
        keeper.collector.on_settled = lambda delta, kept: waiting.acknowledge(delta["seq"], kept=kept)
        self.tick_every_second(lambda: self._hand_over(keeper, waiting))

    def _hand_over(self, keeper: Keeper, waiting: Outbox[None]) -> None:
        delta = self._loader.take()
        if delta is not None:
            waiting.add(delta["seq"], None, size_of(delta))
            keeper.receive(delta)
            keeper.collector.write_closed_seconds()

    def gather(self, keeper: Keeper) -> None:
        """Take what the session has left."""
        last = self._loader.stop()
        if last is not None:
            keeper.receive(last)

    def on_quitting(self) -> None:
        """Stop the users first: on Ctrl-C Locust gets here while they run."""
        try:
            if self._loader.loading:
                join_through_interrupts(gevent.spawn(self.runner.stop))
            super().on_quitting()
        finally:
            self._loader.undo_faults()
