"""Starting and ending the load side of a run in this process."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Mapping, Sequence

import gevent
from locust import User
from locust.env import Environment
from locust.runners import STATE_CLEANUP

from harness.judge.criteria.noise_floor import NoiseFloor
from harness.load.arrivals.share import Arrivals, Share
from harness.loop import HubLoop, Pacer
from harness.loop.lookout.lookout import Lookout
from harness.loop.sampler import Sampler
from harness.pipeline.inject.fault_schedule import Switches
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.pipeline.noise import MOST_TOGETHER, PAUSE_S, measure_noise
from harness.record.tables import warm_up
from harness.swarm.inputs import Inputs
from harness.swarm.loading.fault_clock import FaultClock
from harness.swarm.loading.log_filter import TargetLogs
from harness.swarm.loading.session import Session, open_session
from harness.swarm.loading.target_log import Truth
from harness.swarm.wire.delta import Delta
from harness.words.clock import Epoch
from harness.words.operation import Edge

USERS_SAMPLED_EVERY_S = 0.25
YOUNG_COLLECTIONS = 2.7
"""How many times as often the collector would look at young objects as for the target alone.

It counts the harness's objects as well: at 100 users a young collection came every 6.2 operations, with plain asyncio
every 16.5 (one-stage graph, Python 3.11). The threshold is raised by as much, so that the target gets what it would get
alone.
"""
SETTLE_S = 1.0
"""How long cancelled operations may take to end after the users have stopped, before they count as orphans."""


class Loader:
    """The load side of one run: a session and what samples it.

    Args:
        environment: Locust's.
        loop: the process's loop.
        logs: where the target's log records are counted.
        lookout: sees the steps of the target that hold the thread.
        senders: the users that send operations.

    """

    def __init__(
        self, environment: Environment, loop: HubLoop, logs: TargetLogs, lookout: Lookout, senders: type[User]
    ) -> None:
        self._environment = environment
        self._loop = loop
        self._logs = logs
        self._lookout = lookout
        self._senders = senders
        self.noise_floor: NoiseFloor | None = None
        self._session: Session | None = None
        self._users_sampler: gevent.Greenlet | None = None
        self._sampler: Sampler | None = None
        self._gc_threshold = gc.get_threshold()
        self._arrivals: dict[str, Arrivals] = {}
        self._faults: FaultClock | None = None
        self._truth: Truth | None = None
        warm_up()

    @property
    def loading(self) -> bool:
        """Whether a run goes on."""
        return self._session is not None

    def start(
        self,
        inputs: Inputs,
        run_id: str,
        worker: int,
        workers: int,
        sharers: Sequence[int],
        open_loop: Sequence[str],
        elapsed_s: Callable[[], float],
        users: Callable[[], int] | None = None,
    ) -> Session:
        """Open the session that users of this run join, and return it.

        ``sharers`` are the workers that were there when it began, which share the indices of operations. ``open_loop``
        names the user classes with a schedule: their users wait until ``begin_schedules`` says when, and where they
        have no share of it until they are stopped. ``elapsed_s`` gives the seconds of the run on the master's clock,
        and ``users`` those of the whole run (None: this process has them all).
        """
        self._loop.start()
        # A full collection of the start-up heap stalls the loop for 20 to 30 ms, in the middle of a measurement.
        gc.collect()
        gc.freeze()
        self._gc_threshold = young, *older = gc.get_threshold()
        gc.set_threshold(round(young * YOUNG_COLLECTIONS), *older)
        # Under the collector that the target will meet.
        self.noise_floor = measure_noise(self._loop, _together, self._users_expected(workers))
        self._logs.clear()
        random.seed(f"{inputs.options.seed} {worker}")  # Locust draws tasks and think times from the module's generator
        session = Session(inputs, run_id, self._loop, Epoch.of_this_process(), worker, workers)
        session.log_records = self._logs.counts
        session.count_users = self._count_users
        self._arrivals = {name: Arrivals(inputs.schedules[name], None, session.epoch) for name in open_loop}
        session.pacers = {name: Pacer(arrivals) for name, arrivals in self._arrivals.items()}
        self._watch(session, sharers, elapsed_s, users or self._count_users)
        open_session(self._environment, session)
        self._session = session
        self._environment.events.spawning_complete.add_listener(_freeze)
        self._users_sampler = gevent.spawn(self._sample_users, session)
        self._sampler = Sampler(self._loop, session.epoch, worker, self._count_route_users)
        session.take_vitals = self._sampler.take
        offset_ns = session.epoch.offset_ns
        session.take_blocks = lambda: [list(block) for block in self._lookout.take(worker, offset_ns)]
        self._sampler.start()
        return session

    def take(self, *, final: bool = False) -> Delta | None:
        """Return what came since the last call, None where no run goes on."""
        return None if self._session is None else self._session.take(final=final)

    def _leave_collector(self) -> None:
        """Set the collector as it was; idempotent."""
        gc.set_threshold(*self._gc_threshold)
        gc.unfreeze()  # else the target of this run would never be collected

    def stop(self) -> Delta | None:
        """End the session after its users have stopped, and return the last of it."""
        if self._session is None:
            self.undo_faults()
            self._leave_collector()  # a start that failed has set it
            return None
        if self._users_sampler is not None:
            self._users_sampler.kill()
        self._environment.events.spawning_complete.remove_listener(_freeze)
        self.end_schedules()
        try:
            self._loop.settle(SETTLE_S)
        finally:
            self.undo_faults()
        self._leave_collector()
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None
        last = self.take(final=True)
        self._session = None
        return last

    def _watch(
        self, session: Session, sharers: Sequence[int], elapsed_s: Callable[[], float], users: Callable[[], int]
    ) -> None:
        """Write down what parts of the target tell, and begin to inject the faults of the plan, if there is one."""
        plan, source = session.inputs.fault_plan, str(session.inputs.options.fault_plan)
        self._truth = Truth(session.note, session.runner.owner, inject=plan is not None)
        session.before_take.append(self._truth.gather)
        session.runner.injector = None
        if plan is None:
            return
        injector = Injector(plan, source, sharers)
        session.runner.injector = injector
        note: Callable[[Edge], None] = lambda edge: session.note("edges", [edge])  # noqa: E731
        switches = Switches(injector, Windows(plan, source, session.runner.owner), note)
        self._faults = FaultClock(switches, elapsed_s, users)
        self._faults.start()

    def undo_faults(self) -> None:
        """Undo whatever is injected, and leave the parts of the target alone; idempotent."""
        if self._faults is not None:
            self._faults.stop()
        if self._truth is not None:
            self._truth.stop()
        self._faults = self._truth = None

    def _users_expected(self, workers: int) -> int:
        """Return how many users this process will have; of a load shape, whose users vary, as many as matter."""
        options = self._environment.parsed_options
        if self._environment.shape_class is not None or options is None or not options.num_users:
            return MOST_TOGETHER
        return -(-int(options.num_users) // workers)

    def begin_schedules(self, zero_ns: int, shares: Mapping[str, Share]) -> None:
        """Begin the schedules at ``zero_ns`` of this process's monotonic clock, once; ``shares`` are this worker's.

        Not before all users are there, so that starting them is not taken for arrivals that were not delivered.
        """
        if self._session is None:
            return
        for name, pacer in self._session.pacers.items():
            self._arrivals[name].begin(zero_ns, shares.get(name))
            pacer.begin()  # which hands out what is due, and sets its alarm

    def end_schedules(self) -> None:
        """End the schedules now: the run is about to stop."""
        if self._session is not None:
            for pacer in self._session.pacers.values():
                pacer.end()

    def _count_users(self) -> int:
        return 0 if self._environment.runner is None else len(self._environment.runner.user_greenlets)

    def _count_route_users(self) -> int | None:
        """Return how many users run that send operations, beside others of the locustfile; None while they stop."""
        runner = self._environment.runner
        if runner is None or runner.state == STATE_CLEANUP:
            return None
        return sum(isinstance(greenlet.args[0], self._senders) for greenlet in runner.user_greenlets)

    def _sample_users(self, session: Session) -> None:
        while True:
            # Not while they stop: the operations that end then were begun among all of them.
            if self._environment.runner is not None and self._environment.runner.state != STATE_CLEANUP:
                session.sample_users(self._count_users())
            gevent.sleep(USERS_SAMPLED_EVERY_S)


def _together(count: int, call: Callable[[], None]) -> None:
    """Call from ``count`` greenlets that sleep and wake together (``noise.Together``)."""

    def wake() -> None:
        gevent.sleep(PAUSE_S)
        call()

    gevent.joinall([gevent.spawn(wake) for _ in range(count)])


def _freeze(**_: object) -> None:
    """Leave the users, too, out of collections; without collecting first, which would stall the loop."""
    gc.freeze()
