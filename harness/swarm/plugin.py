"""The plugin: how Locust meets RouteSwarm, before it parses the command line and when it has its runner."""

from __future__ import annotations

import sys

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from harness.loop import use_native_logging_lock
from harness.swarm import web
from harness.swarm.local import Local
from harness.swarm.master import Master
from harness.swarm.options import add_options
from harness.swarm.role import KeepingRole, Role
from harness.swarm.statistics import install_buckets
from harness.swarm.terminal import say
from harness.swarm.worker import Worker
from harness.words.errors import ExitCode, UsageError


def on_command_line(parser: LocustArgumentParser) -> None:
    """Add RouteSwarm's options to Locust's."""
    add_options(parser)


def on_init(environment: Environment, **_: object) -> None:
    """Take part in a Locust process that has its runner; end it with exit 2 if the inputs cannot be used."""
    role = _role(environment)
    if role is None:
        return
    install_buckets()
    use_native_logging_lock()
    role.wire()
    if not isinstance(role, KeepingRole):
        return  # a worker's options come from the master
    if environment.web_ui is not None:
        web.extend(environment, role.open_run)
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
    except UsageError as error:
        say(str(error))
        sys.exit(int(ExitCode.USAGE))
    except KeyboardInterrupt:
        role.finish()
        role.on_quit()
        sys.exit(int(ExitCode.INCONCLUSIVE))
