"""All that the other tests of this folder say also holds once gevent has patched the process, as Locust does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = (
    "test_drive.py",
    "test_blocking_steps.py",
    "test_threads_and_timers.py",
    "test_sockets_and_children.py",
    "test_housekeeping.py",
)
PATCHED_PYTEST = """
from gevent import monkey; monkey.patch_all()
import sys, pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_all_holds_in_a_patched_process():
    options = ["-p", "no:xdist", "-p", "no:randomly", "-p", "no:cacheprovider", "-q"]
    files = [str(HERE / name) for name in FILES]
    ran = subprocess.run(
        [sys.executable, "-c", PATCHED_PYTEST, *options, *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=HERE.parents[2],
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert " failed" not in ran.stdout
