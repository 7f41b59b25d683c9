"""Raises the load until a criterion breaks, and narrows down the highest that holds."""

from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser, RampToFailureShape

__all__ = ["CriticalUser", "HighUser", "LowUser", "NormalUser", "RampToFailure"]


class RampToFailure(RampToFailureShape):
    """Raises the load until a criterion breaks, and narrows down the highest that holds."""

    first, most = 1, 1_000
    dwell_s = 15
