"""The worker: loads, and hands over what it gathers with Locust's own reports."""

from __future__ import annotations

import contextlib

import gevent
import locust.runners
from locust.env import Environment
from locust.runners import WorkerRunner

from harness.swarm.inputs import Inputs
from harness.swarm.loading import Loader
from harness.swarm.manifest import about_this_process
from harness.swarm.messages import DELTA, FINISH, HELLO, REFUSED, RUN
from harness.swarm.options import read_options
from harness.swarm.pacing import share_out
from harness.swarm.role import REPORT_INTERVAL_S, Role, join_through_interrupts, stop_once
from harness.words.errors import ExitCode, UsageError


class Worker(Role):
    """RouteSwarm in a worker."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        super().__init__(environment, runner)
        self._worker = runner
        self._loader = Loader(environment, self.loop, self.logs)
        self._prepared: Inputs | None = None
        stop_once(runner, self._loader.end_schedules)
        if environment.parsed_options is not None and environment.parsed_options.processes:
            # Forked from the master with its options: what takes time is done before the run time counts. What is wrong
            # with them the master says, and the run will.
            with contextlib.suppress(UsageError):
                self._prepared = self.prepare()

    def wire(self) -> None:
        """Listen to Locust and to the master."""
        super().wire()
        locust.runners.WORKER_REPORT_INTERVAL = REPORT_INTERVAL_S
        self.environment.events.report_to_master.add_listener(lambda data, **_: self._add_to_report(data))
        self._worker.register_message(FINISH, lambda **_: self._worker.stop(), concurrent=True)

    def begin(self) -> None:
        """Join the run that the master announced."""
        inputs = self._inputs()
        run = getattr(self.environment.parsed_options, RUN, None)
        if run is None:
            raise UsageError("the master did not announce its run: is it running RouteSwarm too?")
        index = self._worker.worker_index
        if index < 0:
            raise UsageError("the master gave no worker index: is it older than Locust 2.11?")
        self._worker.send_message(HELLO, {"run_id": run["run_id"], **about_this_process(index, self._worker.client_id)})
        shares = share_out(run["open_loop"], run["sharers"], index)
        self._loader.start(inputs, run["run_id"], index, run["workers"], shares)

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

    def _add_to_report(self, data: dict[str, object]) -> None:
        delta = self._loader.take()
        if delta is not None:
            data[DELTA] = delta

    def on_test_stop(self) -> None:
        """Send the master everything that is left, with Locust's own statistics of the same operations."""
        # Locust sleeps this long after the users have stopped, and is not ready for the next run meanwhile; the next
        # spawn message sets it anew (runners.py, handle_message; locust 2.47).
        self.environment.stop_timeout = 0.0
        last = self._loader.stop()
        if last is None:
            return
        report: dict[str, object] = {}
        self.environment.events.report_to_master.fire(client_id=self._worker.client_id, data=report)
        self._worker.send_message("stats", {**report, DELTA: last})

    def on_quitting(self) -> None:
        """Stop the users; the verdict is the master's to give."""
        join_through_interrupts(gevent.spawn(self.runner.stop))
        if self.environment.process_exit_code is None:
            self.environment.process_exit_code = int(ExitCode.PASS)
