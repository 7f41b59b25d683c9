"""A ROUTE stage that tries routes in order, and what it does on the way of one operation."""

from harness.stages.chain.stage import WARNINGS_PER_S, FallbackChainStage

__all__ = ["WARNINGS_PER_S", "FallbackChainStage"]
