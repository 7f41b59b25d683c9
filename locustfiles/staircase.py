"""Eight levels of users, 15 s each, statistics of each step."""

from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser, StaircaseShape

__all__ = ["CriticalUser", "HighUser", "LowUser", "NormalUser", "Staircase"]


class Staircase(StaircaseShape):
    """Eight levels of users, 15 s each, statistics of each step."""

    levels = (1, 2, 5, 10, 20, 50, 100, 200)
    dwell_s = 15
