"""Ten users, a hundred for 20 s, ten again."""

from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser, SpikeShape

__all__ = ["CriticalUser", "HighUser", "LowUser", "NormalUser", "Spike"]


class Spike(SpikeShape):
    """Ten users, a hundred for 20 s, ten again."""

    base, peak = 10, 100
    from_s, to_s, duration_s = 20, 40, 60
