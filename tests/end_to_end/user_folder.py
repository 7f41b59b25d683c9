"""A folder as a user has it: a pipeline, a corpus, a locustfile, criteria, and what was run in it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from kept_run import KeptRun
from locust_process import LocustProcess, free_port, wait_until

FAST_TARGET = '''
import asyncio
import logging
from pathlib import Path

from stageflow import Pipeline, StageKind, StageOutput


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        return StageOutput.ok(route=route_of(ctx.snapshot.input_text or ""), confidence=0.9)


class SlowRouter(Router):
    async def execute(self, ctx):
        await asyncio.sleep(0.05)
        return await super().execute(ctx)


class StuckRouter(Router):
    """Answers at once in the baseline, never under load."""

    async def execute(self, ctx):
        if ctx.snapshot.run_id.user_id.int > 1_000:
            await asyncio.sleep(3600)
        return await super().execute(ctx)


class GatedRouter(Router):
    """Answers only once there is a file called open."""

    async def execute(self, ctx):
        while not Path("open").exists():
            await asyncio.sleep(0.02)
        return await super().execute(ctx)


class ComplainingRouter(Router):
    """Logs an error for each request, by the root logger."""

    async def execute(self, ctx):
        logging.error("what a pity")
        return await super().execute(ctx)


class CrowdedRouter(Router):
    """Decides otherwise while another request is under way."""

    under_way = 0

    async def execute(self, ctx):
        alone = CrowdedRouter.under_way == 0
        CrowdedRouter.under_way += 1
        try:
            await asyncio.sleep(0.03)
        finally:
            CrowdedRouter.under_way -= 1
        return StageOutput.ok(route="alone" if alone else "crowded", confidence=0.9)


class HalfwayRouter(Router):
    """Answers ten times, then leaves a file called halfway and never answers again."""

    answered = 0

    async def execute(self, ctx):
        if HalfwayRouter.answered == 10:
            Path("halfway").touch()
            await asyncio.sleep(3600)
        HalfwayRouter.answered += 1
        return await super().execute(ctx)


def route_of(text):
    return "long" if len(text) > 12 else "short"


def pipeline_of(router):
    return Pipeline(name="mine").with_stage("router", router, StageKind.ROUTE)


pipeline = pipeline_of(Router)
slow = pipeline_of(SlowRouter)
stuck = pipeline_of(StuckRouter)
gated = pipeline_of(GatedRouter)
complaining = pipeline_of(ComplainingRouter)
crowded = pipeline_of(CrowdedRouter)
halfway = pipeline_of(HalfwayRouter)
'''

BUSY_LOCUSTFILE = """
from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser
from locust import between

CriticalUser.wait_time = HighUser.wait_time = LowUser.wait_time = NormalUser.wait_time = between(0, 0.05)
"""

CRITERIA = "p95_ms < 5000 at users >= 1\nconsistency_pct == 100\navailability_pct >= 1\n"

SCENARIOS = [
    {
        "id": f"s-{number:02}",
        "text": f"text {number}" + " and more" * (number % 2),
        "priority": number % 10,
        "expected_route": "long" if number % 2 else "short",
        "tags": [("question", "statement", "code", "edge")[number % 4]],
    }
    for number in range(20)
]


class Held(NamedTuple):
    """How a stage held the thread of its process."""

    pid: int
    begin_ns: int  # Unix time
    end_ns: int

    @property
    def seconds(self) -> float:
        """For how long."""
        return (self.end_ns - self.begin_ns) / 1e9


class Folder:
    """A user's folder: a pipeline, a corpus, a locustfile, criteria."""

    def __init__(self, path: Path, track: list[LocustProcess], *, starts_again: bool = False) -> None:
        self.path = path
        self.results = path / "results"
        self.track = track
        self.draws_reports = False
        """Whether runs draw their reports: 2.9 s of processor time for each, so only where a test looks at them."""
        self.starts_again = starts_again
        """Whether Locust's command starts again to have the target's world its own, as it does for users.

        Where it does not, it is told beforehand what it would find out: 0.35 s of processor time less per process.
        """
        (path / "fast.py").write_text(FAST_TARGET)
        (path / "busy.py").write_text(BUSY_LOCUSTFILE)
        shutil.copy(Path(__file__).with_name("blocking.py"), path)
        (path / "criteria.txt").write_text(CRITERIA)
        self.write_corpus()

    def write_corpus(self, name: str = "corpus.jsonl", **changed: object) -> None:
        """Write the corpus, with some fields changed in all scenarios."""
        lines = (json.dumps({**scenario, **changed}) + "\n" for scenario in SCENARIOS)
        (self.path / name).write_text("".join(lines))

    def start(
        self,
        *arguments: str | Path | int,
        target: str = "fast:pipeline",
        locustfile: str | Path = "busy.py",
        environment: Mapping[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> LocustProcess:
        """Start Locust on the folder's files; later arguments win."""
        given = ["-f", locustfile, "--target", target, "--corpus", "corpus.jsonl", "--criteria", "criteria.txt"]
        given += ["--baseline-size", 20, "--results-dir", "results", *arguments]
        process = LocustProcess([str(argument) for argument in given], self.path, self._of(environment), preexec)
        self.track.append(process)
        return process

    def bare(self, *arguments: str | Path | int, environment: Mapping[str, str] | None = None) -> LocustProcess:
        """Start Locust with nothing but the given arguments."""
        process = LocustProcess([str(argument) for argument in arguments], self.path, self._of(environment), None)
        self.track.append(process)
        return process

    def _of(self, environment: Mapping[str, str] | None) -> dict[str, str]:
        """Return what is set for a process: what a test gives wins."""
        report = {} if self.draws_reports else {"ROUTESWARM_NO_REPORT": "1"}
        world = {} if self.starts_again else {"LOCUST_SKIP_MONKEY_PATCH": "1"}
        return {**report, **world, **(environment or {})}

    def headless(self, *arguments: str | Path | int, **named: object) -> LocustProcess:
        """Start a run without a web UI."""
        return self.start("--headless", "--only-summary", *arguments, **named)  # type: ignore[arg-type]

    def hold_thread(self, process: LocustProcess) -> Held:
        """Have a stage of ``blocking:once`` hold the thread of one process under load, and wait until it is over."""
        (self.path / "now").touch()
        held = self.path / "held"
        wait_until(held.exists, "the end of it", lambda: process.last_words)
        return Held(*map(int, held.read_text().split()))

    @property
    def runs(self) -> list[KeptRun]:
        """The run directories, oldest first: each wrote its first file after the one before had written its last."""
        if not self.results.is_dir():
            return []
        found = (path for path in self.results.iterdir() if path.is_dir() and not path.is_symlink())
        # Not by name alone: of two runs that began in one second, names say nothing of which was first.
        return [KeptRun(path, self.draws_reports) for path in sorted(found, key=lambda path: (_begun_ns(path), path))]

    @property
    def run(self) -> KeptRun:
        """The one run directory, beside what workers may have kept on their side."""
        runs = [run for run in self.runs if "-worker-" not in run.path.name]
        assert len(runs) == 1, "\n".join([f"{len(runs)} runs", *(process.said for process in self.track)])
        return runs[0]

    def wait_for_history(self, parts: int, run: int = 1) -> None:
        """Wait until the ``run``-th run has written ``parts`` parts of operations: one a second and worker."""

        def written() -> bool:
            return len(self.runs) >= run and len(self.runs[run - 1].parts("operations")) >= parts

        wait_until(written, f"{parts} parts of history in run {run}", lambda: self.track[0].last_words)

    def wait_for_workers(self, count: int) -> None:
        """Wait until operations of ``count`` workers were written."""

        def all_there() -> bool:
            return len({part.name.split("-")[1] for part in self.run.parts("operations")}) >= count

        wait_until(all_there, f"operations of {count} workers", lambda: self.track[-1].last_words)


def ports() -> list[str]:
    """Return the arguments that keep a master and its workers to themselves."""
    port = free_port()
    return ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--master-port", str(port)]


def _begun_ns(run: Path) -> int:
    """Return when the oldest file of a run directory was written."""
    times = []
    for path in [run, *run.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):  # a partial file, which has its name by now
            if path.is_file():
                times.append(path.stat().st_mtime_ns)
    return min(times, default=0) or run.stat().st_mtime_ns
