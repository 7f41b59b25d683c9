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
from harness.swarm.keeping_role import KeepingRole
from harness.swarm.local import Local
from harness.swarm.master import Master
from harness.swarm.options import add_options
from harness.swarm.role import Role, logger
from harness.swarm.shaping import settle_options
from harness.swarm.statistics import install_buckets
from harness.swarm.terminal import say
from harness.swarm.worker import Worker
from harness.words.errors import ExitCode, RouteSwarmError, one_line

CHILDREN_END_S = 3
INIT_WITHIN_S = 30
_takes_part = Event()
_roles: WeakKeyDictionary[Environment, Role] = WeakKeyDictionary()


def on_command_line(parser: LocustArgumentParser) -> None:
    """Add RouteSwarm's options to Locust's."""
    add_options(parser)


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
    """Take part in a Locust process that has its runner; end it with exit 2 if the inputs cannot be used."""
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


def _end_workers(role: KeepingRole) -> None:
    """End the workers of a master that ends before its run began.

    Locust does so only for children that are still there after 3 s by its own count, which takes ``(0, 0)`` of
    ``waitpid`` for an ended child: they would wait for their master for minutes (main.py, kill_workers; locust 2.47).
    """
    if not isinstance(role, Master):
        return
    role.runner.quit()
    children = psutil.Process().children()
    for child in children:
        child.terminate()
    # Not waited for by waitpid: Locust does that at exit, and logs a traceback per turn for a child that is not there.
    with gevent.Timeout(CHILDREN_END_S, False):
        while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
            gevent.sleep(0.02)
