"""Fault plans in real runs: refused before any load, the same for every worker and every run, and always undone."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from kept_run import KeptRun, Row
from locust_process import REPOSITORY, LocustProcess
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

# Parts at the top of a module belong to no build. The collector is off, so that those of the baseline stay.
CHAIN = """
import atexit
import gc

from stageflow import Pipeline

from harness.stages.backend import SimulatedBackend
from harness.stages.breaker import BreakerSettings, CircuitBreaker
from harness.stages.chain import FallbackChainStage
from harness.stages.routes import Default, Route

gc.disable()
gpu = SimulatedBackend("gpu", slots=8, median_ms=2, seed=1)


async def own(info, serve):  # a target may have a fault of its own there: the plan's come on top
    await serve()


gpu.fault = own
atexit.register(lambda: print(f"gpu has {gpu.slots} slots and its own fault: {gpu.fault is own}", flush=True))


async def primary(ctx):
    return {"ms": (await gpu.call("hi", tag=ctx.snapshot.request_id)).service_ms}


async def secondary(ctx):
    return {"ms": 1}


def build():
    breaker = CircuitBreaker("primary", settings=BreakerSettings(failure_threshold=1_000_000))
    routes = [Route("primary", primary, timeout_ms=2000, breaker=breaker), Route("secondary", secondary)]
    return Pipeline(name="mine").with_stage("router", FallbackChainStage(routes, Default("later"), deadline_ms=4000))
"""

ALWAYS = """
[[fault]]
name = "errors"
where = { route = "primary", tier = 0 }
what = { kind = "error", type = "ConnectionError", message = "503" }
share = 0.3

[[fault]]
name = "spikes"
where = { backend = "gpu" }
what = { kind = "latency", ms = 1, sigma = 0.5, one_in = 3 }
when = { operations = [5, 40] }

[[fault]]
name = "wrong"
where = { stage = "router" }
what = { kind = "wrong_route", route = "nowhere" }
share = 0.1
"""

WINDOWS = """
[[fault]]
name = "fewer slots"
where = { backend = "gpu" }
what = { kind = "slots", remove = 5 }
when = { from_s = 1 }

[[fault]]
name = "forced open"
where = { breaker = "primary" }
what = { kind = "breaker_open" }
when = { from_s = 1, to_s = 2 }

[[fault]]
name = "hanging"
where = { backend = "gpu" }
what = { kind = "hang" }
when = { from_s = 2 }
"""

BAD_PLANS = {
    "an absent file": (None, r"absent\.toml: cannot read fault plan: No such file"),
    "no such stage": (ALWAYS.replace('"router"', '"ruoter"'), r"fault 'wrong': where: no stage 'ruoter'.*router"),
    "no such backend": (ALWAYS.replace('"gpu"', '"tpu"'), r"fault 'spikes': where: no backend 'tpu'.*gpu"),
    "no such route": (ALWAYS.replace('"primary"', '"best"'), r"fault 'errors': where: no route 'best'.*primary"),
    "no such tier": (
        ALWAYS.replace("tier = 0", "tier = 2"),
        r"fault 'errors': where: no tier 2 of route 'primary', .* at 0",
    ),
    "a contradiction": (
        WINDOWS + '[[fault]]\nname = "x"\nwhere = { backend = "gpu" }\nwhat = { kind = "error" }\n',
        r"'hanging' and 'x' contradict",
    ),
    "a tag of no scenario": (
        ALWAYS.replace('stage = "router"', 'scenario = { tag = "poem" }'),
        r"fault 'wrong': where\.scenario: \{tag = 'poem'\} holds for none of \d+ scenarios",
    ),
    "a negative duration": (WINDOWS.replace("to_s = 2", "to_s = 0.5"), r"fault 'forced open': when: .*positive"),
}


@pytest.fixture
def faulty(folder: Folder) -> Folder:
    """A user's folder with a chain and a plan."""
    (folder.path / "chain.py").write_text(CHAIN)
    folder.write_corpus(expected_route=None)
    return folder


def start(folder: Folder, plan: str, *arguments: str | int) -> LocustProcess:
    (folder.path / "plan.toml").write_text(plan)
    return folder.headless("--fault-plan", "plan.toml", *arguments, target="chain:build")


@pytest.mark.parametrize("bad", BAD_PLANS)
def test_a_plan_that_cannot_be_used_is_one_line_and_exit_2(faulty: Folder, bad: str) -> None:
    plan, place = BAD_PLANS[bad]
    name = "absent.toml" if plan is None else "plan.toml"
    (faulty.path / "plan.toml").write_text(plan or "")
    process = faulty.headless("--fault-plan", name, "-t", "2s", target="chain:build")
    assert process.wait() == 2
    (line,) = [line for line in process.own_lines if line.startswith("routeswarm:")]
    assert re.search(place, line, re.IGNORECASE), line
    assert faulty.runs == []
    assert "Ramping" not in process.said


def test_a_worker_that_lacks_the_plan_ends_the_run_with_2(faulty: Folder) -> None:
    spread = ports()
    master = start(faulty, ALWAYS, "--master", "--expect-workers", 1, *spread[:4], "-u", 2, "-r", 2, "-t", "20s")
    elsewhere = faulty.path / "elsewhere"
    elsewhere.mkdir()
    worker = Folder(elsewhere, faulty.track)
    worker.write_corpus(expected_route=None)
    (elsewhere / "chain.py").write_text(CHAIN)
    hand = worker.start("--worker", "--master-host", "127.0.0.1", *spread[4:])
    assert master.wait() == 2
    assert hand.wait() == 2
    assert sum("plan.toml: cannot read fault plan" in line for line in master.own_lines) == 1


def injected(run: KeptRun, below: int) -> Counter[tuple[int, str, str, str]]:
    return Counter(
        (row["operation"], row["fault"], row["kind"], row["place"])
        for row in run.rows("injections")
        if row["operation"] < below
    )


def test_the_same_seed_hits_the_same_operations_in_the_same_way(faulty: Folder) -> None:
    for _ in range(2):
        start(faulty, ALWAYS, "-u", 1, "-r", 1, "-t", "4s").wait()
    first, second = faulty.runs
    both = min(len(first.operations), len(second.operations))
    assert both >= 50
    assert injected(first, both) == injected(second, both)
    assert {name for _, name, _, _ in injected(first, both)} == {"errors", "spikes", "wrong"}

    def decisions(run: KeptRun) -> list[tuple[str, str, int]]:
        return [(row["scenario"], row["route"], row["tier"]) for row in run.operations[:both]]

    assert decisions(first) == decisions(second)


def edges_of(run: KeptRun) -> list[Row]:
    return sorted(run.rows("edges"), key=lambda row: row["at_ns"])


def edges_by_worker(run: KeptRun, what: str) -> list[list[tuple[str, str]]]:
    """Return the edges of each worker, in order: name and new state."""
    parts = {part.name.split("-")[1] for part in run.parts("edges")}
    rows = [[row for row in _rows_of(run, worker) if row["what"] == what] for worker in sorted(parts)]
    return [[(row["name"], row["after"]) for row in sorted(of, key=lambda row: row["at_ns"])] for of in rows]


def _rows_of(run: KeptRun, worker: str) -> list[Row]:
    one = KeptRun(run.path)
    one.parts = lambda table: sorted(Path(run.path).glob(f"history/{table}-{worker}-*.parquet"))  # type: ignore[method-assign]
    return one.rows("edges")


def interrupt(process: LocustProcess) -> None:
    process.interrupt()


def terminate(process: LocustProcess) -> None:
    process.signal_group(signal.SIGTERM)


@pytest.mark.parametrize("end", [interrupt, terminate])
def test_a_run_that_is_ended_in_a_window_undoes_it(
    faulty: Folder, spread: list[str], end: Callable[[LocustProcess], None]
) -> None:
    process = start(faulty, WINDOWS, "-u", 4, "-r", 4, *spread)
    process.wait_for(r"fault 'hanging' begins \(backend gpu: hang\)")
    end(process)
    process.wait()
    loading = 2 if spread else 1
    assert process.said.count("gpu has 8 slots and its own fault: True") == loading + bool(spread)
    windows = edges_by_worker(faulty.run, "fault")
    assert len(windows) == loading
    for edges in windows:
        assert [state for name, state in edges if name == "fewer slots"] == ["open", "closed"]
        assert [state for name, state in edges if name == "hanging"] == ["open", "closed"]
    forced = [[state for _, state in edges] for edges in edges_by_worker(faulty.run, "breaker")]
    assert forced == [["open", "closed"]] * loading  # once each, though the baseline had a breaker as well
    faulty.run.assert_conserved(least=4)


def test_two_workers_open_their_windows_on_the_clock_of_the_master_and_the_terminal_tells_each_once(
    faulty: Folder,
) -> None:
    process = start(faulty, WINDOWS, "--processes", 2, *ports(), "-u", 4, "-r", 4, "-t", "4s")
    process.wait()
    run = faulty.run
    for edge in edges_of(run):
        if edge["what"] == "fault" and edge["after"] == "open":
            due_s = {"fewer slots": 1, "forced open": 1, "hanging": 2}[edge["name"]]
            assert float(edge["cause"].split()[0]) >= due_s
    begins = [line for line in process.own_lines if "begins" in line]
    ends = [line for line in process.own_lines if " ends" in line and "fault" in line]
    assert len(begins) == len(ends) == 3, process.said
    opened = [line for line in process.own_lines if "breaker primary of worker" in line and "opens" in line]
    assert len(opened) == 2
    assert sum("ends: the run ended" in line for line in ends) == 2


def test_the_storm_brings_its_target_and_its_plan_and_takes_others(folder: Folder) -> None:
    storm = REPOSITORY / "locustfiles" / "fallback_storm.py"
    small = ("--headless", "--only-summary", "-u", 20, "-t", "3s", "--baseline-size", 20)
    folder.bare("-f", storm, *small, "--results-dir", "results").wait()
    run = folder.run
    assert run.manifest["options"]["target"] == "harness.stages.resilient:build"
    assert run.manifest["options"]["fault_plan"] == "storm"
    assert run.manifest["options"]["deadline_ms"] == 1000
    assert run.status("accuracy") == "VALID"
    assert run.status("consistency") == "VALID"

    own = ("--target", "fast:pipeline", "--fault-plan", "", "--corpus", "corpus.jsonl", "--results-dir", "others")
    folder.bare("-f", storm, *small, *own, environment={"ROUTESWARM_DEADLINE_MS": "700"}).wait()
    folder.results = folder.path / "others"
    options = folder.run.manifest["options"]
    assert (options["target"], options["fault_plan"], options["deadline_ms"]) == ("fast:pipeline", None, 700)
