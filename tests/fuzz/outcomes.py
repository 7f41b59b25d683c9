"""What reading one input came to, and whether that is good."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

from readers import Reader

from harness.words.errors import RunError, UsageError

ACCEPTED, REFUSED = "accepted", "refused"
LONGEST_S = 5.0
"""Seconds of processor time for one input, all of which have less than a megabyte."""
LONGEST_WAIT_S = 60.0
"""Seconds of real time: on a machine with other work to do, milliseconds of the processor may take many seconds."""
LONGEST_LINE = 700


def outcome(reader: Reader, folder: Path, content: bytes) -> str:
    """Return ``accepted``, ``refused``, or what is bad about how an input was read."""
    path = folder / reader.file
    path.write_bytes(content)
    begun, worked = time.monotonic(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reader.read(path, content)
        found = ACCEPTED
    except (RunError, UsageError) as error:
        found = _of_line(str(error), path)
    except AssertionError as error:
        found = f"let pass: {error}" if str(error) else f"let pass: {_line_of(error)}"
    except BaseException as error:  # whatever a library raises is what is looked for
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        found = f"raised {type(error).__name__}"
    took_s, worked_s = time.monotonic() - begun, time.process_time() - worked
    return f"took {took_s:.1f} s" if worked_s > LONGEST_S or took_s > LONGEST_WAIT_S else found


def _of_line(line: str, path: Path) -> str:
    if not line.isprintable():
        return "the line is not printable"
    if len(line) > LONGEST_LINE:
        return "the line is too long"
    if path.name not in line and "series row" not in line:
        return f"the line does not name the file: {line[:80]}"
    return REFUSED


def _line_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"line {trace.tb_lineno}" if trace is not None else ""
