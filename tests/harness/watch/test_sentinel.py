"""When the sentinel looks, ends and kills: its decisions, on a clock of the test's own."""

from __future__ import annotations

import json
import mmap
import os
import signal
from pathlib import Path

import pytest

from analysis import load_run
from harness.watch import sentinel
from harness.watch.sentinel import ASKED, BEAT, DUE, DUMPED, EXCUSED, LONGEST, Watched

S = 1_000_000_000
ENDING, DUMPING = 60, 61


class Process:
    """A process that is watched, seen from its sentinel: what it was sent, and when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int = -1) -> None:
        self.sent: list[int] = []
        self.stopped = False
        monkeypatch.setattr(os, "kill", lambda _pid, number: self.sent.append(number))
        self.watched = Watched(
            os.getpid(), mmap.mmap(-1, sentinel.PAGE_BYTES), os.memfd_create("stacks"), looks, ENDING, DUMPING
        )
        self.watched.is_stopped = lambda: self.stopped
        self.set(LONGEST, 10 * S)
        self.set(BEAT, 1 * S)
        self.killed = False

    def set(self, field: int, value: int) -> None:
        self.watched.words[field] = value

    def look(self, until_s: float, since_s: float = 1.0) -> list[int]:
        """Look every 50 ms, and return what was sent meanwhile."""
        self.sent.clear()
        for at in range(round(since_s * 20), round(until_s * 20)):
            if not self.killed:
                self.killed = self.watched.look(at * S // 20)
        return self.sent


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def test_a_heart_that_beats_is_left_alone(process: Process) -> None:
    for second in range(1, 30):
        process.set(BEAT, second * S)
        assert process.look(second + 0.5, second) == []


def test_a_step_that_holds_the_thread_is_looked_at_once(process: Process) -> None:
    assert process.look(9.0) == [DUMPING]


def test_one_that_holds_it_too_long_is_ended_each_second_and_then_killed(process: Process) -> None:
    sent = process.look(20.0)
    assert sent[0] == DUMPING
    assert sent[-1] == signal.SIGKILL
    assert sent[1:-1] == [ENDING] * (len(sent) - 2)
    assert 3 <= len(sent[1:-1]) <= 5
    assert process.killed


def test_one_that_ends_when_it_is_told_is_not_killed(process: Process) -> None:
    assert process.look(11.5).count(ENDING) == 1
    process.set(BEAT, round(11.5 * S))
    assert process.look(12.5, 11.5) == [DUMPING]


@pytest.mark.parametrize(("field", "at_s"), [(DUE, 3.0), (ASKED, 3.0)])
def test_the_end_of_the_run_and_a_signal_come_before_the_longest_time(
    process: Process, field: int, at_s: float
) -> None:
    process.set(field, round(at_s * S))
    assert ENDING not in process.look(at_s)
    assert ENDING in process.look(at_s + 1.0, at_s)


def test_a_signal_works_within_two_seconds(process: Process) -> None:
    process.set(ASKED, 1 * S)
    assert ENDING in process.look(2.5)
    assert process.look(7.5, 2.5)[-1] == signal.SIGKILL


def test_without_a_run_nothing_is_done(process: Process) -> None:
    process.set(LONGEST, 0)
    process.set(ASKED, 1)
    process.set(DUE, 1)
    assert process.look(100.0) == []


def test_what_is_no_step_of_the_target_is_never_killed(process: Process) -> None:
    for second in range(1, 60):
        if ENDING in process.look(second + 1, second):
            process.set(EXCUSED, (second + 1) * S)
    assert not process.killed


def test_a_process_that_is_stopped_has_all_its_time_afterwards(process: Process) -> None:
    process.stopped = True
    assert process.look(60.0) == []
    process.stopped = False
    assert ENDING not in process.look(69.0, 60.0)


def test_its_own_thread_is_asked_first_and_the_signal_comes_only_where_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look, looks = os.pipe()
    process = Process(monkeypatch, looks)
    assert process.look(1.9) == []
    assert os.read(look, 10) == b"."
    process.set(DUMPED, round(1.9 * S))
    assert process.look(5.0, 1.9) == []

    silent = Process(monkeypatch, looks)
    assert silent.look(5.0) == [DUMPING]


def test_stacks_are_not_asked_for_where_the_descriptor_has_become_another_file(
    process: Process, tmp_path: Path
) -> None:
    with (tmp_path / "of the target").open("w") as file:
        os.dup2(file.fileno(), process.watched.stacks)
        process.watched.pid = os.getppid()  # there the number is another file, or none
        process.watched.dump()
    assert process.sent == []


@pytest.mark.parametrize("hung", [False, True])
def test_its_verdict_is_one_that_can_be_read(tmp_path: Path, hung: bool) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    sentinel.write_verdict(str(tmp_path), sentinel.verdict("why", hung=hung))
    verdict = load_run(tmp_path).verdict
    assert verdict is not None
    assert (verdict.exit_code, verdict.verdict) == ((11, "FAIL") if hung else (12, "INCONCLUSIVE"))
    assert {entry.status for entry in (*verdict.checks, *verdict.validity)} == {"INVALID"}


def test_a_verdict_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text("{}")
    sentinel.write_verdict(str(tmp_path), sentinel.verdict("why", hung=True))
    assert json.loads((tmp_path / "verdict.json").read_text()) == {}


def test_a_process_with_nothing_to_say_ends_in_silence(process: Process, capfd: pytest.CaptureFixture[str]) -> None:
    sentinel.end_of(process.watched, killed=False)
    assert capfd.readouterr() == ("", "")
