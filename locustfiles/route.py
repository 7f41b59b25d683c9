"""The main job: four priority bands of users on the target, a realistic mix, closed loop."""

from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser

__all__ = ["CriticalUser", "HighUser", "LowUser", "NormalUser"]
