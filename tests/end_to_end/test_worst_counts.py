"""Nothing looks better than it is: exit codes of others, listeners and users that fail, output that is full."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from locust_process import LocustProcess
from user_folder import Folder

pytestmark = pytest.mark.slow

LOAD = ("-u", 4, "-r", 4, "-t", "1s", "--baseline-size", 4, "--target", "fast:slow")
HOLDS, BREAKS = "p95_ms < 5000\n", "p95_ms >= 5000\n"

ASKS = """
import sys
from busy import CriticalUser, HighUser, LowUser, NormalUser
from locust import events

def sets(code):
    def listener(environment, **_):
        environment.process_exit_code = code
    return listener

def exits(code):
    def listener(**_):
        sys.exit(code)
    return listener
"""


def said_on_exit(process: LocustProcess) -> str:
    """Return what the table says of the exit code."""
    lines = [line for line in process.stdout if line.startswith("exit ")]
    assert len(lines) == 1, process.said
    return lines[0].removeprefix("exit").strip()


def own_code(folder: Folder, criteria: str) -> int:
    """Return the exit code of the verdict, which on a busy machine may be that of a run that cannot be trusted."""
    code = folder.run.verdict["exit_code"]
    assert code in (0 if criteria is HOLDS else 10, 12)
    return int(code)


@pytest.mark.parametrize(
    ("criteria", "listener", "asked"),
    [
        (BREAKS, "quitting.add_listener(sets(0))", 0),
        (HOLDS, "test_stop.add_listener(sets(7))", 7),
        (HOLDS, "quit.add_listener(exits(3))", 3),
    ],
)
def test_the_worse_exit_code_counts_and_both_are_said(folder: Folder, criteria: str, listener: str, asked: int) -> None:
    (folder.path / "criteria.txt").write_text(criteria)
    (folder.path / "asks.py").write_text(f"{ASKS}\nevents.{listener}\n")
    process = folder.headless(*LOAD, locustfile="asks.py")
    code = process.wait()
    own = own_code(folder, criteria)
    assert code == (own or asked), process.last_words
    by_file = f"{asked} (by the locustfile; the verdict's own is 0)"
    assert said_on_exit(process) == (f"{own} (the locustfile asked for {asked})" if own else by_file)


def test_a_process_that_is_ended_before_its_verdict_leaves_with_another_code_than_a_pass(folder: Folder) -> None:
    (folder.path / "asks.py").write_text(f"{ASKS}\nevents.test_start.add_listener(exits(0))\n")
    process = folder.headless(*LOAD, locustfile="asks.py")
    assert process.wait() == 12, process.last_words
    assert folder.run.verdict["verdict"] == "INCONCLUSIVE"
    assert "before the run had its verdict" in folder.run.verdict["reason"]


FAILING = """
from busy import CriticalUser, HighUser, LowUser, NormalUser
from locust import User, constant, events, task

@events.test_start.add_listener
def connect(**_):
    raise OSError("database not there")

class Probe(User):
    wait_time = constant(0.1)

    @task
    def ping(self):
        self.environment.events.request.fire(
            request_type="MQTT", name="ping", response_time=3.0, response_length=0, exception=OSError("broker away"),
            context={},
        )

class Brief(User):
    fixed_count = 2

    def on_start(self):
        raise LookupError("no seat")

    @task
    def wait_for_ever(self):
        pass

def clean_up(self):
    raise ValueError("could not clean up")

LowUser.on_stop = clean_up
"""


def test_what_fails_beside_our_users_is_a_concern_that_names_it(folder: Folder, spread: list[str]) -> None:
    (folder.path / "failing.py").write_text(FAILING)
    (folder.path / "criteria.txt").write_text(HOLDS)
    process = folder.headless(*LOAD, "-u", 12, "-r", 12, "-t", "3s", *spread, locustfile="failing.py")
    code = process.wait()
    assert code == own_code(folder, HOLDS), process.last_words
    run = folder.run
    assert run.verdict["verdict"] == ("INCONCLUSIVE" if code else "PASS WITH CONCERNS")
    rows = {row["name"]: row for row in run.verdict["validity"]}
    processes = 3 if spread else 1  # test_start is fired in the master, too
    raised = "listener connect of test_start: OSError: database not there (failing.py:7)"
    errors = run.totals["user_errors"]
    stopped = [text for text in errors if text.startswith("greenlet of LowUser: ValueError: could not clean up")]
    assert [errors.pop(text) > 0 for text in stopped] == [True]
    assert errors == {raised: processes, "no seat (failing.py:23)": 2}
    assert raised in rows["locustfile"]["detail"]
    assert "MQTT ping: " in rows["other users"]["detail"]
    assert "broker away" in rows["other users"]["detail"]
    failed, _, count, _ = rows["other users"]["actual"].split()
    assert failed == count
    assert (rows["users"]["actual"], rows["users"]["target"]) == ("10 of 12", "all to the end")
    assert "2 of 12 users had gone" in rows["users"]["detail"]


RAISES_IN_INIT = """
@events.init.add_listener
def prepare(**_):
    raise OSError("no database")
"""


def test_a_listener_of_init_that_raises_before_a_run_is_prepared_is_named(folder: Folder) -> None:
    (folder.path / "failing.py").write_text(f"from locust import events\n{RAISES_IN_INIT}\nfrom busy import *\n")
    process = folder.headless(*LOAD, locustfile="failing.py")
    assert process.wait() == 2, process.last_words
    (line,) = [line for line in process.own_lines if line.startswith("routeswarm: ")]
    assert "listener prepare of init: OSError: no database" in line
    assert folder.runs == []


def test_a_listener_of_init_that_raises_after_a_run_was_prepared_is_named_in_its_verdict(folder: Folder) -> None:
    (folder.path / "failing.py").write_text(f"from busy import *\nfrom locust import events\n{RAISES_IN_INIT}")
    process = folder.headless(*LOAD, locustfile="failing.py")
    assert process.wait() == 12, process.last_words
    assert folder.run.verdict["reason"].endswith(": listener prepare of init: OSError: no database")


def test_a_load_shape_that_raises_is_no_pass(folder: Folder) -> None:
    (folder.path / "shaped.py").write_text(
        "from busy import *\n"
        "from locust import LoadTestShape\n\n"
        "class Shape(LoadTestShape):\n"
        "    def tick(self):\n"
        "        if self.get_run_time() > 1:\n"
        "            raise ValueError('no such step')\n"
        "        return 4, 4\n"
    )
    (folder.path / "criteria.txt").write_text(HOLDS)
    process = folder.headless("--baseline-size", 4, target="fast:slow", locustfile="shaped.py")
    assert process.wait() == 12, process.last_words
    (row,) = [row for row in folder.run.verdict["validity"] if row["name"] == "locustfile"]
    assert row["status"] == "INVALID"
    assert "load shape: ValueError: no such step (shaped.py:7)" in row["detail"]


def test_users_that_all_go_away_early_are_said(folder: Folder) -> None:
    (folder.path / "early.py").write_text(
        "from harness.swarm import RouteUser\n"
        "from locust import constant, task\n"
        "from locust.exception import StopUser\n\n"
        "class Early(RouteUser):\n"
        "    wait_time = constant(0.05)\n\n"
        "    def on_start(self):\n"
        "        self.left = 5\n\n"
        "    @task\n"
        "    def ask(self):\n"
        "        self.route()\n"
        "        self.left -= 1\n"
        "        if not self.left:\n"
        "            raise StopUser\n"
    )
    (folder.path / "criteria.txt").write_text(HOLDS)
    process = folder.headless(*LOAD, "-t", "4s", locustfile="early.py")
    assert process.wait() == own_code(folder, HOLDS), process.last_words
    assert folder.run.verdict["verdict"] != "PASS"
    (row,) = [row for row in folder.run.verdict["validity"] if row["name"] == "users"]
    assert (row["actual"], row["status"]) == ("0 of 4", "VALID")


def test_a_load_that_the_locustfile_ends_early_is_said(folder: Folder, spread: list[str]) -> None:
    (folder.path / "quits.py").write_text(
        "import gevent\n"
        "from busy import *\n"
        "from locust import events\n\n"
        "@events.test_start.add_listener\n"
        "def later(environment, **_):\n"
        "    def stop():\n"
        "        gevent.sleep(1)\n"
        "        environment.runner.quit()\n\n"
        "    gevent.spawn(stop)\n"
    )
    (folder.path / "criteria.txt").write_text(HOLDS)
    process = folder.headless(*LOAD, "-t", "60s", *spread, locustfile="quits.py")
    assert process.wait() == own_code(folder, HOLDS), process.last_words
    assert folder.run.verdict["verdict"] != "PASS"
    (row,) = [row for row in folder.run.verdict["validity"] if row["name"] == "run time"]
    assert (row["status"], row["target"]) == ("VALID", "60 s")
    assert 0.5 < float(row["actual"].removesuffix(" s")) < 30
    assert row["detail"].endswith(", by quits.py:9 in stop")


def in_shell(
    folder: Folder, where: str, *arguments: object, environment: dict[str, str] | None = None
) -> LocustProcess:
    """Run Locust with its standard output led to ``where``, and leave with its exit code."""
    given = ["-f", "busy.py", "--corpus", "corpus.jsonl", "--criteria", "criteria.txt"]
    given += ["--results-dir", "results", "--headless", "--only-summary", *map(str, (*LOAD, *arguments))]
    command = shlex.join([sys.executable, "-m", "locust", "--no-report", *given])
    process = LocustProcess(
        ["bash", "-c", f'{command} {where}; exit "${{PIPESTATUS[0]}}"'],
        folder.path,
        {"PYTHONUNBUFFERED": "", **(environment or {})},
        None,
        command=True,
    )
    folder.track.append(process)
    return process


TRACEBACK = "Traceback (most recent call last)"


NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.mark.parametrize(
    ("where", "criteria"),
    [
        ("| true", HOLDS),
        pytest.param(">/dev/full", BREAKS, marks=NEEDS_FULL),
        (">&-", HOLDS),
        ("--json | true", BREAKS),
    ],
)
def test_standard_output_that_takes_nothing_changes_no_exit_code(folder: Folder, where: str, criteria: str) -> None:
    (folder.path / "criteria.txt").write_text(criteria)
    process = in_shell(folder, where)
    assert process.wait() == own_code(folder, criteria), process.last_words
    assert TRACEBACK not in process.said
    if where in ("| true", ">/dev/full"):
        assert any("the verdict could not be printed" in line for line in process.stderr)
        assert any("verdict.json" in line for line in process.stderr)


def test_an_encoding_without_our_characters_and_a_closed_standard_error_change_no_exit_code(folder: Folder) -> None:
    (folder.path / "criteria.txt").write_text(HOLDS)
    process = in_shell(folder, "2>&-", environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    code = process.wait()
    assert code == own_code(folder, HOLDS)
    assert said_on_exit(process) == str(code)
    assert "\n".join(process.stdout).isascii()
    assert TRACEBACK not in process.said


def test_json_has_standard_output_to_itself(folder: Folder) -> None:
    process = in_shell(folder, "--json")
    code = process.wait()
    (total, *_) = json.loads("\n".join(process.stdout))
    assert total["num_requests"] > 0
    assert f"exit     {code}" in process.stderr
    assert folder.run.verdict["exit_code"] == code
