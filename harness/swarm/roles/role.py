"""What RouteSwarm does in any Locust process: prepare inputs, listen, refuse. Roles differ in the rest.

A single process (``local``) loads and keeps; a master (``master``) keeps; a worker (``worker``) loads.
"""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections.abc import Callable
from typing import ClassVar

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_SPAWNING, STATE_STOPPED, Runner, WorkerRunner

from harness.loop import HubLoop, deliver_interrupts_to_main
from harness.loop.lookout.lookout import Lookout
from harness.swarm.inputs import Inputs, load_inputs
from harness.swarm.loading.log_filter import watch_target_logs
from harness.swarm.options import read_options
from harness.swarm.process import world
from harness.swarm.process.leaving import ExitCodes, Lasting
from harness.swarm.process.listeners import told_of, watch_greenlets, watch_listeners
from harness.swarm.terminal import say
from harness.swarm.users.open_loop import declared_schedules
from harness.watch.last_threads import end_in_spite_of_threads
from harness.words.errors import ExitCode, RecordError, StoppedError, UsageError, one_line
from harness.words.output import tolerate

logger = logging.getLogger("harness")

REPORT_INTERVAL_S = 1.0
"""Seconds between two reports of a worker. Locust's default of 3 s is what is lost when a worker dies."""

INTERRUPTS_TAKEN = 3
"""The Ctrl-C that ends the judging of a run without a verdict."""


class Role:
    """RouteSwarm in one Locust process.

    Attributes:
        judges: whether it gives the verdict.

    """

    judges: ClassVar[bool] = True

    def __init__(self, environment: Environment, runner: Runner) -> None:
        assert environment.parsed_options is not None
        self.environment = environment
        self.runner = runner
        self.loop = HubLoop()
        self.loop.on_broken = self._on_broken
        self.lookout = Lookout(self.loop)
        self.logs = watch_target_logs(environment.parsed_options.loglevel)
        self.codes = ExitCodes(environment)
        self._decided = 0
        self._refused: UsageError | None = None

    def wire(self) -> None:
        """Listen to Locust."""
        events = self.environment.events
        self._outlast_exits()
        events.test_stop.add_listener(lambda **_: self.on_test_stop())
        events.quitting.add_listener(lambda **_: self._quit())
        events.quit.add_listener(lambda exit_code, **_: self._end(exit_code))
        watch_listeners(self.environment, self.on_raised)
        watch_greenlets(self.environment, self.on_raised)
        deliver_interrupts_to_main(self.lookout.watch.ask)
        self.lookout.start(say)

    def _outlast_exits(self) -> None:
        """Let no listener's ``sys.exit`` leave out what is still to be done, and count the code it asks for."""
        events, asked = self.environment.events, self.codes.asked
        events.test_stop = Lasting("test_stop", events.test_stop, asked)
        events.quitting = Lasting("quitting", events.quitting, asked, self.codes.look)
        events.quit = Lasting("quit", events.quit, asked, self._leave)

    def prepare(self) -> Inputs:
        """Read and validate all inputs as the options are now.

        Raises:
            UsageError: one of them cannot be used.

        """
        assert self.environment.parsed_options is not None
        declared = declared_schedules(self.environment.user_classes)
        return load_inputs(read_options(self.environment.parsed_options), declared, judges=self.judges)

    def begin_run(self) -> None:
        """Begin a run, or refuse it."""
        try:
            self.begin()
        except UsageError as error:
            self.refuse(error)
        except StoppedError:
            self.end_load()
        except (OSError, RecordError) as error:
            self.refuse(UsageError(f"the run could not begin: {one_line(error)}"))
        except Exception as error:  # Locust would swallow it, and let users loose on a run that never began
            logger.exception("while beginning a run")
            self.refuse(UsageError(f"the run could not begin: {one_line(error)}"))

    def refuse(self, error: UsageError) -> None:
        """End the process (in the web UI: the run) on a user's mistake that only shows now."""
        say(str(error))
        self._refused = error
        self.codes.settle(int(ExitCode.USAGE))
        self.end_load()

    def end_load(self) -> None:
        """Have Locust stop the users, and outside the web UI end, from whatever greenlet this is called."""
        gevent.spawn(self.runner.quit if self.environment.web_ui is None else self._stop_load)

    def _stop_load(self) -> None:
        self.expose_load()
        self.runner.stop()

    def expose_load(self) -> None:
        """Have Locust know of users that it is about to start, so that it stops them when it is told to stop.

        Its state is still that of before then, in which it does nothing (runners.py, ``stop``; locust 2.47).
        """
        if self.runner.state in (STATE_INIT, STATE_STOPPED):
            self.runner.update_state(STATE_SPAWNING)

    def on_raised(self, which: str, error: BaseException) -> None:
        """Count it with what tasks raise: Locust shows those, and workers tell their master of them."""
        told, frames = told_of(which, error), "".join(traceback.format_tb(error.__traceback__))
        if which.endswith(" of init"):
            self.lookout.watch.cause = told  # Locust's main ends the process by ``sys.exit`` after such an event
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message("exception", {"msg": told, "traceback": frames})  # as of a task (runners.py)
        else:
            self.runner.log_exception("local", told, frames)

    def _quit(self) -> None:
        self.on_quitting()
        tolerate()  # Locust's last tables and those of further listeners are still to come
        # All is written down. A further Ctrl-C could only spoil the last words, or the interpreter's own end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _end(self, exit_code: int) -> None:
        self._decided = exit_code
        self.on_quit()
        self.lookout.close_run()

    def _leave(self) -> None:
        """Leave with the code that Locust has decided on, but for one that a listener of ``quit`` asked for since."""
        code = self.codes.worse or self._decided
        self.lookout.settle(code)
        if world.name() == world.UNPATCHED:
            end_in_spite_of_threads(code, say)
        if code != self._decided:
            sys.exit(code)

    def _on_broken(self, error: BaseException) -> None:
        """End a run whose event loop serves no more; its verdict says so."""
        say(f"the event loop stopped serving, the run ends: {one_line(error)}")
        self.end_load()

    def load_seconds(self, elapsed_s: float = 0.0) -> float | None:
        """Return the seconds of load and stop timeout that are left of a run; None where it has no run time."""
        options = self.environment.parsed_options
        run_s = None if options is None else options.run_time
        if not isinstance(run_s, (int, float)):
            return None
        return max(run_s - elapsed_s, 0.0) + (self.environment.stop_timeout or 0.0)

    def begin(self) -> None:
        """Begin a run, before the first user starts.

        Raises:
            UsageError: that cannot be.
            StoppedError: it was stopped after it had been prepared.

        """
        raise NotImplementedError

    def on_test_stop(self) -> None:
        """End a run after its last user has stopped."""
        raise NotImplementedError

    def on_quitting(self) -> None:
        """Settle the exit code, before Locust decides on it."""
        raise NotImplementedError

    def on_quit(self) -> None:
        """Say the last word, below Locust's own tables."""


def join_through_interrupts(greenlet: gevent.Greenlet) -> None:
    """Wait for what must not be cut short; only the third Ctrl-C gets through."""
    taken = 0
    while not greenlet.ready():
        try:
            greenlet.join()
        except KeyboardInterrupt:
            taken += 1
            if taken == INTERRUPTS_TAKEN:
                raise
            say("the run is being ended; Ctrl-C once more to leave it without a verdict")


def stop_once(runner: Runner, before: Callable[[], None]) -> None:
    """Make overlapping calls of ``runner.stop`` wait for the first one instead of stopping users twice.

    A signal, the run time, the master's message and ours may all come at once; Locust raises for a user that is told
    to stop while it stops (runners.py, ``stop_users``; locust 2.47).

    ``before`` is called first: Locust looks at its own source for 50 ms before it fires ``test_stopping``.
    """
    stop = runner.stop
    ended = Event()
    ended.set()

    def guarded() -> None:
        if not ended.is_set():
            ended.wait()
            return
        ended.clear()
        before()
        starting = runner.spawning_greenlet
        if runner.state == STATE_STOPPED and starting is not None and not starting.ready():
            runner.update_state(STATE_SPAWNING)  # its users are about to come, and ``stop`` would leave them be
        try:
            stop()
        finally:
            ended.set()

    runner.stop = guarded  # type: ignore[method-assign]
