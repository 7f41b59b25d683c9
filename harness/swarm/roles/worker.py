"""The worker: loads, and hands over what it gathers with Locust's own reports."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import gevent
import locust.runners
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from harness.load.arrivals.partition import Partition
from harness.swarm.inputs import Inputs
from harness.swarm.keeping.manifest import about_this_process, agreed_on
from harness.swarm.keeping.salvage import keep_here
from harness.swarm.loading.loader import Loader
from harness.swarm.loading.lost_master import MasterWatch
from harness.swarm.loading.sending import Report, Shipping
from harness.swarm.options import read_options
from harness.swarm.process.cooperation import children
from harness.swarm.roles.role import REPORT_INTERVAL_S, Role, join_through_interrupts, stop_once
from harness.swarm.terminal import say, shown_path
from harness.swarm.users.bands import RouteUser
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.messages import ACK, BEGIN, FINISH, HELLO, REFUSED, RUN, SENT, USERS
from harness.words.clock import Epoch, now_ns
from harness.words.errors import ExitCode, RecordError, UsageError

CONFIRMED_WITHIN_S = 10.0
"""Seconds that a worker which ends by itself waits for the master to confirm what it sent last."""


class Worker(Role):
    """RouteSwarm in a worker."""

    judges = False

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        super().__init__(environment, runner)
        self._worker = runner
        self._loader = Loader(environment, self.loop, self.logs, self.lookout, RouteUser)
        self._shipping: Shipping | None = None
        self._prepared: Inputs | None = None
        self._lost_master: str | None = None
        self._users = 0  # of the whole run, as the master last said
        stop_once(runner, self._loader.end_schedules)
        self._forked = environment.parsed_options is not None and bool(environment.parsed_options.processes)
        self._watch = MasterWatch(
            environment,
            parent=children.parent,
            longest_block_s=self._own_deadline_s(),
            on_lost=self._on_lost_master,
        )
        if self._forked:
            # With the options of the master: what takes time is done before the run time counts. What is wrong with
            # them the master says, and the run will.
            with contextlib.suppress(UsageError):
                self._prepared = self.prepare()

    def _own_deadline_s(self) -> float:
        """Return the deadline among this process's options: between runs nobody has told it of the master's."""
        assert self.environment.parsed_options is not None
        with contextlib.suppress(UsageError):
            return read_options(self.environment.parsed_options).deadline_s
        return 0.0

    def wire(self) -> None:
        """Listen to Locust and to the master."""
        super().wire()
        locust.runners.WORKER_REPORT_INTERVAL = REPORT_INTERVAL_S
        self.environment.events.report_to_master.add_listener(lambda data, **_: self._add_to_report(data))
        self._worker.register_message(FINISH, lambda **_: self._worker.stop(), concurrent=True)
        self._worker.register_message(ACK, self._on_answer)
        self._worker.register_message(USERS, self._on_users)
        self._worker.register_message(BEGIN, self._on_begin)
        children.hand_over()
        self._watch.start()
        if children.parent is not None:
            self.lookout.watch.end_with(children.parent)

    @property
    def clock_offset_ns(self) -> int | None:
        """What to add to this worker's times to get the master's, None while that is not known."""
        best = None if self._shipping is None else self._shipping.clock.best
        return None if best is None else best.offset_ns

    def begin(self) -> None:
        """Join the run that the master announced."""
        self._keep_what_is_left("another run began before the master had confirmed it")
        inputs = self._inputs()
        run = getattr(self.environment.parsed_options, RUN, None)
        if run is None:
            raise UsageError("the master did not announce its run: is it running RouteSwarm too?")
        index = self._worker.worker_index
        if index < 0:
            raise UsageError("the master gave no worker index: is it older than Locust 2.11?")
        elapsed_s = self._elapsed_since(run["began_ns"])
        self.lookout.open_run(f"worker {index} of run {run['run_id']}", inputs.options.deadline_s)
        self.lookout.end_within(self.load_seconds(elapsed_s()))
        session = self._loader.start(
            inputs,
            run["run_id"],
            index,
            run["workers"],
            run["sharers"],
            run["open_loop"],
            elapsed_s,
            lambda: self._users,
        )
        self._shipping = Shipping(self._worker, session)
        about = about_this_process(index, self._worker.client_id, self._loader.noise_floor)
        sent = {"run_id": run["run_id"], SENT: self._shipping.now_ns(), "agreed_on": agreed_on(inputs)}
        self._worker.send_message(HELLO, {**about, **sent})
        self._watch.begin_run()

    def _elapsed_since(self, began_ns: int) -> Callable[[], float]:
        """Return what gives the seconds since a Unix time of the master, on the master's clock."""
        offset_ns = Epoch.of_this_process().offset_ns

        def elapsed_s() -> float:
            return (now_ns() + offset_ns + (self.clock_offset_ns or 0) - began_ns) / 1e9

        return elapsed_s

    def _on_begin(self, msg: Message, **_: object) -> None:
        """Begin the schedules when the master's clock says, so that shares of workers mesh as they do in one process.

        Without an offset that is known, or where none may be as well, the clocks are taken for equal.
        """
        shipping = self._shipping
        if shipping is None or msg.data["run_id"] != shipping.session.run_id:
            return
        best = shipping.clock.best
        offset_ns = 0 if best is None or abs(best.offset_ns) <= best.within_ns else best.offset_ns
        partition = Partition(msg.data["zero_ns"], msg.data["sharers"])
        zero_ns = partition.zero_ns - offset_ns - shipping.session.epoch.offset_ns
        self._loader.begin_schedules(zero_ns, partition.shares_of(self._worker.worker_index))

    def _on_users(self, msg: Message, **_: object) -> None:
        self._users = msg.data["users"]

    def _inputs(self) -> Inputs:
        """Return the inputs of a run: those prepared when the process began, once, if they are of the same options."""
        prepared, self._prepared = self._prepared, None
        assert self.environment.parsed_options is not None
        if prepared is not None and prepared.options == read_options(self.environment.parsed_options):
            return prepared
        return self.prepare()

    def refuse(self, error: UsageError) -> None:
        """Tell the master, too."""
        self._worker.send_message(REFUSED, {"error": str(error), "worker": self._worker.worker_index})
        super().refuse(error)

    def _add_to_report(self, data: Report) -> None:
        delta = self._loader.take()
        if delta is not None and self._shipping is not None:
            self._shipping.add(data, delta)

    def _on_answer(self, msg: Message, **_: object) -> None:
        if self._shipping is not None:
            self._shipping.on_answer(msg.data)

    def _on_lost_master(self, why: str) -> None:
        self._lost_master = why
        say(f"worker {self._worker.worker_index}: {why}; stopping")
        self.end_load()

    def on_test_stop(self) -> None:
        """Send the master everything that is left, with Locust's own statistics of the same operations."""
        # Locust sleeps this long after the users have stopped, and is not ready for the next run meanwhile; the next
        # spawn message sets it anew (runners.py, handle_message; locust 2.47).
        self.environment.stop_timeout = 0.0
        self._watch.end_run()
        last = self._loader.stop()
        self.lookout.close_run()
        if last is None or self._shipping is None:
            return
        report: Report = {}
        self.environment.events.report_to_master.fire(client_id=self._worker.client_id, data=report)
        self._shipping.send_last(report, last)

    def on_quitting(self) -> None:
        """Stop the users; the verdict is the master's to give."""
        self._watch.stop()
        try:
            join_through_interrupts(gevent.spawn(self.runner.stop))
        finally:
            self._loader.undo_faults()
        self._await_confirmation()
        self._keep_what_is_left(self._lost_master or "the master had not confirmed it")
        if self.codes.ours is None:
            self.codes.settle(int(ExitCode.INCONCLUSIVE if self._lost_master else ExitCode.PASS))

    def _await_confirmation(self) -> None:
        """Wait until the master has everything, while it can say so: as long as Locust's greenlets listen to it."""
        with gevent.Timeout(CONFIRMED_WITHIN_S, False):
            while self._shipping is not None and not self._shipping.confirmed and len(self._worker.greenlet):
                gevent.sleep(0.05)

    def _keep_what_is_left(self, why: str) -> None:
        if self._shipping is None:
            return
        shipping, self._shipping = self._shipping, None
        left: list[Delta] = shipping.end()
        if not left:
            return
        worker = f"worker {self._worker.worker_index}"
        about = about_this_process(self._worker.worker_index, self._worker.client_id, self._loader.noise_floor)
        try:
            folder = keep_here(left, shipping.session.inputs.options.results_dir, about, why)
        except RecordError as error:
            say(f"{worker}: {why}, and what it may not have could not be kept here: {error}")
            return
        say(f"{worker}: {why}; what it may not have is in {shown_path(folder.path)}")
