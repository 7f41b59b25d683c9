"""A load that ends before it was to end is told from one that ends when it was to end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.swarm.process import early
from harness.swarm.process.early import Ending


def environment(run_time: float | None, shape: gevent.Greenlet | None = None, *, has_shape: bool = False) -> Any:
    return SimpleNamespace(
        runner=SimpleNamespace(shape_greenlet=shape),
        parsed_options=SimpleNamespace(run_time=run_time),
        shape_class=object() if has_shape or shape is not None else None,
    )


def ended(environment: Any, after_s: float, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Return the ending of a load that is stopped so many seconds after its begin."""
    seconds = iter([100.0, 100.0 + after_s])
    monkeypatch.setattr(early.time, "monotonic", lambda: next(seconds))
    ending = Ending(environment)
    ending.begin()
    ending.see()
    return ending


@pytest.mark.parametrize(
    ("run_time", "after_s", "early_s"),
    [
        (60, 3.0, 3.0),
        (60, 56.9, 56.9),
        (60, 57.1, None),  # what listeners of test_start take counts as load
        (2, 1.1, None),
        (60, 61.0, None),
        (None, 3.0, None),
    ],
)
def test_a_load_that_is_much_shorter_than_its_run_time_ended_early(
    run_time: float | None, after_s: float, early_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ended(environment(run_time), after_s, monkeypatch).early
    assert (None if found is None else found.lasted_s) == (None if early_s is None else pytest.approx(early_s))
    assert found is None or found.asked_s == run_time


def test_who_calls_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended(environment(60), 3.0, monkeypatch).early
    assert found is not None
    assert found.by is not None
    assert found.by.endswith(" in ended")


def test_a_greenlet_without_frames_of_the_locustfile_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([100.0, 103.0])
    monkeypatch.setattr(early.time, "monotonic", lambda: next(seconds))
    ending = Ending(environment(60))
    ending.begin()
    gevent.spawn(ending.see).join()
    assert ending.early == (3.0, 60.0, None)


def test_only_the_first_stop_counts_and_none_before_the_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Ending(environment(60))
    before.see()
    assert before.early is None
    ending = ended(environment(60), 3.0, monkeypatch)
    first = ending.early
    ending.see()
    assert ending.early is first is not None


def test_a_load_shape_is_at_its_end_when_it_stops_the_load_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = gevent.spawn(gevent.sleep, 60)
    gevent.sleep(0)
    cut_short = ended(environment(60, going_on), 3.0, monkeypatch).early
    assert cut_short is not None
    assert cut_short.asked_s is None
    going_on.kill()
    assert ended(environment(60, going_on), 3.0, monkeypatch).early is None, "it ended before, or raised"
    assert ended(environment(60, has_shape=True), 3.0, monkeypatch).early is None

    of_shape, at_its_end = environment(60, has_shape=True), []
    of_shape.runner.shape_greenlet = gevent.spawn(lambda: at_its_end.append(ended(of_shape, 3.0, monkeypatch).early))
    of_shape.runner.shape_greenlet.join()
    assert at_its_end == [None]
