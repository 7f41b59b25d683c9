"""The master: keeps what its workers hand over."""

from __future__ import annotations

from typing import cast

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, STATE_STOPPING, MasterRunner

from harness.load.arrivals.partition import Partition
from harness.measure.blocks import ENDED_WITHIN_S
from harness.record.run_directory import Json
from harness.swarm.keeping.keeper import Keeper
from harness.swarm.keeping.lost_workers import WorkerWatch
from harness.swarm.keeping.receiving import OnceOnly, Receiving
from harness.swarm.roles.run_owner import KeepingRole
from harness.swarm.terminal import say
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.messages import BEGIN, DELTA, FINISH, HELLO, REFUSED, RUN, SENT, USERS
from harness.words.clock import Epoch, now_ns
from harness.words.errors import ExitCode, UsageError

REPORTED_WITHIN_S, LOOK_EVERY_S = 10.0, 0.02
"""How long a master waits for workers to say that they have all their users, and how often it looks."""

SOON_NS = 200_000_000
"""How far ahead time zero of schedules lies when workers are told of it: the message must be there before."""

RUNNING = frozenset({STATE_SPAWNING, STATE_RUNNING})

FINAL_REPORT_S = 15.0
"""How long a master waits for the last report of a worker that still lives, beyond the stop timeout and the longest
time for which a step of the target may hold the worker's thread."""


class Master(KeepingRole):
    """RouteSwarm in a master.

    Attributes:
        master: Locust's runner.

    """

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        super().__init__(environment, runner)
        self.master = runner
        self._watch = WorkerWatch(runner)
        self._reported = Event()
        self._receiving: Receiving | None = None
        self._there: list[int] = []  # workers when the run began
        self._gone_before: set[int] = set()  # those that were missing before the run was prepared

    def wire(self) -> None:
        """Listen to Locust and to the workers."""
        super().wire()
        self._watch.start()
        events = self.environment.events
        events.worker_report.add_listener(lambda data, **_: self._on_worker_report(data))
        events.spawning_complete.add_listener(lambda **_: gevent.spawn(self._share_out))
        events.test_stopping.add_listener(lambda **_: self._note_stop())
        events.heartbeat_sent.add_listener(lambda client_id, **_: self._hear(client_id))  # at once after it got one
        events.worker_report = OnceOnly(events.worker_report, self._wants)

        def on_hello(msg: Message, **_: object) -> None:
            if self.keeper is None or msg.data.pop("run_id") != self.keeper.run.run_id:
                return
            if self._receiving is not None:
                self._receiving.greet(msg.node_id, msg.data.pop(SENT))
            self.keeper.introduce(msg.data)

        def on_refused(msg: Message, **_: object) -> None:
            self.refuse(UsageError(f"worker {msg.data['worker']}: {msg.data['error']}"))

        self.master.register_message(HELLO, on_hello)
        self.master.register_message(REFUSED, on_refused)

    def begin(self) -> None:
        """Announce the run to the workers, with the spawn messages that follow."""
        keeper = self.opened()
        keeper.begin()
        self._watch.expect_blocks_of(keeper.inputs.options.deadline_s)
        self._receiving = Receiving(self.master, keeper.run.run_id, keeper.collector)
        # With the options, and not as a message of its own: a worker may get its first spawn message before it listens
        # to any other, and one that joins late gets it as well.
        there = self._alive()
        run: dict[str, Json] = {
            "run_id": keeper.run.run_id,
            "workers": max(self.master.worker_count, 1),
            "sharers": [*sorted(there)],
            "open_loop": [*self.open_loop_classes()],
            "began_ns": keeper.began_ns,
        }
        setattr(self.environment.parsed_options, RUN, run)
        keeper.roll.expect(self._known() - self._gone_before)
        self._there = sorted(there)
        self.tick_every_second(lambda: self._tick(keeper))

    def open_run(self) -> None:
        """Prepare a run. A worker that goes missing from now on, though none of it was ever heard, is the run's.

        Raises:
            UsageError: the inputs or the folder cannot be used.
            StoppedError: somebody stopped it meanwhile.

        """
        self._gone_before = self._known() - self._alive()
        super().open_run()

    def on_test_stop(self) -> None:
        """Finish the run; without a web UI and without workers there is no other, and Locust would wait for ever."""
        super().on_test_stop()
        if self.environment.web_ui is None and not self._alive():
            self.end_load()

    def end_without_load(self, why: str) -> int:
        """Judge a run whose workers never came, show the verdict, and return the exit code."""
        if self.keeper is not None:
            self.keeper.absent = why
        self.finish()
        self.on_quit()
        return int(self.codes.worse or ExitCode.INCONCLUSIVE)

    def _note_stop(self) -> None:
        if self.keeper is not None and self.keeper.stopped_ns is None:
            self.keeper.stopped_ns = now_ns() + Epoch.of_this_process().offset_ns

    def _share_out(self) -> None:
        """Tell the workers when the schedules begin and who has which share, once all users are there."""
        keeper, classes = self.keeper, self.open_loop_classes()
        if keeper is None or not classes:
            return
        # Locust takes spawning for complete a second after it has asked for it, whatever workers say.
        with gevent.Timeout(REPORTED_WITHIN_S, False):
            while not self._all_there:
                gevent.sleep(LOOK_EVERY_S)
        if keeper is not self.keeper or keeper.partition is not None or self.runner.state not in RUNNING:
            return
        sharers = {name: self._with_users(name) for name in classes}
        for name, workers in sharers.items():
            if len(workers) < len(self._there):
                count = f"{len(workers)} of {len(self._there)} workers"
                say(f"{count} have users of {name}: all of its arrivals are theirs; more workers need more users (-u)")
        keeper.partition = Partition(now_ns() + Epoch.of_this_process().offset_ns + SOON_NS, sharers)
        message = {"run_id": keeper.run.run_id, "zero_ns": keeper.partition.zero_ns, "sharers": sharers}
        self.master.send_message(BEGIN, message)

    @property
    def _all_there(self) -> bool:
        return self.master.user_count == self.master.target_user_count

    def _with_users(self, name: str) -> list[int]:
        """Return the workers that have users of a class; all, where not all have said so, or that is to change."""
        if self.environment.shape_class is not None or not self._all_there:
            return self._there
        clients = [client for client in self.master.clients.all if client.user_classes_count.get(name)]
        found = {self.master.get_worker_index(client.id) for client in clients}
        return sorted(found.intersection(self._there)) or self._there

    def _tick(self, keeper: Keeper) -> None:
        alive = self._alive()
        if self.runner.state in RUNNING:
            keeper.roll.look(self._known())
        keeper.collector.write_closed_seconds(alive)
        keeper.attend(alive)
        plan = keeper.inputs.fault_plan
        if plan is not None and any(fault.when.users is not None for fault in plan.fault):
            self.master.send_message(USERS, {"users": self.runner.user_count})

    def _wants(self, client_id: str, data: dict[str, object]) -> bool:
        """Whether Locust is to count a report: one that RouteSwarm counts, or one without anything of RouteSwarm's."""
        return DELTA not in data if self._receiving is None else self._receiving.wants(client_id, data)

    def _on_worker_report(self, data: dict[str, object]) -> None:
        delta = data.get(DELTA)
        if delta is not None and self.keeper is not None:
            self.keeper.receive(cast(Delta, delta))
            self._reported.set()

    def gather(self, keeper: Keeper) -> None:
        """Have the workers report for the last time, and wait for those that still live."""
        self._note_stop()  # Ctrl-C gets here before Locust stops the run
        # Else Locust shares out the users of the first worker that ends to the others, which end as well.
        self.master.update_state(STATE_STOPPING)
        self.master.send_message(FINISH)
        block_s = keeper.inputs.options.deadline_s + ENDED_WITHIN_S
        with gevent.Timeout(FINAL_REPORT_S + block_s + (self.environment.stop_timeout or 0), False):
            while self._awaited(keeper):
                self._reported.clear()
                self._reported.wait(timeout=0.25)
        if self.environment.web_ui is not None:
            # Locust would wait for a worker that is missing to be so for a minute, and start no further run meanwhile.
            self.master.update_state(STATE_STOPPED)

    def _awaited(self, keeper: Keeper) -> list[int]:
        """Return the workers whose last report is still to come: not those that are gone."""
        alive = self._alive()
        return [index for index in keeper.roll.missing() if index in alive]

    def _hear(self, client_id: str) -> None:
        if self.keeper is not None:
            self.keeper.roll.reach.hear(self.master.get_worker_index(client_id))

    def _known(self) -> set[int]:
        """Return the workers that Locust knows, those that it calls missing too."""
        return {self.master.get_worker_index(client.id) for client in self.master.clients.all}

    def _alive(self) -> set[int]:
        """Return the workers that Locust hears of."""
        clients = self.master.clients.all
        return {self.master.get_worker_index(client.id) for client in clients if client.state != STATE_MISSING}
