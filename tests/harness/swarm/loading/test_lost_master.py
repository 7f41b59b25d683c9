"""When a worker calls its master lost: by what the master does not send, not by what it has had no time to hear."""

from __future__ import annotations

import pytest

from harness.swarm.loading.lost_master import LOOK_EVERY_S, LOOKS_TO_HEAR, LOST_AFTER_S, Silence

S = 1_000_000_000


def looks(silence: Silence, *at_s: float) -> list[float]:
    return [round(silence.look(round(second * S)), 3) for second in at_s]


def test_looks_in_time_say_what_passed_since_something_was_heard():
    silence = Silence(0)
    assert looks(silence, 0.5, 1, 1.5, 2) == [0.5, 1, 1.5, 2]
    silence.hear(2 * S)
    assert looks(silence, 2.5, 3.4, 4.3) == [0.5, 1.4, 2.3]


def test_what_came_while_the_thread_was_held_is_heard_before_anything_is_said():
    silence = Silence(0)
    assert looks(silence, 0.5, 40) == [0.5, 0]
    silence.hear(round(40.1 * S))  # it was there, and is handled now
    assert looks(silence, 40.5, 41, 60) == [pytest.approx(0.4), pytest.approx(0.9), 0]


def test_a_connection_that_broke_meanwhile_has_two_seconds():
    after = [20 + LOOK_EVERY_S * number for number in range(LOOKS_TO_HEAR)]
    assert looks(Silence(0), *after) == [0] * LOOKS_TO_HEAR
    assert after[-1] - 20 + LOOK_EVERY_S >= 2


def test_a_master_that_is_gone_is_noticed_after_a_stage_held_the_thread():
    assert looks(Silence(0), 0.5, 6, 6.5, 7, 7.5, 8, 8.5, 15.5)[-3:] == [8, 8.5, 15.5]


@pytest.mark.parametrize("held_s", [1.1, 3, 6, 35])
def test_and_while_stages_hold_it_again_and_again(held_s):
    silence = Silence(0)
    ends = next(number * held_s for number in range(1, 100) if silence.look(round(number * held_s * S)) > LOST_AFTER_S)
    assert ends <= max(LOST_AFTER_S, LOOKS_TO_HEAR * held_s) + 2 * held_s


@pytest.mark.parametrize("held_s", [1.1, 3, 6, 35])
def test_a_master_that_lives_is_not_lost_however_often_a_stage_holds_the_thread(held_s):
    silence = Silence(0)
    for number in range(1, 100):
        assert silence.look(round(number * held_s * S)) <= LOST_AFTER_S
        silence.hear(round((number * held_s + 0.001) * S))
