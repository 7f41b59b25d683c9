from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.swarm.wire.clock_offset import EXCHANGES_KEPT, ClockOffset

DELAYS = st.integers(0, 10**9)


def exchange(clock, offset_ns, there_ns, master_ns, back_ns, begun_ns=10**18):
    """Send a message at ``begun_ns`` of one's own clock; the other's is ``offset_ns`` ahead."""
    received_ns = begun_ns + there_ns + offset_ns
    clock.add(begun_ns, received_ns, received_ns + master_ns, begun_ns + there_ns + master_ns + back_ns)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(DELAYS, DELAYS, DELAYS), min_size=1, max_size=9))
def test_the_offset_is_known_to_half_the_smallest_round_trip(offset_ns, delays):
    clock = ClockOffset()
    for there_ns, master_ns, back_ns in delays:
        exchange(clock, offset_ns, there_ns, master_ns, back_ns)
    smallest_ns = min(there_ns + back_ns for there_ns, _, back_ns in delays)
    assert clock.best.within_ns == (smallest_ns + 1) // 2
    assert abs(clock.best.offset_ns - offset_ns) <= clock.best.within_ns


def test_equal_delays_give_the_offset_itself_however_long_the_answer_takes():
    clock = ClockOffset()
    exchange(clock, 1_500_000, 80_000, 3_000_000_000, 80_000)
    assert clock.best == (1_500_000, 80_000)


def test_nothing_is_known_before_the_first_exchange():
    assert ClockOffset().best is None


def test_an_exchange_in_which_a_clock_was_set_is_left_out():
    clock = ClockOffset()
    clock.add(1000, 5000, 9000, 2000)
    assert clock.best is None


def test_old_exchanges_are_forgotten_as_clocks_drift():
    clock = ClockOffset()
    exchange(clock, 100, 0, 0, 0)
    for _ in range(EXCHANGES_KEPT):
        exchange(clock, 900, 40, 0, 40)
    assert clock.best == (900, 40)
