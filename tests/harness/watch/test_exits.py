"""The ways out of a process: the code it ends with, and what is said of who took them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BEGIN = """
import os, sys
from harness.watch.exits import Exits
exits = Exits(lambda clause: print(clause) or {told})
exits.guard()
"""


def ended(body: str, *, told: bool = True) -> subprocess.CompletedProcess[str]:
    code = BEGIN.format(told=told) + body
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=50, cwd=os.getcwd())  # noqa: PTH109


@pytest.mark.parametrize(
    "way", ["os._exit(0)", "os.execv('/bin/true', ['true'])", "os.execlp('true', 'true')", "os._exit(3)"]
)
def test_before_the_verdict_any_way_out_is_inconclusive_and_named(way: str) -> None:
    process = ended(way)
    assert process.returncode == 12
    assert "at <string>:6" in process.stdout


def test_where_no_run_can_say_it_a_line_does() -> None:
    process = ended("os._exit(0)", told=False)
    assert process.returncode == 12
    assert "os._exit(0)" in process.stderr


@pytest.mark.parametrize(("settled", "way", "code"), [(11, "0", 11), (10, "3", 10), (0, "3", 3), (0, "0", 0)])
def test_afterwards_the_worse_of_two_codes_counts(settled: int, way: str, code: int) -> None:
    process = ended(f"exits.settle({settled})\nos._exit({way})")
    assert (process.returncode, process.stdout) == (code, "")


def test_also_from_a_function_of_atexit() -> None:
    assert ended("exits.settle(11)\nimport atexit\natexit.register(os._exit, 0)").returncode == 11


def test_a_forked_child_ends_as_it_likes() -> None:
    body = """
pid = os.fork()
if not pid:
    os._exit(5)
exits.settle(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    process = ended(body)
    assert (process.returncode, process.stdout) == (5, "")


def test_given_back_they_are_pythons_own() -> None:
    assert ended("exits.give_back()\nos._exit(4)").returncode == 4
