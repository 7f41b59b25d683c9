"""A clock that jumps is read by the tasks of operations, whichever way they read it, and by nobody else."""

from __future__ import annotations

import asyncio
import calendar
import contextvars
import datetime
import time
from datetime import UTC
from time import time as imported_time
from time import time_ns as imported_time_ns

import pytest
import time_machine

from harness.pipeline.inject.wall_clock import WallClock
from harness.pipeline.tracing import Trace, current_trace
from harness.words.clock import Epoch

DAY_S = 86_400
WAYS = {
    "time.time": time.time,
    "time.time_ns": lambda: time.time_ns() / 1e9,
    "from time import time": imported_time,
    "from time import time_ns": lambda: imported_time_ns() / 1e9,
    "time.gmtime": lambda: calendar.timegm(time.gmtime()),
    "time.localtime": lambda: time.mktime(time.localtime()),
    "time.clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "datetime.now": lambda: datetime.datetime.now().timestamp(),
    "datetime.now(UTC)": lambda: datetime.datetime.now(UTC).timestamp(),
    "datetime.today": lambda: datetime.datetime.today().timestamp(),
    "date.today": lambda: time.mktime(datetime.date.today().timetuple()),
}


def in_an_operation(function):
    def run():
        current_trace.set(Trace())
        return function()

    return contextvars.copy_context().run(run)


@pytest.fixture
def clock():
    made, backs = WallClock(), []
    yield lambda by_s: backs.append(made.jump(by_s)) or backs[-1]
    for back in backs:
        back()
    assert not time_machine.escape_hatch.is_travelling()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by_s", [30 * DAY_S, -30 * DAY_S])
def test_every_way_to_read_the_wall_clock_jumps_in_an_operation_and_nowhere_else(clock, way, by_s):
    read, before_s = WAYS[way], WAYS[way]()
    clock(by_s)
    assert in_an_operation(read) - before_s == pytest.approx(by_s, abs=DAY_S)
    assert read() - before_s == pytest.approx(0, abs=DAY_S)


def test_jumps_add_up_and_end_one_by_one():
    clock, read = WallClock(), time.time
    first, second = clock.jump(100 * DAY_S), clock.jump(-10 * DAY_S)
    seen = [in_an_operation(read) - read()]
    first()
    seen.append(in_an_operation(read) - read())
    second()
    seen.append(in_an_operation(read) - read())
    assert [round(s / DAY_S) for s in seen] == [90, -10, 0]
    assert not time_machine.escape_hatch.is_travelling()


def test_monotonic_clocks_the_epoch_of_the_harness_and_timers_are_not_moved(clock, virtually):
    monotonic = time.monotonic, time.monotonic_ns, time.perf_counter
    before, epoch = [read() for read in monotonic], Epoch.of_this_process()
    clock(30 * DAY_S)

    async def waits():
        current_trace.set(Trace())
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    assert (time.monotonic, time.monotonic_ns, time.perf_counter) == monotonic
    assert [read() for read in monotonic] == pytest.approx(before, rel=0.01)
    assert Epoch.of_this_process().offset_ns == pytest.approx(epoch.offset_ns, abs=60e9)
    assert virtually(waits()) == 5
