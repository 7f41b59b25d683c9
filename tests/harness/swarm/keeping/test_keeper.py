"""A run in memory, from its first manifest to its verdict: users are driven at once, deltas handed over by hand."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
from in_memory import AtOnce, S, environment_of, inputs_in

from harness.judge.entry import Entry, Status
from harness.judge.verdict import Conclusion, Verdict
from harness.load.arrivals.partition import Partition
from harness.record.history import parts_of, read_operations
from harness.swarm import RouteUser
from harness.swarm.keeping.keeper import Keeper
from harness.swarm.keeping.manifest import about_this_process
from harness.swarm.loading.session import Session, open_session
from harness.words.clock import Epoch
from harness.words.errors import ExitCode, RecordError, UsageError


class Anybody(RouteUser):
    """Sends anything."""


class Run:
    """A run whose workers hand over when they are told to."""

    def __init__(self, folder: Path, workers: int = 1, **options: Any) -> None:
        self.now_ns = time.time_ns()
        self.lines: list[str] = []
        self.failures: list[RecordError] = []
        self.environment = environment_of(Anybody)
        self.loop = AtOnce()
        self.inputs = inputs_in(folder, **options)
        self.keeper = Keeper(
            self.environment,
            self.inputs,
            self.loop,  # type: ignore[arg-type]  # drives as one
            self.lines.append,
            self.failures.append,
            lambda: self.now_ns,
        )
        epoch = Epoch.of_this_process()
        self.sessions = [
            Session(self.inputs, self.keeper.run.run_id, self.loop, epoch, index, workers)  # type: ignore[arg-type]
            for index in range(workers)
        ]

    def begin(self) -> None:
        """Begin the load, with all workers there."""
        self.keeper.begin()
        self.keeper.roll.expect(range(len(self.sessions)))
        for index in range(len(self.sessions)):
            self.keeper.introduce(about_this_process(index, f"w{index}", None))
        self.environment.events.spawning_complete.fire(user_count=1)

    def load(self, worker: int, operations: int, *, final: bool = True) -> None:
        """Send so many operations from a worker, and hand them over."""
        open_session(self.environment, self.sessions[worker])
        user = Anybody(self.environment)
        for _ in range(operations):
            user.route()
        self.keeper.receive(self.sessions[worker].take(final=final))

    def finish(self, refused: UsageError | None = None) -> Verdict:
        verdict = self.keeper.finish(refused)
        self.loop.loop.close()
        return verdict

    def json(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def row(entries: tuple[Entry, ...], name: str) -> Entry:
    (found,) = (entry for entry in entries if entry.name == name)
    return found


def test_a_run_is_in_its_folder_from_the_manifest_to_the_verdict(run: Run) -> None:
    folder = run.keeper.run
    assert run.json(folder.manifest)["t1"] is None
    assert not folder.verdict.exists()
    run.keeper.run_baseline(lambda: False)
    run.begin()
    run.load(0, 20)
    verdict = run.finish()
    manifest, written = run.json(folder.manifest), run.json(folder.verdict)
    assert manifest["counts"] == {"arrivals": 20, "locust_requests": 20}
    assert manifest["baseline"]["scenarios"] == 10
    assert [worker["fate"] for worker in manifest["workers"]] == ["finished"]
    assert (written["verdict"], written["exit_code"]) == (verdict.conclusion.value, int(verdict.exit_code))
    assert len(list(read_operations(parts_of(folder.history, "operations").paths))) == 20
    assert len(list(read_operations([folder.baseline]))) == 10
    with folder.series.open(newline="") as file:
        assert sum(int(each["count"]) for each in csv.DictReader(file)) == 20
    for name in ("conservation", "recording"):
        assert row((*verdict.checks, *verdict.validity), name).status is Status.VALID
    assert (verdict.totals["operations"], verdict.totals["ok"]) == (20, 20)
    assert run.failures == []


def test_operations_of_a_worker_that_is_lost_are_missed_and_the_run_is_not_trusted(tmp_path: Path) -> None:
    run = Run(tmp_path, workers=2)
    run.begin()
    run.load(0, 5)
    run.load(1, 5, final=False)
    verdict = run.finish()
    assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert row(verdict.validity, "workers").status is not Status.VALID
    manifest = run.json(run.keeper.run.manifest)
    assert [worker["fate"] for worker in manifest["workers"]] == ["finished", "lost"]
    assert manifest["counts"]["arrivals"] is None  # nobody knows
    assert verdict.totals["operations"] == 10


def test_a_delta_that_comes_twice_is_in_the_run_once(run: Run) -> None:
    run.begin()
    open_session(run.environment, run.sessions[0])
    Anybody(run.environment).route()
    delta = run.sessions[0].take(final=True)
    run.keeper.receive(delta)
    run.keeper.receive(delta)
    assert run.finish().totals["operations"] == 1


def test_a_run_that_is_refused_has_the_exit_code_of_a_mistake_and_a_verdict(run: Run) -> None:
    verdict = run.finish(UsageError("no such thing"))
    assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.USAGE)
    assert run.json(run.keeper.run.verdict)["exit_code"] == int(ExitCode.USAGE)


def test_what_cannot_be_written_at_the_end_is_said_and_keeps_nobody_from_the_verdict(run: Run) -> None:
    run.begin()
    run.load(0, 3)
    run.keeper.run.verdict.mkdir()
    verdict = run.finish()
    assert verdict.totals["operations"] == 3
    assert len(run.keeper.collector.errors) == 1
    assert run.lines[-1] == run.keeper.collector.errors[0]


def test_a_baseline_that_is_stopped_is_written_with_what_was_done_of_it(run: Run) -> None:
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > 3

    run.keeper.run_baseline(stopped)
    assert not run.keeper.run.baseline.exists()
    run.finish()
    assert len(list(read_operations([run.keeper.run.baseline]))) == 3
    assert run.json(run.keeper.run.manifest)["baseline"]["scenarios"] == 3


def test_statistics_that_were_reset_are_not_of_this_run_alone(run: Run) -> None:
    run.begin()
    run.environment.events.reset_stats.fire()
    run.load(0, 2)
    run.finish()
    assert run.json(run.keeper.run.manifest)["counts"]["locust_requests"] is None


def test_a_worker_that_joins_while_the_run_goes_on_is_in_the_manifest_at_once(run: Run) -> None:
    run.begin()
    run.keeper.attend({0})
    before = run.keeper.run.manifest.stat().st_mtime_ns
    run.keeper.attend({0})
    assert run.keeper.run.manifest.stat().st_mtime_ns == before  # nothing is new
    run.keeper.introduce(about_this_process(7, "w7", None))
    run.keeper.attend({0, 7})
    assert [worker["index"] for worker in run.json(run.keeper.run.manifest)["workers"]] == [0, 7]
    assert run.keeper.roll.joined_late == ("worker 7",)
    run.finish()


def test_a_change_of_load_and_users_that_are_gone_are_noted(run: Run) -> None:
    run.begin()
    run.keeper.note_load(5, 2.0)
    run.keeper.see_users(1.0, there=4, asked=5)
    run.keeper.see_users(2.0, there=3, asked=5)
    gone = run.keeper._gone
    assert gone is not None
    assert (gone.since_s, gone.there, gone.asked) == (1.0, 3, 5)
    run.keeper.see_users(3.0, there=5, asked=5)
    assert run.keeper._gone is None
    run.load(0, 1)
    run.finish()
    (change,) = run.json(run.keeper.run.manifest)["load_changes"]
    assert (change["num_users"], change["spawn_rate"]) == (5, 2.0)


def test_what_a_lost_worker_had_due_after_it_was_heard_of_was_not_delivered(run: Run) -> None:
    from harness.load.arrivals.schedules import Constant

    run.begin()
    run.load(0, 1, final=False)
    heard_ns = run.keeper.roll.last_heard_ns(0)
    assert heard_ns is not None
    run.inputs.schedules["Anybody"] = Constant(10)  # type: ignore[index]  # a dict
    run.keeper.partition = Partition(heard_ns, {"Anybody": [0]})
    run.keeper.stopped_ns = heard_ns + 2 * S
    run.finish()
    assert run.keeper.collector.arrivals.not_delivered == pytest.approx(20, abs=1)


def test_the_seconds_of_a_run_count_from_the_begin_of_its_load_by_the_clock_it_is_given(run: Run) -> None:
    run.now_ns += 30 * S
    run.begin()
    assert run.keeper.began_ns == run.now_ns
    run.now_ns += 8 * S
    run.keeper.roll.expect([1])
    run.keeper.introduce(about_this_process(1, "w1", None))
    run.load(0, 1)
    run.sessions.append(
        Session(run.inputs, run.keeper.run.run_id, run.loop, Epoch.of_this_process(), 1, 2)  # type: ignore[arg-type]
    )
    run.load(1, 1)
    assert run.keeper.roll.took_part().began_late == {"worker 1": 8.0}
    run.finish()
