"""A run with a load shape: its options and its validation.

``--users``, ``--run-time`` and ``--spawn-rate`` replace a shape's attributes where they are given on the command line,
in the environment, in a ``--config`` file or in the start form. Those of a ``locust.conf`` or ``pyproject.toml`` that
Locust finds by itself are for runs without a shape: with this project's own 100 users every search would end there.
"""

from __future__ import annotations

from locust.argument_parser import get_parser
from locust.env import Environment

from harness.judge.criteria.criteria import Criterion
from harness.swarm.shapes.timed import Asked, RouteShape
from harness.swarm.users.open_loop import declared_schedules


def shape_of(environment: Environment) -> RouteShape | None:
    """Return the load shape of the locustfile, None where it has none, or one of another kind."""
    shape = environment.shape_class
    return shape if isinstance(shape, RouteShape) else None


def is_trimmed(environment: Environment) -> bool:
    """Whether the run has one load throughout, so that the warm-up of the whole can be found and left out."""
    shape = environment.shape_class
    shaped = shape is not None and not (isinstance(shape, RouteShape) and shape.trimmed)
    schedules = declared_schedules(environment.user_classes).values()
    return not shaped and all(schedule.steady for schedule in schedules)


def settle_options(environment: Environment) -> None:
    """Leave in Locust's options what was asked for, and fill them up with what the shape will do without.

    So the start form and the manifest show what happens. Locust itself fills in 1 user and 1 user per second.
    """
    shape, options = shape_of(environment), environment.parsed_options
    if shape is None or options is None:
        return
    asked, _ = get_parser(default_config_files=[]).parse_known_args()
    options.num_users = shape.own_users if asked.num_users is None else asked.num_users
    options.run_time = asked.run_time
    options.spawn_rate = shape.own_rate(options.num_users) if asked.spawn_rate is None else asked.spawn_rate


def prepare_shape(environment: Environment, criteria: tuple[Criterion, ...]) -> str | None:
    """Validate the shape with the options as they are now; return the load in one line, None without a shape.

    Raises:
        ShapeError: attributes or options make no load.

    """
    shape, options = shape_of(environment), environment.parsed_options
    if shape is None or options is None:
        return None
    return shape.prepare(Asked(options.num_users, options.run_time, options.spawn_rate), criteria)
