"""The master: keeps what its workers hand over."""

from __future__ import annotations

from typing import cast

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, STATE_STOPPING, MasterRunner

from harness.swarm.keeping import Keeper
from harness.swarm.messages import DELTA, FINISH, HELLO, REFUSED, START
from harness.swarm.role import KeepingRole
from harness.swarm.session import Delta
from harness.words.errors import UsageError

FINAL_REPORT_S = 15.0
"""How long a master waits, beyond the stop timeout, for the last report of a worker that still lives."""


class Master(KeepingRole):
    """RouteSwarm in a master."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        super().__init__(environment, runner)
        self._master = runner
        self._reported = Event()
        self._loading = False

    def wire(self) -> None:
        """Listen to Locust and to the workers."""
        super().wire()
        events = self.environment.events
        events.worker_report.add_listener(lambda data, **_: self._on_worker_report(data))
        events.worker_connect.add_listener(lambda client_id: self._announce(client_id))  # noqa: PLW0108  # by keyword

        def on_hello(msg: Message, **_: object) -> None:
            if self.keeper is not None and msg.data.pop("run_id") == self.keeper.run.run_id:
                self.keeper.introduce(msg.data)

        def on_refused(msg: Message, **_: object) -> None:
            self.refuse(UsageError(f"worker {msg.data['worker']}: {msg.data['error']}"))

        self._master.register_message(HELLO, on_hello)
        self._master.register_message(REFUSED, on_refused)

    def begin(self) -> None:
        """Announce the run to the workers; Locust's own spawn messages follow."""
        keeper = self.opened()
        keeper.begin()
        self._loading = True
        self._announce(None)
        self.tick_every_second(keeper.collector.write_closed_seconds)

    def _announce(self, client_id: str | None) -> None:
        """Tell one worker, or all, of the run that begins or goes on."""
        if self.keeper is None or not self._loading or self._finishing is not None:
            return  # a worker that connects before the run begins is told when it does
        workers = max(self._master.worker_count, 1)
        self._master.send_message(START, {"run_id": self.keeper.run.run_id, "workers": workers}, client_id)

    def _on_worker_report(self, data: dict[str, object]) -> None:
        delta = data.get(DELTA)
        if delta is not None and self.keeper is not None:
            self.keeper.receive(cast(Delta, delta))
            self._reported.set()

    def gather(self, keeper: Keeper) -> None:
        """Have the workers report for the last time, and wait for those that still live."""
        self._loading = False
        # Else Locust shares out the users of the first worker that ends to the others, which end as well.
        self._master.update_state(STATE_STOPPING)
        self._master.send_message(FINISH)
        with gevent.Timeout(FINAL_REPORT_S + (self.environment.stop_timeout or 0), False):
            while self._awaited(keeper):
                self._reported.clear()
                self._reported.wait(timeout=0.25)

    def _awaited(self, keeper: Keeper) -> list[int]:
        """Return the workers whose last report is still to come: not those that are gone."""
        clients = self._master.clients.all
        alive = {self._master.get_worker_index(client.id) for client in clients if client.state != STATE_MISSING}
        return [index for index in keeper.missing() if index in alive]
