"""Whether a message to a master can be what a worker sends: pure functions from bytes or values to one line, or None.

The port that workers connect to asks for no password, and Locust takes what arrives there as it is: a wrong type ends
the greenlet that listens to all workers, a name becomes part of a path, a number a verdict. So everything is looked at
before anybody acts on it. A worker that lies within these bounds is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from locust.rpc import Message
from msgspec import Meta, Struct

from harness.measure.histogram import HIGHEST_US, bucket_of
from harness.record.history import part_objection
from harness.swarm.messages import DELTA, HELLO, REFUSED
from harness.words.errors import one_line, printable

LARGEST_MESSAGE = 128 * 1024 * 1024
"""Bytes of a message: a worker that has half of that unconfirmed keeps its users back."""

CLOCKS_APART_S = 2 * 86_400
"""How far a worker's times may be from the master's: more than a time zone taken for UTC, less than no clock at all."""

STARTED_A_SECOND = 200_000
"""Operations that a worker can start in a second: ten times what the loop does with a target that does nothing."""

DUE_A_SECOND = 10_000_000
"""Arrivals of a schedule that can be due in a second."""

MOST_USERS = 1_000_000
"""Users of a worker, or of a class in it."""

SLACK_S = 60
"""Seconds by which a worker may have started before its master heard of it."""

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
    """A ``session.Delta``."""

    run_id: Name
    worker: Count
    seq: Annotated[int, Meta(ge=0, le=10**8)]
    gathered_ns: Number
    arrivals: Count
    series: list[Row]
    users: dict[Second, Users]
    history: dict[Tables, bytes]
    edges: list[tuple[Number, Name, Name, Name | None, Name | None, Text | None]]
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


def read(frames: Sequence[bytes]) -> tuple[str | None, Message | str]:
    """Return who sent the frames of a message, None where that cannot be read, and the message or what is wrong."""
    if len(frames) != 2:
        return _peer(frames), f"{len(frames)} frames, expected 2"
    peer, (_, content) = _peer(frames), frames
    if peer is None:
        return None, "a sender that is no text"
    if len(content) > LARGEST_MESSAGE:
        return peer, f"{len(content):,} bytes, expected at most {LARGEST_MESSAGE:,}"
    try:
        message = Message.unserialize(content)
    except Exception as error:  # noqa: BLE001  # msgpack's, of its hooks, of an absurd size: it is no message
        return peer, f"no message: {one_line(error, 100)}"
    if not isinstance(message.type, str) or message.node_id != peer:
        return peer, "another sender than its connection's, or no type"
    return peer, message


def objection(kind: str, data: object, index: int | None, now_s: float, known_s: float) -> str | None:
    """Return why a message cannot be a worker's, None where it can.

    Args:
        kind: of the message.
        data: what it holds.
        index: of the worker that sent it; None for one that has not said that it is ready.
        now_s: the master's Unix time.
        known_s: for how long the master has known the worker.

    """
    expected = EXPECTED.get(kind)
    if expected is None:
        return None
    try:
        found = msgspec.convert(data, expected)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        return _shown(kind, str(error))
    except Exception as error:  # noqa: BLE001  # whatever it holds that cannot even be looked at
        return _shown(kind, one_line(error, 100))
    complaint = None
    if isinstance(found, Report):
        complaint = _of_report(found, data, index, now_s, known_s)
    elif isinstance(found, (Hello, Refused)):
        claimed = found.index if isinstance(found, Hello) else found.worker
        complaint = None if claimed == index else f"worker {claimed}, expected {index}"
    return None if complaint is None else _shown(kind, complaint)


def _of_report(report: Report, data: object, index: int | None, now_s: float, known_s: float) -> str | None:
    if index is None:
        return "from somebody who is no worker"
    delta = report.routeswarm
    if delta is None:
        return None if not isinstance(data, dict) or DELTA not in data else "an empty delta"
    if report.routeswarm_sent is None:
        return "a delta without the time at which it was sent"
    return _of_worker(delta, index) or _of_time(delta, now_s) or _of_counts(delta, known_s) or _of_history(delta, now_s)


def _of_worker(delta: Handed, index: int) -> str | None:
    named = {delta.worker, *(row.worker for row in delta.vitals), *(block.worker for block in delta.blocks)}
    other = sorted(named - {index})
    return f"of worker {other[0]}, expected {index}" if other else None


def _of_time(delta: Handed, now_s: float) -> str | None:
    """Return what is wrong with its times: a single one far away makes a run of years."""
    blocks = (time_ns // 10**9 for block in delta.blocks for time_ns in (block.begin_ns, block.end_ns))
    seconds = [
        *(row.key.second for row in delta.series),
        *(row.second for row in delta.vitals),
        *delta.users,
        *delta.schedule,
        *blocks,
        *(edge[0] // 10**9 for edge in delta.edges),
        delta.gathered_ns // 10**9,
    ]
    away = max(abs(second - now_s) for second in seconds)
    return f"a time {away:,.0f} s from the master's" if away > CLOCKS_APART_S else None


def _of_counts(delta: Handed, known_s: float) -> str | None:
    """Return what is wrong with its counts, by themselves and among each other."""
    if delta.arrivals > (known_s + SLACK_S) * STARTED_A_SECOND:
        return f"{delta.arrivals:,} operations started in {known_s:.0f} s"
    operations = sum(row.count for row in delta.series)
    if operations > delta.arrivals:
        return f"{operations:,} operations that ended, of {delta.arrivals:,} that were started"
    for row in delta.series:
        whole = [sum(clock[1].values()) for clock in (row.response, row.lag)]
        part = [sum(clock[1].values()) for clock in (row.service, row.queue)]
        if whole != [row.count, row.count] or max(part) > row.count:
            return f"histograms of {max(*whole, *part):,} operations in a row of {row.count:,}"
    busiest = max((count for counts in delta.schedule.values() for count in counts), default=0)
    return f"{busiest:,} arrivals in a second" if busiest > DUE_A_SECOND else None


def _of_history(delta: Handed, now_s: float) -> str | None:
    operations = sum(row.count for row in delta.series)
    for table, part in delta.history.items():
        complaint = part_objection(table, delta.worker, part, now_s, CLOCKS_APART_S, operations)
        if complaint is not None:
            return complaint
    return None


def _peer(frames: Sequence[bytes]) -> str | None:
    try:
        return frames[0].decode() if frames else None
    except UnicodeDecodeError:
        return None


def _shown(kind: str, complaint: str) -> str:
    return printable(f"its message {kind!r}: {complaint[:200]}")
