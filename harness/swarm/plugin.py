"""The plugin: how Locust meets RouteSwarm, before it parses the command line and when it has its runner."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

import gevent
import psutil
from gevent.event import Event
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from harness.swarm import web
from harness.swarm.keeping.awaiting import Awaiting, end_waiting
from harness.swarm.keeping.locust_csv import install_buckets
from harness.swarm.options import add_options, one_line_errors
from harness.swarm.process import world
from harness.swarm.process.cooperation import children, cooperate
from harness.swarm.process.listeners import raised_before, watch_early
from harness.swarm.roles.local import Local
from harness.swarm.roles.master import Master
from harness.swarm.roles.role import Role, logger
from harness.swarm.roles.run_owner import KeepingRole
from harness.swarm.roles.worker import Worker
from harness.swarm.shapes.settle import settle_options
from harness.swarm.terminal import say
from harness.swarm.users.other_users import needs_patching
from harness.swarm.wire.listening import listen_safely
from harness.words.errors import ExitCode, RouteSwarmError, one_line

CHILDREN_END_S = 3
INIT_WITHIN_S = 30
_takes_part = Event()
_roles: WeakKeyDictionary[Environment, Role] = WeakKeyDictionary()


def on_command_line(parser: LocustArgumentParser) -> None:
    """Add RouteSwarm's options to Locust's, and make ready what runs after they are parsed."""
    add_options(parser)
    one_line_errors(parser)
    cooperate()
    listen_safely()
    watch_early()


def on_test_start(environment: Environment, **_: object) -> None:
    """Begin a run, once this process takes part in runs.

    A worker that joins a run may be told to spawn users before Locust has fired ``init``: the master's messages can be
    there when it connects (runners.py, WorkerRunner.__init__; locust 2.47).
    """
    _takes_part.wait(INIT_WITHIN_S)
    role = _roles.get(environment)
    if role is not None:
        role.begin_run()


def on_init(environment: Environment, **_: object) -> None:
    """Take part in a Locust process that has its runner; end it with exit 2 if the inputs cannot be used.

    Also where a listener has raised so far: Locust ends then, with exit 1, once all listeners of ``init`` were called.
    """
    for raised in raised_before(environment):
        say(f"{raised}: Locust does not start when a listener raises before the load")
        sys.exit(int(ExitCode.USAGE))
    if (objection := _objection(environment)) is not None:
        say(objection)
        sys.exit(int(ExitCode.USAGE))
    role = _role(environment)
    if role is None:
        return
    install_buckets()
    role.wire()
    _roles[environment] = role
    _takes_part.set()
    if not isinstance(role, KeepingRole):
        return  # a worker's options come from the master
    settle_options(environment)
    if environment.web_ui is not None:
        web.extend(environment, role)
    if environment.web_ui is None or _starts_by_itself(environment):
        _open_or_exit(role)
        if isinstance(role, Master) and environment.web_ui is None:
            _await_workers(role)


def _objection(environment: Environment) -> str | None:
    """Return in one line why this process cannot take part: it is in the wrong world for what it is to run."""
    options = environment.parsed_options
    if options is None:
        return None
    asked = bool(getattr(options, "monkey_patch", False))
    objection = world.objection(patching_asked=asked)
    if objection is not None or asked:
        return objection
    names = [user.__name__ for user in environment.user_classes if needs_patching(user)]
    if not names:
        return None
    return (
        f"{', '.join(names)}: such users block everything else in a process that is not patched: make them "
        f"FastHttpUsers, leave them out (name the others on the command line), or start with {world.OPTION}"
    )


def _role(environment: Environment) -> Role | None:
    runner = environment.runner
    if environment.parsed_options is None:
        return None
    if isinstance(runner, WorkerRunner):
        return Worker(environment, runner)
    if isinstance(runner, MasterRunner):
        return Master(environment, runner)
    return Local(environment, runner) if isinstance(runner, LocalRunner) else None


def _starts_by_itself(environment: Environment) -> bool:
    return environment.parsed_options is not None and bool(environment.parsed_options.autostart)


def _open_or_exit(role: KeepingRole) -> None:
    try:
        role.open_run()
    except (RouteSwarmError, OSError) as error:
        say(str(error))
        _end_workers(role)
        sys.exit(int(ExitCode.USAGE))
    except Exception as error:  # noqa: BLE001  # Locust would swallow it, and run without a verdict
        logger.exception("while preparing a run")
        say(f"the run could not be prepared: {one_line(error)}")
        _end_workers(role)
        sys.exit(int(ExitCode.USAGE))
    except KeyboardInterrupt:
        role.finish()
        role.on_quit()
        _end_workers(role)
        sys.exit(int(ExitCode.INCONCLUSIVE))


def _await_workers(role: Master) -> None:
    """End with a verdict where the workers that Locust waits for after this never come."""
    options = role.environment.parsed_options
    assert options is not None
    within_s, options.expect_workers_max_wait = float(options.expect_workers_max_wait or 0), 0  # ours from now on
    awaiting = Awaiting(role.master, options.expect_workers, within_s, children.pids)

    def end(why: str) -> int:
        say(f"{why}; no load was started")
        code = role.end_without_load(why)
        _end_workers(role)
        return code

    end_waiting(awaiting, end, say)


def _end_workers(role: KeepingRole) -> None:
    """End the workers of a master that ends before its run began, those too that have not reached it yet.

    At its exit Locust would leave them 3 s to end by themselves, and then interrupt them.
    """
    if not isinstance(role, Master):
        return
    role.runner.quit()
    workers = [psutil.Process(pid) for pid in children.pids if psutil.pid_exists(pid)]
    for worker in workers:
        worker.terminate()
    # Not waited for by waitpid: Locust does that at exit.
    with gevent.Timeout(CHILDREN_END_S, False):
        while any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers):
            gevent.sleep(0.02)
