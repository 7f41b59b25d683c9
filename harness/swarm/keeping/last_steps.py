"""What takes long at the end of a run, in a native thread each, so that the web UI stays alive meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import gevent

from harness.judge.criteria.criteria import Criterion
from harness.judge.facts import Facts
from harness.judge.verdict import Verdict
from harness.record.compaction import compact
from harness.record.judging import judge_or_say_why
from harness.record.run_directory import RunDirectory
from harness.words.errors import RecordError, RouteSwarmError, one_line

logger = logging.getLogger("harness")

SILENT_S = 2.0
"""Seconds after which a step at the end of a run says that it goes on."""


def put_together(history: Path, say: Callable[[str], None]) -> None:
    """Make few files of the history's many."""
    compacting = gevent.get_hub().threadpool.spawn(_compact, history)
    if compacting.wait(SILENT_S) is None and not compacting.ready():
        say("putting the parts of the history together ...")
    error = compacting.get()
    if error is not None:
        say(f"the history stays in many parts: {error}")


def judged(run: RunDirectory, criteria: Sequence[Criterion], facts: Facts, say: Callable[[str], None]) -> Verdict:
    """Return the verdict on a run; INCONCLUSIVE where it could not be judged, whatever broke."""
    verdict, error = gevent.get_hub().threadpool.apply(judge_or_say_why, (run, criteria, facts))
    if error is not None:
        say(f"the run could not be judged: {one_line(error)}")
        if not isinstance(error, (RouteSwarmError, OSError)):
            logger.error("while judging %s", run.path, exc_info=error)
    assert isinstance(verdict, Verdict)
    return verdict


# Errors are returned, since gevent's pool prints those that are raised.


def _compact(history: Path) -> RecordError | None:
    try:
        compact(history)
    except RecordError as error:
        return error
    return None
