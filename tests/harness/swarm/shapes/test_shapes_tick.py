"""Load shapes asked once a second, as Locust asks, on a clock that is set by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.judge.criteria.criteria import parse_criteria
from harness.measure.histogram import bucket_of
from harness.swarm import PhasedShape, RampToFailureShape, SoakShape, SpikeShape, StaircaseShape
from harness.swarm.shapes.ramp_to_failure import PATIENCE_S
from harness.swarm.shapes.timed import FIRST_USER_WITHIN_S, Asked
from harness.words.errors import ShapeError

NS = 1_000_000_000
BEGAN_S = 1_000
NOTHING_ASKED = Asked()
CRITERIA = parse_criteria("p95_ms < 100\n", "criteria")


class Locust:
    """Asks a shape once a second, and has the users it asks for running at once, unless they do not come."""

    def __init__(self, shape, asked=NOTHING_ASKED):
        self.shape = shape
        self.elapsed_s = 0.0
        self.come = True
        shape.now_ns = lambda: round((BEGAN_S + self.elapsed_s) * NS)
        shape.sleep = self.sleep
        shape.get_run_time = lambda: self.elapsed_s
        shape.runner = SimpleNamespace(user_count=0)
        self.line = shape.prepare(asked, CRITERIA)

    def sleep(self, seconds):
        self.elapsed_s += seconds

    def ask(self):
        found = self.shape.tick()
        if found is not None and self.come:
            self.shape.runner.user_count = found[0]
            self.shape.look()
        return found

    def run(self, each=lambda: None, most_s=500):
        """Return the users that are asked for, second by second, until the shape ends."""
        asked = []
        while self.elapsed_s < most_s:
            each()
            found = self.ask()
            if found is None:
                return asked
            asked.append(found[0])
            self.elapsed_s = int(self.elapsed_s) + 1.0
        raise AssertionError("it does not end")

    def steps(self):
        """Return users and seconds from and to of each step."""
        return [
            (
                step.users,
                None if step.from_ns is None else round(step.from_ns / NS - BEGAN_S),
                None if step.to_ns is None else round(step.to_ns / NS - BEGAN_S),
            )
            for step in self.shape.steps
        ]


def of(kind, **attributes):
    return type("Own", (kind,), attributes)()


def test_a_staircase_asks_for_each_level_for_as_long_and_logs_each_as_a_step():
    locust = Locust(of(StaircaseShape, levels=(2, 5, 9), dwell_s=10))
    asked = locust.run()
    assert sorted(set(asked)) == [2, 5, 9]
    assert [step[0] for step in locust.steps()] == [2, 5, 9]
    lengths = [to - begun for _, begun, to in locust.steps()]
    assert all(abs(length - 10) <= 1 for length in lengths)


def test_users_and_run_time_replace_what_a_shape_says():
    locust = Locust(of(StaircaseShape, levels=(2, 5, 9), dwell_s=10), Asked(users=5, run_time_s=8))
    locust.run()
    assert [step[0] for step in locust.steps()] == [2, 5]
    assert locust.steps()[-1][2] == pytest.approx(8, abs=1)


def test_a_spike_goes_up_and_down_again():
    locust = Locust(of(SpikeShape, base=3, peak=8, from_s=4, to_s=8, duration_s=12))
    assert [users for users, *_ in (locust.run(), locust.steps())[1]] == [3, 8, 3]


def test_phases_are_any_load_there_is():
    teeth = [(4 * tooth + 2 * step, 3 + 4 * step) for tooth in range(2) for step in range(2)]
    locust = Locust(of(PhasedShape, phases=teeth, duration_s=8))
    locust.run()
    assert [users for users, *_ in locust.steps()] == [3, 7, 3, 7]
    assert of(PhasedShape, phases=teeth).own_users == 7


def test_phases_keep_to_the_most_users_and_stretch_to_the_run_time():
    locust = Locust(of(PhasedShape, phases=((0, 3), (5, 9)), duration_s=10), Asked(users=5, run_time_s=20))
    locust.run()
    assert [(users, begun and round(begun, -1)) for users, begun, _ in locust.steps()] == [(3, 0), (5, 10)]


def test_a_soak_starts_its_users_over_its_ramp():
    shape = of(SoakShape, users=50, ramp_s=10, duration_s=30)
    locust = Locust(shape)
    assert locust.ask() == (50, 5.0)
    assert shape.own_rate(50) == 5.0
    assert shape.trimmed


def test_the_time_of_a_shape_counts_from_the_first_user_or_goes_on_without():
    locust = Locust(of(StaircaseShape, levels=(2,), dwell_s=5))
    locust.come = False
    asked = locust.run()
    assert len(asked) >= FIRST_USER_WITHIN_S
    assert locust.steps() == [(2, None, pytest.approx(FIRST_USER_WITHIN_S + 5, abs=3))]


@pytest.mark.parametrize(
    ("kind", "attributes", "asked"),
    [
        (StaircaseShape, {"levels": ()}, Asked()),
        (StaircaseShape, {"levels": 7}, Asked()),
        (StaircaseShape, {"spawn_rate": 0}, Asked()),
        (StaircaseShape, {"levels": (5, 9)}, Asked(users=4)),
        (SpikeShape, {"from_s": 9, "to_s": 4}, Asked()),
        (PhasedShape, {}, Asked()),
        (PhasedShape, {"phases": "many"}, Asked()),
        (PhasedShape, {"phases": ((0, 3), 7)}, Asked()),
        (PhasedShape, {"phases": ((1, 3),)}, Asked()),
        (PhasedShape, {"phases": ((0, 0),)}, Asked()),
        (PhasedShape, {"phases": ((0, 3), (5, 4), (5, 6))}, Asked()),
        (PhasedShape, {"phases": ((0, 3),), "duration_s": float("nan")}, Asked()),
        (RampToFailureShape, {"dwell_s": 1.5}, Asked()),
        (RampToFailureShape, {"first": 9, "most": 3}, Asked()),
    ],
)
def test_a_shape_that_is_no_load_is_refused_by_its_name(kind, attributes, asked):
    with pytest.raises(ShapeError, match=r"^Own: "):
        Locust(of(kind, **attributes), asked)


class Target:
    """Answers in 10 ms up to a number of users, in 900 ms beyond; reports the second before."""

    def __init__(self, locust, holds_up_to):
        self.locust, self.holds_up_to = locust, holds_up_to
        self.reported = set()

    def report(self):
        second = BEGAN_S + int(self.locust.elapsed_s) - 1
        users = self.locust.shape.runner.user_count
        if not users or second in self.reported:
            return
        self.reported.add(second)
        ms = 10 if users <= self.holds_up_to else 900
        clock = (200 * ms * 1_000_000, {bucket(ms): 200})
        key = (second, "U", 4, "a", "a", 0, "ok")
        self.locust.shape.watch([(key, 200, ms * 1_000_000, ms * 1_000_000, clock, clock, clock, clock)])


def bucket(ms):
    return bucket_of(ms * 1_000_000)


def ramp(**attributes):
    return of(RampToFailureShape, **{"first": 2, "most": 64, "dwell_s": 3, "resolution": 0.2, **attributes})


def test_a_ramp_finds_the_highest_load_that_holds_and_says_of_each_level_what_it_has_shown(capsys):
    locust = Locust(ramp())
    locust.run(Target(locust, 20).report)
    result = locust.shape.ramp
    assert result.search.highest_held <= 20 < result.search.lowest_broke
    assert result.search.lowest_broke - result.search.highest_held <= max(1, 0.2 * result.search.highest_held)
    tried = {step.users: step.held for step in locust.shape.steps}
    assert {held for users, held in tried.items() if users <= 20} == {True}
    assert {held for users, held in tried.items() if users > 20} == {False}
    assert capsys.readouterr().err.count("routeswarm: ") == len(result.judgements)


def test_a_ramp_whose_users_do_not_come_gives_up():
    locust = Locust(ramp())
    locust.come = False
    locust.run()
    assert locust.elapsed_s == pytest.approx(PATIENCE_S, abs=2)
    assert locust.shape.ramp.judgements == []
    assert locust.shape.steps[0].from_ns is None


def test_a_ramp_ends_with_the_run_time_where_its_search_is_not_over():
    locust = Locust(ramp(), Asked(run_time_s=6))
    locust.run(Target(locust, 1_000).report)
    assert locust.elapsed_s == pytest.approx(6, abs=1)
    assert locust.shape.ramp.search.next_users is not None


def test_a_level_is_not_judged_before_all_workers_have_reported_it():
    locust = Locust(ramp())
    locust.shape.reported_until = lambda end: locust.elapsed_s + BEGAN_S >= end + 4
    ends = []
    target = Target(locust, 20)

    def each():
        target.report()
        if len(locust.shape.ramp.judgements) > len(ends):
            ends.append(locust.elapsed_s - (locust.shape.ramp.judgements[-1].judged[1] - BEGAN_S))

    locust.run(each)
    assert min(ends) >= 3


def test_a_ramp_without_a_criterion_that_a_level_can_break_is_refused():
    shape = ramp()
    with pytest.raises(ShapeError):
        shape.prepare(Asked(), ())
