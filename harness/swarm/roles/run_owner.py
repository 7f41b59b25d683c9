"""A process that keeps the run: from its preparation to its verdict, however it ends."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import gevent
from gevent.hub import get_hub
from locust import User
from locust.env import Environment
from locust.runners import STATE_RUNNING, Runner

from harness.judge.verdict import Verdict
from harness.loop.lookout.lookout import BASELINE
from harness.record.run_directory import require_writable
from harness.swarm.inputs import Inputs
from harness.swarm.keeping.keeper import Keeper
from harness.swarm.options import require_load
from harness.swarm.process.listeners import told_of
from harness.swarm.roles.role import REPORT_INTERVAL_S, Role, join_through_interrupts
from harness.swarm.shapes.settle import prepare_shape
from harness.swarm.terminal import print_verdict, progress, say, shown_path
from harness.swarm.users.bands import RouteUser
from harness.swarm.users.open_loop import declared_schedules
from harness.words.clock import Epoch
from harness.words.errors import ExitCode, RecordError, StoppedError, UsageError, one_line

logger = logging.getLogger("harness")

PROGRESS_INTERVAL_S = 5.0


class KeepingRole(Role):
    """A role that keeps the run directory and gives the verdict."""

    def __init__(self, environment: Environment, runner: Runner) -> None:
        super().__init__(environment, runner)
        self.keeper: Keeper | None = None
        self._left_out: list[type[User]] = []
        self._judged: tuple[Keeper, Verdict] | None = None
        self._ticker: gevent.Greenlet | None = None
        self._finishing: gevent.Greenlet | None = None
        self.preparing = False
        self._stop_asked = False
        self._beginning: gevent.Greenlet | None = None

    def wire(self) -> None:
        """Listen to Locust."""
        super().wire()
        self.environment.events.test_stopping.add_listener(lambda **_: self._see_end())

    def _see_end(self) -> None:
        if self.keeper is not None and self._finishing is None:
            self.keeper.ending.see()

    def open_run(self) -> None:
        """Prepare a run: its inputs, its folder and its baseline.

        Done before Locust starts to count the run time, which is for the load alone.

        Raises:
            UsageError: the inputs or the folder cannot be used.
            StoppedError: somebody stopped it meanwhile (``stop_preparing``).

        """
        self.preparing, self._stop_asked = True, False
        try:
            self._open_run()
        except BaseException:
            if self._finishing is None:
                self.lookout.close_run()  # nobody will judge it
            raise
        finally:
            self.preparing = False
            # Locust's timer of the run time counts from when the hub last read the clock: before an import that took
            # long, and no baseline after it to give the hub a turn.
            get_hub().loop.update_now()

    def _open_run(self) -> None:
        if self._finishing is not None:
            join_through_interrupts(self._finishing)  # the run before is still being judged
        assert self.environment.parsed_options is not None
        require_load(self.environment.parsed_options)
        inputs = self.prepare()
        load = prepare_shape(self.environment, inputs.criteria)
        require_writable(inputs.options.results_dir)
        self._leave_out_idle_users(inputs)
        self._require_going_on()
        self.keeper, self._judged, self._finishing, self._refused = None, None, None, None
        self.codes.begin()
        self.keeper = Keeper(self.environment, inputs, self.loop, say, self._on_data_loss)
        deadline_s = inputs.options.deadline_s
        self.lookout.open_run(f"run {self.keeper.run.run_id}", deadline_s, self.keeper.run.path)
        say(f"{shown_path(self.keeper.run.path)}: {inputs.options.target}, {len(inputs.scenarios):,} scenarios")
        if load is not None:
            say(f"load shape {load}")
        self.keeper.run_baseline(lambda: self._stop_asked)
        self._take_blocks(self.keeper)
        if self._stop_asked:
            self.finish()
        self._require_going_on()

    def stop_preparing(self) -> None:
        """End the run that is being prepared, or whose load has not begun, with what its baseline holds so far.

        The scenario that is under way goes on, and is waited for by nobody.
        """
        self._stop_asked |= self.preparing
        if self.keeper is not None and not self.keeper.begun:
            self.finish()

    def begin_run(self) -> None:
        """Begin a run, whole or not at all.

        In a greenlet of its own: to stop a run, Locust kills the one that begins it, wherever it is.
        """
        self._beginning = gevent.spawn(super().begin_run)
        self._beginning.join()

    def let_begin(self) -> None:
        """Wait until a run that is beginning has begun."""
        if self._beginning is not None:
            self._beginning.join()

    def _require_going_on(self) -> None:
        if self._stop_asked:
            raise StoppedError("the run was stopped before its load began")

    def status(self) -> str:
        """Return in one line what the run is doing or what it came to; empty where there was none."""
        return "" if self.keeper is None else self.keeper.doing

    @property
    def prepared(self) -> bool:
        """Whether a run was opened whose load is still to begin."""
        return self.keeper is not None and not self.keeper.begun and self._finishing is None

    @property
    def loading(self) -> bool:
        """Whether a run has begun that nobody has begun to judge."""
        return self.keeper is not None and self.keeper.begun and self._finishing is None

    def note_load(self, users: int, spawn_rate: float) -> None:
        """Take note that the load of the run that goes on was changed."""
        if self.keeper is not None:
            self.keeper.note_load(users, spawn_rate)

    def forget_left_out(self) -> None:
        """Bring back no user class that was left out before: which there are was chosen anew."""
        self._left_out = []

    def opened(self) -> Keeper:
        """Return the keeper of the run that is about to begin.

        Raises:
            StoppedError: it was stopped after it had been prepared.

        """
        if self.keeper is None or self._finishing is not None:
            raise StoppedError("the run was stopped before its load began")
        return self.keeper

    def open_loop_classes(self) -> list[str]:
        """Return the names of the user classes of this run that send by a schedule."""
        return sorted(declared_schedules(self.environment.user_classes))

    def _leave_out_idle_users(self, inputs: Inputs) -> None:
        """Take out the user classes for whose priorities the corpus has nothing, and bring back those it has."""
        known = self.environment.user_classes
        classes = [*known, *(user for user in self._left_out if user not in known)]
        present = {scenario.priority for scenario in inputs.scenarios}
        idle: list[type[User]] = [
            user for user in classes if issubclass(user, RouteUser) and present.isdisjoint(user.priorities)
        ]
        left = [user for user in classes if user not in idle]
        if not left:
            wanted = sorted({priority for user in idle for priority in getattr(user, "priorities", ())})
            raise UsageError(f"the corpus has priorities {sorted(present)}, the user classes send only {wanted}")
        if idle:
            say(f"no scenario in the corpus for {', '.join(user.__name__ for user in idle)}: left out")
        self.environment.user_classes, self._left_out = left, idle

    def tick_every_second(self, tick: Callable[[], None]) -> None:
        """Do something every second until the run is finished."""

        options = self.environment.parsed_options
        # Where Locust prints no table of its own, a line now and then says that the run goes on.
        silent = options is not None and options.headless and options.only_summary
        began = time.monotonic()

        def repeat() -> None:
            shown_s, shown_count = 0.0, 0
            while True:
                gevent.sleep(REPORT_INTERVAL_S)
                elapsed_s = time.monotonic() - began
                self._see_users(elapsed_s)
                try:
                    tick()
                except Exception as error:
                    if not isinstance(error, OSError):
                        logger.exception("while handing over what was measured")
                    self._on_data_loss(RecordError(f"what was measured could not be kept: {one_line(error)}"))
                    return
                if silent and elapsed_s - shown_s >= PROGRESS_INTERVAL_S:
                    stats = self.environment.stats
                    count = stats.total.num_requests
                    rate_rps = (count - shown_count) / (elapsed_s - shown_s)
                    say(progress(stats, self.runner.user_count, elapsed_s, rate_rps))
                    shown_s, shown_count = elapsed_s, count

        self._ticker = gevent.spawn(repeat)

    def _see_users(self, elapsed_s: float) -> None:
        runner = self.runner
        # Not while users are started, of which there are fewer than asked for, nor while they are stopped.
        if self.keeper is not None and runner.state == STATE_RUNNING:
            self.keeper.see_users(elapsed_s, runner.user_count, runner.target_user_count)

    def on_test_stop(self) -> None:
        """Finish the run; Locust may say so of one that is being prepared."""
        self._stop_asked |= self.preparing
        self.finish()

    def finish(self) -> None:
        """Judge the run, once, whoever asks; returns when that is done.

        In a greenlet of its own: Locust kills the greenlets that get here, in the middle of shutting down.
        """
        if self.keeper is None:
            return
        if self._finishing is None:
            self._see_end()  # a master that gets Ctrl-C is here before Locust stops the run
            self._finishing = gevent.spawn(self._finish, self.keeper)
        join_through_interrupts(self._finishing)

    def _finish(self, keeper: Keeper) -> None:
        code = ExitCode.INCONCLUSIVE
        self.let_begin()
        try:
            if keeper.begun:
                self.gather(keeper)
            if self._ticker is not None:
                self._ticker.kill()
            self._take_blocks(keeper)
            keeper.doing = "judging the run" + " and drawing its report" * keeper.inputs.options.draws_report
            say(f"{keeper.doing} ...")
            verdict = keeper.finish(self._refused)
            self._judged, code = (keeper, verdict), verdict.exit_code
            keeper.doing = f"{verdict.conclusion.value}: {verdict.reason}"
        except Exception as error:  # whatever broke: the run has no verdict, and that is said and not passed over
            keeper.doing = f"the run could not be judged: {one_line(error)}"
            say(keeper.doing)
            logger.exception("while judging %s", keeper.run.path)
        self.lookout.close_run()
        if self._refused is None:
            self.codes.settle(int(code))
        if self.environment.web_ui is not None:
            self._show()

    def _take_blocks(self, keeper: Keeper) -> None:
        """Add what held the thread while no session wrote it down: in the baseline, or as the run ended."""
        keeper.blocks += self.lookout.take(BASELINE, Epoch.of_this_process().offset_ns)

    def gather(self, keeper: Keeper) -> None:
        """Hand the keeper the last of what was measured."""
        raise NotImplementedError

    def on_quitting(self) -> None:
        """Finish the run that goes on, if any."""
        self.stop_preparing()
        self.finish()
        if self.codes.ours is None:
            # Only a web UI in which no run was started has nothing to answer for.
            unused = self.environment.web_ui is not None and self.keeper is None
            self.codes.settle(int(ExitCode.PASS if unused else ExitCode.INCONCLUSIVE))

    def on_raised(self, which: str, error: BaseException) -> None:
        """Say it also where the verdict is given and cannot have it."""
        super().on_raised(which, error)
        if self._judged is not None:
            say(f"after the verdict was given, {told_of(which, error)}")

    def on_quit(self) -> None:
        """Show the verdict."""
        if self.environment.web_ui is None:
            self._show()

    def _show(self) -> None:
        if self._judged is None:
            return
        keeper, verdict = self._judged
        # Standard output is the JSON's alone.
        file = sys.stderr if self._prints_json else sys.stdout
        if (why := print_verdict(verdict, self._shown_report(keeper), file, self.codes.look())) is not None:
            say(f"{verdict.conclusion.value}: {verdict.reason}")
            say(f"the verdict could not be printed ({why}): {shown_path(keeper.run.verdict)}")

    def _shown_report(self, keeper: Keeper) -> str | None:
        """Where the report is, or what draws it; None where it could not be drawn."""
        if not keeper.inputs.options.draws_report:
            return f"python -m analysis report {shown_path(keeper.run.path)}"
        return shown_path(keeper.run.report) if keeper.run.report.exists() else None

    @property
    def _prints_json(self) -> bool:
        options = self.environment.parsed_options
        return options is not None and bool(options.json)

    def _on_data_loss(self, error: RecordError) -> None:
        say(f"{error}; stopping the run")
        self.end_load()
