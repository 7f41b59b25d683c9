"""What a run knows of itself, besides its history, series and vitals: the rest of what a verdict needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.judge.criteria.noise_floor import NoiseFloor
from harness.judge.criteria.ramp_to_failure import RampToFailure
from harness.judge.criteria.steps import Step
from harness.judge.validity.user_errors import Early, Gone, Requests
from harness.judge.validity.workers import Workers
from harness.load.corpus.vocabulary import Vocabulary
from harness.load.faults.kinds import Fault
from harness.measure.blocks import Block


@dataclass(frozen=True, slots=True)
class Facts:
    """What the run itself knows, besides its history and series."""

    golden: bool  # whether the corpus's expected routes are this target's
    deadline_ms: float | None
    arrivals: int | None  # operations started, None where a worker's count was lost
    locust_requests: int | None  # requests in Locust's own statistics, None where they were reset
    scheduled: bool = False  # whether a user class of the run is open-loop
    begun: bool = True  # whether all users were started, which is when schedules begin
    due: int | None = None  # arrivals of schedules, with those of lost workers; None without a schedule
    not_delivered: int | None = None  # those of them that nobody was free to send
    joined_late: tuple[str, ...] = ()  # workers that came after schedules were shared out
    took_part: Workers = field(default_factory=Workers)  # what became of the workers
    errors: tuple[str, ...] = ()  # data that could not be written down
    labels: Mapping[str, str] = field(default_factory=dict)  # scenario id -> human label
    log_records: Mapping[str, int] = field(default_factory=dict)  # level -> records the target logged
    trim: bool = True  # whether the run had one load throughout, of which a warm-up can be left out
    steps: tuple[Step, ...] = ()  # of a load shape
    ramp: RampToFailure | None = None
    held_back_s: Mapping[str, float] = field(default_factory=dict)  # worker -> seconds its users waited for the master
    mismatches: tuple[str, ...] = ()  # what a worker has otherwise than the master, one clause each
    clock_offsets_ms: Mapping[str, float] = field(default_factory=dict)  # worker -> master's clock minus its own
    workers: int | None = None  # loading processes that were compared with the master, None where none said what it is
    noise_floor: NoiseFloor | None = None  # largest over the loading processes
    faults: tuple[Fault, ...] = ()  # of the fault plan
    chain_deadline_ms: float | None = None  # what the fallback chains of the target declare
    vocabulary: Vocabulary | None = None  # the routes that the corpus names
    blocks: tuple[Block, ...] = ()  # steps of the target that held the thread, of the baseline as well
    broken: tuple[str, ...] = ()  # what event loops of loading processes stopped serving for
    user_errors: Mapping[str, int] = field(default_factory=dict)  # what tasks and listeners raised -> how often
    other_requests: Mapping[str, Requests] = field(default_factory=dict)  # of users that send no operations, by kind
    gone: Gone | None = None  # users that went away before the end of the load
    early: Early | None = None  # a load that ended before it was to end
    refused: str | None = None  # why it was refused before its load, where it was: a user's mistake
