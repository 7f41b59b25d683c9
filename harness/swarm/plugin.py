"""The plugin: wires Locust's events to the load side and the keeping side of a run.

A single process has both sides; a master keeps; a worker loads. What a worker has to hand over rides on Locust's own
report to the master, so that series, history and Locust's statistics are always of the same operations.
"""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

import gevent
import locust.runners
from gevent.event import Event
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner, Runner, WorkerRunner

from harness.judge.verdict import Verdict
from harness.loop import HubLoop, deliver_interrupts_to_main
from harness.record.run_directory import Json, require_writable
from harness.swarm import web
from harness.swarm.inputs import Inputs, load_inputs
from harness.swarm.keeping import Keeper, shown_path
from harness.swarm.loading import Loader, every
from harness.swarm.logs import watch_target_logs
from harness.swarm.manifest import about_this_process
from harness.swarm.options import add_options, read_options
from harness.swarm.session import Delta
from harness.swarm.statistics import install_buckets
from harness.swarm.terminal import print_verdict, say
from harness.swarm.users import RouteUser
from harness.words.errors import ExitCode, RecordError, UsageError

REPORT_INTERVAL_S = 1.0
"""Seconds between two reports of a worker. Locust's default of 3 s is what is lost when a worker dies."""

FINAL_REPORT_S = 15.0
"""How long a master waits, beyond the stop timeout, for the last report of a worker that still lives."""

START, HELLO, FINISH, REFUSED = "routeswarm-start", "routeswarm-hello", "routeswarm-finish", "routeswarm-refused"
DELTA = "routeswarm"


class Plugin:
    """RouteSwarm in one Locust process."""

    def __init__(self, environment: Environment) -> None:
        assert environment.runner is not None
        assert environment.parsed_options is not None
        self.environment = environment
        self.runner: Runner = environment.runner
        self.is_master = isinstance(environment.runner, MasterRunner)
        self.is_worker = isinstance(environment.runner, WorkerRunner)
        self.loop = HubLoop()
        self.loader = Loader(environment, self.loop, watch_target_logs(environment.parsed_options.loglevel))
        self.inputs: Inputs | None = None
        self.keeper: Keeper | None = None
        self.verdict: Verdict | None = None
        self._verdict_of: str = ""
        self._ticker: gevent.Greenlet | None = None
        self._finishing: gevent.Greenlet | None = None
        self._reported = Event()
        self._run_of_master: dict[str, Json] = {}

    # -- before the run --------------------------------------------------------------------------------------------

    def prepare(self) -> Inputs:
        """Read and validate all inputs as the options are now.

        Raises:
            UsageError: one of them cannot be used.

        """
        options = read_options(self.environment.parsed_options)  # type: ignore[arg-type]
        inputs = self.inputs
        if inputs is None or inputs.options != options:
            inputs = self.inputs = load_inputs(options)
        if not self.is_worker:
            require_writable(options.results_dir)
        self._drop_users_without_scenarios(inputs)
        return inputs

    def _drop_users_without_scenarios(self, inputs: Inputs) -> None:
        """Leave out the user classes for whose priorities the corpus has nothing."""
        present = {scenario.priority for scenario in inputs.scenarios}
        ours = [user for user in self.environment.user_classes if issubclass(user, RouteUser)]
        idle = [user for user in ours if present.isdisjoint(user.priorities)]
        left = [user for user in self.environment.user_classes if user not in idle]
        if not left:
            wanted = sorted({priority for user in idle for priority in user.priorities})
            raise UsageError(f"the corpus has priorities {sorted(present)}, the user classes send only {wanted}")
        if idle and not self.is_worker:
            names = ", ".join(user.__name__ for user in idle)
            say(f"no scenario in the corpus for {names}: left out")
        self.environment.user_classes = left

    def on_test_start(self) -> None:
        """Begin a run, before the first user starts."""
        try:
            if self.is_worker:
                self._join_run()
            else:
                self._begin_run()
        except UsageError as error:
            self.refuse(error)

    def open_run(self) -> None:
        """Prepare a run: its inputs, its folder and its sequential pass.

        Done before Locust starts to count the run time, which is for the load alone.

        Raises:
            UsageError: the inputs or the folder cannot be used.

        """
        inputs = self.prepare()
        self.verdict, self._finishing = None, None
        self.keeper = Keeper(self.environment, inputs, self.loop, say, self._on_data_loss)
        say(f"{shown_path(self.keeper.run.path)}: {inputs.options.target}, {len(inputs.scenarios):,} scenarios")
        self.keeper.run_baseline()

    def _begin_run(self) -> None:
        if self.keeper is None or self._finishing is not None:
            self.open_run()
        keeper, inputs = self.keeper, self.inputs
        assert keeper is not None
        assert inputs is not None
        keeper.begin()
        if self.is_master:
            self._announce(None)
            self._ticker = every(REPORT_INTERVAL_S, keeper.collector.write_closed_seconds)
        else:
            self.loader.start(inputs, keeper.run.run_id, worker=0, workers=1)
            keeper.introduce(about_this_process(0, "local"))
            self._ticker = every(REPORT_INTERVAL_S, self._tick)

    def _announce(self, client_id: str | None) -> None:
        """Tell one worker, or all, of the run that begins; Locust's own spawn message follows."""
        assert isinstance(self.runner, MasterRunner)
        if self.keeper is None or self._finishing is not None:
            return
        workers = max(self.runner.worker_count, 1)
        self.runner.send_message(START, {"run_id": self.keeper.run.run_id, "workers": workers}, client_id)

    def _join_run(self) -> None:
        assert isinstance(self.runner, WorkerRunner)
        inputs = self.prepare()
        run_id, workers = self._run_of_master.get("run_id"), self._run_of_master.get("workers")
        if not isinstance(run_id, str) or not isinstance(workers, int):
            raise UsageError("the master did not announce its run: is it running RouteSwarm too?")
        index = max(self.runner.worker_index, 0)
        self.runner.send_message(HELLO, {"run_id": run_id, **about_this_process(index, self.runner.client_id)})
        self.loader.start(inputs, run_id, index, workers)

    def refuse(self, error: UsageError) -> None:
        """End the process (or, in the web UI, the run) on a user's mistake that only shows now."""
        say(str(error))
        self.environment.process_exit_code = int(ExitCode.USAGE)
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(REFUSED, {"error": str(error), "worker": self.runner.worker_index})
        gevent.spawn(self.runner.quit if self.environment.web_ui is None else self.runner.stop)

    # -- during the run --------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        keeper, delta = self.keeper, self.loader.take()
        if keeper is not None and delta is not None:
            keeper.receive(delta)
            keeper.collector.write_closed_seconds()

    def on_report_to_master(self, data: dict[str, object]) -> None:
        """Add to a worker's report what its session has gathered."""
        delta = self.loader.take()
        if delta is not None:
            data[DELTA] = delta

    def on_worker_report(self, data: dict[str, object]) -> None:
        """Take what a worker's report brings."""
        delta: Delta | None = data.get(DELTA)  # type: ignore[assignment]
        if delta is not None and self.keeper is not None:
            self.keeper.receive(delta)
            self._reported.set()

    def _on_data_loss(self, error: RecordError) -> None:
        say(f"{error}; stopping the run")
        gevent.spawn(self.runner.quit if self.environment.web_ui is None else self.runner.stop)

    # -- after the run ---------------------------------------------------------------------------------------------

    def on_test_stop(self) -> None:
        """End the run after its last user has stopped."""
        if self.is_worker:
            self._report_finally()
        else:
            self.finish()

    def _report_finally(self) -> None:
        """Send the master everything that is left, with Locust's own statistics of the same operations."""
        if not self.loader.loading:
            return
        assert isinstance(self.runner, WorkerRunner)
        last = self.loader.stop()
        report: dict[str, object] = {}
        self.environment.events.report_to_master.fire(client_id=self.runner.client_id, data=report)
        report[DELTA] = last
        self.runner.send_message("stats", report)

    def finish(self) -> None:
        """Judge the run, once, whoever asks; returns when that is done.

        In a greenlet of its own: Locust kills the greenlets that get here, in the middle of shutting down.
        """
        if self.keeper is None:
            return
        if self._finishing is None:
            self._finishing = gevent.spawn(self._finish, self.keeper)
        self._finishing.join()

    def _finish(self, keeper: Keeper) -> None:
        if self.is_master:
            self._await_final_reports(keeper)
        elif (last := self.loader.stop()) is not None:
            keeper.receive(last)
        if self._ticker is not None:
            self._ticker.kill()
        say("judging the run and drawing its report ...")
        self.verdict = keeper.finish()
        self._verdict_of = shown_path(keeper.run.path)
        self.environment.process_exit_code = int(self.verdict.exit_code)
        if self.environment.web_ui is not None:
            print_verdict(self.verdict, self._verdict_of)

    def _await_final_reports(self, keeper: Keeper) -> None:
        assert isinstance(self.runner, MasterRunner)
        self.runner.send_message(FINISH)
        with gevent.Timeout(FINAL_REPORT_S + (self.environment.stop_timeout or 0), False):
            while self._awaited(keeper):
                self._reported.clear()
                self._reported.wait(timeout=0.25)

    def _awaited(self, keeper: Keeper) -> list[int]:
        """Return the workers whose last report is still to come: not those that are gone."""
        assert isinstance(self.runner, MasterRunner)
        clients = self.runner.clients.all
        alive = {self.runner.get_worker_index(client.id) for client in clients if client.state != STATE_MISSING}
        return [index for index in keeper.missing() if index in alive]

    def on_quitting(self) -> None:
        """End the run before Locust decides on the exit code and prints its statistics."""
        if self.is_worker:
            if self.environment.process_exit_code is None:
                self.environment.process_exit_code = int(ExitCode.PASS)  # the verdict is the master's to give
            self.runner.stop()
            return
        if self.keeper is not None and self._finishing is None and not self.is_master:
            self.runner.stop()
        self.finish()
        if self.environment.process_exit_code is None:
            self.environment.process_exit_code = int(ExitCode.PASS)

    def on_quit(self) -> None:
        """Show the verdict last, below Locust's own tables."""
        if self.verdict is not None and self.environment.web_ui is None:
            print_verdict(self.verdict, self._verdict_of)

    # -- wiring ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        """Listen to Locust."""
        events = self.environment.events
        events.test_start.add_listener(lambda **_: self.on_test_start())
        events.test_stop.add_listener(lambda **_: self.on_test_stop())
        events.quitting.add_listener(lambda **_: self.on_quitting())
        events.quit.add_listener(lambda **_: self.on_quit())
        if isinstance(self.runner, WorkerRunner):
            self._wire_worker(self.runner)
        elif isinstance(self.runner, MasterRunner):
            self._wire_master(self.runner)
        deliver_interrupts_to_main()

    def _wire_worker(self, runner: WorkerRunner) -> None:
        locust.runners.WORKER_REPORT_INTERVAL = REPORT_INTERVAL_S
        events = self.environment.events
        events.report_to_master.add_listener(lambda data, **_: self.on_report_to_master(data))

        def on_start(msg: Message, **_: object) -> None:
            self._run_of_master = msg.data

        runner.register_message(START, on_start)
        runner.register_message(FINISH, lambda **_: runner.stop(), concurrent=True)

    def _wire_master(self, runner: MasterRunner) -> None:
        events = self.environment.events
        events.worker_report.add_listener(lambda data, **_: self.on_worker_report(data))
        events.worker_connect.add_listener(self._announce)

        def on_hello(msg: Message, **_: object) -> None:
            if self.keeper is not None:
                self.keeper.introduce(msg.data)

        def on_refused(msg: Message, **_: object) -> None:
            self.refuse(UsageError(f"worker {msg.data['worker']}: {msg.data['error']}"))

        runner.register_message(HELLO, on_hello)
        runner.register_message(REFUSED, on_refused)


_plugins: WeakKeyDictionary[Environment, Plugin] = WeakKeyDictionary()


def plugin_of(environment: Environment) -> Plugin:
    """Return the plugin of an environment that Locust has initialised."""
    return _plugins[environment]


def on_init(environment: Environment, **_: object) -> None:
    """Take part in a Locust process that has its runner; end it with exit 2 if the inputs cannot be used."""
    if environment.runner is None or environment.parsed_options is None:
        return
    install_buckets()
    plugin = _plugins[environment] = Plugin(environment)
    plugin.wire()
    if environment.web_ui is not None:
        web.extend(environment, plugin.open_run)
    if plugin.is_worker or not (environment.web_ui is None or environment.parsed_options.autostart):
        return  # a worker's options come from the master, those of the web UI from its form
    try:
        plugin.open_run()
    except UsageError as error:
        say(str(error))
        sys.exit(int(ExitCode.USAGE))
    except KeyboardInterrupt:
        plugin.finish()
        plugin.on_quit()
        sys.exit(int(ExitCode.INCONCLUSIVE))


def on_command_line(parser: LocustArgumentParser) -> None:
    """Add RouteSwarm's options to Locust's."""
    add_options(parser)
