"""Drawing the report of a run, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gevent.subprocess

import harness
from harness.words.errors import one_line

REPORT_TIMEOUT_S = 300


def draw_report(run: Path) -> str | None:
    """Draw the report of a run directory; return why that failed, None where it did not.

    matplotlib takes seconds, and belongs in no monkey-patched interpreter. The process finds packages where this one
    does, but for the current folder: the user may have an ``analysis`` of their own there.
    """
    own, here = Path(harness.__file__).resolve().parent.parent, Path.cwd()
    others = (path for path in sys.path if path and Path(path).resolve() not in (own, here))
    try:
        drawn = gevent.subprocess.run(
            [sys.executable, "-P", "-m", "analysis", "report", str(run)],
            stdout=gevent.subprocess.PIPE,
            stderr=gevent.subprocess.STDOUT,
            timeout=REPORT_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(own), *others])},
            start_new_session=True,  # a second Ctrl-C is for the run, not for its report
        )
    except (OSError, gevent.subprocess.TimeoutExpired) as error:
        return one_line(error)
    if not drawn.returncode:
        return None
    return " ".join(drawn.stdout.decode(errors="replace").strip().splitlines()[-1:]) or f"exit {drawn.returncode}"
