"""Keeping a run: its folder, its baseline, its files while it goes, its verdict and report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner

from harness.judge.facts import Facts
from harness.judge.validity.user_errors import Gone
from harness.judge.validity.workers import Workers
from harness.judge.verdict import Verdict
from harness.load.arrivals.partition import Partition
from harness.load.corpus.corpus import Scenario
from harness.load.corpus.vocabulary import Vocabulary
from harness.loop import HubLoop
from harness.measure.blocks import Block, stacks_of
from harness.pipeline.baseline import one_by_one
from harness.record.facts_json import write_facts
from harness.record.faults_csv import write_faults
from harness.record.history import write_table
from harness.record.run_directory import Json, create_run_directory
from harness.record.tables import OPERATIONS, to_batch, to_table
from harness.swarm.inputs import Inputs, load_runner
from harness.swarm.keeping.collector import Collector, Subscription
from harness.swarm.keeping.last_steps import judged, put_together
from harness.swarm.keeping.live_lines import LiveLines
from harness.swarm.keeping.locust_csv import (
    RunCsvWriter,
    raised_by_users,
    requests_of_operations,
    requests_of_others,
    without_requests,
)
from harness.swarm.keeping.manifest import agreed_on, first_manifest, load_options, stamp, versions
from harness.swarm.keeping.report_process import draw_report
from harness.swarm.keeping.roll import Roll
from harness.swarm.keeping.shape_connection import connect, disconnect
from harness.swarm.process.early import Ending
from harness.swarm.shapes.settle import is_trimmed, shape_of
from harness.swarm.users.bands import repeated_by, shares_of
from harness.swarm.users.open_loop import declared_schedules
from harness.swarm.wire.delta import Delta
from harness.words.clock import Epoch
from harness.words.errors import RecordError, UsageError
from harness.words.operation import Operation, Outcome


class Keeper:
    """The keeping side of one run.

    Args:
        environment: Locust's, with a runner.
        inputs: what the run is made of.
        loop: the process's loop, for the baseline.
        say: shows a line to the user.
        on_failure: called when data cannot be written any more.
        now_ns: the Unix time of this host.

    Raises:
        UsageError: the run's folder cannot be made.

    """

    def __init__(
        self,
        environment: Environment,
        inputs: Inputs,
        loop: HubLoop,
        say: Callable[[str], None],
        on_failure: Callable[[RecordError], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._now_ns = now_ns
        self._environment = environment
        self.inputs = inputs
        self._loop = loop
        self._say = say
        locustfile = environment.locustfile or "locust"
        self.run = create_run_directory(inputs.options.results_dir, locustfile)
        self._manifest = first_manifest(self.run.run_id, inputs, locustfile, load_options(environment))
        self.run.write_json(self.run.manifest, self._manifest)
        self.collector = Collector(self.run, on_failure, self._now_s)
        self._csv: RunCsvWriter | None = None
        self.roll = Roll(self.collector.workers, {**versions(), **agreed_on(inputs)})
        self._stats_reset = False
        self._all_started = False
        self._shape = shape_of(environment)
        self._baseline: list[Operation] = []
        self._baseline_began_s: float | None = None  # None: not begun, or written down
        self.doing = ""  # in words, for the web UI
        self._load_changes: list[Json] = []
        self.began_ns = self._now_ns()
        """Unix time of this host from which the seconds of the run count."""
        self.partition: Partition | None = None
        """How the arrivals were shared out over workers, once that is so."""
        self.stopped_ns: int | None = None
        """Unix time of this host at which the run was told to stop."""
        self.blocks: list[Block] = []
        """Steps of the target that held the thread in this process while no load ran."""
        self._attended: tuple[Collection[int], int] | None = None
        self._gone: Gone | None = None
        self.ending = Ending(environment)
        self.absent = ""
        """A clause on the workers that were waited for and never came; empty where that is not so."""

    def run_baseline(self, stopped: Callable[[], bool]) -> None:
        """Make the baseline: a sequential pass on a target built for it alone, its operations written down.

        No further scenario is begun once it is ``stopped``.
        """
        users, seed = self._environment.user_classes, self.inputs.options.seed
        repeated = repeated_by(users, self.inputs.scenarios, seed)
        sample, budget_s = self.inputs.baseline_sample(shares_of(users), repeated)
        if not sample:
            return
        self._baseline_began_s = time.monotonic()
        runner = load_runner(self.inputs.options)
        self._loop.start()
        deadline_s = self.inputs.options.deadline_s
        for operation in one_by_one(self._loop, runner, self._shown(sample), deadline_s, budget_s):
            if stopped():
                return
            self._baseline.append(operation)
        self.doing = ""
        self._write_baseline()

    def _write_baseline(self) -> None:
        """Write down what the baseline holds, once; a baseline that was cut short holds what was done of it."""
        rows, began_s = self._baseline, self._baseline_began_s
        self._baseline_began_s = None
        if began_s is None or not rows:
            return
        offset_ns = Epoch.of_this_process().offset_ns
        write_table(to_table([to_batch(OPERATIONS, rows)], offset_ns), self.run.baseline)
        took = time.monotonic() - began_s
        failed = sum(operation.outcome is not Outcome.OK for operation in rows)
        self._manifest["baseline"] = {"scenarios": len(rows), "failed": failed, "duration_s": round(took, 3)}
        self._say(
            f"baseline: {len(rows):,} of {len(self.inputs.scenarios):,} scenarios in {took:.1f} s"
            + (f", {failed:,} failed" if failed else "")
        )

    def _shown(self, sample: Sequence[Scenario]) -> Iterator[Scenario]:
        """Yield the scenarios of the baseline, saying at which it is."""
        for number, scenario in enumerate(sample, start=1):
            self.doing = f"baseline before the load: scenario {number:,} of {len(sample):,}"
            yield scenario

    def begin(self) -> None:
        """Start writing Locust's own CSV files."""
        self.doing = f"running {self.run.run_id}"
        self.began_ns = self._now_ns()
        self.ending.begin()
        live = LiveLines(
            self.inputs.fault_plan, self.began_ns, lambda told: self._say(str(told)), lambda: len(self.roll) > 1
        )
        self.collector.subscribe(Subscription("lines of edges", live.add, close=live.close))
        self._manifest["t0"] = stamp(self._now_s())
        options = self._manifest["options"]
        assert isinstance(options, dict)
        options.update(load_options(self._environment))  # the web UI's form has been read only now
        self._csv = RunCsvWriter(self._environment, self.run.locust_prefix)
        self._environment.events.reset_stats.add_listener(self._on_reset)
        self._environment.events.spawning_complete.add_listener(self._on_all_started)
        self._stats_reset = bool(self._environment.reset_stats)
        if self._shape is not None:
            options["load_shape"] = self._shape.description
            connect(self._shape, self._environment, self.collector, lambda: self.roll.noise_floor, self._now_s)

    def note_load(self, users: int, spawn_rate: float) -> None:
        """Take note that the load was changed while the run goes on."""
        self._load_changes.append({"at": stamp(self._now_s()), "num_users": users, "spawn_rate": spawn_rate})
        self._manifest["load_changes"] = [*self._load_changes]

    def _now_s(self) -> float:
        return self._now_ns() / 1e9

    @property
    def begun(self) -> bool:
        """Whether the load has begun."""
        return self._csv is not None

    def introduce(self, worker: dict[str, Json]) -> None:
        """Take what a worker says of itself."""
        before = self.roll.joined_late
        for difference in self.roll.introduce(worker, (self._now_ns() - self.began_ns) / 1e9):
            self._say(difference)
        for name in self.roll.joined_late if self._scheduled else ():
            if name not in before:
                self._say(f"{name} joined after the schedule was shared out: its users get no arrivals")

    def attend(self, alive: Collection[int]) -> None:
        """Write the manifest anew where workers have joined or left since the last time; ``alive`` are there now.

        So the folder of a master that dies names its workers.
        """
        seen = alive, self.roll.introduced
        if seen == self._attended:
            return
        self._attended = seen
        self._manifest["workers"] = self.roll.rows(alive)
        self._manifest["hosts"] = self.roll.hosts() or self._manifest["hosts"]
        try:
            self.run.write_json(self.run.manifest, self._manifest)
        except OSError as error:
            self.collector.fail(RecordError(f"{self.run.manifest}: cannot write: {error.strerror or error}"))

    def see_users(self, elapsed_s: float, there: int, asked: int) -> None:
        """Take how many users there are, so many seconds into the load, after all that were asked for had started."""
        if there >= asked:
            self._gone = None
        else:
            since_s = elapsed_s if self._gone is None else self._gone.since_s
            self._gone = Gone(since_s, there, asked)

    def receive(self, delta: Delta) -> None:
        """Take what a worker hands over."""
        self.collector.receive(delta)

    def finish(self, refused: UsageError | None = None) -> Verdict:
        """Write everything down, judge the run, and draw its report.

        What cannot be written is said, and keeps nobody from the verdict. A run that was ``refused`` before its load
        has the exit code of a user's mistake.
        """
        self._count_undone()
        self.collector.close()
        self._try("the baseline", self._write_baseline)
        self._try("Locust's CSV files", self._finish_csv)
        if self.begun:
            self._environment.events.reset_stats.remove_listener(self._on_reset)
            self._environment.events.spawning_complete.remove_listener(self._on_all_started)
            if self._shape is not None:
                disconnect(self._shape, self._environment)
        self._manifest["t1"] = stamp(self._now_s())
        put_together(self.run.history, self._say)
        self._manifest["workers"] = self.roll.rows()
        self._manifest["hosts"] = self.roll.hosts() or self._manifest["hosts"]
        facts = self._facts(refused)
        if not self._try("the facts", lambda: write_facts(self.run.facts, self.inputs.criteria, facts)):
            facts = replace(facts, errors=tuple(self.collector.errors))
        verdict = judged(self.run, self.inputs.criteria, facts, self._say)
        self._manifest["counts"] = {"arrivals": facts.arrivals, "locust_requests": facts.locust_requests}
        self._try("the stacks", lambda: self.run.write_stacks(stacks_of(facts.blocks)))
        self._try("the manifest", lambda: self.run.write_json(self.run.manifest, self._manifest))
        self._try("the verdict", lambda: self.run.write_json(self.run.verdict, verdict.as_json()))
        if self.inputs.fault_plan is not None:
            faults = verdict.totals.get("faults", [])
            self._try("the faults", lambda: write_faults(self.run.faults, faults))  # type: ignore[arg-type]  # rows
        if self.inputs.options.draws_report and (reason := draw_report(self.run.path)) is not None:
            self._say(f"the report could not be drawn: {reason}")
        return verdict

    def _count_undone(self) -> None:
        """Count what lost workers had due after they were last heard of as not delivered: nobody else sent it."""
        if self.partition is None:
            return
        stopped_ns = self._now_ns() if self.stopped_ns is None else self.stopped_ns
        for index in self.roll.missing():
            heard_ns = self.roll.last_heard_ns(index)
            self.collector.arrivals.add(self.partition.undone(self.inputs.schedules, index, heard_ns, stopped_ns))

    def _finish_csv(self) -> None:
        writer = self._csv
        if writer is None:  # the statistics are those of the run before, if any
            writer = RunCsvWriter(without_requests(), self.run.locust_prefix)
        writer.finish()

    def _try(self, what: str, write: Callable[[], None]) -> bool:
        """Write something and return whether it is; what cannot be written counts as lost, and is said."""
        try:
            write()
        except (OSError, RecordError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self.collector.errors.append(f"{what} could not be written: {reason}")
            self._say(self.collector.errors[-1])
            return False
        return True

    def _on_reset(self, **_: object) -> None:
        self._stats_reset = True

    def _on_all_started(self, **_: object) -> None:
        # Locust goes on to start users, and says so, in a master that is stopping.
        runner = self._environment.runner
        self._all_started |= runner is not None and runner.state in {STATE_SPAWNING, STATE_RUNNING}

    @property
    def _scheduled(self) -> bool:
        """Whether a user class of the run is open-loop."""
        return bool(declared_schedules(self._environment.user_classes))

    def _facts(self, refused: UsageError | None) -> Facts:
        workers = self.collector.workers.values()
        scheduled = self._scheduled
        return Facts(
            golden=self.inputs.golden,
            deadline_ms=self.inputs.options.deadline_ms,
            arrivals=None if self.roll.lost else sum(worker.arrivals for worker in workers),
            locust_requests=self._locust_requests(),
            scheduled=scheduled,
            begun=self._all_started,
            due=self.collector.arrivals.due if scheduled else None,
            not_delivered=self.collector.arrivals.not_delivered if scheduled else None,
            joined_late=self.roll.joined_late,
            took_part=self._took_part,
            errors=tuple(self.collector.errors),
            labels=self.inputs.labels,
            log_records=self.roll.log_records,
            trim=is_trimmed(self._environment) and not self._load_changes,
            steps=() if self._shape is None else self._shape.steps,
            ramp=None if self._shape is None else self._shape.ramp,
            held_back_s=self.roll.held_back_s,
            mismatches=self.roll.mismatches,
            clock_offsets_ms=self.roll.clock_offsets_ms,
            workers=self.roll.introduced or None,
            noise_floor=self.roll.noise_floor,
            faults=() if self.inputs.fault_plan is None else self.inputs.fault_plan.fault,
            chain_deadline_ms=self.inputs.runner.chain_deadline_ms(),
            vocabulary=Vocabulary.of(self.inputs.scenarios),
            user_errors=raised_by_users(self._environment) if self.begun else {},
            other_requests=requests_of_others(self._environment.stats) if self.begun else {},
            gone=self._gone,
            early=self.ending.early,
            blocks=self._all_blocks,
            broken=tuple(worker.broken for worker in workers if worker.broken is not None),
            refused=None if refused is None else str(refused),
        )

    @property
    def _all_blocks(self) -> tuple[Block, ...]:
        return (*self.blocks, *(block for worker in self.collector.workers.values() for block in worker.blocks))

    @property
    def _took_part(self) -> Workers:
        if not isinstance(self._environment.runner, MasterRunner):
            # A single process that blocks is late as well, but nobody else's numbers wait for it.
            return Workers(lost=self.roll.lost)
        return self.roll.took_part(self.absent)

    def _locust_requests(self) -> int | None:
        """Return how many operations Locust's statistics hold; None where they are not of this run alone."""
        if self._stats_reset or not self.begun:
            return None
        return requests_of_operations(self._environment.stats)
