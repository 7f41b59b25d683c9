"""CPython judges the loop: its own tests of asyncio pass on HubLoop in a patched process.

``cpython_suite.py`` lists what is left out, and why.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness

SUITE = Path(__file__).with_name("cpython_suite.py")
ROOT = Path(harness.__file__).parents[1]
GROUPS = ("events", "sockets", "streams", "subprocess", "ssl", "tasks", "locks")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not importlib.util.find_spec("test") or not importlib.util.find_spec("test.test_asyncio"),
        reason="this Python was installed without CPython's tests",
    ),
]


def run_suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SUITE), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize("group", GROUPS)
def test_asyncio_group_passes(group):
    ran = run_suite(group)
    assert ran.returncode == 0, ran.stderr[-8000:]


def test_each_module_of_the_asyncio_tests_is_run_or_left_out_for_a_reason():
    listed = run_suite().stdout.split()
    spec = importlib.util.find_spec("test.test_asyncio")
    assert spec is not None
    assert spec.origin is not None
    there = {path.stem for path in Path(spec.origin).parent.glob("test_*.py")}
    assert there - set(listed) == set()
    assert set(GROUPS) <= set(listed)
