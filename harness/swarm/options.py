"""The options RouteSwarm adds to Locust's command line, environment variables and start form."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from locust import events
from locust.argument_parser import LocustArgumentParser

from harness.load.faults.kinds import KINDS
from harness.load.faults.plan import criteria_path, plan_path
from harness.pipeline.find import REFERENCE_TARGET
from harness.pipeline.runner import GRAPH_SCOPES
from harness.swarm.process import world
from harness.words.arguments import LARGEST, usage_line, whole
from harness.words.errors import ExitCode, UsageError

AUTO = "auto"
LOOPBACK = "127.0.0.1"
"""Address at which the web UI listens, unless ``--web-host`` says otherwise."""

STOP_TIMEOUT = "10"
"""Seconds that operations may take to end when the run ends, unless ``--stop-timeout`` says otherwise."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. ``corpus`` and ``criteria`` are None where the defaults are meant."""

    target: str
    graph_scope: str
    corpus: Path | None
    criteria: Path | None
    fault_plan: Path | None
    deadline_ms: int
    seed: int
    results_dir: Path
    baseline_size: int | None  # scenarios of the baseline; None: up to 200, within 10 seconds
    draws_report: bool

    @property
    def deadline_s(self) -> float:
        """Outer deadline of one operation in seconds."""
        return self.deadline_ms / 1000


# What LocustArgumentParser.add_argument puts on an action, and the add_argument of a group does not (locust 2.47).
_IN_WEB_UI = {"include_in_web_ui": True, "is_secret": False, "is_required": False, "is_multiple": False}


def _baseline_size(text: str) -> str:
    if text != AUTO:
        whole(0)(text)
    return text


def add_options(parser: LocustArgumentParser) -> None:
    """Add RouteSwarm's options to Locust's parser."""
    # A user stopped in mid-operation is a cancelled operation: let those end that are about to.
    # Whoever reaches the web UI can run what it names; Locust's own default is all interfaces.
    parser.set_defaults(stop_timeout=STOP_TIMEOUT, web_host=LOOPBACK)
    group = parser.add_argument_group("RouteSwarm", "What to test, with what, and how to judge it")

    def add(*names: str, **settings: Any) -> None:
        of_locust = {name: settings.pop(name, value) for name, value in _IN_WEB_UI.items()}
        action = group.add_argument(*names, **settings)
        for name, value in of_locust.items():
            setattr(action, name, value)

    _add_inputs(add)
    _add_numbers(add)
    add(
        world.OPTION,
        action="store_true",
        default=False,
        env_var=world.VARIABLE,
        include_in_web_ui=False,
        help="Let Locust replace threads, locks, sockets and sleep of the process by gevent's, as HttpUser and its "
        "like need. The target then runs in another world than in production.",
    )
    add(
        "--web-name",
        metavar="<name>[,<name>]",
        default="",
        env_var="ROUTESWARM_WEB_NAME",
        include_in_web_ui=False,
        help="Further names under which browsers may ask for the web UI, as behind a proxy. Default: localhost and the "
        "address it listens at (--web-host, here by default 127.0.0.1).",
    )
    add(
        "--results-dir",
        metavar="<dir>",
        default="results",
        env_var="ROUTESWARM_RESULTS_DIR",
        help="Folder in which each run makes its own folder. Default: results.",
    )
    add(
        "--no-report",
        action="store_true",
        default=False,
        env_var="ROUTESWARM_NO_REPORT",
        include_in_web_ui=False,
        help="Judge the run and draw no report: seconds less at its end. 'python -m analysis report' draws it later.",
    )


def one_line_errors(parser: LocustArgumentParser) -> None:
    """Have mistakes in the command said in one line: Locust's usage before them has more than forty."""

    def error(message: str) -> NoReturn:
        sys.stderr.write(usage_line(parser.prog, message))
        sys.exit(int(ExitCode.USAGE))

    parser.error = error  # type: ignore[method-assign]  # the parser is Locust's


def _add_inputs(add: Callable[..., None]) -> None:
    """Add what is tested, with what, and by which criteria."""
    add(
        "--target",
        metavar="module:attribute",
        default=REFERENCE_TARGET,
        env_var="ROUTESWARM_TARGET",
        help="The pipeline under test: a Stageflow Pipeline, a function returning one, a built graph, or a "
        "RouteSwarm Target. Looked up from the current folder. Default: the reference target.",
    )
    add(
        "--graph-scope",
        choices=list(GRAPH_SCOPES),
        default=GRAPH_SCOPES[0],
        env_var="ROUTESWARM_GRAPH_SCOPE",
        help="One built graph shared by all requests, as services run it (default), or one graph per request.",
    )
    add(
        "--corpus",
        metavar="<file>",
        default="",
        env_var="ROUTESWARM_CORPUS",
        help="JSON Lines file of scenarios. Default: the shipped corpus; its golden routes count only for the "
        "reference target.",
    )
    add(
        "--fault-plan",
        metavar="<file>",
        default="",
        env_var="ROUTESWARM_FAULT_PLAN",
        help="TOML file of faults to inject while the run goes on: what, where, when, how often; or the name of a "
        f"shipped one: storm. Kinds: {', '.join(KINDS)}. Default: none.",
    )
    add(
        "--criteria",
        metavar="<file>",
        default="",
        env_var="ROUTESWARM_CRITERIA",
        help="File of criteria, one a line, e.g. 'p95_ms < 500 at users >= 100'; or the name of shipped ones: storm. "
        "Default: see docs.",
    )


def _add_numbers(add: Callable[..., None]) -> None:
    """Add the numbers of a run."""
    add(
        "--deadline-ms",
        metavar="<ms>",
        type=whole(1),
        default=30_000,
        env_var="ROUTESWARM_DEADLINE_MS",
        help="Outer deadline of one operation; one without an outcome by then is a timeout. Default: 30000.",
    )
    add(
        "--seed",
        metavar="<n>",
        type=whole(0),
        default=1,
        env_var="ROUTESWARM_SEED",
        help="Seed of everything drawn: order of scenarios, choice of tasks, simulated service times. Default: 1.",
    )
    add(
        "--baseline-size",
        metavar="<n>",
        type=_baseline_size,
        default=AUTO,
        env_var="ROUTESWARM_BASELINE_SIZE",
        help="Scenarios of the baseline: run one after the other before the load, to compare routes under load with "
        "theirs. Default auto: up to 200, within 10 seconds. 0: no baseline, and consistency is not judged.",
    )


def declare_defaults(
    *,
    target: str | None = None,
    fault_plan: str | None = None,
    corpus: str | None = None,
    criteria: str | None = None,
    deadline_ms: int | None = None,
) -> None:
    """Give options of RouteSwarm other defaults, from a locustfile.

    What the command line, the environment or a configuration file say goes before.
    """
    declared = {
        "target": target,
        "fault_plan": fault_plan,
        "corpus": corpus,
        "criteria": criteria,
        "deadline_ms": deadline_ms,
    }
    given = {name: value for name, value in declared.items() if value is not None}

    def on_command_line(parser: LocustArgumentParser, **_: object) -> None:
        parser.set_defaults(**given)

    # After ``add_options``, which listens since this package is imported.
    events.init_command_line_parser.add_listener(on_command_line)


def require_load(parsed: argparse.Namespace) -> None:
    """Check Locust's own options of how much load there is to be; Locust takes any number and fails in mid-start.

    Raises:
        UsageError: one of them is no load.

    """
    users, rate = parsed.num_users, parsed.spawn_rate
    if users is not None and not 0 <= users <= LARGEST:
        raise UsageError(f"--users: found {users}, expected a whole number from 0 to {LARGEST}")
    if rate is not None and not 0 < rate < math.inf:
        raise UsageError(f"--spawn-rate: found {rate:g}, expected users per second, more than 0")


def read_options(parsed: argparse.Namespace) -> Options:
    """Return the options of a parsed command line (or of the web UI's start form, which sets texts).

    Raises:
        UsageError: an option has no value it can have.

    """
    try:
        size = str(parsed.baseline_size)
        return Options(
            target=str(parsed.target).strip(),
            graph_scope=str(parsed.graph_scope),
            corpus=Path(parsed.corpus) if parsed.corpus else None,
            criteria=criteria_path(str(parsed.criteria)) if parsed.criteria else None,
            fault_plan=plan_path(str(parsed.fault_plan)) if parsed.fault_plan else None,
            deadline_ms=whole(1)(str(parsed.deadline_ms)),
            seed=whole(0)(str(parsed.seed)),
            results_dir=Path(parsed.results_dir or "results"),
            baseline_size=None if _baseline_size(size) == AUTO else int(size),
            draws_report=not parsed.no_report,
        )
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"options: {error}") from error
