"""The Locust side: importing this package in a locustfile adds RouteSwarm's options and listeners to Locust."""

from harness.swarm.process import world as _world

# Before anything else: importing Locust patches the process unless it is told not to.
_world.enter()

from locust import events as _events

from harness.load.arrivals.poisson import Poisson
from harness.load.arrivals.schedules import Constant, Ramp
from harness.load.arrivals.trace_file import Trace
from harness.load.corpus.corpus import Scenario
from harness.swarm.options import declare_defaults
from harness.swarm.plugin import on_command_line as _on_command_line
from harness.swarm.plugin import on_init as _on_init
from harness.swarm.plugin import on_test_start as _on_test_start
from harness.swarm.shapes.ramp_to_failure import RampToFailureShape
from harness.swarm.shapes.timed import PhasedShape, SoakShape, SpikeShape, StaircaseShape
from harness.swarm.users.bands import (
    CriticalUser,
    HighUser,
    LowUser,
    NormalUser,
    RepeatingUser,
    RouteUser,
    sends,
    weighted,
)
from harness.swarm.users.client import StageflowClient
from harness.swarm.users.declared import sending
from harness.swarm.users.open_loop import ArrivalRateUser
from harness.words.operation import Operation

__all__ = [
    "ArrivalRateUser",
    "Constant",
    "CriticalUser",
    "HighUser",
    "LowUser",
    "NormalUser",
    "Operation",
    "PhasedShape",
    "Poisson",
    "Ramp",
    "RampToFailureShape",
    "RepeatingUser",
    "RouteUser",
    "Scenario",
    "SoakShape",
    "SpikeShape",
    "StageflowClient",
    "StaircaseShape",
    "Trace",
    "declare_defaults",
    "sending",
    "sends",
    "weighted",
]

# Locust has no other way in for a plugin than its module-level events, before it parses the command line.
_events.init_command_line_parser.add_listener(_on_command_line)
_events.init.add_listener(_on_init)
_events.test_start.add_listener(_on_test_start)
