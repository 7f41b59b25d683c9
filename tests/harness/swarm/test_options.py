"""What the help of the options says."""

from __future__ import annotations

import pytest
from locust.argument_parser import LocustArgumentParser

from harness.load.faults.kinds import KINDS
from harness.swarm.options import add_options


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_of_the_fault_plan_names_every_kind(kind):
    parser = LocustArgumentParser()
    add_options(parser)
    (option,) = [action for action in parser._actions if "--fault-plan" in action.option_strings]
    assert kind in option.help.partition("Kinds: ")[2].partition(".")[0].split(", ")
