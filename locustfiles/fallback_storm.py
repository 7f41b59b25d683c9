"""The primary slows, fails, hangs, recovers; then two tiers fail together, while the load climbs to 100 users."""

from harness.swarm import (
    CriticalUser,
    HighUser,
    LowUser,
    NormalUser,
    RepeatingUser,
    StaircaseShape,
    declare_defaults,
)

__all__ = ["Climb", "CriticalUser", "HighUser", "LowUser", "NormalUser", "RepeatingUser"]

declare_defaults(target="harness.stages.resilient:build", fault_plan="storm", criteria="storm", deadline_ms=1_000)


class Climb(StaircaseShape):
    """Twenty users more every ten seconds; a hundred for the last twenty."""

    levels = (20, 40, 60, 80, 100, 100)
    dwell_s = 10
