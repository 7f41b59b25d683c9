"""However a run is ended, its directory is complete and every operation has its outcome."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable

import pytest
from kept_run import KeptRun
from locust_process import LocustProcess, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 20, "-r", 20, "--baseline-size", 10)
RUNNING = (
    r"All users spawned|Spawning is complete"  # the latter by a master that did not hear of all of them in a second
)


def interrupt_twice(process: LocustProcess) -> None:
    process.interrupt()
    process.wait_for("Shutting down|judging the run|KeyboardInterrupt|CTRL")
    process.interrupt()


def interrupt_twice_at_once(process: LocustProcess) -> None:
    process.interrupt()
    process.interrupt()


def interrupt_while_judging(process: LocustProcess) -> None:
    process.interrupt()
    process.wait_for("judging the run")
    process.interrupt()


def terminate(process: LocustProcess) -> None:
    process.terminate()


def hang_up_the_group(process: LocustProcess) -> None:
    """As a container's runtime or a CI runner does: SIGTERM to all."""
    process.signal_group(signal.SIGTERM)


ENDS = [interrupt_twice, interrupt_while_judging, terminate, hang_up_the_group]


def assert_ended(run: KeptRun, code: int, process: LocustProcess) -> None:
    assert "Traceback" not in process.said, process.last_words
    assert run.status("workers") == "VALID", process.last_words
    run.assert_complete()
    run.assert_conserved(least=20)
    assert code == run.verdict["exit_code"]
    process.assert_nothing_left()


def start_in_mid_run(folder: Folder, *arguments: object, target: str) -> LocustProcess:
    process = folder.headless(*LOAD, *arguments, target=target)
    process.wait_for(RUNNING)
    folder.wait_for_history(parts=1)
    return process


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_is_ended_in_its_middle(
    folder: Folder, spread: list[str], end: Callable[[LocustProcess], None]
) -> None:
    folder.draws_reports = end is interrupt_while_judging  # and drawing: a second interrupt is for the run alone
    process = start_in_mid_run(folder, *spread, target="fast:slow")
    end(process)
    code = process.wait()
    run = folder.run
    assert_ended(run, code, process)
    assert run.status("workers") == "VALID"


def test_a_second_interrupt_at_once_leaves_a_directory_that_loads(folder: Folder) -> None:
    process = start_in_mid_run(folder, target="fast:slow")
    interrupt_twice_at_once(process)
    code = process.wait()
    assert_ended(folder.run, code, process)


def test_an_interrupt_as_soon_as_the_users_are_there(folder: Folder) -> None:
    process = folder.headless(*LOAD, target="fast:slow")
    process.wait_for(RUNNING)
    process.interrupt()
    code = process.wait()
    assert_ended(folder.run, code, process)
    folder.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)


def test_operations_that_do_not_end_in_time_are_cancelled(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--stop-timeout", 1, target="fast:stuck")
    process.wait_for(RUNNING)
    process.interrupt()
    code = process.wait()
    run = folder.run
    assert_ended(run, code, process)
    assert run.outcomes() == {"cancelled": 20}
    assert {row["error"] for row in run.operations} == {"cancelled: the user was stopped"}
    assert run.verdict["verdict"] == "INCONCLUSIVE"


def test_the_run_time_ends_a_run_whose_operations_never_end(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--processes", 2, *ports(), "-t", "4s", "--stop-timeout", 1, target="fast:stuck")
    code = process.wait()
    run = folder.run
    assert_ended(run, code, process)
    assert run.outcomes() == {"cancelled": 20}


def test_an_interrupt_in_the_baseline(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--baseline-size", 20, target="fast:halfway")
    wait_until((folder.path / "halfway").exists, "half of the baseline", lambda: process.last_words)
    process.interrupt()
    code = process.wait()
    run = folder.run
    assert code == run.verdict["exit_code"] == 12
    assert "Traceback" not in process.said
    run.assert_complete()
    assert (len(run.rows("baseline")), run.operations, run.locust_requests) == (10, [], 0)
    assert run.manifest["baseline"]["scenarios"] == 10


# The request of an operation has the operation's id in its lower bits; those of the baseline have small users.
LOGGED = """
import os
import time

from fast import Router, pipeline_of

log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


class Logged(Router):
    async def execute(self, ctx):
        answer = await super().execute(ctx)
        ids = ctx.snapshot.run_id
        if ids.user_id.int > 1_000:
            os.write(log, b"%d %d\\n" % (ids.request_id.int & (1 << 96) - 1, time.monotonic_ns()))
        return answer


pipeline = pipeline_of(Logged)
"""

LOST_AT_MOST_S = 1.5
"""What was gathered since the last time, a second before at most, and is being written."""


def test_a_killed_run_leaves_a_directory_that_loads_and_lacks_no_more_than_its_last_second(folder: Folder) -> None:
    (folder.path / "logged.py").write_text(LOGGED)
    process = start_in_mid_run(folder, target="logged:pipeline")
    folder.wait_for_history(parts=3)
    process.kill()
    run = folder.run
    assert run.manifest["run_id"] == run.path.name
    assert [worker["fate"] for worker in run.manifest["workers"]] == ["running"]
    lines = (folder.path / "log.txt").read_text().splitlines()
    served = {int(identifier): int(at_ns) for identifier, at_ns in map(str.split, lines)}
    kept = {row["id"] for row in run.operations}
    assert kept <= served.keys()
    lost = [at_ns for identifier, at_ns in served.items() if identifier not in kept]
    assert max(served.values()) - min(lost, default=max(served.values())) < LOST_AT_MOST_S * 1e9
    wait_until((run.path / "verdict.json").exists, "the verdict of its sentinel")
    assert (run.verdict["verdict"], run.verdict["exit_code"]) == ("INCONCLUSIVE", 12)


def test_a_disk_that_fills_up_ends_the_run_and_is_said(folder: Folder) -> None:
    process = folder.headless(*LOAD, "-t", "30s", preexec=files_stay_small)
    code = process.wait()
    run = folder.run
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")
    assert run.status("recording") == "INVALID"
    assert sum("cannot write history" in line for line in process.own_lines) == 1
    assert "Traceback" not in process.said, process.last_words


def test_a_verdict_that_cannot_be_written_is_shown(folder: Folder) -> None:
    folder.draws_reports = True
    process = folder.headless(*LOAD, "--baseline-size", 0, "-t", "30s", preexec=files_stay_tiny)
    code = process.wait()
    assert code == 12
    assert "INCONCLUSIVE" in process.said
    assert sum("the verdict could not be written" in line for line in process.own_lines) == 1
    assert [line.split() for line in process.stdout[-2:]] == [["report", "none"], ["exit", "12"]]
    assert "Traceback" not in process.said, process.last_words


def files_stay_small() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))


def files_stay_tiny() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
