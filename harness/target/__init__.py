"""The pipeline under test: how to find it, run it, read its decision, and see its stages without changing it.

``Target`` is for pipelines that keep their route elsewhere or need a context of their own; see the guide in ``docs``.
"""

from harness.target.target import Identity, Target, default_context
from harness.words.operation import Decision

__all__ = ["Decision", "Identity", "Target", "default_context"]
