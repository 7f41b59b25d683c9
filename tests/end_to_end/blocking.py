"""A target of which one stage holds its thread, once, when there is a file ``now``; not a test module.

``user_folder.py`` copies it. How is in the environment variable HOLD. Afterwards ``held`` has pid, begin and end (ns).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from fast import Router, pipeline_of  # of the user's folder


def keep_the_lock(seconds):
    """Hold the thread and the interpreter's lock in one call of C, which looks at no signal."""
    begin = time.perf_counter()
    sum(range(10**7))
    sum(range(round(10**7 * seconds / (time.perf_counter() - begin))))


HOLD = {
    "sleep": lambda: time.sleep(6),
    "lock": lambda: keep_the_lock(12),  # 8 at least: how fast the processor is changes meanwhile
}


class BlockingRouter(Router):
    async def execute(self, ctx):
        if ctx.snapshot.run_id.user_id.int > 1_000 and Path("now").exists() and self.is_first():
            begin_ns = time.time_ns()
            HOLD[os.environ.get("HOLD", "sleep")]()
            Path("held.partial").write_text(f"{os.getpid()} {begin_ns} {time.time_ns()}")
            Path("held.partial").rename("held")
        return await super().execute(ctx)

    @staticmethod
    def is_first() -> bool:
        try:
            Path("now").rename("then")
        except OSError:
            return False
        return True


class OftenRouter(Router):
    """Holds the thread for most of the time."""

    async def execute(self, ctx):
        if ctx.snapshot.run_id.user_id.int > 1_000:
            time.sleep(1.5)
        return await super().execute(ctx)


once = pipeline_of(BlockingRouter)
often = pipeline_of(OftenRouter)
