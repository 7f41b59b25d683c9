"""``Target``: for pipelines that keep their route elsewhere or need a context of their own; see the guide in ``docs``.

What targets import stands here; how the pipeline under test is found, run and read is in ``harness.pipeline``.
"""

from harness.pipeline.target import Identity, Target, default_context
from harness.words.operation import Decision

__all__ = ["Decision", "Identity", "Target", "default_context"]
