"""Faults, and their kinds: one class each, by what they do. One more here is all a new kind takes."""

from harness.load.faults.kinds.fault import KINDS, Fault, When
from harness.load.faults.kinds.where import ScenarioIs, Where

__all__ = ["KINDS", "Fault", "ScenarioIs", "When", "Where"]
