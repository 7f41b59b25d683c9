"""The pipeline under test: how to find it, run it, read its decision, and see its stages without changing it.

``Target`` is for pipelines that keep their route elsewhere or need a context of their own; see the guide in ``docs``.
"""

from harness.target.target import Identity, Target, default_context

__all__ = ["Identity", "Target", "default_context"]
