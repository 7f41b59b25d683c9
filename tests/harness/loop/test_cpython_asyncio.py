"""CPython judges the loop: of its own tests of asyncio the same pass on HubLoop as on asyncio's loop.

``cpython_suite.py`` lists what is left out, and why.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cpython_suite import GROUPS, LEFT_OUT

import harness

SUITE = Path(__file__).with_name("cpython_suite.py")
ROOT = Path(harness.__file__).parents[1]

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
        timeout=175,
        check=False,
    )


@pytest.mark.parametrize("group", GROUPS)
def test_same_tests_pass_as_on_the_loop_of_asyncio(group):
    ran = run_suite(group)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-8000:]


def test_each_module_of_the_asyncio_tests_is_run_or_left_out_for_a_reason():
    known = {name for group in GROUPS.values() for name in group} | set(LEFT_OUT)
    spec = importlib.util.find_spec("test.test_asyncio")
    assert spec is not None
    assert spec.origin is not None
    there = {path.stem for path in Path(spec.origin).parent.glob("test_*.py")}
    assert there - known == set()
