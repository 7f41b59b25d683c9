"""A master that waits for workers says who is there, and ends where there is nothing left to wait for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.swarm.keeping import awaiting
from harness.swarm.keeping.awaiting import Awaiting, end_waiting

NUMBER = "0f" * 16


def master(*clients: str) -> Any:
    return SimpleNamespace(
        clients=SimpleNamespace(ready=[SimpleNamespace(id=client) for client in clients]),
        get_worker_index=clients.index,
        master_bind_host="127.0.0.1",
        master_bind_port=5557,
    )


def clock_of(*seconds: float) -> Callable[[], float]:
    return iter(seconds).__next__


@pytest.mark.parametrize(
    ("clients", "within_s", "told"),
    [
        ((), 0, "0 of 3 workers have come to 127.0.0.1:5557; waiting for as long as it takes"),
        (
            (f"big_box_{NUMBER}", f"\x1b[2J_{NUMBER}"),
            60,
            (
                r"2 of 3 workers (worker 0 (big_box), worker 1 (\x1b[2J)) have come to 127.0.0.1:5557; "
                "waiting for 49 s more"
            ),
        ),
    ],
)
def test_who_is_there_is_told_with_where_the_others_are_to_come(
    clients: tuple[str, ...], within_s: float, told: str
) -> None:
    assert Awaiting(master(*clients), 3, within_s, [], clock_of(100, 111)).told() == told


def test_it_is_told_again_and_again_until_all_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(awaiting, "TOLD_EVERY_S", 0.002)
    waited, said = master(), []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            waited.clients.ready.append(SimpleNamespace(id="a_1"))

    end_waiting(Awaiting(waited, 1, 0, []), pytest.fail, say)
    with gevent.Timeout(10):
        while not waited.clients.ready:
            gevent.sleep(0.001)
    gevent.sleep(0.02)
    assert [line.partition(" have")[0] for line in said] == ["0 of 1 workers"] * 3
