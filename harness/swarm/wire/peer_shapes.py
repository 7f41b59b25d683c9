"""What each message of a worker holds, field by field, with the bounds of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from harness.measure.histogram import HIGHEST_US, bucket_of
from harness.swarm.wire.messages import HELLO, REFUSED

MOST_USERS = 1_000_000
"""Users of a worker, or of a class in it."""

Count = Annotated[int, Meta(ge=0, le=10**12)]
Number = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Measure = Annotated[float, Meta(ge=-1e15, le=1e15)]  # which NaN and infinity are not
Positive = Annotated[float, Meta(ge=0, le=1e15)]
Second = Annotated[int, Meta(ge=0, le=2**33)]
Users = Annotated[int, Meta(ge=0, le=MOST_USERS)]
Name = Annotated[str, Meta(max_length=100_000)]  # of a route as well, which is what a target says
Text = Annotated[str, Meta(max_length=1_000_000)]
Bucket = Annotated[int, Meta(ge=0, le=bucket_of(HIGHEST_US))]
Buckets = dict[Bucket, Count]
Clock = tuple[Number, Buckets]
Outcomes = Literal["ok", "failed", "cancelled", "timeout", "shed"]
Tables = Literal["operations", "spans", "attempts", "injections", "calls", "edges"]
State = Literal["ready", "spawning", "running", "cleanup", "stopping", "stopped", "missing"]


class Key(Struct, array_like=True, forbid_unknown_fields=True):
    """A ``series.Key``."""

    second: Second
    user_class: Name
    priority: Annotated[int, Meta(ge=0, le=9)]
    expected_route: Name | None
    route: Name | None
    tier: Number
    outcome: Outcomes


class Row(Struct, array_like=True, forbid_unknown_fields=True):
    """A ``series.WireRow``."""

    key: Key
    count: Count
    min_ns: Number
    max_ns: Number
    response: Clock
    service: Clock
    queue: Clock
    lag: Clock


class VitalsRow(Struct, array_like=True, forbid_unknown_fields=True):
    """A ``vitals.WireVitals``: the fields of ``Vitals`` in their order."""

    second: Second
    worker: Count
    users: Users | None
    wall_ms: Measure
    cpu_ms: Measure
    steps_ms: Measure
    idle_ms: Measure
    waited_ms: Measure | None
    gc_ms: Measure
    gc_max_ms: Measure
    gc_count: Count
    gc_outside_ms: Measure
    lag_sum_ms: Measure
    lag_max_ms: Measure
    lag_max_steps_ms: Measure
    lag: Buckets
    lag_own: Buckets
    lag_rest: Buckets


class BlockRow(Struct, array_like=True, forbid_unknown_fields=True):
    """A ``blocks.Block``."""

    worker: Count
    begin_ns: Number
    end_ns: Number
    stage: Name | None
    place: Name | None
    planned: bool
    interrupted: bool = False
    stacks: Text = ""


class Handed(Struct):
    """A ``Delta``."""

    run_id: Name
    worker: Count
    seq: Annotated[int, Meta(ge=0, le=10**8)]
    gathered_ns: Number
    arrivals: Count
    series: list[Row]
    users: dict[Second, Users]
    history: dict[Tables, bytes]
    edges: list[tuple[Number, Name, Name, Name | None, Name | None, Text | None, Count | None]]
    log_records: dict[Name, Count]
    schedule: dict[Second, tuple[Count, Count]]
    held_back_s: Positive
    clock_offset: tuple[Number, Number] | None
    vitals: list[VitalsRow]
    blocks: list[BlockRow]
    broken: Text | None
    final: bool


class Entry(Struct):
    """A row of Locust's statistics (``stats.StatsEntryDict``)."""

    name: Name
    method: Name | None
    last_request_timestamp: Positive | None
    start_time: Positive
    num_requests: Count
    num_none_requests: Count
    num_failures: Count
    total_response_time: Measure
    max_response_time: Measure
    min_response_time: Measure | None
    total_content_length: Number
    response_times: dict[Measure, Count]
    num_reqs_per_sec: dict[Second, Count]
    num_fail_per_sec: dict[Second, Count]


class Error(Struct):
    """A row of Locust's errors (``stats.StatsErrorDict``)."""

    method: Name | None
    name: Name
    error: Text
    occurrences: Count
    first_seen: Positive | None = None
    last_seen: Positive | None = None


class Spawned(Struct):
    """How many users of each class a worker has."""

    user_classes_count: dict[Name, Users]
    user_count: Users = 0


class Report(Spawned, kw_only=True):
    """Locust's report, in which a delta travels."""

    stats: list[Entry]
    stats_total: Entry
    errors: dict[Text, Error]
    routeswarm: Handed | None = None
    routeswarm_sent: Number | None = None


class Hello(Struct):
    """What a worker says of itself (``manifest.about_this_process``), and what its master must have alike."""

    run_id: Name
    routeswarm_sent: Number
    index: Count
    id: Name
    host: Name
    pid: Count
    versions: dict[Name, Name | None]
    joined: Name
    fate: Name
    left: Name | None
    noise_floor: dict[Name, Positive] | None
    agreed_on: dict[Name, Name | int | list[Name] | None]


class Refused(Struct):
    """Why a worker takes no part."""

    worker: Count
    error: Text


class Heartbeat(Struct):
    """A worker's state and load."""

    state: State
    current_cpu_usage: Positive
    current_memory_usage: Count = 0


class Logs(Struct):
    """The end of a worker's log."""

    worker_id: Name
    logs: list[Text]


class Raised(Struct):
    """What a user raised."""

    msg: Text
    traceback: Text


class Wanted(Struct):
    """A request for the locustfile."""

    version: Name


EXPECTED: Mapping[str, Any] = {
    "client_ready": Name | Literal[-1],
    "client_stopped": Any,
    "spawning": Any,
    "quit": Any,
    "heartbeat": Heartbeat,
    "stats": Report,
    "spawning_complete": Spawned,
    "logs": Logs,
    "exception": Raised,
    "locustfile": Wanted,
    HELLO: Hello,
    REFUSED: Refused,
}
"""What each message holds. Others are the locustfile's own, or nobody's."""
