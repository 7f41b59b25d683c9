"""A hundred users for ten minutes."""

from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser, SoakShape

__all__ = ["CriticalUser", "HighUser", "LowUser", "NormalUser", "Soak"]


class Soak(SoakShape):
    """A hundred users for ten minutes."""

    users = 100
    ramp_s = 10
    duration_s = 600
