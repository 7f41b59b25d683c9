"""Whether a message to a master can be what a worker sends: pure functions from bytes or values to one line, or None.

The port that workers connect to asks for no password, and Locust takes what arrives there as it is: a wrong type ends
the greenlet that listens to all workers, a name becomes part of a path, a number a verdict. So everything is looked at
before anybody acts on it. A worker that lies within these bounds is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from locust.rpc import Message

from harness.record.history import part_objection
from harness.swarm.wire.messages import DELTA
from harness.swarm.wire.peer_shapes import EXPECTED, Handed, Hello, Refused, Report
from harness.words.errors import one_line, printable

LARGEST_MESSAGE = 128 * 1024 * 1024
"""Bytes of a message: a worker that has half of that unconfirmed keeps its users back."""

CLOCKS_APART_S = 2 * 86_400
"""How far a worker's times may be from the master's: more than a time zone taken for UTC, less than no clock at all."""

STARTED_A_SECOND = 200_000
"""Operations that a worker can start in a second: ten times what the loop does with a target that does nothing."""

DUE_A_SECOND = 10_000_000
"""Arrivals of a schedule that can be due in a second."""

SLACK_S = 60
"""Seconds by which a worker may have started before its master heard of it."""


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
