"""Drawing the report of a run, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import gevent

import harness
from harness.swarm.process import world
from harness.words.errors import one_line

REPORT_TIMEOUT_S = 300


def draw_report(run: Path) -> str | None:
    """Draw the report of a run directory; return why that failed, None where it did not.

    matplotlib takes seconds. The process finds packages where this one
    does, but for the current folder: the user may have an ``analysis`` of their own there.
    """
    own, here = Path(harness.__file__).resolve().parent.parent, Path.cwd()
    others = (path for path in sys.path if path and Path(path).resolve() not in (own, here))
    draw = partial(
        subprocess.run,
        [sys.executable, "-P", "-m", "analysis", "report", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=REPORT_TIMEOUT_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(own), *others])},
        start_new_session=True,  # a second Ctrl-C is for the run, not for its report
    )
    try:
        # In a native thread, so that the web UI lives on. Not by gevent.subprocess: libev's child watcher reaps every
        # child of the process, and the target's would have lost their exit codes. A patched one has only that.
        drawn = draw() if world.name() == world.PATCHED else gevent.get_hub().threadpool.apply(draw)
    except (OSError, subprocess.SubprocessError) as error:
        return one_line(error)
    if not drawn.returncode:
        return None
    return " ".join(drawn.stdout.strip().splitlines()[-1:]) or f"exit {drawn.returncode}"
