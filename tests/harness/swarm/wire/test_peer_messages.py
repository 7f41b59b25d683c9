"""What a master takes for a worker's message: all that a worker sends, and nothing that is out of its bounds."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import msgpack
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.rpc import Message
from locust.stats import StatsEntryDict, StatsErrorDict
from recorded import RecordedHistory

from harness.measure.blocks import Block
from harness.measure.series import Key as SeriesKey
from harness.measure.series import Series
from harness.measure.vitals import Vitals
from harness.record.tables import TABLES
from harness.swarm.wire import peer_shapes
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.messages import HELLO, REFUSED
from harness.swarm.wire.peer_messages import objection, read
from harness.swarm.wire.peer_shapes import EXPECTED
from harness.words.clock import Epoch
from harness.words.operation import Operation, Outcome, operation_id

NOW_S = 1_700_000_000
WORKER = 3
Change = Callable[[dict[str, Any]], object]


def operation(ordinal: int) -> Operation:
    start_ns = ordinal * 1_000_000
    times = start_ns, start_ns, start_ns + 10, start_ns + 500_000, start_ns + 600_000
    told = Outcome.OK, "a", "a", 0.9, 0, 1, None, None
    return Operation(operation_id(WORKER, ordinal), WORKER, 0, "User", "s-1", 4, "a", *times, *told)


def report(count: int = 3) -> dict[str, Any]:
    """Return a worker's report as it comes out of the wire."""
    epoch = Epoch(NOW_S * 10**9)
    series = Series(epoch)
    history = RecordedHistory(epoch, series.fold)
    for ordinal in range(count):
        history.add(operation(ordinal), [["router", "route", 0, 1, "ok"]])
    history.note("edges", [(5, "fault", "late", "closed", "open", "the plan", 0)])
    entry = {
        "name": "a",
        "method": "ROUTE",
        "last_request_timestamp": NOW_S + 0.5,
        "start_time": NOW_S - 1.5,
        "num_requests": count,
        "num_none_requests": 0,
        "num_failures": 0,
        "total_response_time": 1.5,
        "max_response_time": 0.5,
        "min_response_time": 0.5,
        "total_content_length": 0,
        "response_times": {0.5: count},
        "num_reqs_per_sec": {NOW_S: count},
        "num_fail_per_sec": {},
    }
    failed = {"method": "ROUTE", "name": "a", "error": "E: x", "occurrences": 1, "first_seen": 1.5, "last_seen": None}
    vitals = Vitals(NOW_S, WORKER, 4, lag_sum_ms=1.5)
    vitals.lag.add(120)
    delta = {
        "run_id": "20260101T000000Z-x-abcd",
        "worker": WORKER,
        "seq": 4,
        "gathered_ns": NOW_S * 10**9,
        "arrivals": count + 1,
        "history": history.take(),
        "series": series.take(),
        "users": {NOW_S: 4},
        "edges": [(NOW_S * 10**9, "fault", "late", "closed", "open", "the plan", 0)],
        "log_records": {"ERROR": 1},
        "schedule": {NOW_S: [10, 2]},
        "held_back_s": 0.0,
        "clock_offset": (5, 6),
        "vitals": [vitals.as_wire()],
        "blocks": [[*Block(WORKER, NOW_S * 10**9, NOW_S * 10**9, None, None, False)]],
        "broken": None,
        "final": False,
    }
    sent = {"routeswarm": delta, "routeswarm_sent": NOW_S * 10**9, "user_classes_count": {"User": 4}, "user_count": 4}
    whole = {"stats": [entry], "stats_total": entry, "errors": {"x": failed}, **sent}
    return msgpack.loads(msgpack.dumps(whole), strict_map_key=False)


GOOD: dict[str, Any] = {
    "client_ready": "2.47.0",
    "heartbeat": {"state": "running", "current_cpu_usage": 99.5, "current_memory_usage": 10**8},
    "spawning_complete": {"user_classes_count": {"User": 4}, "user_count": 4},
    "logs": {"worker_id": "w", "logs": ["a line"]},
    "exception": {"msg": "E", "traceback": "File"},
    "locustfile": {"version": "2.47.0"},
    HELLO: {
        "run_id": "r",
        "routeswarm_sent": 5,
        "index": WORKER,
        "id": "w",
        "host": "h",
        "pid": 7,
        "fate": "running",
        "versions": {"locust": "2.47.0", "x": None},
        "joined": "2026",
        "left": None,
        "noise_floor": {"p50_ms": 0.1},
        "agreed_on": {"--seed": 1, "--target": "a:b", "ROUTE stages": ["router"]},
    },
    REFUSED: {"worker": WORKER, "error": "no"},
    "stats": report(),
}


def told(kind: str, data: object, index: int | None = WORKER) -> str | None:
    return objection(kind, data, index, NOW_S, 30.0)


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_what_a_worker_sends_is_taken(kind: str) -> None:
    assert told(kind, GOOD[kind]) is None


def test_a_report_without_a_delta_and_a_message_of_the_locustfiles_own_are_taken() -> None:
    plain = {name: value for name, value in report().items() if not name.startswith("routeswarm")}
    assert told("stats", plain) is None
    assert told("custom", object()) is None


def test_the_expected_fields_are_those_that_are_sent() -> None:
    for struct, sent in (
        (peer_shapes.Key, SeriesKey._fields),
        (peer_shapes.VitalsRow, tuple(each.name for each in fields(Vitals))),
        (peer_shapes.BlockRow, Block._fields),
        (peer_shapes.Handed, tuple(Delta.__annotations__)),
        (peer_shapes.Entry, tuple(StatsEntryDict.__annotations__)),
        (peer_shapes.Error, tuple(StatsErrorDict.__annotations__)),
    ):
        assert sorted(struct.__struct_fields__) == sorted(sent)
        if struct.__struct_config__.array_like:
            assert struct.__struct_fields__ == tuple(sent)
    assert set(get_args(peer_shapes.Outcomes)) == {outcome.value for outcome in Outcome}
    assert set(get_args(peer_shapes.Tables)) == set(TABLES)


def part(table: str, **changed: Any) -> bytes:
    """Return a part of the history with a column of one value each."""
    rows = pa.ipc.open_stream(report()["routeswarm"]["history"][table])
    offset, found = rows.schema.metadata, rows.read_all()
    for name, value in changed.items():
        column = pa.array([value] * found.num_rows, found.schema.field(name).type)
        found = found.set_column(found.schema.get_field_index(name), name, column)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema.with_metadata(offset)) as stream:
        stream.write_table(found)
    return sink.getvalue().to_pybytes()


def set_in(*path: object, to: object) -> Change:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


DELTA = "routeswarm"


@pytest.mark.parametrize(
    "change",
    [
        set_in(DELTA, "worker", to=WORKER + 1),
        set_in(DELTA, "worker", to=True),
        set_in(DELTA, "vitals", 0, 1, to=WORKER + 1),
        set_in(DELTA, "blocks", 0, 0, to=0),
        set_in(DELTA, "history", "../../outside", to=b""),
        set_in(DELTA, "history", "operations", to=b"no stream"),
        set_in(DELTA, "history", "operations", to=part("spans")),
        set_in(DELTA, "history", "operations", to=part("operations", worker=WORKER + 1)),
        set_in(DELTA, "history", "operations", to=part("operations", id=1)),
        set_in(DELTA, "history", "operations", to=part("operations", priority=77)),
        set_in(DELTA, "history", "operations", to=part("operations", outcome="fine")),
        set_in(DELTA, "history", "operations", to=part("operations", flag="x")),
        set_in(DELTA, "history", "operations", to=part("operations", end_ns=2**61)),
        set_in(DELTA, "history", "operations", to=part("operations", end_ns=None)),
        set_in(DELTA, "history", "operations", to=report(count=4)["routeswarm"]["history"]["operations"]),
        set_in(DELTA, "arrivals", to=-1),
        set_in(DELTA, "arrivals", to=10**11),
        set_in(DELTA, "arrivals", to=1),
        set_in(DELTA, "arrivals", to=math.nan),
        set_in(DELTA, "seq", to=-1),
        set_in(DELTA, "seq", to="0"),
        set_in(DELTA, "series", 0, 1, to=10**9),
        set_in(DELTA, "series", 0, 0, 0, to=5),
        set_in(DELTA, "series", 0, 0, 2, to=77),
        set_in(DELTA, "series", 0, 0, 6, to="fine"),
        set_in(DELTA, "series", 0, 4, 1, to={-5: 3}),
        set_in(DELTA, "series", 0, 4, 1, to={10**9: 3}),
        set_in(DELTA, "series", 0, 7, 1, to={1: 10**6}),
        set_in(DELTA, "series", 0, to=[]),
        set_in(DELTA, "users", to={NOW_S: -4}),
        set_in(DELTA, "users", to={NOW_S: 10**12}),
        set_in(DELTA, "users", to={5: 4}),
        set_in(DELTA, "schedule", to={NOW_S: [10**9, 0]}),
        set_in(DELTA, "schedule", to={NOW_S: [1]}),
        set_in(DELTA, "schedule", to={2**32: [1, 1]}),
        set_in(DELTA, "held_back_s", to=math.nan),
        set_in(DELTA, "held_back_s", to=math.inf),
        set_in(DELTA, "clock_offset", to=[5]),
        set_in(DELTA, "gathered_ns", to=0),
        set_in(DELTA, "gathered_ns", to=10**30),
        set_in(DELTA, "vitals", 0, 3, to=math.nan),
        set_in(DELTA, "vitals", 0, to=[NOW_S, WORKER]),
        set_in(DELTA, "final", to=1),
        set_in(DELTA, "log_records", to={"ERROR": -1}),
        set_in(DELTA, to=None),
        set_in("routeswarm_sent", to=None),
        set_in("stats", 0, "num_requests", to=-1),
        set_in("stats", 0, "num_requests", to=math.nan),
        set_in("stats", 0, "response_times", to={math.nan: 1}),
        set_in("stats", 0, to={}),
        set_in("stats_total", "num_failures", to=10**15),
        set_in("errors", "x", "occurrences", to="many"),
        set_in("user_classes_count", to={"User": -1}),
        set_in("user_count", to=None),
    ],
)
def test_a_report_that_is_out_of_its_bounds_is_refused(change: Change) -> None:
    changed = report()
    change(changed)
    found = told("stats", changed)
    assert found is not None
    assert len(found) < 300
    assert found.isprintable()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("heartbeat", {"state": "gone", "current_cpu_usage": 1.0}),
        ("heartbeat", {"state": "running", "current_cpu_usage": math.nan}),
        ("heartbeat", None),
        ("client_ready", 5),
        ("spawning_complete", None),
        ("logs", "text"),
        ("exception", {"msg": 1, "traceback": ""}),
        ("locustfile", {}),
        (HELLO, {**GOOD[HELLO], "index": WORKER + 1}),
        (HELLO, {**GOOD[HELLO], "versions": "all"}),
        (HELLO, {}),
        (REFUSED, {"worker": 0, "error": "no"}),
    ],
)
def test_any_other_message_of_locust_or_ours_is_looked_at_too(kind: str, data: object) -> None:
    assert told(kind, data) is not None


def test_a_report_of_somebody_who_is_no_worker_is_refused() -> None:
    assert told("stats", report(), index=None) is not None
    assert told(HELLO, GOOD[HELLO], index=None) is not None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(EXPECTED)), ANYTHING)
def test_nothing_that_can_be_sent_raises(kind: str, data: object) -> None:
    found = told(kind, data)
    assert found is None or (len(found) < 300 and "\n" not in found)


@settings(deadline=None)
@given(st.data(), ANYTHING)
def test_a_report_with_anything_anywhere_raises_nothing(data: st.DataObject, value: object) -> None:
    changed = report()
    place: Any = changed
    while True:
        steps = sorted(place, key=str) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps))
        if not isinstance(place[step], (dict, list)) or not place[step] or data.draw(st.booleans()):
            break
        place = place[step]
    place[step] = copy.deepcopy(value)
    found = told("stats", changed)
    assert found is None or len(found) < 300


@given(st.lists(st.binary(), max_size=4))
def test_frames_of_any_bytes_are_a_message_or_a_complaint(frames: list[bytes]) -> None:
    peer, found = read(frames)
    assert isinstance(found, Message) is False or (peer is not None and found.node_id == peer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        msgpack.dumps(5),
        msgpack.dumps(["stats", None]),
        msgpack.dumps(["stats", None, "another"]),
        msgpack.dumps([5, None, "me"]),
        msgpack.dumps(["stats", {"__datetime__": 1, "as_str": "x"}, "me"]),
        msgpack.dumps(["stats", {"__ObjectId__": 1, "as_str": "x"}, "me"]),
        b"\x91" * 2_000,  # nested
        b"\xdd\xff\xff\xff\xff",  # four thousand million of something
        msgpack.dumps(["stats", None, "me"]) + b"more",
    ],
)
def test_what_is_no_message_is_a_complaint_about_its_sender(content: bytes) -> None:
    peer, found = read([b"me", content])
    assert peer == "me"
    assert isinstance(found, str)


def test_a_message_is_read() -> None:
    peer, found = read([b"me", msgpack.dumps(["stats", {"a": 1}, "me"])])
    assert isinstance(found, Message)
    assert (peer, found.type, found.data) == ("me", "stats", {"a": 1})
